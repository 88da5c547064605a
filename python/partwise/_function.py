"""The function non_negative_factorization."""

from sklearn.utils._param_validation import validate_params

from ._arrays import checked
from ._nmf import NMF


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "W": ["array-like", None],
        "H": ["array-like", None],
        "update_H": ["boolean"],
        "update_W": ["boolean"],
    },
    # What the estimator takes it validates, in the name of this function.
    prefer_skip_nested_validation=False,
)
def non_negative_factorization(
    X,
    W=None,
    H=None,
    n_components="auto",
    *,
    init=None,
    update_H=True,
    solver="auto",
    beta_loss="frobenius",
    tol=1e-4,
    max_iter=200,
    alpha_W=0.0,
    alpha_H="same",
    l1_ratio=0.0,
    random_state=None,
    verbose=0,
    shuffle=False,
    update_W=True,
    sample_weight=None,
    entry_weight=None,
    fixed_W=None,
    fixed_H=None,
    **ours,
):
    """Find W and H such that X ≈ W H, nothing in them below zero.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Non-negative data.
    W : array-like of shape (n_samples, n_components), default=None
        The start of W for ``init="custom"``; W itself if ``update_W=False``.
    H : array-like of shape (n_components, n_features), default=None
        The start of H for ``init="custom"``; H itself if ``update_H=False``.
    n_components : int, {"auto"} or None, default="auto"
        Number of components.
    update_H : bool, default=True
        False holds H and finds W only.
    update_W : bool, default=True
        False holds W and finds H only.
    sample_weight, entry_weight, fixed_W, fixed_H
        As in `NMF.fit_transform`.
    init, solver, beta_loss, tol, max_iter, alpha_W, alpha_H, l1_ratio, random_state, verbose, shuffle
        As in `NMF`.
    **ours
        `missing_values`, `zeros`, `constraint`, `graph`, `lean`, `n_threads`, `n_init`, `progress` and `callback` as
        in `NMF`. (``constraint="labels"`` needs the classes of the samples: `NMF.fit` takes them.)

    Returns
    -------
    W : ndarray of shape (n_samples, n_components)
        How much of each component each sample holds.
    H : ndarray of shape (n_components, n_features)
        The components.
    n_iter : int
        Iterations done.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import non_negative_factorization
    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> W, H, n_iter = non_negative_factorization(X, n_components=2, init="random", random_state=0)
    >>> W.shape, H.shape
    ((6, 2), (2, 2))
    """
    model = NMF(
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
        shuffle=shuffle,
        **ours,
    )
    model._validate_params()
    if not (update_W or update_H):
        raise ValueError("update_W=False and update_H=False leave nothing to find; at most one factor can be held.")
    whole = model._takes_whole(sample_weight, entry_weight)
    X = checked(X, whole=whole, ensure_all_finite=model._finite())
    weights = model._weighting(X, sample_weight, entry_weight)
    fitted = model._factor(X, W, H, weights, update_W, update_H, fixed={"fixed_W": fixed_W, "fixed_H": fixed_H})
    return fitted["W"], fitted["H"], fitted["n_iter"]
