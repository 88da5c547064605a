"""Many fits at once, and many one after another, in one process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import partwise

TASKS = Path("/proc/self/task")


def threads():
    """How many threads this process has."""
    return len(list(TASKS.iterdir()))


def resident():
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    dense = [rng.random((120, 60)), rng.random((60, 120)).astype(np.float32).T]
    return [*dense, sp.random(120, 60, 0.2, "csr", rng=rng), sp.random(120, 60, 0.2, "csc", rng=rng)]


def fit(matrices, number):
    """One of twelve fits."""
    loss = ["frobenius", "kullback-leibler", "frobenius"][number % 3]
    solver = "mu" if loss != "frobenius" else "cd"
    model = partwise.NMF(3, solver=solver, beta_loss=loss, init="random", random_state=number % 3, max_iter=20, tol=0)
    with np.errstate(all="raise"):
        W = model.fit_transform(matrices[number % 4])
    return W, model.components_


@pytest.mark.filterwarnings("ignore:.*[Mm]aximum number of iterations")
def test_64_threads_at_once_get_the_answers_of_one(matrices):
    expected = [fit(matrices, number) for number in range(12)]
    barrier = threading.Barrier(64)

    def at_once(number):
        barrier.wait()
        return fit(matrices, number)

    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(at_once, range(64)))
    for number, factors in enumerate(found):
        for mine, alone in zip(factors, expected[number % 12], strict=True):
            np.testing.assert_array_equal(mine, alone)


@pytest.mark.filterwarnings("ignore:.*[Mm]aximum number of iterations")
@pytest.mark.skipif(not TASKS.exists(), reason="there is no /proc here")
def test_fits_leave_no_threads_and_no_memory_behind():
    X = np.random.default_rng(1).random((500, 100))
    matrices = [X, np.asfortranarray(X), sp.csr_array(X), sp.csc_array(X)]
    for number in range(12):
        fit(matrices, number)
    before = threads(), resident()
    for number in range(120):
        fit(matrices, number)
    after = threads(), resident()
    assert after[0] <= before[0]
    # A copy of X from every fit would be 48 MB.
    assert after[1] - before[1] < 10e6
