"""JointNMF."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _get_feature_names, check_is_fitted

from . import _partwise
from ._arrays import checked, engine_input
from ._base import INITS, SOLVERS, BaseNMF
from ._watch import Watch


class JointNMF(BaseNMF):
    """Several matrices of the same samples with one W: X_p ≈ W H_p, nothing below zero.

    Such are counts of genes beside measurements of proteins, or words beside tags. Minimised is the sum of
    D(X_p, W H_p), each times its weight, with penalties (Zhang et al. 2012). Nothing is put side by side: dense
    matrices and sparse ones stay what they are.

    Parameters
    ----------
    n_components : int
        Number of components.
    balanced : bool, default=True
        Whether the matrices count alike, whatever their sizes: D is divided by the sum of the entries of X_p to the
        power beta, which is ‖X_p‖² for the Frobenius loss. With beta ≤ 0 they count as they are.
    weights : array-like of shape (n_matrices,) or None, default=None
        What each matrix counts for beside that, above 0; None for 1 each. With beta ≤ 0 all must be 1.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "spa", "snpa"} or None, default=None
        Where to begin, as in `NMF`, of the matrices side by side.
    solver, beta_loss, tol, max_iter, random_state, n_threads
        As in `NMF`.
    alpha_W, alpha_H, l1_ratio
        Penalties, as in `NMF`, on W and on each H_p times the root of what its matrix counts for beside the widest one
        (for other losses than Frobenius, that to the power 1 / beta). n_features is that of all matrices.
    verbose : int, default=0
        Print each iteration.
    progress : bool, default=False
        Show a bar with the objective.
    callback : callable or None, default=None
        Called with an `IterationInfo` after each iteration. A true return ends the fit with the best factors so far.
        With a callback or a bar Ctrl-C does so, too.

    Attributes
    ----------
    components_ : list of ndarray of shape (n_components, n_features of a matrix)
        H of each matrix, in its units.
    weights_ : ndarray of shape (n_matrices,)
        What D of each matrix is multiplied by in the objective.
    relative_errors_ : ndarray of shape (n_matrices,)
        ‖X_p − W H_p‖ / ‖X_p‖ of each matrix.
    divergences_ : ndarray of shape (n_matrices,)
        D(X_p, W H_p) of each matrix.
    n_components_ : int
        Number of components.
    objective_, residual_, n_iter_, n_iter_single_, n_iter_approach_, solver_, stop_reason_, history_
        As in `NMF`, of the matrices as they count.
    dead_components_, duplicate_components_
        As in `NMF`, of the matrices side by side.
    n_features_in_ : list of int
        Columns of each matrix.
    feature_names_in_ : list of ndarray of shape (n_features of a matrix,) or None
        Names of the features of each matrix, None where it has none; there if one has any.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import JointNMF
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.gamma(0.5, size=(50, 3))
    >>> counts = rng.poisson(20 * shared @ rng.random((3, 30)))
    >>> measured = shared @ rng.random((3, 4))
    >>> model = JointNMF(3, random_state=0, max_iter=1000)
    >>> W = model.fit_transform([counts, measured])
    >>> [H.shape for H in model.components_]
    [(3, 30), (3, 4)]
    >>> bool(model.relative_errors_.max() < 0.2)
    True
    >>> model.transform([None, measured[:2]]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {
        **BaseNMF._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "balanced": ["boolean"],
        "weights": ["array-like", None],
        "init": [StrOptions(set(INITS)), None],
        "solver": [StrOptions(set(SOLVERS))],
        "progress": ["boolean"],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_components,
        *,
        balanced=True,
        weights=None,
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
        self.balanced = balanced
        self.weights = weights
        self.solver = solver
        self.progress = progress
        self.callback = callback

    def fit_transform(self, X, y=None):
        """Learn the components of all matrices, and return W.

        Parameters
        ----------
        X : list of {array-like, sparse matrix} of shape (n_samples, n_features of a matrix)
            Non-negative data with the same samples in their rows. They are copied where they are neither float64 nor
            float32, or not all of one of these; all but the widest one while the fit lasts, if their weights differ.
        y : Ignored
            Present for API consistency by convention.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            How much of each component each sample holds.
        """
        self._validate_params()
        self._check_solver()
        names = [_get_feature_names(A) for A in self._listed(X)]
        matrices = _of_one_type([self._matrix(p, A) for p, A in enumerate(X)])
        weights = [] if self.weights is None else _numbers(self.weights, len(matrices))
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        options = self._fit_options(self.n_components, init=self.init or "auto", seed=seed)
        shown = {"callback": self.callback, "verbose": self.verbose, "progress": self.progress}
        with Watch(solver=self.solver, **shown) as watch:
            fitted, parts = _partwise.fit_joint(
                [engine_input(A) for A in matrices],
                options,
                (bool(self.balanced), weights),
                watch.function,
                watch.keeps_best,
            )
        self._learned(fitted)
        self._judged(fitted)
        components, weights, divergences, errors, scales = zip(*parts, strict=True)
        self.components_ = list(components)
        self.weights_, self.divergences_ = np.array(weights), np.array(divergences)
        self.relative_errors_, self._scales = np.array(errors), list(scales)
        # Of the matrices as one these say nothing.
        del self.reconstruction_err_, self.relative_error_
        self.n_features_in_ = [H.shape[1] for H in components]
        self.feature_names_in_ = names
        if all(found is None for found in names):
            del self.feature_names_in_
        self._warn_of_flaws(fitted)
        if fitted["stop"] != "stopped":
            self._warn_if_cut_short(fitted["n_iter"])
        return fitted["W"]

    def transform(self, X):
        """Find W for new samples, of which some matrices may be missing, the components as they are.

        Parameters
        ----------
        X : list of {array-like, sparse matrix} of shape (n_samples, n_features of a matrix) or None
            Non-negative data, as many as in `fit`; None for a matrix that these samples lack.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            How much of each component each sample holds.
        """
        check_is_fitted(self)
        expected = len(self.components_)
        if len(self._listed(X)) != expected:
            raise ValueError(f"X has {len(X)} matrices; expected {expected}, with None for those that are missing")
        if all(A is None for A in X):
            raise ValueError("X has no matrix; expected at least one that is not None")
        self._check_names(X)
        matrices = [None if A is None else self._matrix(p, A, self.components_[p]) for p, A in enumerate(X)]
        options = self._fit_options(self.n_components_, init="auto", seed=0)
        parts = [(np.ascontiguousarray(H), s) for H, s in zip(self.components_, self._scales, strict=True)]
        given = [None if A is None else engine_input(A) for A in matrices]
        return _partwise.transform_joint(given, options, parts)

    def _check_names(self, X):
        """Refuses frames whose columns are not those of the fit."""
        for p, (A, known) in enumerate(zip(X, getattr(self, "feature_names_in_", [None] * len(X)), strict=True)):
            names = None if A is None else _get_feature_names(A)
            if names is None or known is None or list(names) == list(known):
                continue
            place = next((i for i, (a, b) in enumerate(zip(names, known, strict=False)) if a != b), None)
            if place is not None:
                raise ValueError(
                    f"X[{p}] has the column {names[place]!r} at place {place}, where the fit had {known[place]!r}: the "
                    "feature names should match those that were passed during fit"
                )

    def inverse_transform(self, X):
        """Turn W back into all matrices.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_components)
            W.

        Returns
        -------
        matrices : list of ndarray of shape (n_samples, n_features of a matrix)
            ``W @ H`` of each matrix.
        """
        check_is_fitted(self)
        return [X @ H for H in self.components_]

    @staticmethod
    def _listed(X):
        if not isinstance(X, (list, tuple)):
            raise TypeError(f"X is a {type(X).__name__}; expected a list of matrices. partwise.NMF factors one")
        if not X:
            raise ValueError("X has no matrix; expected at least one")
        return X

    def _matrix(self, p, A, H=None):
        """A matrix as the engine takes it; with H of its type, and as wide."""
        name = f"X[{p}]"
        try:
            A = checked(A, input_name=name, **({} if H is None else {"dtype": H.dtype}))
        except (TypeError, ValueError) as error:
            text = str(error)
            raise type(error)(text if name in text else f"{name}: {text}") from error
        if H is not None and A.shape[1] != H.shape[1]:
            raise ValueError(f"{name} has {A.shape[1]} features, but JointNMF is expecting {H.shape[1]}")
        return A

    @property
    def _n_features_out(self):
        return self.n_components_


def _numbers(weights, n_matrices):
    """What each matrix counts for, as the engine takes it."""
    legal = f"expected one number for each of the {n_matrices} matrices"
    try:
        weights = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"weights = {weights!r}: {legal}") from None
    if weights.ndim != 1 or weights.size != n_matrices:
        raise ValueError(f"weights has the shape {weights.shape}; {legal}")
    for p, weight in enumerate(weights.tolist()):
        if not (weight > 0 and np.isfinite(weight)):
            raise ValueError(f"weights[{p}] = {weight!r}: expected a finite number above 0")
    return weights.tolist()


def _of_one_type(matrices):
    """All float32 if all are, else all float64."""
    dtype = np.result_type(*(A.dtype for A in matrices))
    return [A.astype(dtype, copy=False) for A in matrices]
