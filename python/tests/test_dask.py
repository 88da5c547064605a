"""NMF on a Dask cluster of worker processes, some of which are killed."""

import contextlib
import os
import pickle
import signal
import threading

import numpy as np
import pytest
import scipy.sparse as sp

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

import dask.array as da  # noqa: E402
from sklearn.base import clone  # noqa: E402

import partwise  # noqa: E402
import partwise.dask  # noqa: E402
from partwise import _partwise  # noqa: E402
from partwise._partitions import Block, add  # noqa: E402

ROWS = (150, 40, 210, 100, 60, 90, 1, 49, 130, 70)
"""Rows of the partitions: more of them than are added in one place."""


@contextlib.contextmanager
def cluster():
    with (
        dask.config.set({"distributed.worker.memory.terminate": False}),
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=":0"
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with cluster() as client:
        yield client


@pytest.fixture
def mortal():
    """A cluster of its own for a test that kills workers: not each of them comes back."""
    with cluster() as client:
        yield client


def blocks(dtype=np.float64, sparse=False, columns=30):
    random = np.random.RandomState(0)
    m = sum(ROWS)
    X = random.rand(m, 3) ** 2 @ random.rand(3, columns) ** 2 + 0.1 * random.rand(m, columns)
    if sparse:
        X *= random.rand(m, columns) < 0.3
    parts = np.split(X.astype(dtype), np.cumsum(ROWS)[:-1])
    return [sp.csr_array(part) for part in parts] if sparse else parts


def array(parts):
    """A dask array whose blocks Dask can make again."""
    made = [da.from_delayed(dask.delayed(part.copy)(), part.shape, dtype=part.dtype) for part in parts]
    return da.concatenate(made)


class Here:
    """Partitions in this process, asked as those of a cluster are."""

    checkpoint = None

    def __init__(self, parts):
        self._blocks = [Block(i, part) for i, part in enumerate(parts)]
        self.n_partitions = len(parts)

    def ask_each(self, name, questions):
        return [block.answer(question) for block, question in zip(self._blocks, questions, strict=True)]

    def ask(self, name, question):
        answers = self.ask_each(name, [question] * self.n_partitions)
        while len(answers) > 1:
            answers = [add(answers[i : i + _partwise.FAN_IN]) for i in range(0, len(answers), _partwise.FAN_IN)]
        return answers[0]

    def w(self):
        return np.concatenate([block.rows() for block in self._blocks])


def fitted_here(model, parts):
    here = Here(parts)
    seed = int(np.random.RandomState(model.random_state).randint(np.iinfo(np.int32).max))
    options = model._fit_options(model.n_components, init=model.init or "auto", seed=seed)
    fitted = _partwise.fit_remote(parts[0].dtype.name, here, options, n_init=model.n_init)
    return here.w(), fitted["H"]


def killer(client, *iterations):
    """A callback that kills a worker in each of these iterations: kill -9, in the middle of the next pass."""
    killed = []

    def see(info):
        if info.iteration in iterations:
            pids = client.run(os.getpid, on_error="ignore")
            address, pid = sorted(pids.items())[len(killed) % len(pids)]
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    return see, killed


KINDS = [
    ("hals", "frobenius", np.float64, False),
    ("cd", "frobenius", np.float32, True),
    ("mu", "kullback-leibler", np.float64, True),
    ("auto", "kullback-leibler", np.float32, False),
    ("mu", 0.5, np.float64, False),
    ("sketched", "frobenius", np.float64, False),
]


@pytest.mark.parametrize(("solver", "loss", "dtype", "sparse"), KINDS)
def test_same_bits_as_the_same_blocks_in_one_process(client, solver, loss, dtype, sparse):
    parts = blocks(dtype, sparse)
    model = partwise.dask.NMF(
        4, solver=solver, beta_loss=loss, max_iter=15, tol=0, random_state=1, alpha_W=1e-4, l1_ratio=0.5
    )
    W = model.fit_transform([dask.delayed(part) for part in parts] if sparse else array(parts))
    expected_W, expected_H = fitted_here(model, parts)
    assert isinstance(W, da.Array) and W.shape == (sum(ROWS), 4) and W.dtype == dtype
    assert W.chunks[0] == ROWS
    assert model.components_.dtype == dtype
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W.compute(), expected_W)
    assert model.n_iter_ == 15 and len(model.history_["objective"]) >= 15


