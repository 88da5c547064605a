#!/usr/bin/env python3
"""Makes the files that the tests of crates/partwise-io read, and what numpy and scipy read in them.

    python scripts/make_io_fixtures.py

needs numpy and scipy. The files lie in crates/partwise-io/tests/data/; expected.json there says for each of
them the shape, the entries (row-major, as the bytes of little-endian float64 in hexadecimal), and what else
is to be found.
"""

import gzip
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse as sparse

DATA = Path(__file__).resolve().parent.parent / "crates" / "partwise-io" / "tests" / "data"
EXPECTED = {}


def expect(name, array, **more):
    """Notes what the file must be read as."""
    array = np.asarray(array, dtype=np.float64)
    EXPECTED[name] = {
        "shape": list(array.shape),
        "values": np.ascontiguousarray(array).astype("<f8").tobytes().hex(),
        **more,
    }


def text_files(rng):
    """Plain text; the oracle is numpy.loadtxt itself."""
    matrix = rng.random((4, 3)) * 10.0 ** rng.integers(-300, 300, (4, 3))
    buffer = io.StringIO()
    np.savetxt(buffer, matrix)
    texts = {
        "savetxt.txt": (buffer.getvalue(), None),
        "blanks.txt": ("  1 2\t3\n\n4   5 6  \n   \n\t7 8 9", None),
        "commas.txt": ("1,2, 3\n4 ,5,6\n", ","),
        "comments.txt": (
            "# a comment, with a comma\n1 2 # and another\n#\n3 4#at once\n  # indented\n5 6\n",
            None,
        ),
        "crlf.txt": ("1 2\r\n3 4\r\n", None),
        "carriage_returns.txt": ("1 2\r3 4\r\r5 6", None),
        "one_number.txt": ("42", None),
        "one_column.txt": ("1\n2\n3\n", None),
        "one_row.txt": ("1 2 3 4 5", None),
        "any_float.txt": (
            "nan NaN -nan +nan\ninf -inf Infinity -INFINITY\n+1 1. .5 -0\n1E5 1e-5 1e+5 007\n"
            "1e400 -1e400 1e-400 4.9e-324\n"
            "2.2250738585072011e-308 0.1 0.30000000000000004 1.7976931348623157e308\n"
            "9007199254740993 123456789012345678901234567890 "
            "0.000000000000000000000000000001 1.00000000000000011102\n",
            None,
        ),
    }
    for name, (text, delimiter) in texts.items():
        (DATA / name).write_bytes(text.encode())
        # A lone carriage return ends a line for loadtxt only when Python has translated it.
        expect(name, np.loadtxt(io.StringIO(text, newline=None), delimiter=delimiter, ndmin=2))
    (DATA / "blanks.txt.gz").write_bytes(gzip.compress(texts["blanks.txt"][0].encode(), mtime=0))
    EXPECTED["blanks.txt.gz"] = EXPECTED["blanks.txt"]
    two_members = gzip.compress(b"1 2\n3", mtime=0) + gzip.compress(b" 4\n", mtime=0)
    (DATA / "two_members.txt.gz").write_bytes(two_members)
    expect("two_members.txt.gz", [[1, 2], [3, 4]])


