"""NMFTree."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from . import _partwise
from ._arrays import engine_input
from ._base import INITS, OF_ALL_FITS, SOLVERS, BaseNMF, count
from ._watch import SurveyWatch

RULES = tuple(name for name, _ in _partwise.split_rules())


class NMFTree(ClusterMixin, BaseNMF):
    """A tree of samples, split in two by what they hold, again and again.

    Each node is split by a factorisation with two components: each of its samples goes with the one of which
    it holds more. Of all leaves the one is split whose split scores best, until there are `n_leaves` (Kuang &
    Park 2013). The tree with fewer leaves is the beginning of that with more.

    Parameters
    ----------
    n_leaves : int, default=8
        Leaves of the tree, at least 2; there are fewer where no leaf can be split.
    rule : {"error", "terms"}, default="error"
        What makes a split good: how much of X the second component of the node explains (Gillis, Kuang & Park
        2015), or whether the features that lead in the node lead in one of its children each (Kuang & Park
        2013), for texts of many words.
    outliers : float, default=0.0
        A child with less than this share of a node's samples, and with no better split than any leaf, is no
        topic: its samples are set aside, with the label -1, and the others split anew. From 0, which sets nothing
        aside, to below 0.5.
    solver : str, default="auto"
        As in `NMF`; "auto" takes the exact "anls" for the Frobenius loss.
    init : str or None, default=None
        The start of each split, as in `NMF`; None takes "nndsvda" where it can be made.
    beta_loss, tol, max_iter, alpha_W, alpha_H, l1_ratio, n_threads
        Of all fits; as in `NMF`.
    random_state : int, RandomState instance or None, default=None
        For starts that are drawn.
    progress : bool, default=False
        Show a bar of the nodes that were looked at.
    callback : callable or None, default=None
        Called with a `SurveyInfo` on the way, whose `rank` is the number of leaves. A true return ends the
        work, and the tree has the splits that were done. With a callback or a bar Ctrl-C does so, too.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The leaf of each sample, from 0 and from left to right in the tree; -1 for samples that were set
        aside.
    components_ : ndarray of shape (n_leaves_, n_features)
        The component of each leaf, of length 1.
    n_leaves_ : int
        Leaves that there are.
    children_ : ndarray of shape (n_leaves_ - 1, 2)
        The children of each inner node, the last split first, as in `AgglomerativeClustering`: a number below
        n_leaves_ is a leaf, and number i from there on row i - n_leaves_ of this array. The last row is the
        root.
    node_components_ : ndarray of shape (2 * n_leaves_ - 1, n_features)
        The component of each node by these numbers; of the root the best one for all of X.
    node_size_ : ndarray of shape (2 * n_leaves_ - 1,)
        Samples of each node.
    scores_ : ndarray of shape (2 * n_leaves_ - 1,)
        How good the split of each node is, 0 to 1, made or not; NaN if it has none, or none was looked for.
    linkage_ : ndarray of shape (n_leaves_ - 1, 4)
        The tree over its leaves as `scipy.cluster.hierarchy.dendrogram` takes it. A node is the higher the
        earlier it was split.
    complete_ : bool
        Whether the tree was grown to its end.
    n_components_, reconstruction_err_, n_iter_, n_iter_single_, n_iter_approach_, n_features_in_, feature_names_in_,
    objective_, relative_error_, residual_, solver_, stop_reason_, history_
        As in `NMF`, of W of all leaves.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import NMFTree
    >>> rng = np.random.RandomState(0)
    >>> kinds = np.array([[5, 5, 2, 0, 0, 0], [5, 5, 0, 0, 0, 3], [0, 0, 1, 5, 5, 0]])
    >>> X = kinds[np.arange(30) % 3] * rng.uniform(1, 2, (30, 1))
    >>> tree = NMFTree(3).fit(X)
    >>> len(set(zip(tree.labels_, np.arange(30) % 3)))
    3
    >>> tree.children_.shape
    (2, 2)
    """

    _parameter_constraints: dict = {
        **OF_ALL_FITS,
        "n_leaves": [Interval(Integral, 2, None, closed="left")],
        "rule": [StrOptions(set(RULES))],
        "outliers": [Interval(Real, 0, 0.5, closed="left")],
        "init": [StrOptions(set(INITS)), None],
        "solver": [StrOptions(set(SOLVERS))],
        "progress": ["boolean"],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_leaves=8,
        *,
        rule="error",
        outliers=0.0,
        solver="auto",
        init=None,
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
        self.n_leaves = n_leaves
        self.rule = rule
        self.outliers = outliers
        self.solver = solver
        self.init = init
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

    def _tree_options(self, seed):
        asked = {"n_leaves": count(self.n_leaves), "rule": self.rule, "outliers": float(self.outliers)}
        return self._options(2, solver=self.solver, init=self.init or "auto", seed=seed, **asked)

    def fit_transform(self, X, y=None):
        """Grow the tree, and return how much of the component of each leaf each sample holds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data. Read in place if it is an array of float64 or float32, or a CSR or CSC matrix
            of them.
        y : Ignored
            Present for API consistency by convention.

        Returns
        -------
        W : ndarray of shape (n_samples, n_leaves_)
            How much of each leaf's component each sample holds.
        """
        self._validate_params()
        X = self._checked(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        with SurveyWatch(name="tree", callback=self.callback, progress=self.progress) as watch:
            options = self._tree_options(seed)
            found = _partwise.fit_tree(engine_input(X), options, watch.function, watch.keeps_best)
        if found is None:
            raise watch.ended("the tree was ended before the first split was done")
        self._learned(found["fit"])
        self._grown(found)
        return found["fit"]["W"]

    def _grown(self, found):
        """Takes the tree, its nodes numbered as scikit-learn and SciPy number them."""
        leaf, children = found["leaf"], found["children"]
        self._engine_nodes = children, leaf, found["components"]
        self.n_leaves_ = n_leaves = self.components_.shape[0]
        inner = [node for node, pair in enumerate(children) if pair is not None]
        # Nodes come in order of their splits, and a node is numbered after those below it.
        order = sorted(inner, key=lambda node: -children[node][0])
        number = {node: n_leaves + place for place, node in enumerate(order)}
        number |= {node: at for node, at in enumerate(leaf) if at is not None}
        of_number = np.empty(len(leaf), dtype=np.intp)
        for node, at in number.items():
            of_number[at] = node
        self.labels_ = np.array([-1 if at is None else at for at in found["labels"]], dtype=np.intp)
        pairs = [[number[child] for child in children[node]] for node in order]
        self.children_ = np.array(pairs, dtype=np.intp).reshape(-1, 2)
        self.node_components_ = found["components"][of_number]
        self.node_size_ = np.array(found["rows"], dtype=np.intp)[of_number]
        scores = np.array([np.nan if score is None else score for score in found["score"]], dtype=float)
        self.scores_ = scores[of_number]
        heights = np.arange(1, n_leaves, dtype=float)
        leaves = np.ones(2 * n_leaves - 1)
        for node, pair in enumerate(self.children_, n_leaves):
            leaves[node] = leaves[pair].sum()
        self.linkage_ = np.column_stack([self.children_, heights, leaves[n_leaves:]]).astype(float)
        self.complete_ = found["complete"]

    def predict(self, X):
        """Find the leaf of each sample: from the root on each goes to the child of which it holds more.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The leaf of each sample; nothing is set aside.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        children, leaf, components = self._engine_nodes
        components = engine_input(components.astype(X.dtype, copy=False))
        options = self._tree_options(0)
        found = _partwise.predict_tree(engine_input(X), options, children, leaf, components)
        return found.astype(np.intp)

    def transform(self, X):
        """Find how much of the component of each leaf new samples hold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Non-negative data.

        Returns
        -------
        W : ndarray of shape (n_samples, n_leaves_)
            How much of each leaf's component each sample holds.
        """
        # In a tree "auto" stands for another solver.
        return self._with_held_components(X, self.solver_)

    def to_text(self, feature_names=None, *, n_top=6):
        """The tree in lines: each node below its parent, with its samples and the features that stand for it.

        Parameters
        ----------
        feature_names : sequence of str of length n_features, default=None
            What the features are called; by default as the columns of X were, or their numbers.
        n_top : int, default=6
            Features of each node.

        Returns
        -------
        text : str
            A line for each node. Leaves have their label in front.
        """
        check_is_fitted(self)
        if feature_names is None:
            feature_names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        if len(feature_names) != self.n_features_in_:
            raise ValueError(f"{len(feature_names)} feature_names; expected {self.n_features_in_}")
        lines, waiting = [], [(len(self.node_size_) - 1, 0)]
        while waiting:
            node, depth = waiting.pop()
            weights = self.node_components_[node]
            top = [at for at in np.argsort(-weights, kind="stable")[:n_top] if weights[at] > 0]
            name = f"[{node}] " if node < self.n_leaves_ else ""
            words = ", ".join(str(feature_names[at]) for at in top)
            lines.append(f"{'    ' * depth}{name}{self.node_size_[node]}: {words}")
            if node >= self.n_leaves_:
                waiting += [(child, depth + 1) for child in self.children_[node - self.n_leaves_][::-1]]
        return "\n".join(lines)