@pytest.mark.parametrize(
    ("init", "solver", "n_init"),
    [("random", "cd", 1), ("nndsvd", "cd", 1), ("nndsvdar", "sketched", 2), (None, "hals", 3)],
)
def test_starts_are_those_of_the_same_blocks(client, init, solver, n_init):
    parts = blocks()
    model = partwise.dask.NMF(4, init=init, solver=solver, n_init=n_init, max_iter=15, tol=0, random_state=1)
    W = model.fit_transform(array(parts))
    expected_W, expected_H = fitted_here(model, parts)
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W.compute(), expected_W)
    assert model.objectives_.shape == (n_init,)
    assert model.history_["sketched"].any() == (solver == "sketched")


def test_a_start_by_singular_vectors_is_that_of_one_piece(client):
    parts = blocks()
    parameters = dict(init="nndsvda", solver="hals", max_iter=3, tol=0, random_state=0)
    there = partwise.dask.NMF(3, **parameters)
    W = there.fit_transform(array(parts)).compute()
    here = partwise.NMF(3, **parameters)
    np.testing.assert_allclose(W, here.fit_transform(np.concatenate(parts)), rtol=1e-6, atol=1e-9)


def test_large_components(client, recwarn):
    def part(seed):
        return np.random.RandomState(seed).rand(30, 40_000)

    parts = [part(seed) for seed in range(3)]
    model = partwise.dask.NMF(40, solver="cd", max_iter=4, tol=0, random_state=1)
    expected_W, expected_H = fitted_here(model, parts)
    W = model.fit_transform([dask.delayed(part)(seed) for seed in range(3)])
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W.compute(), expected_W)
    assert not any("large graph" in str(warning.message) for warning in recwarn)


@pytest.mark.parametrize("checkpoint", [None, 3])
@pytest.mark.parametrize(
    ("solver", "loss"), [("hals", "frobenius"), ("sketched", "frobenius"), ("mu", "kullback-leibler")]
)
def test_killed_workers_change_no_bit(mortal, solver, loss, checkpoint):
    X = array(blocks())
    model = partwise.dask.NMF(
        4, solver=solver, beta_loss=loss, max_iter=25, tol=0, random_state=1, checkpoint=checkpoint
    )
    expected = model.fit(X).components_
    see, killed = killer(mortal, 5, 12)
    disturbed = clone(model).set_params(callback=see)
    W = disturbed.fit_transform(X).compute()
    assert len(killed) == 2
    assert disturbed.n_iter_ == 25
    np.testing.assert_array_equal(disturbed.components_, expected)
    np.testing.assert_array_equal(disturbed.history_["objective"], model.history_["objective"])
    np.testing.assert_array_equal(W, model.fit_transform(X).compute())