def tables(rng):
    """CSV and TSV with and without names."""
    numbers = np.array([[0.5, 0, 2], [3, 4.25, 1e-7]])
    body = [[repr(float(value)) for value in row] for row in numbers]

    def table(name, text, rows=None, cols=None, values=numbers):
        (DATA / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        expect(name, values, row_names=rows, col_names=cols)

    lines = [",".join(row) for row in body]
    table("bare.csv", "\n".join(lines))
    table("header.csv", "a,b,c\n" + "\n".join(lines), cols=["a", "b", "c"])
    table("both.csv", f"id,a,b,c\nx,{lines[0]}\ny,{lines[1]}\n", ["x", "y"], ["a", "b", "c"])
    table("rows_only.csv", f"x,{lines[0]}\ny,{lines[1]}\n", ["x", "y"])
    table("corner.csv", f",0,1,2\n0,{lines[0]}\n1,{lines[1]}\n", ["0", "1"], ["0", "1", "2"])
    table("counting_header.csv", f"gene,0,1,2\nx,{lines[0]}\ny,{lines[1]}\n", ["x", "y"], ["0", "1", "2"])
    table("short_header.csv", f"a,b,c\n1,{lines[0]}\n2,{lines[1]}\n", ["1", "2"], ["a", "b", "c"])
    table(
        "quoted.csv",
        f'"","a, b","say ""hi""","c"\n"1",{lines[0]}\n"2",{lines[1]}\n',
        ["1", "2"],
        ["a, b", 'say "hi"', "c"],
    )
    quoted = [",".join(f'"{value}"' for value in row) for row in body]
    table("all_quoted.csv", "\n".join(quoted))
    table("semicolons.csv", "a;b;c\n" + "\n".join(lines).replace(",", ";"), cols=["a", "b", "c"])
    table("bom.csv", b"\xef\xbb\xbf" + ("a,b,c\n" + "\n".join(lines)).encode(), cols=["a", "b", "c"])
    table("unicode.csv", "größe,βeta,☃\n" + "\n".join(lines), cols=["größe", "βeta", "☃"])
    tabs = ["\t".join(row) for row in body]
    table("both.tsv", f"\tBMI\tP 1\tc\nx y\t{tabs[0]}\nz\t{tabs[1]}\n", ["x y", "z"], ["BMI", "P 1", "c"])
    table(
        "comments.csv", f"# made by hand\n\na,b,c\n{lines[0]}\n# between\n{lines[1]}\n", cols=["a", "b", "c"]
    )
    table("one_column.csv", "height\n1\n2\n", cols=["height"], values=[[1], [2]])
    (DATA / "both.csv.gz").write_bytes(gzip.compress((DATA / "both.csv").read_bytes(), mtime=0))
    EXPECTED["both.csv.gz"] = EXPECTED["both.csv"]


def npy_files(rng):
    """Every real type of numpy, both byte orders, both orders, all versions."""
    base = rng.integers(0, 100, (3, 4))
    for kind in ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
        for order in "<>":
            if kind[1] == "1" and order == ">":
                continue
            array = base.astype(order + kind) if kind[0] in "bu" else (base - 50).astype(order + kind)
            if kind[0] == "f":
                array = (array / np.array(7, array.dtype)).astype(order + kind)
            name = f"{kind}{'_big' if order == '>' else ''}.npy"
            np.save(DATA / name, array)
            expect(name, array, dtype="float32" if kind == "f4" else "float64", stored_as=array.dtype.name)
    extremes = np.array([[2**64 - 1, 2**53 + 1, 2**63]], dtype=np.uint64)
    np.save(DATA / "u8_extremes.npy", extremes)
    expect("u8_extremes.npy", extremes)
    halves = np.array([[6e-8, 65504, np.inf, -np.inf, np.nan, -0.0]], dtype=np.float16)
    np.save(DATA / "f2_extremes.npy", halves)
    expect("f2_extremes.npy", halves)
    array = rng.random((5, 3))
    np.save(DATA / "fortran.npy", np.asfortranarray(array))
    expect("fortran.npy", array, order="ColumnMajor")
    for version in [(1, 0), (2, 0), (3, 0)]:
        name = f"version_{version[0]}.npy"
        with (DATA / name).open("wb") as file:
            np.lib.format.write_array(file, array, version=version)
        expect(name, array, order="RowMajor")
    np.save(DATA / "written_f8.npy", np.array([[1.5, -2.0], [0.1, 1e300], [np.nan, np.inf]]))
    np.save(DATA / "written_f4.npy", np.array([[1.5, -2.0, 0.1]], dtype=np.float32))


def npz_files(rng):
    """numpy's archives, and scipy's sparse matrices."""
    array = rng.random((3, 2))
    other = rng.random((2, 2))
    np.savez(DATA / "one.npz", anything=array)
    np.savez_compressed(DATA / "deflated.npz", array)
    np.savez(DATA / "preferred.npz", zzz=other, V=array)
    for name in ["one.npz", "deflated.npz", "preferred.npz"]:
        expect(name, array)
    np.savez(
        DATA / "named.npz", v=array, row_names=np.array(["a", "bß", ""]), col_names=np.array(["x" * 9, "☃"])
    )
    expect("named.npz", array, row_names=["a", "bß", ""], col_names=["x" * 9, "☃"])
    np.savez(DATA / "bad_ambiguous.npz", left=array, right=other)

    dense = np.where(rng.random((6, 8)) < 0.4, rng.integers(1, 9, (6, 8)), 0).astype(np.float64)
    for kind in ["csr", "csc", "coo", "bsr", "dia"]:
        for form in ["matrix", "array"]:
            matrix = getattr(sparse, f"{kind}_{form}")(dense)
            if kind == "bsr":
                matrix = matrix.tobsr((2, 4))
            name = f"scipy_{kind}_{form}.npz"
            sparse.save_npz(DATA / name, matrix)
            expect(name, sparse.load_npz(DATA / name).toarray(), sparse=True)
    repeated = sparse.coo_matrix(
        (np.arange(1.0, 7.0), ([2, 0, 2, 0, 1, 2], [1, 0, 1, 0, 2, 0])), shape=(3, 4)
    )
    sparse.save_npz(DATA / "scipy_coo_repeated.npz", repeated)
    expect("scipy_coo_repeated.npz", repeated.toarray(), sparse=True)
    unsorted = sparse.csr_matrix(
        (np.array([1, 2, 3, 4, 5, 6], np.float32), np.array([3, 0, 3, 1, 1, 0]), np.array([0, 3, 3, 6])),
        shape=(3, 4),
    )
    sparse.save_npz(DATA / "scipy_csr_unsorted.npz", unsorted, compressed=False)
    expect("scipy_csr_unsorted.npz", unsorted.toarray(), sparse=True, dtype="float32")
    counts = sparse.csc_matrix(dense.astype(np.int16))
    counts.indices = counts.indices.astype(np.int64)
    counts.indptr = counts.indptr.astype(np.int64)
    sparse.save_npz(DATA / "scipy_csc_int16.npz", counts)
    expect("scipy_csc_int16.npz", dense, sparse=True, stored_as="int16")
    empty = sparse.csr_matrix((3, 5))
    sparse.save_npz(DATA / "scipy_empty.npz", empty)
    expect("scipy_empty.npz", empty.toarray(), sparse=True)
    np.savez(
        DATA / "bad_scipy_index.npz",
        format=b"csr",
        shape=np.array([2, 2]),
        data=np.ones(2),
        indices=np.array([0, 2]),
        indptr=np.array([0, 1, 2]),
    )

    meta = json.dumps(
        {"solver": "cd", "größe": [1, 2.5]}, separators=(",", ":"), ensure_ascii=False, sort_keys=True
    )
    np.savez(
        DATA / "model.npz",
        w=np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.5]]),
        h=np.array([[0.5, 0.25], [1.0, 0.0]]),
        meta=np.array(meta),
        row_names=np.array(["a", "b", "ccc"]),
        col_names=np.array(["x", "☃"]),
    )
    return dense


