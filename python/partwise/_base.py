"""What the estimators share: parameters, checks, and names of what comes out."""

import functools
import os
import sys
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _partwise
from ._arrays import checked, checked_factor, engine_input, refuse_other_dtypes
from ._quality import ComponentWarning

BETA = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}
"""Losses that have a name."""

SOLVERS = tuple(name for name, _ in _partwise.solvers())
INITS = tuple(name for name, _, _ in _partwise.inits() if name != "auto")


MOST_THREADS = 1024
"""More than that help nobody, and any number gives the same answer."""


def count(number):
    """A whole number as the engine takes it. No limit that is longer is ever reached."""
    return min(int(number), sys.maxsize)


def beta_of(beta_loss):
    """The number of a loss, which may be given by its name."""
    return float(BETA.get(beta_loss, beta_loss))


def available_threads(n_threads):
    """The number of threads for the engine: as asked for, else OMP_NUM_THREADS, else None for all processors."""
    if n_threads is None:
        try:
            n_threads = max(int(os.environ["OMP_NUM_THREADS"].split(",")[0]), 1)
        except (KeyError, ValueError):
            return None
    return min(int(n_threads), MOST_THREADS)


OF_ALL_FITS = {
    "beta_loss": [StrOptions(set(BETA)), Real],
    "tol": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "alpha_W": [Interval(Real, 0, None, closed="left")],
    "alpha_H": [Interval(Real, 0, None, closed="left"), StrOptions({"same"})],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
}
"""Parameters of whatever makes fits, and what is legal."""

OF_THE_ENGINE = tuple(name for name in OF_ALL_FITS if name != "random_state")
"""Those that the engine takes by the same names."""


def engine_options(n_components, *, beta_loss, tol, max_iter, alpha_W, alpha_H, l1_ratio, n_threads, **others):
    """The engine's parameters by name."""
    return {
        "n_components": count(n_components),
        "beta_loss": beta_of(beta_loss),
        "tol": float(tol),
        "max_iter": count(max_iter),
        "alpha_W": float(alpha_W),
        "alpha_H": float(alpha_W if alpha_H == "same" else alpha_H),
        "l1_ratio": float(l1_ratio),
        "n_threads": available_threads(n_threads),
        **others,
    }


class BaseNMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What the estimators share."""

    _parameter_constraints: dict = {
        **OF_ALL_FITS,
        "n_components": [Interval(Integral, 1, None, closed="left"), None, StrOptions({"auto"})],
        "init": [StrOptions({*INITS, "custom"}), None],
        "verbose": ["verbose"],
    }

    # Attributes that not every fit sets.
    _of_some_fits = ()

    def __init__(
        self,
        n_components="auto",
        *,
        init=None,
        beta_loss="frobenius",
        tol=1e-4,
        max_iter=200,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        verbose=0,
        n_threads=None,
    ):
        self.n_components = n_components
        self.init = init
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.verbose = verbose
        self.n_threads = n_threads

    def _beta(self):
        return beta_of(self.beta_loss)

    # What to do where NaN stands for what is not known; without it scikit-learn's advice is given.
    _missing = None

    def _checked(self, X, reset, whole=False):
        """X as the engine takes it; `whole` says that a large one of integers may stay one."""
        check = functools.partial(validate_data, self, reset=reset)
        try:
            return checked(X, check, whole, ensure_all_finite=self._finite())
        except ValueError as error:
            if self._missing is None or "contains NaN" not in str(error):
                raise
            raise ValueError(f"Input X contains NaN. {self._missing}") from None

    def _finite(self):
        """What may be infinite or NaN in X, in scikit-learn's terms."""
        return True

    def _options(self, n_components, **others):
        """The engine's parameters by name."""
        own = {name: getattr(self, name) for name in OF_THE_ENGINE}
        return engine_options(n_components, **own, **others)

    def _check_solver(self):
        """Refuses a loss that the solver does not minimise, and warns of a start that it cannot leave."""
        if not _partwise.handles(self.solver, self._beta()):
            raise ValueError(
                f"Invalid beta_loss parameter: solver {self.solver!r} does not handle beta_loss = {self.beta_loss!r}"
            )
        if self.solver == "mu" and self.init == "nndsvd":
            warnings.warn(
                "The multiplicative update ('mu') solver cannot update zeros present in the initialization, and so "
                "leads to poorer results when used jointly with init='nndsvd'. You may try init='nndsvda' or "
                "init='nndsvdar' instead.",
                UserWarning,
                stacklevel=4,
            )

    def _signed(self):
        """The factor, "W" or "H", that may have entries of any sign, as X then may; None if there is none."""

    def _fit_options(self, n_components, *, init, seed, fixed_W=(), fixed_H=(), constraint=()):
        """The engine's parameters of a fit by name."""
        held = {"fixed_W": list(fixed_W), "fixed_H": list(fixed_H), "constraint": list(constraint), "orders": []}
        return self._options(n_components, solver=self.solver, init=init, seed=seed, **held)

    def _with_held_components(self, X, solver):
        """W of new samples, found by a solver."""
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        H = self.components_.astype(X.dtype, copy=False)
        options = self._fit_options(H.shape[0], init="random", seed=0) | {"solver": solver}
        return _partwise.fit(engine_input(X), options, None, engine_input(H), "H")["W"]

    @staticmethod
    def _refuse_half_a_start(W, H):
        if W is None or H is None:
            raise ValueError("init='custom' needs both W and H")

    def _given_start(self, X, W, H):
        """The factors of init="custom", checked, and their number of components."""
        self._refuse_half_a_start(W, H)
        k, (n_samples, n_features) = self.n_components, X.shape
        k = n_features if k is None else k
        signed = self._signed()
        H = checked_factor(H, (k, n_features), "NMF (input H)", signed == "H")
        W = checked_factor(W, (n_samples, H.shape[0] if k == "auto" else k), "NMF (input W)", signed == "W")
        refuse_other_dtypes(X.dtype, H=H, W=W)
        return W, H

    def _learned(self, fitted):
        """Takes what a fit found, and forgets what only some fits find: it is of an earlier one."""
        for name in self._of_some_fits:
            vars(self).pop(name, None)
        self.components_ = fitted["H"]
        self.n_components_ = self._n_components = fitted["H"].shape[0]
        self.reconstruction_err_ = reconstruction_error(fitted["divergence"])
        self.objective_ = fitted["objective"]
        self.relative_error_ = fitted["relative_error"]
        self.residual_ = fitted["residual"]
        self.n_iter_ = fitted["n_iter"]
        self.n_iter_single_ = fitted["n_iter_single"]
        self.n_iter_approach_ = fitted["n_iter_approach"]
        self.solver_ = fitted["solver"]
        self.stop_reason_ = fitted["stop"]
        columns = np.array(fitted["trace"], dtype=float).reshape(-1, 5).T
        self.history_ = dict(zip(("iteration", "seconds", "objective", "residual", "sketched"), columns, strict=True))

    def _judged(self, fitted):
        """Takes what is wrong with the components that a fit found."""
        self.dead_components_ = np.array(fitted["dead"], dtype=np.intp)
        self.duplicate_components_ = np.array(fitted["duplicates"], dtype=np.intp).reshape(-1, 2)

    def _warn_of_flaws(self, fitted):
        if fitted["telling"] is not None:
            warnings.warn(
                f"{fitted['telling']} (counted from 0). Fewer components may do, or another start.",
                ComponentWarning,
                stacklevel=4,
            )

    def _warn_of_ignored_start(self, W, H):
        if W is not None or H is not None:
            warnings.warn(
                "When init!='custom', provided W or H are ignored. Set  init='custom' to use them as initialization.",
                RuntimeWarning,
                stacklevel=4,
            )

    def _warn_if_cut_short(self, n_iter):
        if n_iter == self.max_iter and self.tol > 0:
            warnings.warn(
                f"Maximum number of iterations {self.max_iter} reached. Increase it to improve convergence.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def fit(self, X, y=None, **params):
        """Learn the components of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.
        y : Ignored
            Present for API consistency by convention.
        **params : kwargs
            Passed to `fit_transform`: starts W and H for ``init="custom"``.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self.fit_transform(X, **params)
        return self

    def inverse_transform(self, X):
        """Turn transformed data back: ``X @ components_``.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_components)
            Transformed data.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Data of the original shape.
        """
        check_is_fitted(self)
        return X @ self.components_

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def reconstruction_error(divergence):
    """sqrt(2 D): for the Frobenius loss the norm of the difference."""
    return float(np.sqrt(2.0 * divergence))