def test_close_to_one_piece(client):
    parts = blocks()
    X = np.concatenate(parts)
    random = np.random.RandomState(3)
    W, H = random.rand(len(X), 3), random.rand(3, X.shape[1])
    parameters = dict(solver="cd", init="custom", max_iter=40, tol=1e-6, alpha_W=1e-4)
    here = partwise.NMF(3, **parameters)
    expected = here.fit_transform(X, W=W, H=H)
    there = partwise.dask.NMF(3, **parameters)
    found = there.fit_transform(array(parts), W=da.from_array(W), H=H)
    np.testing.assert_allclose(found.compute(), expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(there.components_, here.components_, rtol=1e-6, atol=1e-9)
    assert there.n_iter_ == here.n_iter_ and there.stop_reason_ == here.stop_reason_
    assert there.reconstruction_err_ == pytest.approx(here.reconstruction_err_)
    assert there.relative_error_ == pytest.approx(here.relative_error_)
    assert there.residual_ == pytest.approx(here.residual_, rel=1e-4)


def test_dead_components_are_named_where_w_is_elsewhere(client):
    parts = blocks()
    X = np.concatenate(parts)
    random = np.random.RandomState(3)
    W, H = random.rand(len(X), 4), random.rand(4, X.shape[1])
    H[2], H[3] = 0, H[0]
    model = partwise.dask.NMF(4, solver="mu", init="custom", max_iter=2000)
    with pytest.warns(partwise.ComponentWarning, match="component 2 has no weight .counted"):
        model.fit(array(parts), W=da.from_array(W), H=H)
    assert model.dead_components_.tolist() == [2]


def test_transform_is_lazy_and_block_by_block(client):
    parts = blocks()
    model = partwise.dask.NMF(3, max_iter=60, random_state=0).fit(array(parts))
    found = model.transform(array(parts))
    local = partwise.NMF(3)
    local.components_ = model.components_
    expected = np.concatenate([local.transform(part) for part in parts])
    assert isinstance(found, da.Array) and found.chunks[0] == ROWS
    np.testing.assert_array_equal(found.compute(), expected)
    np.testing.assert_array_equal(model.transform([dask.delayed(part) for part in parts]).compute(), expected)
    np.testing.assert_array_equal(model.transform(parts[0]), expected[: ROWS[0]])
    assert model.inverse_transform(found).shape == (sum(ROWS), 30)
    with pytest.raises(ValueError, match="29 features"):
        model.transform(array(parts)[:, :29])


def test_whatever_holds_blocks(client):
    parts = blocks()
    model = partwise.dask.NMF(3, max_iter=5, tol=0, random_state=0)
    expected = model.fit(array(parts)).components_
    whole = np.concatenate(parts)
    for X in [
        parts,
        tuple(dask.delayed(part) for part in parts),
        [client.submit(np.copy, part) for part in parts],
        array(parts).persist(),
        da.from_array(whole, chunks=(ROWS, 7)),
        [part[:, :] for part in np.split(whole.astype(np.float64, order="F"), np.cumsum(ROWS)[:-1])],
        [np.empty((0, 30)), *parts, np.empty((0, 30))],
    ]:
        found = clone(model).fit(X).components_
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert clone(model).set_params(n_components=None).fit([part[:, :4] for part in parts]).n_components_ == 4


def test_tasks_have_names(client):
    # Kept by the scheduler while their results are.
    names = []
    see = lambda info: names.extend(  # noqa: E731
        client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.task_prefixes))
    )
    partwise.dask.NMF(2, max_iter=3, tol=0, random_state=0, callback=see).fit(array(blocks()))
    assert {"partwise-block", "partwise-pass"} <= set(names)


def test_nothing_is_left_behind(client):
    for _ in range(2):
        partwise.dask.NMF(2, max_iter=3, tol=0, random_state=0).fit(array(blocks()))
    import gc
    import time

    gc.collect()
    for _ in range(50):
        left = client.run_on_scheduler(lambda dask_scheduler: [str(key) for key in dask_scheduler.tasks])
        if not any("partwise" in key for key in left):
            return
        time.sleep(0.1)
    raise AssertionError(left)


def test_a_callback_ends_it(client):
    model = partwise.dask.NMF(2, random_state=0, callback=lambda info: info.iteration == 4)
    model.fit(array(blocks()))
    assert (model.n_iter_, model.stop_reason_) == (4, "stopped")

    def fail(info):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        partwise.dask.NMF(2, random_state=0, callback=fail).fit(array(blocks()))


