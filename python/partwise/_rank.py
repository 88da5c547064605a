"""How many components: rank_survey and what it returns."""

from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from . import _partwise
from ._arrays import checked, engine_input
from ._base import OF_ALL_FITS, OF_THE_ENGINE, SOLVERS, count, engine_options
from ._watch import SurveyWatch

LARGEST = 20
"""The largest rank that is looked at unless others are asked for."""

FOLDS = 5

METHODS = tuple(name for name, *_ in _partwise.rank_methods())

_CONSTRAINTS = {
    **OF_ALL_FITS,
    "starts": [Interval(Integral, 2, None, closed="left")],
    "folds": [Interval(Integral, 2, None, closed="left")],
    "solver": [StrOptions(set(SOLVERS))],
    "progress": ["boolean"],
    "callback": [callable, None],
}


@dataclass(frozen=True, eq=False)
class RankCurve:
    """What one method says of each rank.

    Attributes
    ----------
    method, title, source, measure : str
        Its short name, what it looks at, its papers, and what its figure is called.
    weak : bool
        Whether it is shown for comparison and should not decide.
    ranks : ndarray of shape (n,)
        The ranks with a figure, rising: methods that compare groups have none of rank 1.
    values : ndarray of shape (n,)
        The figures.
    errors : ndarray of shape (n,)
        Standard errors of the figures that are means of held-out errors, else NaN.
    repeats : ndarray of shape (n, n_repeats)
        The figures of the folds, blocks or starts; no columns where a figure is of all together. At a rank with fewer
        of them NaN stands behind.
    proposed : int or None
        The rank that its rule comes to.
    reason : str or None
        Why, as the end of a sentence about that rank.
    """

    method: str
    title: str
    source: str
    measure: str
    weak: bool
    ranks: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    repeats: np.ndarray = field(repr=False)
    proposed: int | None
    reason: str | None


@dataclass(frozen=True, eq=False)
class RankSurvey:
    """What `rank_survey` found.

    Attributes
    ----------
    rank : int or None
        The chosen rank: of methods that were named the first one's; else that of "cv", but no larger than that of
        "stability". None if there is none.
    reason : str
        Why, in a sentence.
    ranks : ndarray of int
        The ranks that were looked at, rising.
    curves : dict of str to RankCurve
        What each method says, by its name, in the order of the methods.
    complete : bool
        Whether all ranks were looked at: False after a callback or Ctrl-C ended the survey.
    seconds : float
        Seconds that it took.
    samples : ndarray of int
        The samples whose groups were compared: all, or 1000 that were drawn.
    groups : dict of int to ndarray of shape (starts, n_compared)
        For each rank the strongest component of each of those samples, by each start; empty if no method compares
        starts.
    """

    rank: int | None
    reason: str
    ranks: np.ndarray
    curves: dict
    complete: bool
    seconds: float
    samples: np.ndarray = field(repr=False)
    groups: dict = field(repr=False)

    def consensus(self, rank=None):
        """How often two samples have the same strongest component, over starts.

        Parameters
        ----------
        rank : int, default=None
            One of the ranks that were looked at; None takes the chosen one.

        Returns
        -------
        samples : ndarray of int
            The samples, those often together side by side: the order of the leaves of their tree.
        shares : ndarray of shape (n_compared, n_compared)
            The share of starts, in that order.
        """
        rank = self.rank if rank is None else rank
        if not self.groups:
            raise ValueError("no method of this survey compares starts; 'consensus' or 'stability' does")
        if rank not in self.groups:
            raise ValueError(f"rank = {rank!r}: expected one of those looked at, {self.ranks.tolist()}")
        order, shares = _partwise.consensus(self.groups[rank])
        return self.samples[order], shares


