"""NMF of an X that is spread over the workers of a Dask cluster.

Each worker keeps its blocks of X and their rows of W. In each pass the components go out to them and small statistics
come back, which are added in an order that depends on the number of blocks alone.
"""

import contextlib
import functools
import logging
import signal
import sys
import threading
import uuid
from numbers import Integral

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

try:
    import dask
    import dask.array as da
    import distributed
    from dask.delayed import Delayed
except ImportError as error:
    raise ImportError("partwise.dask needs Dask with its cluster: pip install 'partwise[dask]'") from error

from . import _nmf, _partwise
from ._base import SOLVERS, BaseNMF
from ._partitions import FAN_IN, Block, add
from ._watch import Watch

__all__ = ["NMF"]

LOG = logging.getLogger(__name__)

WAIT = 30
"""Seconds to wait for a cluster's first worker."""


class NMF(BaseNMF):
    """Non-negative matrix factorisation of an X on a Dask cluster.

    Minimises what `partwise.NMF` minimises, with its solvers. The same partitions give the same bits, however many
    workers hold them, and whichever of those are lost on the way.

    Parameters
    ----------
    n_components : int, {"auto"} or None, default="auto"
        Number of components. "auto" takes that of H where H is given, else the number of features, as None does.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"} or None, default=None
        Where to begin, as in `partwise.NMF`: None takes "nndsvda" if X has as many rows and columns as there are
        components, else "random". "custom" takes the W and H given to `fit`.
    solver : str, default="auto"
        As in `partwise.NMF`.
    beta_loss : float or {"frobenius", "kullback-leibler", "itakura-saito"}, default="frobenius"
        The divergence; beta ≤ 0 needs every entry of X above zero.
    tol : float, default=1e-4
        Tolerance of the solver's stopping rule.
    max_iter : int, default=200
        Limit on iterations.
    random_state : int, RandomState instance or None, default=None
        For the start and the sketch.
    alpha_W : float, default=0.0
        Strength of the penalty on W.
    alpha_H : float or "same", default="same"
        Strength of the penalty on H.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalties, from 0 to 1.
    verbose : int, default=0
        Print each iteration.
    n_threads : int or None, default=None
        Threads that work on a partition; None takes OMP_NUM_THREADS, which Dask sets to 1 where it starts workers, or
        all processors of the worker.
    progress : bool, default=False
        Show a bar with the objective.
    callback : callable or None, default=None
        Called with an `IterationInfo` after each iteration. A true return ends the fit with the best factors so far.
        With a callback or a bar Ctrl-C does so, too.
    checkpoint : int or None, default=20
        Passes after which W is fetched from the workers. If one of them is lost, its partitions go through the passes
        since then again. None leaves W where it is, and they begin again at the first pass.
    client : distributed.Client or None, default=None
        The cluster; None takes the current client.
    n_init : int, default=1
        Starts that are each tried for a few iterations, on the sketch if there is one; the best is carried on. Those
        after the first take seeds of their own, and are random unless `init` is a name.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        H.
    n_components_ : int
        Number of components.
    reconstruction_err_ : float
        sqrt(2 D(X, WH)): for the Frobenius loss the norm of X − WH.
    n_iter_ : int
        Iterations done.
    n_features_in_ : int
        Number of features seen during `fit`.
    objective_ : float
        What was minimised, penalties included.
    relative_error_ : float
        ‖X − WH‖ / ‖X‖ in the Frobenius norm, whatever the loss.
    residual_ : float
        How far from a stationary point the factors are: the sum of the projected gradient's sizes over that of its data
        part, of both factors the larger.
    dead_components_ : ndarray of int
        Components whose rows of H are without weight. A `ComponentWarning` names them as in `partwise.NMF`.
    duplicate_components_ : ndarray of int of shape (n_pairs, 2)
        Pairs of the other components whose rows of H have a cosine above 0.99.
    solver_ : str
        The solver that did the work.
    stop_reason_ : {"converged", "max_iter", "stopped"}
        Why the fit ended.
    objectives_ : ndarray of shape (n_init,)
        What each start came to: after its few iterations, where there are several.
    history_ : dict of ndarray
        "iteration", "seconds", "objective", "residual" and "sketched" after each iteration: on a sketch of X the
        objective is an estimate.
    """

    _parameter_constraints: dict = {
        **BaseNMF._parameter_constraints,
        "init": [StrOptions({"random", "nndsvd", "nndsvda", "nndsvdar", "custom"}), None],
        "solver": [StrOptions(set(SOLVERS))],
        "progress": ["boolean"],
        "callback": [callable, None],
        "checkpoint": [Interval(Integral, 1, None, closed="left"), None],
        "client": [HasMethods(["map", "gather", "compute"]), None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
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
        client=None,
        n_init=1,
    ):
        super().__init__(
            n_components=n_components,
            init=init,
            beta_loss=beta_loss,
            tol=tol,
            max_iter=max_iter,
            random_state=random_state,
            alpha_W=alpha_W,
            alpha_H=alpha_H,
            l1_ratio=l1_ratio,
            verbose=verbose,
            n_threads=n_threads,
        )
        self.solver = solver
        self.progress = progress
        self.callback = callback
        self.checkpoint = checkpoint
        self.client = client
        self.n_init = n_init

    def fit(self, X, y=None, W=None, H=None):
        """Learn the components of X.

        Parameters
        ----------
        X, y, W, H
            As in `fit_transform`.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._fit(X, W, H)
        return self

    def fit_transform(self, X, y=None, W=None, H=None):
        """Learn the components of X and return W.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features), or list of Delayed, Future or array
            Non-negative data. Each block of rows, a NumPy array or a CSR or CSC matrix, is a partition. A list gives
            partitions from top to bottom. What a lost worker held is computed anew: data that were scattered cannot be.
        y : Ignored
            Present for API consistency by convention.
        W : array-like or dask array of shape (n_samples, n_components), default=None
            The start of W for ``init="custom"``.
        H : array-like of shape (n_components, n_features), default=None
            The start of H for ``init="custom"``.

        Returns
        -------
        W : dask array of shape (n_samples, n_components)
            How much of each component each sample holds, in the memory of the workers. `transform` finds it again if
            one of them is lost.
        """
        return self._fit(X, W, H).w(self.n_components_)

    def transform(self, X):
        """Find W for new samples, the components as they are. Nothing is computed before the result is.

        Each block of rows is solved for until it satisfies the stopping rule itself.

        Parameters
        ----------
        X : dask array of shape (n_samples, n_features), list of Delayed, Future or array, or array
            Non-negative data.

        Returns
        -------
        W : dask array of shape (n_samples, n_components), or ndarray for an array
            How much of each component each sample holds.
        """
        check_is_fitted(self)
        X = _as_blocks(X)
        names = ("solver", "beta_loss", "tol", "max_iter", "alpha_W", "alpha_H", "l1_ratio", "n_threads")
        parameters = {name: getattr(self, name) for name in names}
        find = functools.partial(_transform, H=self.components_, parameters=parameters)
        k, width = self.components_.shape
        if isinstance(X, da.Array):
            if X.shape[1] != width:
                raise ValueError(f"X has {X.shape[1]} features, but NMF is expecting {width} features as input")
            dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(float)
            meta = np.empty((0, 0), dtype)
            return X.map_blocks(
                find, dtype=dtype, chunks=(X.chunks[0], (k,)), meta=meta, name=_unique("partwise-transform")
            )
        if isinstance(X, list):
            rows = [dask.delayed(find)(block) for block in X]
            dtype = self.components_.dtype
            return da.concatenate([da.from_delayed(part, (np.nan, k), dtype=dtype) for part in rows])
        return find(X)

    def _fit(self, X, W, H):
        self._validate_params()
        if not _partwise.handles(self.solver, self._beta()):
            raise ValueError(
                f"Invalid beta_loss parameter: solver {self.solver!r} does not handle beta_loss = {self.beta_loss!r}"
            )
        blocks = _as_blocks(X)
        if not isinstance(blocks, (da.Array, list)):
            raise TypeError(
                f"X is a {type(X).__name__}; expected a dask array, or a list of Delayed, Future or array with its "
                "blocks of rows. partwise.NMF factors what is in one place"
            )
        client = _client(self.client)
        with Watch(solver=self.solver, callback=self.callback, verbose=self.verbose, progress=self.progress) as watch:
            partitions = _Partitions(client, blocks, self.n_threads, self.checkpoint, watch.keeps_best)
            k, W, H = self._beginning(partitions, W, H)
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            # Of what is given nothing is made, whatever the name.
            init = "auto" if self.init in (None, "custom") else self.init
            options = self._fit_options(k, init=init, seed=seed)
            see = partitions.watched(watch.function)
            with partitions.first_ctrl_c_ends_it():
                fitted = _partwise.fit_remote(partitions.dtype.name, partitions, options, W, H, see, self.n_init)
        self._learned(fitted)
        self._judged(fitted)
        self.objectives_ = np.array(fitted["starts"] or [fitted["objective"]])
        self.n_features_in_ = partitions.shape[1]
        self._warn_of_flaws(fitted)
        if fitted["stop"] != "stopped":
            self._warn_if_cut_short(fitted["n_iter"])
        return partitions

    def _beginning(self, X, W, H):
        """The number of components, and W and H to begin with."""
        k = self.n_components
        if self.init != "custom":
            self._warn_of_ignored_start(W, H)
            return X.shape[1] if k in ("auto", None) else int(k), None, None
        if W is None or H is None:
            raise ValueError("init='custom' needs both W and H")
        W, H = self._given_start(X, np.asarray(W), np.asarray(H))
        return H.shape[0], W, H


class _Partitions:
    """The partitions of X on the workers, as the engine asks them.

    A partition is a future of a `Block`, which Dask makes anew from the graph of X where its worker is lost. A question
    is a plain argument of a task, which the scheduler keeps until it is answered.
    """

    def __init__(self, client, blocks, n_threads, checkpoint, keeps_best):
        self.checkpoint = checkpoint
        self._client = client
        self._keeps_best = keeps_best
        self._stopping = False
        self._fit = uuid.uuid4().hex[:8]
        self._asked = 0
        _check_versions(client)
        if isinstance(blocks, da.Array):
            blocks = list(blocks.to_delayed().ravel())
        if not blocks:
            raise ValueError("X has no partition; expected at least one block of rows")
        self.n_partitions = len(blocks)
        held = [block if isinstance(block, distributed.Future) else dask.delayed(block) for block in blocks]
        held = [client.compute(block) if not isinstance(block, distributed.Future) else block for block in held]
        self._blocks = self._each("block", Block, range(len(held)), held, [n_threads] * len(held))
        described = self._gather(self._each("shape", _shape_and_dtype, self._blocks))
        self._shapes = [shape for shape, _ in described]
        # Of the first partition. The engine refuses those that differ.
        self.dtype = np.dtype(described[0][1])
        self.shape = sum(rows for rows, _ in self._shapes), self._shapes[0][1]

    def ask_each(self, name, questions):
        """The answers of partitions to a question each, in order."""
        if len(set(questions)) > 1:
            LOG.info("asked again, for partitions that were lost: %s", name)
        return self._gather(self._each(name, Block.answer, self._blocks, questions))

    def ask(self, name, question):
        """The answers of all partitions to one question, added."""
        # Not as a keyword: Dask would keep a large one by its name, and the next question by the same one.
        answers = self._each(name, Block.answer, self._blocks, [question] * self.n_partitions)
        while len(answers) > FAN_IN:
            groups = [answers[first : first + FAN_IN] for first in range(0, len(answers), FAN_IN)]
            key = self._key(f"add-{name}")
            answers = [self._client.submit(add, group, key=(key, i)) for i, group in enumerate(groups)]
        return add(self._gather(answers))

    def watched(self, function):
        """The function that is called after each iteration, which after a Ctrl-C ends the fit."""
        if function is None:
            return None

        def see(*progress):
            return function(*progress) or self._stopping

        return see

    @contextlib.contextmanager
    def first_ctrl_c_ends_it(self):
        """Where the best factors are kept, the first Ctrl-C, wherever it comes, ends the fit after the iteration
        that is under way. The second one is the usual one.
        """
        usual = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        if not (self._keeps_best and in_main and callable(usual)):
            yield
            return

        def stop(number, frame):
            signal.signal(signal.SIGINT, usual)
            self._stopping = True

        signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)

    def w(self, n_components):
        """W as a dask array: each partition's rows, on its worker."""
        rows = self._each("rows", Block.rows, self._blocks)
        parts = [
            da.from_delayed(dask.delayed(part), (count, n_components), dtype=self.dtype)
            for part, (count, _) in zip(rows, self._shapes, strict=True)
        ]
        return da.concatenate(parts)

    def _key(self, name):
        # Dask shows tasks by the letters that their names begin with. The rest tells fits and questions apart.
        self._asked += 1
        return f"partwise-{name}-{self._fit}-{self._asked}"

    def _each(self, name, function, *arguments):
        key = self._key(name)
        keys = [(key, i) for i in range(self.n_partitions)]
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": sys.maxsize}):
            return self._client.map(function, *arguments, key=keys, pure=False)

    def _gather(self, futures):
        """Results of futures, which an interruption cancels."""
        try:
            distributed.wait(futures)
            return self._client.gather(futures)
        except KeyboardInterrupt:
            self._client.cancel(futures, force=True)
            raise


