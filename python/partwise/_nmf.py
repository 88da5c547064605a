"""The estimator NMF."""

import warnings
from numbers import Integral

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, check_non_negative

from . import _partwise, _rank, _starts
from ._arrays import checked, checked_factor, engine_input, passed_to, refuse_other_dtypes
from ._base import SOLVERS, BaseNMF
from ._labels import classes_of, from_text, kind, takes_labels, to_text
from ._model import ModelFile
from ._quality import FitQuality
from ._watch import SurveyWatch, Watch

SAME_STARTS = ("cd", "mu")
"""Solvers that follow scikit-learn's, which begin where it begins."""


class NMF(ModelFile, BaseNMF):
    """Non-negative matrix factorisation.

    Finds W (n_samples × n_components) and H (n_components × n_features), nothing in them below zero, such that X ≈ W H.
    What is minimised is, as in scikit-learn,

    ``D(X, WH) + alpha_W · l1_ratio · n_features · ‖W‖₁ + alpha_H · l1_ratio · n_samples · ‖H‖₁
    + ½ alpha_W · (1 − l1_ratio) · n_features · ‖W‖² + ½ alpha_H · (1 − l1_ratio) · n_samples · ‖H‖²``

    where D is half the squared Frobenius norm of X − WH or another beta-divergence. Where entries are missing or
    weighted, each row of W has for n_features, and each column of H for n_samples, the sum of the weights of its row or
    column of X, a missing entry weighing nothing: penalties keep their strength beside the data, however few are known.

    Parameters
    ----------
    n_components : int, {"auto", "cv"} or None, default="auto"
        Number of components. "auto" takes that of H where H is given, else the number of features, as None does. "cv"
        looks at 1 to min(20, n_samples, n_features) components by cross-validation and takes the smallest number whose
        held-out error is within one standard error of the least, as ``rank_survey(X, methods="cv")`` does.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "spa", "snpa", "custom"}, default=None
        Where to begin. None: "nndsvda" if ``n_components <= min(n_samples, n_features)``, else "random"; "random" where
        entries are missing or weighted, and that of the constraint where there is one ("separable": "snpa",
        "min-volume" and "orthogonal": "spa", "semi" and "convex": "random").
        "spa" (successive projection) takes rows of X that are far from each other, "snpa" rows far from mixtures of
        each other; "custom" takes the W and H given to `fit_transform`. With ``solver="cd"`` or ``"mu"`` the start is
        scikit-learn's, number for number.
    solver : str, default="auto"
        "auto" takes the best for the loss. "cd" and "mu" are scikit-learn's, with its stopping rules; further "hals",
        "sketched", "newton", "als", "anls", "pg" and "apg".
    beta_loss : float or {"frobenius", "kullback-leibler", "itakura-saito"}, default="frobenius"
        The divergence; beta ≤ 0 needs every entry of X above zero.
    tol : float, default=1e-4
        Tolerance of the solver's stopping rule, at least 0. "hals" and "sketched" end once the objective falls by no
        more than this share of itself over 20 iterations, "newton" over 10; "mu" once sqrt(2 D) falls over 10
        iterations by less than this share of what it is at the start; the others once the sum of the projected gradient
        is this share of that of the first iteration. With a constraint every solver ends as "hals" does; transforms by
        "hals", "sketched" and "newton" end by the projected gradient. 0 goes on to the limit, or until nothing moves.
    max_iter : int, default=200
        Limit on iterations, at least 1.
    random_state : int, RandomState instance or None, default=None
        For random starts, and the sketch of the nndsvd* starts.
    alpha_W : float, default=0.0
        Strength of the penalty on W, at least 0.
    alpha_H : float or "same", default="same"
        Strength of the penalty on H, at least 0; "same" takes that on W.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalties, from 0 to 1.
    verbose : int, default=0
        Print each iteration.
    shuffle : bool, default=False
        Draw the order in which ``solver="cd"`` visits the components, in each of the first 10,000 half-steps
        (of fewer with more than 200 components).
    missing_values : numpy.nan or None, default=None
        numpy.nan: entries that are NaN are not known. They count neither in `fit` nor in `transform`, and
        `inverse_transform` fills them in.
    zeros : {"data", "missing"}, default="data"
        What a sparse X does not store: zeros, or entries that are not known, as in a matrix of ratings.
    constraint : str, list of str or None, default=None
        What a factor must be besides non-negative: "separable", "min-volume", "simplex", "orthogonal", "hoyer",
        "graph", "labels", "symmetric", "convex" or "semi", on another factor than the usual one ("h:orthogonal") and
        with a number ("w:hoyer=0.7"); a list has one for each factor. The loss is then Frobenius ("separable" takes
        any). In `transform` those that say something of each sample alone hold too. With "convex", and with "semi" on
        H, X and the components may have entries of any sign; with "semi" on W, X and W.
    graph : {array-like, sparse matrix} of shape (n_samples, n_samples) or None, default=None
        For ``constraint="graph"``: who is a neighbour of whom, a symmetric matrix of weights. With ``"h:graph"`` it is
        of the features. None takes the 5 nearest of each sample by angle. (``constraint="labels"`` takes the classes of
        the samples from y.)
    lean : bool, default=False
        Make no copy of a sparse X by its other axis, which takes as much memory as X itself; each entry goes to the
        sum of its column instead, in somewhat more time. The answer for a CSR matrix is the same, but that
        ``solver="newton"`` takes multiplicative steps for H. A dense X is never copied.
    n_threads : int or None, default=None
        Threads to work with; None takes OMP_NUM_THREADS or all processors. The answer has the same bits for any number.
    n_init : int, default=1
        Starts to try, at least 1; the fit with the lowest objective is kept. The first begins as `init` says, the
        others at random.
    warm_start : bool, default=False
        Begin where the last call of `fit` ended.
    progress : bool, default=False
        Show a bar with the objective.
    callback : callable or None, default=None
        Called with an `IterationInfo` after each iteration. A true return ends the fit with the best factors so far.
        With a callback or a bar Ctrl-C does so, too.

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
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features, where X has any that are all strings.
    objective_ : float
        What was minimised, penalties included.
    objectives_ : ndarray of shape (n_init,)
        The same of each start.
    relative_error_ : float
        ‖X − WH‖ / ‖X‖ in the Frobenius norm, whatever the loss.
    residual_ : float
        How far from a stationary point the factors are: the sum of the projected gradient's sizes over that of its data
        part, of both factors the larger.
    dead_components_ : ndarray of int
        Components without weight. A `ComponentWarning` names them where a converged fit was not asked for them: without
        a penalty, and with fewer components than X has rows or columns.
    duplicate_components_ : ndarray of int of shape (n_pairs, 2)
        Pairs of the other components whose rows of H have a cosine above 0.99; warned of in the same way where one
        component would do as well as both, to a hundredth of the squared error.
    solver_ : str
        The solver that did the work.
    n_iter_single_ : int
        How many of the iterations, the first ones, were done in single precision, where `solver="auto"` chose so.
    n_iter_approach_ : int
        How many iterations for the squared loss, before the first one, took the start near a dense X, where
        `solver="auto"` chose so for the Kullback–Leibler loss.
    stop_reason_ : {"converged", "max_iter", "stopped"}
        Why the fit ended.
    history_ : dict of ndarray
        "iteration", "seconds", "objective", "residual" and "sketched" after each iteration: on a sketch of X the
        objective is an estimate.
    picked_ : ndarray of int
        With ``constraint="separable"``: the rows of X that the components are.
    mixture_ : ndarray of shape (n_components, n_samples)
        With ``constraint="convex"``: ``components_ = mixture_ @ X``, each row with a sum of one.
    classes_ : ndarray of shape (n_classes,)
        With ``constraint="labels"``: the classes in y.
    class_parts_ : ndarray of shape (n_components, n_classes)
        With ``constraint="labels"``: which class each component speaks of. ``W @ class_parts_`` is near one in the
        column of a sample's class, and near zero in others.
    survey_ : RankSurvey
        With ``n_components="cv"``: the curve over the numbers of components, and why one was taken.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import NMF
    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> model = NMF(n_components=2, init="random", random_state=0)
    >>> W = model.fit_transform(X)
    >>> H = model.components_
    >>> bool(model.reconstruction_err_ < 0.01)
    True
    """

    _parameter_constraints: dict = {
        **BaseNMF._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left"), None, StrOptions({"auto", "cv"})],
        "solver": [StrOptions(set(SOLVERS))],
        "shuffle": ["boolean"],
        "missing_values": [None, np.nan],
        "zeros": [StrOptions({"data", "missing"})],
        "constraint": [None, str, list, tuple],
        "graph": [None, "array-like", "sparse matrix"],
        "lean": ["boolean"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "progress": ["boolean"],
        "callback": [callable, None],
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
        shuffle=False,
        missing_values=None,
        zeros="data",
        constraint=None,
        graph=None,
        lean=False,
        n_threads=None,
        n_init=1,
        warm_start=False,
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
        self.solver = solver
        self.shuffle = shuffle
        self.missing_values = missing_values
        self.zeros = zeros
        self.constraint = constraint
        self.graph = graph
        self.lean = lean
        self.n_init = n_init
        self.warm_start = warm_start
        self.progress = progress
        self.callback = callback

    def fit(self, X, y=None, sample_weight=None, entry_weight=None, fixed_W=None, fixed_H=None, **params):
        """Learn the components of X.

        Parameters
        ----------
        X, y, sample_weight, entry_weight, fixed_W, fixed_H
            As in `fit_transform`.
        **params : kwargs
            Passed to `fit_transform`: starts W and H for ``init="custom"``.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        ours = {"sample_weight": sample_weight, "entry_weight": entry_weight, "fixed_W": fixed_W, "fixed_H": fixed_H}
        self.fit_transform(X, y, **ours, **params)
        return self

    def fit_transform(
        self, X, y=None, W=None, H=None, sample_weight=None, entry_weight=None, fixed_W=None, fixed_H=None
    ):
        """Learn the components of X and return W.

        Where entries are missing or weighted each row and each column of X has sums of its own: that takes about
        ``n_components / 2`` times as long as a fit of all entries. Not so with ``solver="auto"`` or ``"hals"`` where no
        more than half of any row or column is NaN and nothing is weighted. The start is drawn (``init="random"``), or
        given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data. Read in place if it is an array of float64 or float32, or a CSR or CSC matrix of them.
        y : array-like of shape (n_samples,), default=None
            The classes of the samples for ``constraint="labels"``, with -1, None or NaN where one is not known (for
            ``"h:labels"`` those of the features). Ignored without that constraint.
        W : array-like of shape (n_samples, n_components), default=None
            The start of W for ``init="custom"``.
        H : array-like of shape (n_components, n_features), default=None
            The start of H for ``init="custom"``.
        sample_weight : array-like of shape (n_samples,), default=None
            What the divergence of each sample is multiplied by, zero or more.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            What the divergence of each entry is multiplied by, zero or more; where a sparse one stores nothing it is 0.
        fixed_W : array-like of int or bool, default=None
            Components whose columns of W stay as given, by number or as a mask; for ``init="custom"``.
        fixed_H : array-like of int or bool, default=None
            Components whose rows of H stay as given: known sources among unknown ones; for ``init="custom"``.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            How much of each component each sample holds. A sample of which nothing is known holds nothing.
        """
        self._validate_params()
        X = self._checked(X, reset=True, whole=self._takes_whole(sample_weight, entry_weight))
        weights = self._weighting(X, sample_weight, entry_weight)
        classes, labels = classes_of(y) if any(map(takes_labels, self._constraints())) else (None, None)
        fitted = self._factor(X, W, H, weights, fixed={"fixed_W": fixed_W, "fixed_H": fixed_H}, labels=labels)
        self._learned(fitted)
        self._judged(fitted)
        self.objectives_ = np.array(fitted["objectives"])
        if fitted["picked"]:
            self.picked_ = np.array(fitted["picked"], dtype=np.intp)
        if fitted["mixture"] is not None:
            self.mixture_ = fitted["mixture"]
        if labels is not None:
            self.classes_, self.class_parts_ = classes, fitted["class_parts"]
        if fitted["survey"] is not None:
            self.survey_ = fitted["survey"]
        # A copy, since the other one is the caller's to change.
        self._last_W = fitted["W"].copy() if self.warm_start else None
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
        X = self._checked(X, reset=False, whole=self._takes_whole())
        H = self.components_.astype(X.dtype, copy=False)
        watch = {"verbose": self.verbose}
        with passed_to("X in NMF"):
            return self._run(X, H.shape[0], self._weighting(X), H=H, hold="H", watch=watch)["W"]

    @available_if(lambda self: any(takes_labels(text) and text[:2] != "h:" for text in self._constraints()))
    def predict(self, X):
        """Tell the classes of new samples, with ``constraint="labels"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.

        Returns
        -------
        classes : ndarray of shape (n_samples,)
            The class with the largest entry in each row of ``transform(X) @ class_parts_``.

        Examples
        --------
        >>> import numpy as np
        >>> from partwise import NMF
        >>> X = [[5, 1, 0], [1, 4, 0], [5, 1, 3], [2, 5, 3]]
        >>> model = NMF(3, constraint="labels", random_state=0, max_iter=1000).fit(X, ["a", "a", "b", "b"])
        >>> model.predict([[2, 2, 0], [2, 2, 3]])
        array(['a', 'b'], dtype='<U1')
        """
        check_is_fitted(self)
        # Which may be a frame.
        W = np.asarray(self.transform(X))
        return self.classes_[(W @ self.class_parts_).argmax(axis=1)]

    def quality(self, X):
        """Compare the error of the components on X with the least that any matrix of their rank has.

        That takes a transform and a truncated singular value decomposition of X. Every entry of X counts.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data: those of the fit, or others.

        Returns
        -------
        quality : FitQuality
            Half the squared error and its lower bound, and both as relative errors.

        Examples
        --------
        >>> import numpy as np
        >>> from partwise import NMF
        >>> X = np.random.default_rng(0).random((30, 20))
        >>> found = NMF(4, random_state=0).fit(X).quality(X)
        >>> bool(0 < found.least_relative_error < found.relative_error < 1)
        True
        """
        check_is_fitted(self)
        if self.missing_values is not None or self.zeros == "missing":
            raise ValueError(
                "quality compares with a singular value decomposition, in which every entry counts; got "
                f"missing_values={self.missing_values!r} and zeros={self.zeros!r}"
            )
        X = self._checked(X, reset=False, whole=self._takes_whole())
        H = self.components_.astype(X.dtype, copy=False)
        watch = {"verbose": self.verbose}
        with passed_to("X in NMF"):
            found = self._run(X, H.shape[0], None, H=H, hold="H", watch=watch, quality=True)
        return FitQuality(*found["quality"])

    _of_some_fits = ("picked_", "mixture_", "classes_", "class_parts_", "survey_")

    _missing = "Where it stands for what is not known, give missing_values=numpy.nan"

    def _finite(self):
        return True if self.missing_values is None else "allow-nan"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing_values is not None
        return tags

    def _own_meta(self):
        nan = None if self.missing_values is None else "nan"
        kept = {"solver": self.solver_, "missing_values": nan, "zeros": self.zeros}
        if hasattr(self, "classes_"):
            kept["class_type"] = to_text(self.classes_)[1]
        return kept | ({"constraint": self._constraints()} if self._constraints() else {})

    @classmethod
    def _own_parameters(cls, meta):
        return {
            "solver": meta["solver"],
            "missing_values": np.nan if meta.get("missing_values") == "nan" else meta.get("missing_values"),
            "zeros": meta.get("zeros", "data"),
            "constraint": meta.get("constraint"),
        }

    def _take(self, arrays, meta):
        self.solver_ = meta["solver"]
        if "c" in arrays:
            self.mixture_ = arrays["c"]
        if "b" in arrays:
            self.class_parts_ = arrays["b"]
            self.classes_ = from_text(arrays.get("classes", np.array([])), meta.get("class_type"))
            expected = self.n_components_, len(self.classes_)
            if self.class_parts_.shape != expected:
                raise ValueError(f"b has the shape {self.class_parts_.shape}; expected {expected}")

    def _own_arrays(self):
        arrays = {"c": self.mixture_} if hasattr(self, "mixture_") else {}
        if hasattr(self, "classes_"):
            arrays |= {"b": self.class_parts_, "classes": to_text(self.classes_)[0]}
        return arrays

    def _factor(self, X, W, H, weights, update_W=True, update_H=True, fixed=None, labels=None):
        """Factors X from the start that the parameters ask for."""
        self._check_solver()
        fixed = {name: value for name, value in (fixed or {}).items() if value is not None}
        if not (update_W and update_H):
            if fixed:
                raise ValueError(f"{' and '.join(fixed)} needs update_W=True and update_H=True; a factor is held whole")
            return self._solve_one(X, W, H, weights, update_W)
        k = self.n_components
        if k is None or (k == "auto" and self.init != "custom"):
            k = X.shape[1]
        survey = self._surveyed(X, weights) if k == "cv" else None
        if survey is not None:
            k = survey.rank
        if self.n_init > 1:
            self._check_several(fixed)
        if self.init == "custom":
            W, H = self._given_start(X, W, H)
            k = H.shape[0]
            fixed = {name: _component_numbers(name, value, k) for name, value in fixed.items()}
        else:
            if fixed:
                raise ValueError(
                    f"{' and '.join(fixed)} needs init='custom' with W and H given; got init={self.init!r}"
                )
            self._warn_of_ignored_start(W, H)
            W = H = None
        last = self._last_factors(X, k, weights) if W is None else None
        best, objectives = None, []
        for init, random_state in self._tries(k, X.shape, weights):
            start = {"W": W, "H": H}
            if last is not None and best is None:
                start = last
            elif init != "custom":
                start = self._start(X, k, init, random_state, weights)
            whom = "NMF (input X)" if self.init == "custom" else "NMF initialization"
            with passed_to(whom):
                fitted = self._run(X, k, weights, **start, fixed=fixed, labels=labels)
            objectives.append(fitted["objective"])
            if best is None or fitted["objective"] < best["objective"]:
                best = fitted
            if fitted["stop"] == "stopped":
                break
        self._warn_of_flaws(best)
        return best | {"objectives": objectives, "survey": survey}

    def _check_several(self, fixed):
        """Refuses several starts where there is but one."""
        if fixed:
            raise ValueError(
                f"n_init={self.n_init} with {' and '.join(fixed)}: expected 1, since only the start given has them"
            )
        if any(kind(text) == "separable" for text in self._constraints()):
            raise ValueError(
                f"n_init={self.n_init} with constraint={self.constraint!r}: expected 1; its start is not drawn"
            )

    def _surveyed(self, X, weights):
        """The survey that finds the number of components by cross-validation."""
        if self.init == "custom":
            raise ValueError("n_components='cv' finds the number of components, but init='custom' gives it")
        if weights is not None:
            raise ValueError(
                "n_components='cv' holds entries out itself: it takes no missing entries, sample_weight or entry_weight"
            )
        least = min(X.shape)
        if least < 2:
            raise ValueError(
                f"n_components='cv' needs at least 2 samples and 2 features to hold entries out; X is {X.shape}"
            )
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        options = self._options(1, solver=self.solver, seed=seed, ranks=_rank.default_ranks(X.shape))
        options |= {"methods": ["cv"], "starts": 2, "folds": min(_rank.FOLDS, least)}
        watch = SurveyWatch(progress=self.progress, keep=False)
        return _rank.survey(X, options, watch)

    def _solve_one(self, X, W, H, weights, update_W):
        """Finds one factor while the other is held."""
        hold, ignored, name = ("H", W, "W") if update_W else ("W", H, "H")
        if ignored is not None:
            warnings.warn(
                f"When update_{hold}=False, the provided initial {name} is not used.",
                RuntimeWarning,
                stacklevel=4,
            )
        if self.n_components == "cv":
            raise ValueError(f"n_components='cv' finds the number of components, but update_{hold}=False gives it")
        k = X.shape[1] if self.n_components is None else self.n_components
        shape = (k, X.shape[1]) if update_W else (X.shape[0], k)
        held = checked_factor(H if update_W else W, shape, f"NMF (input {hold})", self._signed() == hold)
        refuse_other_dtypes(X.dtype, **{hold: held})
        k = held.shape[0] if update_W else held.shape[1]
        return self._run(X, k, weights, **{hold: held}, hold=hold)

    def _tries(self, n_components, shape, weights):
        """(init, random_state) of each start; those after the first are random and take seeds of their own."""
        init = self.init
        if init is None and weights is not None:
            init = "random"
        elif init is None and self._constraints():
            init = "auto"
        elif init != "custom":
            init = _starts.chosen(init, n_components, shape)
        yield init, self.random_state
        random = check_random_state(self.random_state)
        for _ in range(self.n_init - 1):
            yield "random", random.randint(np.iinfo(np.int32).max)

    def _start(self, X, n_components, init, random_state, weights):
        """What to hand to the engine for a start: both factors, or a name and a seed."""
        theirs = init not in ("spa", "snpa", "auto") and self.solver in SAME_STARTS
        drawn_here = self._takes_start() and not self._signed()
        if weights is None and (init == "random" or theirs) and drawn_here:
            W, H = _starts.initialize(X, n_components, init, random_state)
            return {"W": W, "H": H}
        seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
        return {"init": init, "seed": seed}

    def _constraints(self):
        """The constraints as a list of texts."""
        if self.constraint is None:
            return []
        return [self.constraint] if isinstance(self.constraint, str) else [str(text) for text in self.constraint]

    def _signed(self):
        return _partwise.signed_factor(self._constraints())

    def _takes_start(self):
        """Whether there are factors to begin at: not where H is made of rows of X."""
        return not any(kind(text) in ("convex", "separable") for text in self._constraints())

    def _graph(self, hold=None):
        """The graph as the engine takes it; new samples have no neighbours."""
        if self.graph is None or hold == "H":
            return None
        return engine_input(checked(self.graph, input_name="graph"))

    def _last_factors(self, X, n_components, weights):
        """The factors of the last fit, where they can begin this one."""
        if not (self.warm_start and hasattr(self, "components_") and self._takes_start()):
            return None
        H = self.components_.astype(X.dtype, copy=False)
        if H.shape != (n_components, X.shape[1]):
            return None
        W = getattr(self, "_last_W", None)
        if W is None or W.shape != (X.shape[0], n_components):
            W = self._run(X, n_components, weights, H=H, hold="H", watch={}, warn=False)["W"]
        return {"W": W.astype(X.dtype, copy=False), "H": H}

    def _takes_whole(self, *weights):
        """Whether the fit needs no more of X than its rows, so that integers can be turned into floats run by run."""
        theirs = self.solver in SAME_STARTS and self.init not in ("random", "custom")
        even = self.missing_values is None and self.zeros == "data" and all(weight is None for weight in weights)
        return self._beta() == 2 and even and not (theirs or self._constraints() or self.n_components == "cv")

    def _weighting(self, X, sample_weight=None, entry_weight=None):
        """What the entries of X count for, as the engine takes it; None if all count alike."""
        missing = None if self.missing_values is None else "nan"
        if self.zeros == "missing":
            if not sp.issparse(X):
                raise ValueError(
                    "zeros='missing' is for a sparse X, which does not store what is missing; mark what is missing "
                    "in an array with NaN, and give missing_values=numpy.nan"
                )
            missing = "unstored"
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
            sample_weight = np.ascontiguousarray(sample_weight)
        if entry_weight is not None:
            entry_weight = checked(entry_weight, dtype=X.dtype, input_name="entry_weight")
            if entry_weight.shape != X.shape:
                raise ValueError(f"entry_weight has the shape {entry_weight.shape}; expected that of X, {X.shape}")
            check_non_negative(entry_weight, "NMF (entry_weight)")
            entry_weight = engine_input(entry_weight)
        if missing is None and sample_weight is None and entry_weight is None:
            return None
        return missing, sample_weight, entry_weight

    def _run(
        self,
        X,
        n_components,
        weights,
        *,
        W=None,
        H=None,
        hold=None,
        init="random",
        seed=0,
        watch=None,
        warn=True,
        fixed=None,
        labels=None,
        quality=False,
    ):
        """One fit by the engine, watched as the parameters say unless `watch` says otherwise."""
        if watch is None:
            watch = {"callback": self.callback, "verbose": self.verbose, "progress": self.progress}
        options = self._fit_options(n_components, init=init, seed=seed, constraint=self._constraints(), **(fixed or {}))
        if self.shuffle and self.solver == "cd" and not self._constraints():
            random = check_random_state(self.random_state)
            half_steps = min(self.max_iter * (2 if hold is None else 1), 10_000, 2_000_000 // n_components)
            options["orders"] = [random.permutation(n_components).tolist() for _ in range(half_steps)]
        # With a constraint every solver ends as "hals" does.
        solver = "" if self._constraints() else self.solver
        with Watch(solver=solver, tol=self.tol, **watch) as watch:
            factors = (None if A is None else engine_input(A) for A in (W, H))
            fitted = _partwise.fit(
                engine_input(X),
                options,
                *factors,
                hold,
                watch.function,
                watch.keeps_best,
                weights,
                self._graph(hold),
                labels,
                bool(self.lean),
                quality,
            )
            watch.conclude(fitted["stop"])
        if warn and fitted["stop"] != "stopped":
            self._warn_if_cut_short(fitted["n_iter"])
        return fitted


def _component_numbers(name, value, n_components):
    """Numbers of components from numbers or a mask."""
    if value is None:
        return []
    value = np.asarray(value)
    legal = f"expected numbers of components from 0 to {n_components - 1}, or a mask of {n_components}"
    if value.ndim != 1 or (value.size and value.dtype.kind not in "bui"):
        raise ValueError(f"{name} = {value!r}: {legal}")
    if value.dtype.kind == "b":
        if len(value) != n_components:
            raise ValueError(f"{name} is a mask of {len(value)}: {legal}")
        value = np.flatnonzero(value)
    for component in value:
        if not 0 <= component < n_components:
            raise ValueError(f"{name} has the component {component}: {legal}")
    return [int(component) for component in value]
