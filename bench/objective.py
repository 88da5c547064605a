"""The objective, by one definition for every solver, in double precision, without making a sparse V dense.

Squared loss: ½‖V − WH‖², for sparse V as ½‖V‖² − ⟨VHᵀ, W⟩ + ½⟨WᵀW, HHᵀ⟩.
Generalised Kullback–Leibler divergence: Σ V log(V / WH) − V + WH.
"""

import numpy as np
import scipy.sparse as sparse

ROWS = 512  # rows of a dense V looked at together: bounds the work space
ENTRIES = 1 << 17  # nonzeros of a sparse V looked at together
TINY = np.finfo(np.float64).tiny  # stands for a product of zero under the logarithm


def objective(v, w, h, loss):
    """D(V, WH) for V (m × n, array or CSR), W (m × k) and H (k × n)."""
    w, h = np.asarray(w, dtype=np.float64), np.asarray(h, dtype=np.float64)
    if loss == "frobenius":
        return _squared_sparse(v, w, h) if sparse.issparse(v) else _by_rows(v, w, h, _squared)
    return _divergence_sparse(v, w, h) if sparse.issparse(v) else _by_rows(v, w, h, _divergence)


def _by_rows(v, w, h, measure):
    parts = (slice(i, i + ROWS) for i in range(0, v.shape[0], ROWS))
    return float(sum(measure(v[p].astype(np.float64), w[p] @ h) for p in parts))


def _squared(v, product):
    return 0.5 * np.square(v - product).sum()


def _divergence(v, product):
    ratio = np.where(v > 0, v, 1.0) / np.where(v > 0, np.maximum(product, TINY), 1.0)
    return (v * np.log(ratio) - v + product).sum()


def _squared_sparse(v, w, h):
    data = v.data.astype(np.float64)
    return float(0.5 * data @ data - np.vdot(v @ h.T, w) + 0.5 * np.vdot(w.T @ w, h @ h.T))


def _divergence_sparse(v, w, h):
    rows = np.repeat(np.arange(v.shape[0]), np.diff(v.indptr))
    columns = np.ascontiguousarray(h.T)
    total = w.sum(axis=0) @ h.sum(axis=1)
    for i in range(0, v.nnz, ENTRIES):
        part = slice(i, i + ENTRIES)
        data = v.data[part].astype(np.float64)
        product = np.einsum("ik,ik->i", w[rows[part]], columns[v.indices[part]])
        kept = data > 0
        data, product = data[kept], np.maximum(product[kept], TINY)
        total += (data * np.log(data / product) - data).sum()
    return float(total)