def _shape_and_dtype(block):
    return block.shape, block.dtype


def _transform(X, H, parameters):
    """W of a block of rows, for components H."""
    if X.shape[0] == 0:
        return np.empty((0, H.shape[0]), H.dtype)
    model = _nmf.NMF(n_components=H.shape[0], **parameters)
    model.components_, model.n_components_, model.n_features_in_ = H, H.shape[0], H.shape[1]
    return model.transform(X)


def _unique(name):
    return f"{name}-{uuid.uuid4().hex}"


def _as_blocks(X):
    """A dask array with whole rows in its blocks, a list of blocks, or X itself."""
    if hasattr(X, "to_dask_array"):
        X = X.to_dask_array()
    if isinstance(X, da.Array):
        if X.ndim != 2:
            raise ValueError(f"X has {X.ndim} dimensions; expected 2")
        return X if X.numblocks[1] == 1 else X.rechunk({1: -1})
    kinds = (Delayed, distributed.Future, np.ndarray, sp.spmatrix, sp.sparray)
    if isinstance(X, (list, tuple)) and all(isinstance(block, kinds) for block in X):
        return list(X)
    return X


def _client(client):
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError(
                "partwise.dask.NMF needs a cluster: make a distributed.Client first, or give it as client="
            ) from error
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except (TimeoutError, distributed.TimeoutError) as error:
        raise RuntimeError(f"the cluster {client.scheduler.address} has no worker; waited {WAIT} s for one") from error
    return client


def _version():
    return _partwise.__version__


def _check_versions(client):
    """Refuses workers without partwise, and those with another version."""
    for worker, found in client.run(_version, on_error="return").items():
        if isinstance(found, Exception):
            raise RuntimeError(f"worker {worker} cannot import partwise: {found!r}") from found
        if found != _version():
            raise RuntimeError(
                f"worker {worker} has partwise {found}, and the client {_version()}; all need the same version"
            )
