#!/usr/bin/env python3
"""Writes the traces of scikit-learn's NMF that `crates/partwise/tests/all/sklearn.rs` is held against.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    python scripts/make_sklearn_traces.py crates/partwise/tests/data/sklearn

The files are checked in, so that the tests need no Python. They hold small matrices, a start for each, and
where scikit-learn's two solvers get from it:

- `matrices.json`: V, W0 and H0 of each data set, in multiples of 1/64: the same numbers in float32 and
  float64;
- `cd.json`, `mu.json`: the factors after exactly 50 iterations (tol = 0), and sqrt(2 D) there; the iterations
  with the default tol = 1e-4 and max_iter = 1000, and sqrt(2 D) there; sqrt(2 D) is scikit-learn's
  `reconstruction_err_`;
- `starts.json`: NNDSVD starts with an exact singular value decomposition in place of the randomised one.

scikit-learn raises every y = (WH)ij to at least 1.19e-7 before it takes powers and sets factors below 2.2e-16
to zero. partwise has far smaller floors. The script refuses data where these would show: where y comes near
the floor although the loss takes negative powers of it.

The same numbers on every run, up to the last digits of the linear algebra library, which are not written.
"""

import json
import os
import pathlib
import sys
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy
import scipy.sparse as sp
import sklearn
from sklearn.decomposition import _nmf
from sklearn.exceptions import ConvergenceWarning

VERSIONS = {"numpy": "2.4.6", "scipy": "1.17.1", "scikit-learn": "1.9.1"}
ITERATIONS = 50
TOLERANCE = 1e-4
# Nearly every case meets the tolerance earlier.
MAX_ITER = 1000
# Far above scikit-learn's floor of 1.19e-7.
SMALLEST_Y = 1e-5

PENALTIES = {
    "none": (0.0, 0.0, 0.0),
    "l1": (0.004, 0.002, 1.0),
    "l2": (0.002, 0.004, 0.0),
    "mixed": (0.003, 0.001, 0.4),
}


def steps(values):
    """Rounds to multiples of 1/64."""
    return np.round(np.asarray(values) * 64) / 64


def data_sets():
    """Name -> (V dense, whether it is stored sparsely, rank, W0, H0)."""
    sets = {}

    def add(name, v, sparse, rank, rng):
        size = np.sqrt(v.mean() / rank)
        w0 = steps(size * (0.25 + np.abs(rng.standard_normal((v.shape[0], rank)))))
        h0 = steps(size * (0.25 + np.abs(rng.standard_normal((rank, v.shape[1])))))
        sets[name] = (v, sparse, rank, w0, h0)

    rng = np.random.default_rng(1)
    parts = rng.gamma(1.0, 1.0, (20, 4)) @ rng.gamma(1.0, 1.0, (4, 12))
    add("positive", steps(0.25 + parts * rng.uniform(0.7, 1.3, parts.shape)), False, 3, rng)

    rng = np.random.default_rng(2)
    parts = rng.gamma(2.0, 1.0, (13, 3)) @ rng.gamma(2.0, 1.0, (3, 9))
    add("counts", rng.poisson(parts / 8).astype(float), False, 2, rng)

    rng = np.random.default_rng(3)
    kept = rng.random((25, 16)) < 0.3
    add("sparse", steps(kept * (0.5 + rng.gamma(2.0, 1.0, (25, 16)))), True, 5, rng)

    # Every entry stored: losses that need V > 0 on the sparse road.
    rng = np.random.default_rng(4)
    parts = rng.gamma(1.0, 1.0, (11, 3)) @ rng.gamma(1.0, 1.0, (3, 17))
    add("full", steps(0.5 + parts * rng.uniform(0.7, 1.3, parts.shape)), True, 4, rng)
    for name, (v, *_) in sets.items():
        assert (v > 0).any(axis=0).all() and (v > 0).any(axis=1).all(), name
    return sets


def numbers(array, dtype=np.float64):
    """A flat list with as many digits as matter: rows one after another."""
    digits = 12 if dtype == np.float64 else 8
    return [float(f"{float(x):.{digits}g}") for x in np.asarray(array).ravel()]