def rank_survey(
    X,
    ranks=None,
    *,
    methods=None,
    starts=10,
    folds=FOLDS,
    beta_loss="frobenius",
    solver="auto",
    tol=1e-4,
    max_iter=200,
    alpha_W=0.0,
    alpha_H="same",
    l1_ratio=0.0,
    random_state=None,
    n_threads=None,
    progress=False,
    callback=None,
):
    """Look at many ranks by several methods, each of which proposes one by a stated rule.

    Cross-validation ("cv" and "bcv") asks how well entries are predicted that a fit has not seen. The methods on
    several starts ask whether groups of samples ("consensus", "dispersion") or components ("stability") are found
    again. "relevance" is one fit that prunes its components. "bic" and "elbow" are weak and for comparison. Of methods
    that are given the first decides; of all it is "cv", but no more components than "stability" finds again.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Non-negative data. Read in place if it is an array of float64 or float32, or a CSR or CSC matrix of them.
    ranks : int or iterable of int, default=None
        The numbers of components to look at, up to min(n_samples, n_features). None: from 1 to that or 20, whichever is
        less.
    methods : str or sequence of str, default=None
        Of "cv", "bcv", "consensus", "dispersion", "stability", "relevance", "bic" and "elbow"; the first decides.
        None: all that handle the loss; "cv" decides, but no more than "stability" says.
    starts : int, default=10
        Fits from drawn starts that are compared at each rank, from 2 to 1,000,000.
    folds : int, default=5
        Folds of single entries, each held out once, for "cv"; from 2 to min(n_samples, n_features).
    beta_loss, solver, tol, max_iter, alpha_W, alpha_H, l1_ratio, n_threads
        Of all fits; as in `NMF`. They end once the objective falls by less than `tol` an iteration, over five.
    random_state : int, RandomState instance or None, default=None
        For starts, folds and blocks.
    progress : bool, default=False
        Show a bar of the fits.
    callback : callable or None, default=None
        Called with a `SurveyInfo` after each fit. A true return ends the survey, which returns what is known of the
        ranks that are done. With a callback or a bar Ctrl-C does so, too.

    Returns
    -------
    survey : RankSurvey
        The chosen rank (``rank``), why (``reason``), the curves of all methods, and the consensus of samples.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import rank_survey
    >>> rng = np.random.RandomState(0)
    >>> kinds = np.kron(np.eye(3), np.ones((10, 5)))
    >>> X = kinds * rng.uniform(1, 2, kinds.shape) + rng.uniform(0, 0.1, kinds.shape)
    >>> survey = rank_survey(X, ranks=range(1, 6), methods=["cv", "stability"], random_state=0)
    >>> survey.rank
    3
    >>> curve = survey.curves["stability"]
    >>> curve.ranks.tolist(), curve.proposed
    ([2, 3, 4, 5], 3)
    >>> samples, shares = survey.consensus()
    >>> shares.shape
    (30, 30)
    """
    given = {name: value for name, value in locals().items() if name in _CONSTRAINTS}
    validate_parameter_constraints(_CONSTRAINTS, given, caller_name="rank_survey")
    X = checked(X)
    options = engine_options(
        1,
        **{name: given[name] for name in OF_THE_ENGINE},
        solver=solver,
        seed=int(check_random_state(random_state).randint(np.iinfo(np.int32).max)),
        starts=count(starts),
        folds=count(folds),
        ranks=_ranks(ranks, X.shape),
        methods=_methods(methods),
    )
    return survey(X, options, SurveyWatch(callback=callback, progress=progress))


def survey(X, options, watch):
    """A survey of a checked X with the engine's options."""
    with watch:
        found = _partwise.survey(engine_input(X), options, watch.function, watch.keeps_best)
    pairs = zip(found["ranks"], found["groups"], strict=True)
    return RankSurvey(
        rank=found["rank"],
        reason=found["reason"] or _no_reason(found),
        ranks=np.array(found["ranks"], dtype=int),
        curves={curve["method"]: RankCurve(**curve) for curve in found["curves"]},
        complete=found["complete"],
        seconds=found["seconds"],
        samples=found["samples"],
        groups={rank: groups for rank, groups in pairs if groups is not None},
    )


def default_ranks(shape):
    """The ranks that are looked at unless others are asked for."""
    return list(range(1, min(LARGEST, *shape) + 1))


def _no_reason(found):
    if not found["ranks"]:
        return "The survey was ended before a rank was done."
    method = found["curves"][0]["method"]
    return f"The method {method!r} proposes none of these ranks; another, put first, may."


def _ranks(ranks, shape):
    if ranks is None:
        return default_ranks(shape)
    legal = "expected numbers of components from 1 on"
    try:
        ranks = [ranks] if isinstance(ranks, Integral) else list(ranks)
    except TypeError:
        raise ValueError(f"ranks = {ranks!r}: {legal}") from None
    if not ranks:
        raise ValueError(f"ranks is empty: {legal}")
    for rank in ranks:
        if not isinstance(rank, Integral) or isinstance(rank, (bool, np.bool_)) or rank < 1:
            raise ValueError(f"ranks has {rank!r}: {legal}")
    return [count(rank) for rank in ranks]


def _methods(methods):
    if methods is None:
        return None
    methods = [methods] if isinstance(methods, str) else list(methods)
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"methods has {method!r}: expected some of {', '.join(METHODS)}")
    return methods
