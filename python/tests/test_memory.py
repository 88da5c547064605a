"""X is never copied: the peak of a process above X is far below X itself. A sparse X has one twin, or none if lean.

Integers become floats a run at a time, and only the twin of a sparse X has floats of all of it.
"""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np, scipy.sparse as sp
from partwise import NMF, MiniBatchNMF

# What is compiled, loaded or started once.
small = np.random.RandomState(0).uniform(size=(50, 20))
for model in (NMF(2), MiniBatchNMF(2)):
    model.set_params(init="random", max_iter=3, tol=0).fit(small).transform(small)
    model.fit(sp.csr_array(small))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

kind, solver = sys.argv[1:]
if kind in "CF":
    X = np.zeros((20_000, 1_500), order=kind)
    for rows in np.array_split(np.arange(20_000), 50):
        X[rows] = np.random.RandomState(rows[0]).uniform(size=(len(rows), 1_500))
    held = X.nbytes
elif kind == "uint8":
    X = np.random.RandomState(0).randint(0, 200, size=(30_000, 1_500), dtype=np.uint8)
    held = X.nbytes
elif kind in ("int32", "lean int32"):
    count = 5_000_000
    X = sp.csr_array((50_000, 50_000), dtype=np.int32)
    X.data = np.random.RandomState(0).randint(1, 9, size=count, dtype=np.int32)
    X.indices = np.arange(count, dtype=np.int32) * 499 % 500 * 97 + np.arange(count, dtype=np.int32) // 100_000
    X.indptr = np.arange(0, count + 1, 100, dtype=np.int32)
    X.sort_indices()
    held = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
else:
    count = 20_000_000
    X = sp.csr_array((200_000, 50_000), dtype=np.float64)
    X.data = np.random.RandomState(0).uniform(size=count)
    X.indices = np.arange(count, dtype=np.int32) * 499 % 500 * 97 + np.arange(count, dtype=np.int32) // 100_000
    X.indptr = np.arange(0, count + 1, 100, dtype=np.int32)
    X.sort_indices()
    held = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
before = peak()
if solver == "minibatch":
    model = MiniBatchNMF(8, init="random", max_iter=2, tol=0)
else:
    model = NMF(8, init="random", max_iter=2, tol=0, solver=solver, lean="lean" in kind)
model.fit(X)
print((peak() - before) / held)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts otherwise elsewhere")
@pytest.mark.parametrize(
    ("kind", "solver", "share"),
    [
        ("C", "auto", 0.35),
        ("C", "minibatch", 0.35),
        ("F", "auto", 0.35),
        # One twin along the other axis.
        ("csr", "cd", 1.6),
        ("lean", "cd", 0.35),
        # As floats it would take 8.
        ("uint8", "hals", 2.0),
        # The twin takes 1.5, floats would take as much again; the rest is runs and factors.
        ("int32", "hals", 3.2),
        ("lean int32", "hals", 1.9),
    ],
)
def test_peak_above_the_input(kind, solver, share):
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, kind, solver],
        check=True,
        capture_output=True,
        text=True,
    )
    assert float(found.stdout) < share
