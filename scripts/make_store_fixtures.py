#!/usr/bin/env python3
"""Makes small files of Parquet, Arrow, HDF5 and Zarr, as other programs write them, for partwise-io's tests.

    python3 -m venv venv && venv/bin/pip install anndata h5py pandas pyarrow scipy zarr
    venv/bin/python scripts/make_store_fixtures.py

They go to crates/partwise-io/tests/formats/, with expected.json beside them: for each matrix (a file, and the
array in it behind a `#`) its shape, its values in rows (the number of a line of values.txt: the bytes of
little-endian float64 in hexadecimal), its names, and the type of its entries.
"""

import json
import shutil
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import scipy.sparse as sparse
import zarr

DATA = Path(__file__).resolve().parent.parent / "crates" / "partwise-io" / "tests" / "formats"
EXPECTED = {}
VALUES = []


def expect(name, array, rows=None, cols=None, **more):
    """Notes what the file must be read as."""
    array = array.toarray() if sparse.issparse(array) else np.asarray(array)
    array = array.astype(np.float64)
    values = np.ascontiguousarray(array).astype("<f8").tobytes().hex()
    if values not in VALUES:
        VALUES.append(values)
    EXPECTED[name] = {
        "shape": list(array.shape),
        "values": VALUES.index(values),
        "row_names": rows,
        "col_names": cols,
        **more,
    }