def market_files(rng, dense):
    """Matrix Market; the oracle is scipy.io.mmread."""

    def check(name, **more):
        matrix = scipy.io.mmread(DATA / name)
        if sparse.issparse(matrix):
            matrix = matrix.toarray()
        expect(name, matrix, **more)

    scipy.io.mmwrite(DATA / "real.mtx", sparse.coo_matrix(dense / 7), precision=17)
    scipy.io.mmwrite(DATA / "integer.mtx", sparse.coo_matrix(dense.astype(np.int64)))
    scipy.io.mmwrite(DATA / "by_columns.mtx", sparse.csc_matrix(dense))
    scipy.io.mmwrite(DATA / "array.mtx", rng.random((4, 3)), precision=17)
    square = rng.integers(0, 5, (4, 4)).astype(np.float64)
    square = square + square.T
    scipy.io.mmwrite(DATA / "symmetric.mtx", sparse.coo_matrix(square), symmetry="symmetric")
    scipy.io.mmwrite(DATA / "symmetric_array.mtx", square, symmetry="symmetric")
    texts = {
        "pattern.mtx": "%%MatrixMarket matrix coordinate pattern general\n% who\n3 4 3\n3 4\n1 1\n2 2\n",
        "loose.mtx": "%%MatrixMarket MATRIX Coordinate Real GENERAL\r\n%\r\n\r\n"
        " 2 3 2 \r\n\r\n 1 3 1.5e0\r\n 2\t1 -2 \r\n",
        "none.mtx": "%%MatrixMarket matrix coordinate real general\n3 2 0\n",
    }
    for name, text in texts.items():
        (DATA / name).write_bytes(text.encode())
    for name in ["real.mtx", "integer.mtx", "by_columns.mtx", "symmetric.mtx"] + list(texts):
        check(name, sparse=True)
    for name in ["array.mtx", "symmetric_array.mtx"]:
        check(name, order="ColumnMajor")
    (DATA / "real.mtx.gz").write_bytes(gzip.compress((DATA / "real.mtx").read_bytes(), mtime=0))
    EXPECTED["real.mtx.gz"] = EXPECTED["real.mtx"]