@pytest.mark.parametrize("watched", [False, True])
def test_ctrl_c(client, watched):
    slow = [dask.delayed(part) for part in blocks()]
    timer = threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    callback = (lambda info: False) if watched else None
    model = partwise.dask.NMF(2, max_iter=100_000, tol=0, random_state=0, callback=callback)
    timer.start()
    if watched:
        model.fit(slow)
        assert model.stop_reason_ == "stopped" and 0 < model.n_iter_ < 100_000
    else:
        with pytest.raises(KeyboardInterrupt):
            model.fit(slow)
    timer.join()
    # The cluster still works.
    assert client.submit(sum, [1, 2]).result() == 3


def test_refusals(client):
    parts = blocks()

    def refused(error, match, X, **parameters):
        with pytest.raises(error, match=match):
            partwise.dask.NMF(2, **parameters).fit(X)

    refused(ValueError, r"partition 1 .* 29 columns.* 30", [parts[0], parts[1][:, :29]])
    refused(ValueError, r"partition 2 .* float32.* float64", [*parts[:2], parts[2].astype(np.float32)])
    refused(ValueError, r"partition 1 .*1D array", [parts[0], parts[1][0]])
    negative = [part.copy() for part in parts]
    negative[2][5, 7] = -1
    refused(ValueError, rf"X\[{ROWS[0] + ROWS[1] + 5}, 7\] = -1", array(negative))
    negative[2][5, 7] = np.nan
    refused(ValueError, "NaN", array(negative))
    negative[2][5, 7] = 0
    refused(ValueError, "contains zeros", array(negative), beta_loss=0)
    refused(ValueError, "no partition", [])
    refused(TypeError, "dask array", parts[0])
    refused(TypeError, "dask array", "X")
    refused(ValueError, "3 dimensions", da.ones((2, 2, 2)))
    refused(ValueError, "init", parts, init="spa")
    refused(ValueError, "n_init", parts, init="nndsvd", n_init=2)
    refused(ValueError, "needs both W and H", parts, init="custom")
    refused(ValueError, "does not handle", parts, solver="cd", beta_loss=1)
    refused(ValueError, "empty", [np.empty((0, 3))])


def test_no_client_and_no_worker(monkeypatch):
    def none():
        raise ValueError("No clients found")

    with monkeypatch.context() as patch:
        patch.setattr(distributed, "get_client", none)
        with pytest.raises(ValueError, match=r"make a distributed\.Client first"):
            partwise.dask.NMF(2).fit(blocks())
    monkeypatch.setattr(partwise.dask, "WAIT", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(RuntimeError, match="no worker"),
    ):
        partwise.dask.NMF(2, client=client).fit(blocks())


def test_another_version_is_refused(client, monkeypatch):
    monkeypatch.setattr(_partwise, "__version__", "9.9.9")
    with pytest.raises(RuntimeError, match=r"9\.9\.9.*same version"):
        partwise.dask.NMF(2).fit(blocks())


@pytest.mark.parametrize("sparse", [False, True])
def test_a_block_goes_on_elsewhere(sparse):
    parts = blocks(np.float32, sparse)[:3]
    model = partwise.dask.NMF(2, solver="hals", max_iter=8, tol=0, random_state=0)

    class Moving(Here):
        def ask_each(self, name, questions):
            self._blocks = [pickle.loads(pickle.dumps(block)) for block in self._blocks]
            return super().ask_each(name, questions)

    options = model._fit_options(2, init="random", seed=5)
    here, moving = Here(parts), Moving(parts)
    expected = _partwise.fit_remote("float32", here, options)
    found = _partwise.fit_remote("float32", moving, options)
    np.testing.assert_array_equal(found["H"], expected["H"])
    np.testing.assert_array_equal(moving.w(), here.w())
    assert here._blocks[0].__sizeof__() > (parts[0].data.nbytes if sparse else parts[0].nbytes)
    with pytest.raises(RuntimeError, match="partition 7 .*lost"):
        Block(7, parts[0]).rows()
    with pytest.raises(ValueError, match="message"):
        Block(7, parts[0]).answer(b"nonsense")