def tables(rng):
    """Parquet and Arrow: columns of every type of number, names in every way."""
    kinds = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "b1"]
    columns = {}
    for kind in kinds:
        low = -50 if kind[0] in "if" else 0
        column = rng.integers(low, 50, 30).astype(kind)
        columns[kind] = column / np.array(7, kind) if kind[0] == "f" else column
    every = pa.table({name: pa.array(column) for name, column in columns.items()})
    values = np.column_stack([column.astype(np.float64) for column in columns.values()])
    floats = rng.random((30, 3)).astype(np.float32)
    names = [f"s{row}" for row in range(30)]
    cols = ["a", "b ß", "c"]
    frame = pd.DataFrame(floats, columns=cols)
    named = pd.DataFrame(floats, columns=cols, index=names)
    leading = pa.table({"id": names} | {col: floats[:, at] for at, col in enumerate(cols)})
    category = pa.table(
        {"id": pa.array(names).dictionary_encode()} | {col: floats[:, at] for at, col in enumerate(cols)}
    )
    counted = named.set_index(np.arange(30) * 10)

    pq.write_table(every, DATA / "every.parquet", row_group_size=7)
    expect("every.parquet", values, cols=kinds, stored_as="mixed")
    for codec in ["gzip", "zstd", "lz4", "brotli", "none"]:
        pq.write_table(pa.Table.from_pandas(frame), DATA / f"{codec}.parquet", compression=codec)
        expect(f"{codec}.parquet", floats, cols=cols, stored_as="float32", dtype="float32")
    named.to_parquet(DATA / "index.parquet", row_group_size=11)
    expect("index.parquet", floats, names, cols, stored_as="float32", dtype="float32")
    counted.to_parquet(DATA / "numbers_index.parquet")
    expect("numbers_index.parquet", floats, [str(10 * row) for row in range(30)], cols, dtype="float32")
    for table, name in [(leading, "leading"), (category, "category")]:
        pq.write_table(table, DATA / f"{name}.parquet")
        expect(f"{name}.parquet", floats, names, cols, dtype="float32")
    pq.write_table(every, DATA / "pages.parquet", data_page_size=64, data_page_version="2.0", version="2.6")
    expect("pages.parquet", values, cols=kinds)

    feather.write_feather(every, DATA / "every.feather", chunksize=7)
    expect("every.feather", values, cols=kinds, stored_as="mixed")
    feather.write_feather(named, DATA / "zstd.feather", compression="zstd")
    expect("zstd.feather", floats, names, cols, stored_as="float32", dtype="float32")
    for table, name in [(leading, "leading"), (category, "category")]:
        with ipc.new_file(DATA / f"{name}.arrow", table.schema) as file:
            file.write_table(table, max_chunksize=9)
        expect(f"{name}.arrow", floats, names, cols, dtype="float32")
        with ipc.new_stream(DATA / f"{name}.arrows", table.schema) as stream:
            stream.write_table(table, max_chunksize=9)
        expect(f"{name}.arrows", floats, names, cols, dtype="float32")

    holes = pa.table({"a": [1.0, 2.0, 3.0], "gap": [1.0, 2.0, None]})
    pq.write_table(holes, DATA / "bad_null.parquet")
    feather.write_feather(holes, DATA / "bad_null.feather")
    texts = pa.table({"a": [1.0, 2.0], "kind": ["x", "y"]})
    pq.write_table(texts, DATA / "bad_text.parquet")
    lists = pa.table({"a": [1.0, 2.0], "lists": [[1], [2, 3]]})
    pq.write_table(lists, DATA / "bad_lists.parquet")
    several = named.set_index(["a", "c"])
    several.to_parquet(DATA / "bad_index.parquet")
    pq.write_table(leading.select(["id"]), DATA / "bad_no_numbers.parquet")
    (DATA / "bad_feather1.feather").write_bytes(b"FEA1" + bytes(40) + b"FEA1")
    for whole in ["index.parquet", "every.feather"]:
        content = (DATA / whole).read_bytes()
        (DATA / f"bad_truncated_{whole}").write_bytes(content[: len(content) * 2 // 3])


def arrays(rng):
    """HDF5: arrays by themselves."""
    base = rng.integers(0, 100, (9, 4))
    with h5py.File(DATA / "arrays.h5", "w") as file:
        for kind in ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">f8", ">i4"]:
            array = (base % 2).astype(kind) if kind == "b1" else base.astype(kind)
            file.create_dataset(f"kinds/{kind}", data=array)
            expect(f"arrays.h5#kinds/{kind}", array, dtype="float32" if kind == "f4" else "float64")
    wide = rng.random((50, 6))
    with h5py.File(DATA / "chunked.h5", "w") as file:
        file.create_dataset("gzip", data=wide, chunks=(7, 4), compression="gzip", shuffle=True)
        file.create_dataset("lzf", data=wide, chunks=(8, 6), compression="lzf", fletcher32=True)
        file.create_dataset("grown", data=wide, chunks=(5, 6), maxshape=(None, 6))
        for name in ["gzip", "lzf", "grown", "/gzip"]:
            expect(f"chunked.h5#{name}", wide, stored_as="float64")
        file.create_dataset("flat", data=np.arange(5.0))
        file.create_dataset("texts", data=[["a", "b"], ["c", "d"]])
        file.create_dataset("complex", data=np.ones((2, 2), complex))
    with h5py.File(DATA / "only.h5", "w", userblock_size=512) as file:
        file.create_dataset("deep/down/there", data=wide)
        file.create_dataset("deep/flat", data=np.arange(3))
    expect("only.h5", wide)
    for name, version in [("bad_latest.h5", "latest"), ("v110.h5", "v110")]:
        with h5py.File(
            DATA / name, "w", libver=("earliest" if version == "v110" else version, version)
        ) as file:
            file.create_dataset("v", data=wide, chunks=(7, 4), compression="gzip")
    expect("v110.h5", wide)
    content = (DATA / "chunked.h5").read_bytes()
    (DATA / "bad_truncated.h5").write_bytes(content[: len(content) // 2])


def annotated(rng):
    """AnnData in HDF5 and in Zarr: dense and sparse, with layers and a raw matrix."""
    counts = rng.integers(0, 6, (40, 9)) * (rng.random((40, 9)) < 0.4)
    cells, genes = [f"cell{row}" for row in range(40)], [f"gene{col}" for col in range(9)]
    some = genes[:7]
    data = anndata.AnnData(
        sparse.csr_matrix(counts.astype(np.float32)),
        obs=pd.DataFrame(index=cells),
        var=pd.DataFrame(index=genes),
    )
    data.raw = data
    data = data[:, some].copy()
    data.layers["counts"] = sparse.csc_matrix(counts[:, :7])
    data.layers["dense"] = counts[:, :7].astype(np.float64)
    data.obsm["X_pca"] = rng.random((40, 2))
    whole = DATA / "whole.h5ad"
    data.write_h5ad(whole)
    # The empty groups would make up most of the file.
    with h5py.File(whole) as file, h5py.File(DATA / "cells.h5ad", "w") as small:
        for part in ["X", "obs", "var", "layers", "obsm"]:
            file.copy(part, small)
        for part in ["X", "var"]:
            file.copy(f"raw/{part}", small.require_group("raw"), part)
        for part in ["data", "indices"]:
            del small["X"][part]
            small["X"].create_dataset(part, data=file["X"][part][:], chunks=(30,), compression="gzip")
    whole.unlink()
    anndata.settings.zarr_write_format = 3
    data.write_zarr(DATA / "cells.zarr", chunks=(16, 4))
    for name in ["cells.h5ad", "cells.zarr"]:
        for part in ["", "#X"]:
            expect(name + part, counts[:, :7], cells, some, sparse=True, stored_as="float32", dtype="float32")
        expect(f"{name}#layers/counts", counts[:, :7], cells, some, sparse=True, stored_as="int64")
        expect(f"{name}#layers/dense", counts[:, :7], cells, some, stored_as="float64")
        expect(f"{name}#raw/X", counts, cells, genes, sparse=True, stored_as="float32", dtype="float32")
        expect(f"{name}#obsm/X_pca", data.obsm["X_pca"], cells)


def zarrs(rng):
    """Zarr: arrays by themselves, with the codecs that there are."""
    wide = rng.random((50, 6))
    counts = rng.integers(0, 100, (50, 6)).astype(np.uint16)
    zarr.create_array(DATA / "only.zarr", data=wide, chunks=(7, 4))
    expect("only.zarr", wide, stored_as="float64")
    group = zarr.create_group(DATA / "group.zarr")
    plain = {"compressors": None}
    group.create_array("plain", data=counts, chunks=(20, 6), **plain)
    group.create_array("sharded", data=counts, chunks=(5, 3), shards=(25, 6))
    group.create_array("gzip", data=counts, chunks=(20, 6), compressors=zarr.codecs.GzipCodec())
    # What is refused: its decoder needs a compiler of C++.
    group.create_array("blosc", data=counts, chunks=(20, 6), compressors=zarr.codecs.BloscCodec())
    for name in ["plain", "sharded", "gzip"]:
        expect(f"group.zarr#{name}", counts, stored_as="uint16")
    hole = group.create_array("hole", shape=(50, 6), chunks=(20, 6), dtype="f4", fill_value=0.5)
    hole[3] = np.arange(6)
    expect("group.zarr#hole", hole[:], stored_as="float32", dtype="float32")
    group.create_array("flat", data=np.arange(5.0))
    old = zarr.create_array(DATA / "old.zarr", data=wide, chunks=(20, 6), zarr_format=2)
    expect("old.zarr", old[:], stored_as="float64")


def main():
    """Makes everything anew."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    rng = np.random.default_rng(21)
    tables(rng)
    arrays(rng)
    annotated(rng)
    zarrs(rng)
    lines = [
        f"{json.dumps(name)}: {json.dumps(EXPECTED[name], ensure_ascii=False)}" for name in sorted(EXPECTED)
    ]
    (DATA / "values.txt").write_text("\n".join(VALUES) + "\n", encoding="utf-8")
    (DATA / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
