"""What the estimators share that factor an X on a cluster, whatever carries questions to its partitions."""

import contextlib
import functools
import inspect
import os
import signal
import threading
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from . import _nmf, _partwise, _starts
from ._base import OF_THE_ENGINE, SOLVERS, BaseNMF, count
from ._state import StateFile
from ._watch import Watch

WAIT = 120
"""Seconds to wait for a cluster's first worker, and for all actors of Ray."""


class ClusterNMF(BaseNMF, auto_wrap_output_keys=None):
    """NMF of an X in partitions that are elsewhere.

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
        Limit on iterations, at least 1.
    random_state : int, RandomState instance or None, default=None
        For the start and the sketch.
    alpha_W : float, default=0.0
        Strength of the penalty on W, at least 0.
    alpha_H : float or "same", default="same"
        Strength of the penalty on H, at least 0; "same" takes that on W.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalties, from 0 to 1.
    verbose : int, default=0
        Print each iteration.
    n_threads : int or None, default=None
        Threads that work on a partition; None takes OMP_NUM_THREADS, which clusters set to 1 where they start workers,
        or all processors of the worker.
    progress : bool, default=False
        Show a bar with the objective.
    callback : callable or None, default=None
        Called with an `IterationInfo` after each iteration. A true return ends the fit with the best factors so far.
        With a callback or a bar Ctrl-C does so, too.
    checkpoint : int or None, default=20
        Passes after which W is fetched from the workers. If one of them is lost, its partitions go through the passes
        since then again. None leaves W where it is, and they begin again at the first pass.
    n_init : int, default=1
        Starts that are each tried for a few iterations, on the sketch if there is one; the best is carried on. Those
        after the first take seeds of their own, and are random unless `init` is a name.
    state_file : path-like or None, default=None
        Where the state of the fit is kept, for which W is fetched from the workers. A fit that finds one there goes on
        from it and ends with the same bits as one that was never interrupted; it must have the same blocks of X and the
        same parameters, with a number as `random_state`. A fit that ends by itself removes the file; one that fails, is
        stopped or killed leaves it.
    state_every : float, default=60.0
        Seconds from one state to the next.

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
    n_iter_single_ : int
        How many of them were done in single precision: none.
    n_iter_approach_ : int
        How many iterations for the squared loss took the start near X: none.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features, where blocks of X are frames that have any that are all strings.
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
        "init": [StrOptions(set(_starts.STARTS)), None],
        "solver": [StrOptions(set(SOLVERS))],
        "progress": ["boolean"],
        "callback": [callable, None],
        "checkpoint": [Interval(Integral, 1, None, closed="left"), None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "state_file": [str, os.PathLike, None],
        "state_every": [Interval(Real, 0, None, closed="left")],
    }

    def __init_subclass__(cls, **others):
        # W is no array here that could become a frame.
        super().__init_subclass__(auto_wrap_output_keys=None, **others)
        cls.__doc__ = _with_inherited_sections(cls.__doc__, cls.__mro__[1].__doc__)

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
        self.n_init = n_init
        self.state_file = state_file
        self.state_every = state_every

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
        self._fit(X, W, H, lambda partitions: None)
        return self

    def fit_transform(self, X, y=None, W=None, H=None):
        """Learn the components of X and return W.

        Parameters
        ----------
        X : blocks of rows, n_samples in all, of n_features columns
            Non-negative data. Each block of rows, a NumPy array or a CSR or CSC matrix, is a partition. A list gives
            partitions from top to bottom.
        y : Ignored
            Present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), or such a W as this returns, default=None
            The start of W for ``init="custom"``.
        H : array-like of shape (n_components, n_features), default=None
            The start of H for ``init="custom"``.

        Returns
        -------
        W : rows of W, block by block
            How much of each component each sample holds, in the memory of the cluster. `transform` finds it again if
            some of that is lost.
        """
        return self._fit(X, W, H, lambda partitions: partitions.w(self.n_components_))

    def transform(self, X):
        """Find W for new samples, the components as they are.

        Each block of rows is solved for until it satisfies the stopping rule itself.

        Parameters
        ----------
        X : blocks of rows of n_features columns, as in `fit_transform`, or array
            Non-negative data.

        Returns
        -------
        W : rows of W, block by block, as of `fit_transform`, or ndarray for an array
            How much of each component each sample holds.
        """
        check_is_fitted(self)
        parameters = {name: getattr(self, name) for name in ("solver", *OF_THE_ENGINE)}
        features = getattr(self, "feature_names_in_", None)
        find = functools.partial(_transform, H=self.components_, features=features, parameters=parameters)
        return self._for_each_block(find, X)

    def _for_each_block(self, function, X):
        """What a function gives for each block of X, spread as W is; for an array the result itself."""
        raise NotImplementedError

    def _partitions(self, X):
        """The `Partitions` of X."""
        raise NotImplementedError

    def _fit(self, X, W, H, then):
        """Fits, and returns what the partitions are asked for then."""
        self._validate_params()
        self._check_solver()
        with (
            Watch(solver=self.solver, callback=self.callback, verbose=self.verbose, progress=self.progress) as watch,
            self._kept() as kept,
            self._partitions(X) as partitions,
        ):
            k, W, H = self._beginning(partitions, W, H)
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            # Of what is given nothing is made, whatever the name.
            init = "auto" if self.init in (None, "custom") else self.init
            options = self._fit_options(k, init=init, seed=seed)
            with _ctrl_c_ends(watch) as see:
                n_init = count(self.n_init)
                fitted = _partwise.fit_remote(partitions.dtype.name, partitions, options, W, H, see, n_init, kept)
            self._learned(fitted)
            self._judged(fitted)
            self.objectives_ = np.array(fitted["starts"] or [fitted["objective"]])
            self.n_features_in_ = partitions.shape[1]
            self.feature_names_in_ = partitions.names
            if partitions.names is None:
                del self.feature_names_in_
            self._warn_of_flaws(fitted)
            if fitted["stop"] != "stopped":
                self._warn_if_cut_short(fitted["n_iter"])
            found = then(partitions)
            if kept is not None and fitted["stop"] != "stopped":
                kept.remove()
            return found

    def _kept(self):
        """Where the state of a fit is kept, if that was asked for."""
        if self.state_file is None:
            return contextlib.nullcontext()
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"state_file needs a whole number as random_state, which is {self.random_state!r}: a fit that goes on "
                "draws what the one before it drew"
            )
        return StateFile(self.state_file, self.state_every)

    def _beginning(self, X, W, H):
        """The number of components, and W and H to begin with."""
        k = self.n_components
        if self.init != "custom":
            self._warn_of_ignored_start(W, H)
            return X.shape[1] if k in ("auto", None) else int(k), None, None
        self._refuse_half_a_start(W, H)
        W, H = self._given_start(X, X.in_one_place(W), np.asarray(H))
        return H.shape[0], W, H


def version():
    """The version of partwise in this process."""
    return _partwise.__version__


def check_version(worker, found):
    """Refuses a worker without partwise, for which an error was found, and one with another version."""
    if isinstance(found, Exception):
        raise RuntimeError(f"worker {worker} cannot import partwise: {found!r}") from found
    if found != version():
        raise RuntimeError(
            f"worker {worker} has partwise {found}, and the client {version()}; all need the same version"
        )


def _with_inherited_sections(own, inherited):
    """A docstring with what that of an extended class says below its first line, but what is its own comes later."""
    if own is None or inherited is None:
        return own
    head, tail = "\n\nParameters\n----------\n", "\n\nAttributes\n"
    about, _, parameters = inspect.cleandoc(own).partition(head)
    summary, _, about = about.partition("\n\n")
    inherited_about, _, sections = inspect.cleandoc(inherited).partition(head)
    inherited_about = inherited_about.partition("\n\n")[2]
    inherited_parameters, _, attributes = sections.partition(tail)
    parameters = f"{inherited_parameters}\n{parameters}".rstrip()
    return f"{summary}\n\n{inherited_about}\n\n{about}".rstrip() + f"{head}{parameters}{tail}{attributes}\n"


@contextlib.contextmanager
def _ctrl_c_ends(watch):
    """What the engine calls after each iteration; with it Ctrl-C ends the fit wherever it comes. Where the best factors
    are kept, the first one does so after the iteration that is under way, and the second one is the usual one. Else it
    is the usual one, but if it comes while an object is deleted, of which Python drops what is raised: it, too, waits
    for the end of the iteration. Futures are deleted all the time.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield watch.function
        return
    pressed = threading.Event()

    def note(number, frame):
        pressed.set()
        if watch.keeps_best:
            signal.signal(signal.SIGINT, usual)
        elif not _is_deleting(frame):
            usual(number, frame)

    def see(*progress):
        stops = watch.function is not None and watch.function(*progress)
        if pressed.is_set() and not watch.keeps_best:
            raise KeyboardInterrupt
        return stops or pressed.is_set()

    signal.signal(signal.SIGINT, note)
    try:
        yield see
    finally:
        signal.signal(signal.SIGINT, usual)


def _is_deleting(frame):
    """Whether a frame is that of a `__del__`, or of what one called."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


def as_list(X, is_block):
    """A list of what are all blocks; a tuple of what are none."""
    return list(X) if all(map(is_block, X)) else tuple(X)


def _transform(X, H, features, parameters):
    """W of a block of rows, for components H of features that may have names."""
    X = np.asarray(X) if isinstance(X, tuple) else X
    if X.shape[0] == 0:
        return np.empty((0, H.shape[0]), H.dtype)
    model = _nmf.NMF(n_components=H.shape[0], **parameters)
    model.components_, model.n_components_, model.n_features_in_ = H, H.shape[0], H.shape[1]
    if features is not None:
        model.feature_names_in_ = features
    return model.transform(X)
