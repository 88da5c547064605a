"""X is not copied: a fit takes the factors a few times over and a work space of one size, and of a sparse X one twin.

Each X is made in a process of its own, this file as a program, which works on it and prints the peak of each work.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from partwise import NMF, MiniBatchNMF

WORK_SPACE = 64 << 20
K = 4
COLUMNS = 1_500
ENTRIES = 18_000_000
"""Of a dense X of double precision, which takes 144 MB. Integers are as many, since they would become that."""

WORK = {
    "auto": {},
    # Of so many iterations the first ones are in single precision.
    "long auto": {"max_iter": 22},
    "anls": {"solver": "anls"},
    "cd": {"solver": "cd"},
    "hals": {"solver": "hals"},
    "lean hals": {"solver": "hals", "lean": True},
    "mu": {"solver": "mu", "beta_loss": 1},
    "newton": {"solver": "newton", "beta_loss": 1, "max_iter": 1},
    "transform": {"solver": "hals"},
    "minibatch": {"max_iter": 1},
    "minibatch transform": {"max_iter": 1},
}
"""What is done with X, by which parameters."""

CASES = {
    ("C", "float64"): {"auto": "", "cd": "", "mu": "", "minibatch": "", "transform": "", "minibatch transform": ""},
    ("F", "float64"): {"auto": "", "hals": "", "newton": "", "minibatch": "", "transform": ""},
    ("C", "float32"): {"auto": "", "anls": "", "minibatch": "", "transform": ""},
    ("F", "float32"): {"auto": "", "hals": "", "minibatch": "", "transform": ""},
    ("memmap", "float32"): {"auto": "", "minibatch": "", "transform": ""},
    ("pandas", "float64"): {"auto": "", "minibatch": "", "transform": ""},
    # Of columns in several blocks pandas makes one array.
    ("pandas in blocks", "float64"): {"auto": "copy", "minibatch": "copy"},
    ("polars", "float64"): {"auto": "", "transform": ""},
    ("anndata", "float32"): {"auto": "", "minibatch": ""},
    # Whole numbers stay what they are for the Frobenius loss, in NMF.
    ("C", "uint8"): {"auto": "", "hals": "", "transform": "", "mu": "floats", "minibatch": "floats"},
    ("F", "int32"): {"hals": "", "cd": ""},
    ("csr_array", "float64", "int32"): {
        "cd": "twin",
        "mu": "twin",
        "long auto": "twin",
        "lean hals": "",
        # Batches of rows are put in the order of columns, all of them once.
        "minibatch": "twin",
        "transform": "",
        "minibatch transform": "twin",
    },
    ("csr_matrix", "float64", "int64"): {"hals": "twin", "newton": "twin", "lean hals": "", "minibatch": "twin"},
    ("csc_array", "float32", "int32"): {"hals": "twin", "mu": "twin", "lean hals": "", "transform": "twin"},
    ("csc_matrix", "float64", "int64"): {"cd": "twin", "minibatch": "copy twin"},
    ("csr_array", "int32", "int32"): {"hals": "twin", "lean hals": "", "mu": "floats twin", "minibatch": "floats twin"},
    ("anndata of csr_matrix", "float32", "int32"): {"auto": "twin", "minibatch": "twin", "transform": ""},
    # Its entries are put in the order of rows.
    ("coo_array", "float64", "int32"): {"hals": "copy twin"},
}
"""What may be there beside the factors and the work space: the twin of a sparse X, X once more, or X as floats."""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system tells of no peak but the highest")
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_what_is_there_beside_X(case):
    # Every large array is given back when it is dropped, so that the next work has to ask for its own.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 16)}
    program = [sys.executable, "-W", "ignore", __file__, json.dumps([case, list(CASES[case])])]
    found = subprocess.run(program, check=False, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    (m, n), stored, value, size, peaks = json.loads(found.stdout)
    room = {"twin": stored * (value + 4) + 16 * (m + n), "floats": stored * value, "copy": size}
    for work, others in CASES[case].items():
        beside = sum(room[other] for other in others.split())
        limit = WORK_SPACE + 4 * (m + n) * K * value + beside
        assert limit < beside + stored * value, "X is too small to tell"
        assert peaks[work] <= limit, f"{work}: {peaks[work] / 1e6:.0f} MB, not {limit / 1e6:.0f}"


def main(case, works):
    (container, dtype, *indices), random = case, np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        if indices:
            X, size = sparse(container, np.dtype(dtype), *indices)
            stored = X.nnz
        else:
            X, size = dense(container, np.dtype(dtype), Path(folder))
            stored = X.shape[0] * X.shape[1]
        # What is loaded or started once.
        small = random.random((50, 20))
        for model in (NMF(2), MiniBatchNMF(2)):
            model.fit(small).transform(small)
            model.fit(sp.csr_array(small)).transform(sp.csc_array(small))
        peaks = {work: peak_of(work, X) for work in works}
    value = 4 if dtype == "float32" else 8
    print(json.dumps([X.shape, stored, value, size, peaks]))


def peak_of(work, X):
    """Bytes that some work takes beside what was there before it."""
    Estimator = MiniBatchNMF if work.startswith("minibatch") else NMF
    usual = {"init": "random", "max_iter": 2, "tol": 0, "random_state": 0}
    model = Estimator(K, **(usual | WORK[work]))
    do = model.fit
    if work.endswith("transform"):
        do = model.fit(np.random.default_rng(0).random((50, X.shape[1]))).transform
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    do(X)
    return peak() - before


def peak():
    """Bytes of memory at most since that was last asked to be forgotten."""
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


def numbers(count, dtype):
    random = np.random.default_rng(0)
    return random.integers(1, 200, count, dtype) if dtype.kind in "iu" else random.random(count, dtype)


def dense(container, dtype, folder):
    """A dense X, and its bytes."""
    entries = ENTRIES * 2 if dtype == np.float32 else ENTRIES
    X = numbers(entries, dtype).reshape(-1, COLUMNS)
    if container in ("F", "polars"):
        X = X.reshape(COLUMNS, -1).T
    size = X.nbytes
    if container == "memmap":
        np.save(folder / "X.npy", X)
        X = np.load(folder / "X.npy", mmap_mode="r")
        # What is read of it counts as memory of this process.
        X.sum()
    elif container.startswith("pandas"):
        import pandas

        halves = np.array_split(X, 2, axis=1) if container == "pandas in blocks" else [X]
        X = pandas.concat([pandas.DataFrame(half) for half in halves], axis=1, ignore_index=True)
    elif container == "polars":
        import polars

        X = polars.from_numpy(X)
    elif container == "anndata":
        import anndata

        X = anndata.AnnData(X).X
    return X, size


def sparse(container, dtype, indices):
    """A sparse X, and its bytes."""
    in_line, apart = 200, 100
    lines = 120_000 if dtype == np.float32 else 60_000
    places = np.add.outer(np.arange(lines) % apart, np.arange(in_line) * apart).astype(indices).ravel()
    offsets = np.arange(0, places.size + 1, in_line, dtype=indices)
    kind = container.rpartition(" ")[2]
    by_columns = kind.startswith("csc")
    shape = (lines, in_line * apart)
    X = getattr(sp, kind.replace("coo", "csr"))(shape[::-1] if by_columns else shape, dtype=dtype)
    # Put in its place: SciPy would make the indices narrower.
    X.data, X.indices, X.indptr = numbers(places.size, dtype), places, offsets
    if kind == "coo_array":
        X = X.tocoo()
        return X, X.data.nbytes + 2 * places.nbytes
    if container.startswith("anndata"):
        import anndata

        X = anndata.AnnData(X).X
    return X, X.data.nbytes + X.indices.nbytes + X.indptr.nbytes


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
