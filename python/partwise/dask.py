"""NMF of an X that is spread over the workers of a Dask cluster.

Each worker keeps its blocks of X and their rows of W. In each pass the components go out to them and small statistics
come back, which are added in an order that depends on the number of blocks alone.
"""

import sys
import time
import uuid

import numpy as np
import scipy.sparse as sp
from sklearn.utils._param_validation import HasMethods

try:
    import dask
    import dask.array as da
    import distributed
    from dask.delayed import Delayed
except ImportError as error:
    raise ImportError("partwise.dask needs Dask with its cluster: pip install 'partwise[dask]'") from error

from . import _cluster
from ._partitions import Block, Partitions, add

__all__ = ["NMF"]

TIMEOUTS = (TimeoutError, distributed.TimeoutError)
"""What Dask raises when time is up: one and the same since Python 3.11."""


class NMF(_cluster.ClusterNMF):
    """Non-negative matrix factorisation of an X on a Dask cluster.

    X is a dask array or DataFrame of shape (n_samples, n_features), or a list of Delayed, Future or array with its
    blocks of rows. What a lost worker held is computed anew: data that were scattered cannot be. W is a dask array of
    shape (n_samples, n_components) in the memory of the workers. What `transform` finds is computed when it is asked
    for.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The cluster; None takes the current client.
    """

    _parameter_constraints: dict = {
        **_cluster.ClusterNMF._parameter_constraints,
        "client": [HasMethods(["map", "gather", "compute"]), None],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        init=None,
        solver="auto",
        beta_loss="frobenius",
        tol=1e-4,
        max_iter=200,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        verbose=0,
        n_threads=None,
        progress=False,
        callback=None,
        checkpoint=20,
        n_init=1,
        state_file=None,
        state_every=60.0,
        client=None,
    ):
        super().__init__(
            n_components=n_components,
            init=init,
            solver=solver,
            beta_loss=beta_loss,
            tol=tol,
            max_iter=max_iter,
            random_state=random_state,
            alpha_W=alpha_W,
            alpha_H=alpha_H,
            l1_ratio=l1_ratio,
            verbose=verbose,
            n_threads=n_threads,
            progress=progress,
            callback=callback,
            checkpoint=checkpoint,
            n_init=n_init,
            state_file=state_file,
            state_every=state_every,
        )
        self.client = client

    def _partitions(self, X):
        blocks = _as_blocks(X)
        if not isinstance(blocks, (da.Array, list)):
            raise TypeError(
                f"X is a {type(X).__name__}; expected a dask array, or a list of Delayed, Future or array with its "
                "blocks of rows. partwise.NMF factors what is in one place"
            )
        if isinstance(blocks, da.Array):
            blocks = list(blocks.to_delayed().ravel())
        return _Partitions(_client(self.client), blocks, self.n_threads, self.checkpoint)

    def _for_each_block(self, function, X):
        X = _as_blocks(X)
        k, width = self.components_.shape
        if isinstance(X, da.Array):
            if X.shape[1] != width:
                raise ValueError(f"X has {X.shape[1]} features, but NMF is expecting {width} features as input")
            dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(float)
            meta = np.empty((0, 0), dtype)
            return X.map_blocks(
                function, dtype=dtype, chunks=(X.chunks[0], (k,)), meta=meta, name=_unique("partwise-transform")
            )
        if isinstance(X, list):
            rows = [dask.delayed(function)(block) for block in X]
            dtype = self.components_.dtype
            return da.concatenate([da.from_delayed(part, (np.nan, k), dtype=dtype) for part in rows])
        return function(X)