def run(v, w0, h0, solver, beta, penalty, update_h, tol, max_iter):
    alpha_w, alpha_h, l1_ratio = penalty
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        w, h, n_iter = _nmf.non_negative_factorization(
            v,
            W=w0.copy() if update_h else None,
            H=h0.copy(),
            n_components=h0.shape[0],
            init="custom" if update_h else None,
            update_H=update_h,
            solver=solver,
            beta_loss=beta,
            tol=tol,
            max_iter=max_iter,
            alpha_W=alpha_w,
            alpha_H=alpha_h,
            l1_ratio=l1_ratio,
        )
    assert w.dtype == h.dtype == v.dtype
    # In double precision: the float32 sums of a sparse matrix have few digits.
    error = _nmf._beta_divergence(
        v.astype(np.float64), w.astype(np.float64), h.astype(np.float64), beta, True
    )
    if beta < 2:
        dense = v.toarray() if sp.issparse(v) else v
        # A zero of V has no share in v y^(beta - 2).
        smallest = (w @ h)[(dense > 0) | (beta < 1)].min()
        assert smallest > SMALLEST_Y, (solver, beta, penalty, smallest)
    return w, h, n_iter, float(error)


def trace(sets, name, dtype, solver, beta, penalty_name, transform):
    v, sparse, _, w0, h0 = sets[name]
    v, w0, h0 = (x.astype(dtype) for x in (v, w0, h0))
    v = sp.csr_array(v) if sparse else v
    penalty = PENALTIES[penalty_name]
    arguments = (v, w0, h0, solver, beta, penalty, not transform)
    w, h, done, error = run(*arguments, 0.0, ITERATIONS)
    assert done == ITERATIONS
    _, _, n_iter, final = run(*arguments, TOLERANCE, MAX_ITER)
    case = {
        "data": name,
        "dtype": np.dtype(dtype).name,
        "solver": solver,
        "beta": beta,
        "alpha_w": penalty[0],
        "alpha_h": penalty[1],
        "l1_ratio": penalty[2],
        "transform": transform,
        "w": numbers(w, dtype),
        "error": numbers([error])[0],
        "n_iter": n_iter,
        "final_error": numbers([final])[0],
    }
    if not transform:
        case["h"] = numbers(h, dtype)
    return case


def traces(sets, solver, betas):
    cases = []
    for name, (v, *_) in sets.items():
        for beta in betas:
            # With 0 < beta < 1 zeros in V are legal, but drive y to the floor.
            if beta < 1 and (v == 0).any():
                continue
            for penalty in PENALTIES:
                for transform in (False, True):
                    # With H held, scikit-learn adds the L1 penalty to the stored sums of H once an iteration.
                    if transform and beta == 1 and PENALTIES[penalty][0] * PENALTIES[penalty][2] > 0:
                        continue
                    cases.append(trace(sets, name, np.float64, solver, beta, penalty, transform))
            for penalty, transform in (("none", False), ("mixed", False), ("none", True)):
                cases.append(trace(sets, name, np.float32, solver, beta, penalty, transform))
    return cases


def exact_svd(v, rank, random_state=None):
    dense = v.toarray() if sp.issparse(v) else v
    u, s, vt = scipy.linalg.svd(dense, full_matrices=False)
    return u[:, :rank], s[:rank], vt[:rank]


def starts(sets):
    _nmf._randomized_svd = exact_svd
    cases = []
    for name, (v, sparse, *_) in sets.items():
        for rank in (1, 2, 4):
            for init in ("nndsvd", "nndsvda"):
                stored = sp.csr_array(v) if sparse else v
                w, h = _nmf._initialize_nmf(stored, rank, init=init)
                cases.append({"data": name, "rank": rank, "init": init, "w": numbers(w), "h": numbers(h)})
    return cases


def matrices(sets):
    out = {}
    for name, (v, sparse, rank, w0, h0) in sets.items():
        out[name] = {
            "rows": v.shape[0],
            "cols": v.shape[1],
            "rank": rank,
            "w0": numbers(w0),
            "h0": numbers(h0),
        }
        if sparse:
            csr = sp.csr_array(v)
            out[name] |= {
                "offsets": csr.indptr.tolist(),
                "indices": csr.indices.tolist(),
                "values": numbers(csr.data),
            }
        else:
            out[name]["values"] = numbers(v)
    return out


def main():
    found = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
    if found != VERSIONS:
        sys.exit(f"expected the versions {VERSIONS}, found {found}")
    folder = pathlib.Path(sys.argv[1])
    sets = data_sets()
    files = {
        "matrices": matrices(sets),
        "cd": traces(sets, "cd", [2]),
        "mu": traces(sets, "mu", [2, 1, 0, 0.5, 1.5, 3, -1]),
        "starts": starts(sets),
    }
    for name, content in files.items():
        if isinstance(content, list):
            text = "[\n" + ",\n".join(json.dumps(x, separators=(",", ":")) for x in content) + "\n]\n"
        else:
            text = json.dumps(content, separators=(",", ":")) + "\n"
        unfinished = folder / f"{name}.json.part"
        unfinished.write_text(text)
        unfinished.replace(folder / f"{name}.json")


if __name__ == "__main__":
    main()
