"""One function a peer: runs its own update from the given start and calls `lap(w, h)` after each iteration.

Each takes V (m × n, array or CSR), W (m × k), H (k × n), the loss and `lap`, which stops the clock, looks at
the factors, and ends the run by raising. `lap.restart()` after the imports says when the clock starts. A peer
whose loop cannot be entered is run in chunks.
"""

import numpy as np
import scipy.sparse as sparse

BETA = {"frobenius": 2, "kullback-leibler": 1}
FOREVER = 10**9
CHUNK = 10  # iterations of a peer that only runs as a whole; what a call costs beside them stays small


def scikit_learn_cd(v, w, h, loss, lap):
    from sklearn.decomposition._nmf import _update_coordinate_descent as update

    lap.restart()
    w, ht = np.ascontiguousarray(w), np.ascontiguousarray(h.T)
    random = np.random.RandomState(0)
    while True:
        update(v, w, ht, 0.0, 0.0, False, random)
        update(v.T, ht, w, 0.0, 0.0, False, random)
        lap(w, ht.T)


def scikit_learn_mu(v, w, h, loss, lap):
    from sklearn.decomposition import _nmf as nmf

    lap.restart()
    beta = BETA[loss]
    while True:
        w = nmf._multiplicative_update_w(v, w, h, beta, 0.0, 0.0, 1.0)[0]
        h = nmf._multiplicative_update_h(v, w, h, beta, 0.0, 0.0, 1.0)
        if beta <= 1:
            h[h < np.finfo(np.float64).eps] = 0.0
        lap(w, h)


def nimfa_run(kind, **options):
    def run(v, w, h, loss, lap):
        np.mat = np.asmatrix  # nimfa 1.4 asks for the name that numpy 2 dropped
        import nimfa

        lap.restart()
        if kind == "Nmf":
            options["update"] = "euclidean" if loss == "frobenius" else "divergence"
        model = getattr(nimfa, kind)(v, W=w, H=h, rank=w.shape[1], test_conv=FOREVER, **options)

        def satisfied(*state):
            if state[-1] > 0:
                lap(np.asarray(model.W), np.asarray(model.H))
            return True

        model.is_satisfied = satisfied
        model.factorize()

    return run


def nn_fac_run(rule):
    def run(v, w, h, loss, lap):
        from nn_fac import nmf

        step = nmf.one_nmf_step

        def watched(*arguments, **named):
            result = step(*arguments, **named)
            lap(result[0], result[1])
            return result

        nmf.one_nmf_step = watched
        lap.restart()
        start = {"init": "custom", "U_0": w, "V_0": h}
        nmf.nmf(v, w.shape[1], n_iter_max=FOREVER, tol=-1.0, update_rule=rule, beta=BETA[loss], **start)

    return run


def tensorly_hals(v, w, h, loss, lap):
    from tensorly.cp_tensor import CPTensor
    from tensorly.decomposition import _nn_cp as room

    solve, factors = room.hals_nnls, []

    def watched(*arguments, **named):
        result = solve(*arguments, **named)
        factors.append(result[0] if isinstance(result, tuple) else result)
        if len(factors) == 2:
            lap(factors[0].T, factors[1])
            factors.clear()
        return result

    room.hals_nnls = watched
    lap.restart()
    start = CPTensor((np.ones(w.shape[1], dtype=w.dtype), [w, np.ascontiguousarray(h.T)]))
    room.non_negative_parafac_hals(v, w.shape[1], n_iter_max=FOREVER, init=start, tol=0)


def torchnmf_mu(v, w, h, loss, lap):
    import torch
    from torchnmf.nmf import NMF

    torch.set_default_dtype(getattr(torch, str(v.dtype)))
    if sparse.issparse(v):
        v = v.tocoo()
        places = torch.from_numpy(np.vstack([v.row, v.col]).astype(np.int64))
        target = torch.sparse_coo_tensor(places, torch.from_numpy(v.data), v.shape).coalesce()
    else:
        target = torch.from_numpy(v)
    NMF((4, 3), rank=2).fit(torch.rand(4, 3), max_iter=1)  # what the first call compiles is no part of a run
    model = NMF(W=torch.from_numpy(np.ascontiguousarray(h.T)), H=torch.from_numpy(w))
    lap.restart()
    while True:
        model.fit(target, beta=BETA[loss], tol=-1.0, max_iter=CHUNK)
        lap(model.H.detach().numpy(), model.W.detach().numpy().T, CHUNK)


def bare_products(v, w, h, loss, lap):
    """The two products with V that no iteration can do without: V Hᵀ and WᵀV, for sparse V VᵀW by CSC."""
    turned = v.tocsc().T if sparse.issparse(v) else None
    lap.restart()
    while True:
        v @ h.T
        turned @ w if turned is not None else w.T @ v
        lap(w, h)


def stopping_by_itself(v, w, h, solver, loss):
    """scikit-learn's whole fit with its defaults; returns W, H and the number of iterations."""
    from sklearn.decomposition import NMF

    model = NMF(w.shape[1], init="custom", solver=solver, beta_loss=loss)
    w = model.fit_transform(v, W=w, H=h)
    return w, model.components_, model.n_iter_


LOOPS = {
    "scikit-learn:cd": scikit_learn_cd,
    "scikit-learn:mu": scikit_learn_mu,
    "nimfa:lsnmf": nimfa_run("Lsnmf", min_residuals=1e-12),
    "nimfa:nmf": nimfa_run("Nmf"),
    "nn-fac:hals": nn_fac_run("hals"),
    "nn-fac:mu": nn_fac_run("mu"),
    "tensorly:hals": tensorly_hals,
    "torchnmf:mu": torchnmf_mu,
    "numpy:products": bare_products,
}