class _Partitions(Partitions):
    """A partition is a future of a `Block`, which Dask makes anew from the graph of X where its worker is lost. A
    question is a plain argument of a task, which the scheduler keeps until it is answered.
    """

    def __init__(self, client, blocks, n_threads, checkpoint):
        super().__init__(blocks, n_threads, checkpoint)
        self._client = client
        self._fit = uuid.uuid4().hex[:8]
        self._asked = 0

    def _begin(self):
        _check_versions(self._client)
        held = [block if isinstance(block, distributed.Future) else dask.delayed(block) for block in self._blocks]
        held = [block if isinstance(block, distributed.Future) else self._client.compute(block) for block in held]
        self._held = self._map("block", Block, range(len(held)), held, [self._n_threads] * len(held))

    def w(self, n_components):
        rows = self._each("rows", Block.rows, [self.version] * self.n_partitions)
        # Within the fit. A partition that was made anew since the last pass has no rows, and says so where W is read.
        self._wait(rows)
        parts = [
            da.from_delayed(dask.delayed(part), (count, n_components), dtype=self.dtype)
            for part, (count, _) in zip(rows, self.shapes, strict=True)
        ]
        return da.concatenate(parts)

    def _each(self, name, method, *arguments):
        # Not as keywords: Dask would keep a large question by its name, and the next one by the same.
        return self._map(name, method, self._held, *arguments)

    def _add(self, name, group):
        return self._client.submit(add, group, key=self._key(name), pure=False)

    def _end(self):
        # A traceback may keep this object, and with it the blocks in the memory of the cluster.
        self._held = None

    def _key(self, name):
        # Dask shows tasks by the letters that their names begin with. The rest tells fits and questions apart.
        self._asked += 1
        return f"partwise-{name}-{self._fit}-{self._asked}"

    def _map(self, name, function, *arguments):
        key = self._key(name)
        keys = [(key, i) for i in range(len(arguments[0]))]
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": sys.maxsize}):
            return self._client.map(function, *arguments, key=keys, pure=False)

    def _gather(self, futures):
        """Results of futures, which an interruption cancels."""
        try:
            self._wait(futures)
            return self._client.gather(futures)
        except KeyboardInterrupt:
            self._client.cancel(futures, force=True)
            raise

    def _wait(self, futures):
        """Waits for futures in turns. That there is no worker for a whole one is an error."""
        with self._client.as_current():
            while True:
                try:
                    return distributed.wait(futures, timeout=_cluster.WAIT)
                except TIMEOUTS:
                    # Workers that pause for want of memory are there, and may be at work.
                    if not self._client.nthreads():
                        _wait_for_a_worker(self._client)


def _unique(name):
    return f"{name}-{uuid.uuid4().hex}"


def _as_blocks(X):
    """A dask array with whole rows in its blocks, a list of blocks, a tuple of what are none, or X itself."""
    if hasattr(X, "to_dask_array"):
        # The partitions of a frame have names for their columns, and need not have them in the same order.
        X = X.to_delayed() if hasattr(X, "to_delayed") else X.to_dask_array()
    if isinstance(X, da.Array):
        if X.ndim != 2:
            raise ValueError(f"X has {X.ndim} dimensions; expected 2")
        return X if X.numblocks[1] == 1 else X.rechunk({1: -1})
    if isinstance(X, (list, tuple)):
        return _cluster.as_list(X, _is_block)
    return X


def _is_block(block):
    return isinstance(block, (Delayed, distributed.Future, np.ndarray)) or sp.issparse(block)


def _client(client):
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError(
                "partwise.dask.NMF needs a cluster: make a distributed.Client first, or give it as client="
            ) from error
    _wait_for_a_worker(client)
    return client


def _wait_for_a_worker(client):
    try:
        client.wait_for_workers(1, timeout=_cluster.WAIT)
    except TIMEOUTS as error:
        raise RuntimeError(
            f"the cluster {client.scheduler.address} has no worker; waited {_cluster.WAIT} s for one"
        ) from error


def _check_versions(client):
    """Refuses workers without partwise, and those with another version. One that does not answer may be lost: all that
    are there are asked again.
    """
    end = time.monotonic() + _cluster.WAIT
    while True:
        silent = None
        for worker, found in client.run(_cluster.version, on_error="return").items():
            if isinstance(found, OSError):
                silent = worker, found
            else:
                _cluster.check_version(worker, found)
        if silent is None:
            return
        if time.monotonic() > end:
            worker, error = silent
            raise RuntimeError(f"worker {worker} does not answer; waited {_cluster.WAIT} s: {error!r}") from error
        time.sleep(0.1)
