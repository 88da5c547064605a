"""Starts that are scikit-learn's to the last draw, so that the same solver gives the same answer."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_non_negative

from . import _partwise
from ._arrays import WholeNumbers

STARTS = ("random", "nndsvd", "nndsvda", "nndsvdar", "custom")
"""Starts of scikit-learn."""

LIMITED = tuple(name for name, _, limited in _partwise.inits() if limited)
"""Starts with at most as many components as X has rows or columns."""

NEGLIGIBLE = 1e-6
"""Entries of an NNDSVD below this become zero."""


def chosen(init, n_components, shape):
    """The start that `init` stands for; refuses one that cannot have so many components."""
    fits = n_components <= min(shape)
    if init is None:
        return "nndsvda" if fits else "random"
    if init in LIMITED and not fits:
        raise ValueError(f"init = '{init}' can only be used when n_components <= min(n_samples, n_features)")
    return init


def initialize(X, n_components, init=None, random_state=None):
    """W and H to begin with, by the same numbers as scikit-learn's.

    Random factors are |N(0, 1)| · sqrt(mean(X) / k), H drawn before W. NNDSVD (Boutsidis & Gallopoulos 2008) takes of
    each pair of singular vectors the larger of its positive and its negative part.
    """
    check_non_negative(X.matrix if isinstance(X, WholeNumbers) else X, "NMF initialization")
    init = chosen(init, n_components, X.shape)
    if init == "random":
        return _random(X, n_components, random_state)
    W, H = _nndsvd(X, n_components, random_state)
    if init == "nndsvda":
        mean = _mean(X)
        W[W == 0] = mean
        H[H == 0] = mean
    elif init == "nndsvdar":
        random, mean = check_random_state(random_state), _mean(X)
        for factor in (W, H):
            zeros = factor == 0
            factor[zeros] = abs(mean * random.standard_normal(size=int(zeros.sum())) / 100)
    return W, H


def _random(X, n_components, random_state):
    random = check_random_state(random_state)
    level = np.sqrt(_mean(X) / n_components)

    def drawn(shape):
        # In double precision whatever the dtype.
        factor = random.standard_normal(size=shape).astype(X.dtype, copy=False)
        factor *= level
        return np.abs(factor, out=factor)

    n_samples, n_features = X.shape
    H = drawn((n_components, n_features))
    return drawn((n_samples, n_components)), H


def _mean(X):
    """The mean of X. That of SciPy copies a sparse matrix."""
    return X.sum() / (X.shape[0] * X.shape[1]) if sp.issparse(X) else X.mean()


def _nndsvd(X, n_components, random_state):
    U, S, Vt = randomized_svd(X, n_components, random_state=random_state)
    W, H = np.zeros_like(U), np.zeros_like(Vt)
    W[:, 0] = np.sqrt(S[0]) * np.abs(U[:, 0])
    H[0] = np.sqrt(S[0]) * np.abs(Vt[0])
    for j in range(1, n_components):
        parts = []
        for sign in (1, -1):
            left, right = np.maximum(sign * U[:, j], 0), np.maximum(sign * Vt[j], 0)
            norms = np.sqrt(left @ left), np.sqrt(right @ right)
            parts.append((norms[0] * norms[1], left, right, norms))
        positive, negative = parts
        size, left, right, norms = positive if positive[0] > negative[0] else negative
        if size > 0:
            scale = np.sqrt(S[j] * size)
            W[:, j] = scale * (left / norms[0])
            H[j] = scale * (right / norms[1])
    W[W < NEGLIGIBLE] = 0
    H[H < NEGLIGIBLE] = 0
    return W, H