def png(width, height, depth, colour, rows):
    """A PNG of unfiltered rows."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def pictures(rng):
    """Grey values are the stored ones over the largest possible; colours are weighted by Rec. 709."""
    grey = rng.integers(0, 256, (5, 7)).astype(np.uint8)
    (DATA / "grey8.png").write_bytes(png(7, 5, 8, 0, [row.tobytes() for row in grey]))
    expect("grey8.png", grey / 255)
    deep = rng.integers(0, 65536, (4, 3)).astype(">u2")
    (DATA / "grey16.png").write_bytes(png(3, 4, 16, 0, [row.tobytes() for row in deep]))
    expect("grey16.png", deep / 65535)
    colour = rng.integers(0, 256, (3, 4, 3)).astype(np.uint8)
    (DATA / "colour.png").write_bytes(png(4, 3, 8, 2, [row.tobytes() for row in colour]))
    expect("colour.png", (0.2126 * colour[..., 0] + 0.7152 * colour[..., 1] + 0.0722 * colour[..., 2]) / 255)
    (DATA / "grey.pgm").write_bytes(b"P5\n7 5\n255\n" + grey.tobytes())
    expect("grey.pgm", grey / 255)
    (DATA / "bad_huge.png").write_bytes(png(65000, 65000, 8, 0, [bytes(100)]))
    whole = (DATA / "grey8.png").read_bytes()
    (DATA / "bad_truncated.png").write_bytes(whole[: len(whole) - 30])


def bad_arrays():
    """Arrays that are no real matrix, or not all there."""
    np.save(DATA / "bad_objects.npy", np.array([[1, "a"], [None, 2]], dtype=object), allow_pickle=True)
    np.save(DATA / "bad_complex.npy", np.ones((2, 2), dtype=complex))
    np.save(DATA / "bad_records.npy", np.zeros((2, 2), dtype=[("a", "f8"), ("b", "i4")]))
    np.save(DATA / "bad_text.npy", np.array([["a", "b"]]))
    np.save(DATA / "bad_dates.npy", np.array([["2001-01-01"]], dtype="M8[D]"))
    np.save(DATA / "bad_0d.npy", np.array(1.0))
    np.save(DATA / "bad_1d.npy", np.ones(3))
    np.save(DATA / "bad_3d.npy", np.ones((1, 2, 3)))
    whole = (DATA / "f8.npy").read_bytes()
    (DATA / "bad_truncated.npy").write_bytes(whole[:-10])
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    with (DATA / "bad_claim.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(16))
    whole = (DATA / "deflated.npz").read_bytes()
    (DATA / "bad_truncated.npz").write_bytes(whole[:-20])
    whole = (DATA / "blanks.txt.gz").read_bytes()
    (DATA / "bad_truncated.txt.gz").write_bytes(whole[:-10])
    # A hole in the middle of the compressed numbers.
    whole = bytearray((DATA / "one.npz").read_bytes())
    whole[150] ^= 0xFF
    (DATA / "bad_checksum.npz").write_bytes(bytes(whole))


def main():
    """Makes everything anew."""
    DATA.mkdir(parents=True, exist_ok=True)
    for old in DATA.iterdir():
        old.unlink()
    rng = np.random.default_rng(20)
    # numpy and scipy stamp each member with the time of day; the same files should come out each time.
    zipfile.ZipInfo.__init__.__defaults__ = ("NoName", (1980, 1, 1, 0, 0, 0))
    text_files(rng)
    tables(rng)
    npy_files(rng)
    dense = npz_files(rng)
    market_files(rng, dense)
    pictures(rng)
    bad_arrays()
    lines = [
        f"{json.dumps(name)}: {json.dumps(EXPECTED[name], ensure_ascii=False)}" for name in sorted(EXPECTED)
    ]
    (DATA / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
