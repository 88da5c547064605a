"""Clusters of worker processes for the tests, and what their estimators must agree with."""

import contextlib
import os
import signal
import time

import numpy as np
import pytest
import scipy.sparse as sp

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
ray = pytest.importorskip("ray")

import dask.array as da  # noqa: E402
import psutil  # noqa: E402

import partwise.dask  # noqa: E402
import partwise.ray  # noqa: E402
from partwise import _partwise  # noqa: E402
from partwise._partitions import Block, add  # noqa: E402

ONE = {"n_threads": 3}
"""One actor has all partitions then. It begins faster than three."""

ROWS = (150, 40, 210, 100, 60, 90, 1, 49, 130, 70)
"""Rows of the partitions: more of them than are added in one place."""


def blocks(dtype=np.float64, sparse=False, columns=30):
    random = np.random.RandomState(0)
    m = sum(ROWS)
    X = random.rand(m, 3) ** 2 @ random.rand(3, columns) ** 2 + 0.1 * random.rand(m, columns)
    if sparse:
        X *= random.rand(m, columns) < 0.3
    parts = np.split(X.astype(dtype), np.cumsum(ROWS)[:-1])
    return [sp.csr_array(part) for part in parts] if sparse else parts


class Dask:
    """A Dask cluster of three workers. Not each of them comes back when it is killed."""

    NMF = partwise.dask.NMF
    WORKERS_COME_BACK = False

    def __init__(self, client):
        self.client = client

    @classmethod
    @contextlib.contextmanager
    def started(cls):
        with (
            dask.config.set({"distributed.worker.memory.terminate": False}),
            distributed.LocalCluster(
                n_workers=3, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=":0"
            ) as workers,
            distributed.Client(workers) as client,
        ):
            yield cls(client)

    def made_there(self, parts):
        """Blocks that can be made again."""
        if any(sp.issparse(part) for part in parts):
            return self.made_by([part.copy for part in parts])
        made = [da.from_delayed(dask.delayed(part.copy)(), part.shape, dtype=part.dtype) for part in parts]
        return da.concatenate(made)

    def made_by(self, functions):
        """The blocks that functions make."""
        return [dask.delayed(function)() for function in functions]

    def here(self, W):
        """A W, or what `transform` gives, in this process."""
        assert isinstance(W, da.Array)
        return W.compute()

    def workers(self):
        """Numbers of the worker processes that have partitions."""
        return list(self.client.run(os.getpid, on_error="ignore").values())

    def left(self):
        """What is there of fits that are over."""
        keys = self.client.run_on_scheduler(lambda dask_scheduler: [str(key) for key in dask_scheduler.tasks])
        return [key for key in keys if "partwise" in key]

    def works(self):
        return self.client.submit(sum, [1, 2]).result() == 3


class Ray:
    """A Ray cluster of one node with three actors for a fit, if it has as many partitions."""

    NMF = partwise.ray.NMF
    WORKERS_COME_BACK = True

    @classmethod
    @contextlib.contextmanager
    def started(cls):
        ray.init(
            num_cpus=3,
            include_dashboard=False,
            object_store_memory=200 * 2**20,
            log_to_driver=False,
            logging_level="error",
        )
        try:
            yield cls()
        finally:
            ray.shutdown()

    def made_there(self, parts):
        return self.made_by([part.copy for part in parts])

    def made_by(self, functions):
        return functions

    def here(self, W):
        assert all(isinstance(rows, ray.ObjectRef) for rows in W)
        return np.concatenate(ray.get(W))

    def workers(self):
        found = []
        for process in psutil.Process().children(recursive=True):
            # Not of those that are ending.
            with contextlib.suppress(psutil.Error):
                if any("_Holder" in word for word in process.cmdline()):
                    found.append(process.pid)
        return found

    left = workers

    def works(self):
        return ray.get(ray.remote(lambda: 3).remote()) == 3


CLUSTERS = [Dask, Ray]


@contextlib.contextmanager
def limited(seconds):
    """Fails what takes longer."""

    def fail(number, frame):
        # No error that a fit may take for its own.
        pytest.fail(f"took longer than {seconds} s")

    usual = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)


def becomes_true(what):
    """Whether it does within some seconds."""
    for _ in range(100):
        if what():
            return True
        time.sleep(0.1)
    return False


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
        return np.concatenate([block.rows(self.version) for block in self._blocks])


def fitted_here(model, parts):
    here = Here(parts)
    seed = int(np.random.RandomState(model.random_state).randint(np.iinfo(np.int32).max))
    options = model._fit_options(model.n_components, init=model.init or "auto", seed=seed)
    fitted = _partwise.fit_remote(parts[0].dtype.name, here, options, n_init=model.n_init)
    return here.w(), fitted["H"]


def killer(cluster, *iterations):
    """A callback that kills the oldest worker in each of these iterations: kill -9, in the middle of the next pass."""
    killed = []

    def see(info):
        if info.iteration in iterations:
            killed.append(min(cluster.workers(), key=lambda pid: psutil.Process(pid).create_time()))
            os.kill(killed[-1], signal.SIGKILL)

    return see, killed
