"""MiniBatchNMF."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_non_negative

from . import _partwise, _starts
from ._arrays import engine_input, passed_to
from ._base import BaseNMF, count, reconstruction_error
from ._model import ModelFile
from ._watch import Watch

OWN = (
    "batch_size",
    "forget_factor",
    "max_no_improvement",
    "fresh_restarts",
    "fresh_restarts_max_iter",
    "transform_max_iter",
)
"""Parameters that NMF does not have, as a model in a file keeps them."""


class MiniBatchNMF(ModelFile, BaseNMF):
    """Non-negative matrix factorisation, a batch of samples at a time.

    As scikit-learn's: batches come in order, take a multiplicative step of their rows of W, and H follows from
    statistics in which old batches count less and less. `partial_fit` takes one batch after another from anywhere.

    Parameters
    ----------
    n_components : int, {"auto"} or None, default="auto"
        Number of components. "auto" takes that of H where H is given, else the number of features, as None does.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"} or None, default=None
        Where to begin, as in `NMF`; number for number scikit-learn's.
    batch_size : int, default=1024
        Samples in a batch, at least 1.
    beta_loss : float or {"frobenius", "kullback-leibler", "itakura-saito"}, default="frobenius"
        The divergence; beta ≤ 0 needs every entry of X above zero.
    tol : float, default=1e-4
        The fit ends when a step changes H by no more than this share; 0 turns that off.
    max_no_improvement : int or None, default=10
        The fit ends after so many steps without a lower smoothed cost.
    max_iter : int, default=200
        Limit on walks over X, at least 1.
    alpha_W : float, default=0.0
        Strength of the penalty on W, at least 0.
    alpha_H : float or "same", default="same"
        Strength of the penalty on H, at least 0; "same" takes that on W.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalties, from 0 to 1.
    forget_factor : float, default=0.7
        What is left of old statistics after a walk over X, from 0 to 1. A batch leaves ``forget_factor ** (b / n)`` of
        them, with n the samples of X and b the less of n and `batch_size`. In `partial_fit` that is settled by the
        first X that the model saw, there or in `fit`, and holds for all later ones, however many samples they have.
    fresh_restarts : bool, default=False
        Solve for each batch's rows of W anew.
    fresh_restarts_max_iter : int, default=30
        Steps at most when a batch's rows of W are solved for.
    transform_max_iter : int or None, default=None
        Steps at most in `transform`; None takes `max_iter`.
    random_state : int, RandomState instance or None, default=None
        For random starts, and the sketch of the nndsvd* starts.
    verbose : int, default=0
        Print each step.
    n_threads : int or None, default=None
        Threads to work with; None takes OMP_NUM_THREADS or all processors. The answer has the same bits for any number.
    progress : bool, default=False
        Show a bar with the cost.
    callback : callable or None, default=None
        Called with an `IterationInfo` after each step: `objective` is the cost of the batch per sample and `residual`
        the change of H. A true return ends the fit.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        H.
    n_components_ : int
        Number of components.
    reconstruction_err_ : float
        sqrt(2 D(X, WH)): for the Frobenius loss the norm of X − WH.
    n_iter_ : int
        Walks over X begun.
    n_steps_ : int
        Batches seen.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features, where X has any that are all strings.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import MiniBatchNMF
    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> model = MiniBatchNMF(n_components=2, init="random", random_state=0)
    >>> W = model.fit_transform(X)
    >>> H = model.components_
    """

    _parameter_constraints: dict = {
        **BaseNMF._parameter_constraints,
        "init": [StrOptions(set(_starts.STARTS)), None],
        "max_no_improvement": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "forget_factor": [Interval(Real, 0, 1, closed="both")],
        "fresh_restarts": ["boolean"],
        "fresh_restarts_max_iter": [Interval(Integral, 1, None, closed="left")],
        "transform_max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "progress": ["boolean"],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        init=None,
        batch_size=1024,
        beta_loss="frobenius",
        tol=1e-4,
        max_no_improvement=10,
        max_iter=200,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        forget_factor=0.7,
        fresh_restarts=False,
        fresh_restarts_max_iter=30,
        transform_max_iter=None,
        random_state=None,
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
        self.max_no_improvement = max_no_improvement
        self.batch_size = batch_size
        self.forget_factor = forget_factor
        self.fresh_restarts = fresh_restarts
        self.fresh_restarts_max_iter = fresh_restarts_max_iter
        self.transform_max_iter = transform_max_iter
        self.progress = progress
        self.callback = callback

    def fit_transform(self, X, y=None, W=None, H=None):
        """Learn the components of X and return W.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.
        y : Ignored
            Present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), default=None
            The start of W for ``init="custom"``.
        H : array-like of shape (n_components, n_features), default=None
            The start of H for ``init="custom"``.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            How much of each component each sample holds.
        """
        self._validate_params()
        X = self._checked(X, reset=True)
        check_non_negative(X, "MiniBatchNMF (input X)")
        W, H = self._begin(X, W, H)
        self._settle_forgetting(X)
        options = self._batch_options(H.shape[0])
        watched = {"callback": self.callback, "verbose": self.verbose, "progress": self.progress}
        with Watch(solver="minibatch", tol=self.tol, **watched) as watch:
            x = engine_input(X)
            fitted = _partwise.fit_batches(x, options, W, H, watch.function, watch.keeps_best)
            watch.conclude(fitted["stop"])
        self._keep(*fitted["memory"])
        self.reconstruction_err_ = reconstruction_error(fitted["divergence"])
        self.n_iter_ = fitted["n_iter"]
        self.n_steps_ = fitted["n_steps"]
        if fitted["stop"] != "stopped":
            self._warn_if_cut_short(self.n_iter_)
        return fitted["W"]

    def transform(self, X):
        """Find W for new samples, the components as they are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            How much of each component each sample holds.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        H = self.components_.astype(X.dtype, copy=False)
        with passed_to("X in MiniBatchNMF"):
            return _partwise.transform_batches(engine_input(X), self._batch_options(H.shape[0]), engine_input(H))

    def partial_fit(self, X, y=None, W=None, H=None):
        """Update the components with one batch of samples.

        The rows of W are solved for, and not kept. H is what was learnt so far, of which `forget_factor` says how much
        is left, and what this batch adds; `batch_size` does not cut X. H stays of the dtype that it has.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.
        y : Ignored
            Present for API consistency by convention.
        W : array-like of shape (n_samples, n_components), default=None
            The start of W for ``init="custom"``, in the first call.
        H : array-like of shape (n_components, n_features), default=None
            The start of H for ``init="custom"``, in the first call.

        Returns
        -------
        self : object
            The estimator.
        """
        first = not hasattr(self, "components_")
        if first:
            # As scikit-learn: once, since it takes as long as a step with a small batch.
            self._validate_params()
        X = self._checked(X, reset=first)
        if first:
            H = self._begin(X, W, H)[1]
            memory = H.T, H.T, np.ones_like(H.T)
            self._settle_forgetting(X)
        else:
            X = X.astype(self.components_.dtype, copy=False)
            memory = (self.components_, self._components_numerator, self._components_denominator)
            memory = tuple(engine_input(array.T) for array in memory)
            if self._rho is None:
                self._settle_forgetting(X)
        options = self._batch_options(memory[0].shape[1])
        with passed_to("MiniBatchNMF (input X)"):
            memory, _ = _partwise.fit_batch(engine_input(X), options, memory, self._rho)
        self._keep(*memory)
        self.n_steps_ = 1 if first else self.n_steps_ + 1
        return self

    def fit_blocks(self, blocks, walks=1):
        """Update the components with blocks of samples from anywhere, one after another: `partial_fit` with each.

        No more than one block is held. A model that has learnt already goes on from there.

        Parameters
        ----------
        blocks : iterable of {array-like, sparse matrix} of shape (n_samples, n_features)
            Blocks of rows: a generator, a list, a reader of files. For several walks one that begins anew each time.
        walks : int, default=1
            Walks over the blocks, at least 1.

        Returns
        -------
        self : object
            The estimator.

        Examples
        --------
        >>> import numpy as np
        >>> from partwise import MiniBatchNMF
        >>> random = np.random.default_rng(0)
        >>> blocks = (random.random((100, 8)) for _ in range(5))
        >>> MiniBatchNMF(3, random_state=0).fit_blocks(blocks).n_steps_
        5
        """
        check_scalar(walks, "walks", Integral, min_val=1)
        if walks > 1 and iter(blocks) is blocks:
            raise ValueError(
                f"walks={walks} over a {type(blocks).__name__}, which ends with the first: expected 1, or blocks that "
                "begin anew, as those of a list do"
            )
        block = None
        for _ in range(walks):
            for block in blocks:
                self.partial_fit(block)
        if block is None:
            raise ValueError("blocks is empty; expected at least one block of samples")
        return self

    _missing = (
        "MiniBatchNMF takes every entry of a batch for known; for what is missing use "
        "NMF(missing_values=numpy.nan), which sees X whole"
    )

    def _own_meta(self):
        own = {name: getattr(self, name) for name in OWN}
        own = {name: value.item() if isinstance(value, np.generic) else value for name, value in own.items()}
        # The program finds new samples by the best solver there is.
        return {"solver": "auto", "minibatch": own | {"rho": self._rho, "steps": self.n_steps_}}

    def _own_arrays(self):
        return {"numerator": self._components_numerator, "denominator": self._components_denominator}

    @classmethod
    def _own_parameters(cls, meta):
        own = meta.get("minibatch", {})
        if not isinstance(own, dict):
            raise ValueError(f"meta has minibatch = {own!r}; expected an object")
        return {name: own[name] for name in OWN if name in own}

    def _take(self, arrays, meta):
        """A model of another estimator says what H is, and `partial_fit` begins there."""
        H, own = self.components_, meta.get("minibatch", {})
        rho, steps = own.get("rho"), own.get("steps", 0)
        if not (rho is None or isinstance(rho, int | float) and 0 <= rho <= 1):
            raise ValueError(f"meta has rho = {rho!r}; expected a number from 0 to 1, or null")
        if not (isinstance(steps, int) and steps >= 0):
            raise ValueError(f"meta has steps = {steps!r}; expected a whole number of zero or more")
        numerator, denominator = (arrays.get(name) for name in ("numerator", "denominator"))
        if numerator is None or denominator is None:
            numerator, denominator = H.copy(), np.ones_like(H)
        for name, array in (("numerator", numerator), ("denominator", denominator)):
            if array.shape != H.shape or array.dtype != H.dtype or not (np.isfinite(array) & (array >= 0)).all():
                raise ValueError(f"{name} must be a non-negative matrix of the shape and dtype of h")
        self._keep(H.T, numerator.T, denominator.T)
        self._rho, self.n_steps_ = rho, steps

    def _settle_forgetting(self, X):
        """What a batch leaves of the old statistics: settled by the first X that is seen."""
        self._rho = float(self.forget_factor) ** (min(self.batch_size, X.shape[0]) / X.shape[0])

    def _begin(self, X, W, H):
        if self.init == "custom":
            return self._given_start(X, W, H)
        self._warn_of_ignored_start(W, H)
        k = X.shape[1] if self.n_components in (None, "auto") else self.n_components
        return _starts.initialize(X, k, self.init, self.random_state)

    def _keep(self, *turned):
        """Takes H and the statistics behind it, turned as the engine has them: they are not copied."""
        H, self._components_numerator, self._components_denominator = (array.T for array in turned)
        self.components_ = H
        self.n_components_ = self._n_components = H.shape[0]

    def _batch_options(self, n_components):
        limit = self.max_iter if self.transform_max_iter is None else self.transform_max_iter
        patience = self.max_no_improvement
        return self._options(
            n_components,
            batch_size=count(self.batch_size),
            forget_factor=float(self.forget_factor),
            max_no_improvement=None if patience is None else count(patience),
            fresh_restarts=bool(self.fresh_restarts),
            fresh_restarts_max_iter=count(self.fresh_restarts_max_iter),
            transform_max_iter=count(limit),
        )
