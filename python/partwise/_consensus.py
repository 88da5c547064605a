"""ConsensusNMF."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from . import _partwise
from ._arrays import engine_input
from ._base import OF_ALL_FITS, SOLVERS, BaseNMF, count
from ._watch import SurveyWatch


class ConsensusNMF(BaseNMF):
    """What many fits agree on, and how sure each component is.

    NMF has many local minima, so one fit is one opinion. The components of many fits from drawn starts, as vectors of
    length 1, are put into clusters after those that no other fit finds again are left out; the components are the
    medians of the clusters (Kotliar et al. 2019, "cNMF"). W is found with them held.

    Parameters
    ----------
    n_components : int
        Number of components, at most min(n_samples, n_features).
    n_runs : int, default=100
        Fits from drawn starts, at least 2.
    threshold : float, default=0.5
        A component of a run is an outlier above this mean distance to its nearest neighbours among the components of
        all runs: above 0, and at most 2, which leaves out none.
    neighbours : float, default=0.3
        Share of the runs that count as neighbours, above 0 and at most 1.
    bootstrap : int, default=0
        Fits of samples drawn anew with replacement, from the consensus on, for intervals of 95 %, at
        least 2; 0 makes none.
    polish : bool, default=False
        Fit both factors from the consensus on; else the components are medians and only W is fitted.
    solver, beta_loss, tol, max_iter, alpha_W, alpha_H, l1_ratio, n_threads
        Of all fits; as in `NMF`. Runs end once the objective falls by less than `tol` an iteration, over five.
    random_state : int, RandomState instance or None, default=None
        For all starts and draws.
    progress : bool, default=False
        Show a bar of the fits.
    callback : callable or None, default=None
        Called with a `SurveyInfo` after each fit. A true return ends the work, and the consensus is that of the runs
        that are done, if these are at least two. With a callback or a bar Ctrl-C does so, too.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        H, each row with the sum 1, the component that stands for most of X first.
    share_ : ndarray of shape (n_components,)
        Share of the sum of X that each component stands for.
    stability_ : ndarray of shape (n_components,)
        Mean silhouette of the runs' components that each is the median of: 1 if they are the same, and far from others.
    found_ : ndarray of shape (n_components,)
        Share of the runs that found each.
    cosine_ : ndarray of shape (n_components,)
        Mean cosine of each and the runs' components that it is the median of.
    rival_ : ndarray of shape (n_components,)
        The least cosine of each and what a run within 0.1 % of the best has in its place.
    interval_ : tuple of two ndarray of shape (n_components, n_features)
        With a bootstrap: ends of the intervals of `components_`.
    share_interval_ : tuple of two ndarray of shape (n_components,)
        With a bootstrap: ends of the intervals of `share_`, as a share of what all components stand for.
    run_objective_ : ndarray of shape (n_runs,)
        What each run came to.
    n_outliers_ : int
        Components of runs that were left out.
    distance_ : ndarray of shape (n_runs * n_components,)
        The mean distance to its neighbours of each component of each run, for a choice of `threshold`.
    complete_ : bool
        Whether all fits were made.
    n_components_, reconstruction_err_, n_iter_, n_iter_single_, n_iter_approach_, n_features_in_, feature_names_in_,
    objective_, relative_error_, residual_, solver_, stop_reason_, history_
        As in `NMF`, of the last fit.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import ConsensusNMF
    >>> rng = np.random.RandomState(0)
    >>> kinds = np.kron(np.eye(3), np.ones((10, 5)))
    >>> X = kinds * rng.uniform(1, 2, kinds.shape)
    >>> model = ConsensusNMF(3, n_runs=10, random_state=0)
    >>> W = model.fit_transform(X)
    >>> bool(model.stability_.min() > 0.9)
    True
    """

    _parameter_constraints: dict = {
        **OF_ALL_FITS,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_runs": [Interval(Integral, 2, None, closed="left")],
        "threshold": [Interval(Real, 0, 2, closed="right")],
        "neighbours": [Interval(Real, 0, 1, closed="right")],
        "bootstrap": [Interval(Integral, 0, None, closed="left")],
        "polish": ["boolean"],
        "solver": [StrOptions(set(SOLVERS))],
        "progress": ["boolean"],
        "callback": [callable, None],
    }

    _of_some_fits = ("interval_", "share_interval_")

    def __init__(
        self,
        n_components,
        *,
        n_runs=100,
        threshold=0.5,
        neighbours=0.3,
        bootstrap=0,
        polish=False,
        solver="auto",
        beta_loss="frobenius",
        tol=1e-4,
        max_iter=200,
        random_state=None,
        alpha_W=0.0,
        alpha_H="same",
        l1_ratio=0.0,
        n_threads=None,
        progress=False,
        callback=None,
    ):
        self.n_components = n_components
        self.n_runs = n_runs
        self.threshold = threshold
        self.neighbours = neighbours
        self.bootstrap = bootstrap
        self.polish = polish
        self.solver = solver
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.n_threads = n_threads
        self.progress = progress
        self.callback = callback

    def fit_transform(self, X, y=None):
        """Make all fits, and return W of the components that they agree on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data. Read in place if it is an array of float64 or float32, or a CSR or CSC matrix of them.
        y : Ignored
            Present for API consistency by convention.

        Returns
        -------
        W : ndarray of shape (n_samples, n_components)
            How much of each component each sample holds.
        """
        self._validate_params()
        X = self._checked(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        options = self._options(self.n_components, solver=self.solver, seed=seed)
        options |= {"n_runs": count(self.n_runs), "bootstrap": count(self.bootstrap), "polish": bool(self.polish)}
        options |= {"threshold": float(self.threshold), "neighbours": float(self.neighbours)}
        with SurveyWatch(name="consensus", callback=self.callback, progress=self.progress) as watch:
            found = _partwise.fit_consensus(engine_input(X), options, watch.function, watch.keeps_best)
        if found is None:
            raise watch.ended("the consensus was ended before two runs were done")
        self._learned(found["fit"])
        self.share_ = found["share"]
        self.stability_ = found["silhouette"]
        self.found_ = found["found"]
        self.cosine_ = found["cosine"]
        self.rival_ = found["rival"]
        self.run_objective_ = found["objective"]
        self.distance_ = found["distance"]
        self.n_outliers_ = int((~found["kept"]).sum())
        self.complete_ = found["complete"]
        if found["intervals"] is not None:
            _, lower, upper, _, share_lower, share_upper = found["intervals"]
            self.interval_ = lower, upper
            self.share_interval_ = share_lower, share_upper
        return found["fit"]["W"]

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
        return self._with_held_components(X, self.solver)
