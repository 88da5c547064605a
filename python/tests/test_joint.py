"""Several matrices with one W."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.optimize import nnls
from sklearn.base import clone

from partwise import NMF, JointNMF

LOSSES = ["frobenius", "kullback-leibler"]


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    shared = rng.gamma(0.5, size=(60, 3))
    counts = rng.poisson(100 * shared @ rng.random((3, 30))).astype(float)
    return [counts, 0.01 * (shared @ rng.random((3, 8)) + 0.05 * rng.random((60, 8)))]


def beta_divergence(X, Y, beta_loss):
    if beta_loss == "frobenius":
        return 0.5 * np.square(X - Y).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(X > 0, X * np.log(X / Y), 0).sum() - X.sum() + Y.sum()


@pytest.mark.parametrize("beta_loss", LOSSES)
@pytest.mark.parametrize("balanced", [True, False])
def test_the_objective_is_a_weighted_sum(matrices, beta_loss, balanced):
    weights = [1, 2]
    model = JointNMF(
        3, beta_loss=beta_loss, balanced=balanced, weights=weights, init="random", random_state=0, max_iter=1000
    )
    W = model.fit_transform(matrices)
    total = 0
    for p, (X, H) in enumerate(zip(matrices, model.components_, strict=True)):
        found = beta_divergence(X, W @ H, beta_loss)
        size = (np.square(X).sum() if beta_loss == "frobenius" else X.sum()) if balanced else 1
        np.testing.assert_allclose(model.weights_[p], weights[p] / size)
        np.testing.assert_allclose(model.divergences_[p], found, rtol=1e-6)
        np.testing.assert_allclose(model.relative_errors_[p], np.linalg.norm(X - W @ H) / np.linalg.norm(X))
        total += weights[p] / size * found
    np.testing.assert_allclose(model.objective_, total, rtol=1e-8)
    assert not hasattr(model, "reconstruction_err_") and len(model.history_["objective"]) > 1
    for X, found in zip(matrices, model.inverse_transform(W), strict=True):
        assert found.shape == X.shape


def test_one_matrix_is_a_plain_factorisation(matrices):
    for balanced in (True, False):
        joint = JointNMF(3, balanced=balanced, random_state=0, max_iter=2000, tol=1e-8)
        W = joint.fit_transform(matrices[:1])
        plain = NMF(3, random_state=0, max_iter=2000, tol=1e-8).fit(matrices[0])
        np.testing.assert_allclose(joint.relative_errors_[0], plain.relative_error_, rtol=1e-3)
        np.testing.assert_allclose(joint.transform(matrices[:1]), W, atol=1e-2 * W.max())


@pytest.mark.parametrize("first", [np.asarray, np.asfortranarray, sp.csr_matrix, sp.csc_matrix, pd.DataFrame])
@pytest.mark.parametrize("second", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_kind_of_matrix(matrices, first, second, dtype):
    kinds = [kind(X.astype(dtype)) for kind, X in zip((first, second), matrices, strict=True)]
    kept = copy.deepcopy(kinds)
    model = JointNMF(3, random_state=0, max_iter=500)
    W = model.fit_transform(kinds)
    assert W.dtype == dtype and all(H.dtype == dtype for H in model.components_)
    plain = JointNMF(3, random_state=0, max_iter=500).fit([X.astype(dtype) for X in matrices])
    np.testing.assert_allclose(model.objective_, plain.objective_, rtol=1e-2)
    for X, before in zip(kinds, kept, strict=True):
        np.testing.assert_array_equal(_dense(X), _dense(before))


def _dense(X):
    return X.toarray() if sp.issparse(X) else np.asarray(X)


def test_types_are_made_one(matrices):
    model = JointNMF(3, random_state=0, max_iter=50)
    assert model.fit_transform([matrices[0].astype(int), matrices[1].astype(np.float32)]).dtype == np.float64
    assert model.transform([matrices[0][:5].astype(np.float32), None]).dtype == np.float64


def test_new_samples_may_lack_matrices(matrices):
    model = JointNMF(3, random_state=0, max_iter=2000, tol=1e-8)
    W = model.fit_transform(matrices)
    np.testing.assert_allclose(model.transform(matrices), W, atol=1e-3 * W.max())
    for p in range(2):
        given = [X if q == p else None for q, X in enumerate(matrices)]
        found = model.transform(given)
        H = model.components_[p].T
        for row, w in zip(matrices[p][:10], found, strict=False):
            np.testing.assert_allclose(w, nnls(H, row)[0], atol=2e-3 * W.max())
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform([None, matrices[1]]), model.transform([None, matrices[1]]))
    assert clone(model).get_params() == model.get_params()
    assert list(model.get_feature_names_out()) == ["jointnmf0", "jointnmf1", "jointnmf2"]


def test_callbacks_end_a_joint_fit(matrices):
    seen = []
    model = JointNMF(3, tol=0, max_iter=100_000, callback=lambda info: seen.append(info.objective) or len(seen) == 5)
    model.fit(matrices)
    assert (model.n_iter_, model.stop_reason_, len(seen)) == (5, "stopped", 5)


def test_what_cannot_be_joined_is_refused(matrices):
    counts, measured = matrices
    model = JointNMF(2, max_iter=10)

    def refused(error, match, X, **parameters):
        with pytest.raises(error, match=match):
            JointNMF(2, max_iter=10, **parameters).fit(X)

    refused(TypeError, "ndarray; expected a list of matrices", counts)
    refused(ValueError, "no matrix", [])
    refused(ValueError, r"matrix 2: .*59 × 8.*60 × 8", [counts, measured[:59]])
    negative = measured.copy()
    negative[3, 2] = -1
    refused(ValueError, r"matrix 2: .*-1.*row 3, column 2", [counts, negative])
    refused(ValueError, r"X\[1\].*1D array", [counts, measured[0]])
    negative[3, 2] = np.nan
    refused(ValueError, r"X\[1\] contains NaN", [counts, negative])
    each = "expected one number for each of the 2 matrices"
    refused(ValueError, rf"weights has the shape \(3,\); {each}", matrices, weights=[1, 2, 3])
    refused(ValueError, rf"weights has the shape \(0,\); {each}", matrices, weights=[])
    refused(ValueError, rf"weights = \['a', 'b'\]: {each}", matrices, weights=["a", "b"])
    for wrong in (-1.0, 0.0, np.nan, np.inf):
        shown = rf"weights\[1\] = {wrong!r}: expected a finite number above 0"
        refused(ValueError, shown, matrices, weights=[1, wrong])
    above = [counts + 1, measured + 1]
    refused(ValueError, "matrix 2: weight = 2: expected 1", above, weights=[1, 2], beta_loss="itakura-saito")
    refused(ValueError, "'init' parameter", matrices, init="custom")
    refused(ValueError, "does not handle", matrices, solver="cd", beta_loss=1)
    with pytest.warns(UserWarning, match="cannot update zeros"):
        JointNMF(2, solver="mu", init="nndsvd", max_iter=10).fit(matrices)
    model.fit(matrices)
    for X, match in [
        ([counts], "1 matrices; expected 2"),
        ([None, None], "at least one that is not None"),
        ([measured, None], r"X\[0\] has 8 features, but JointNMF is expecting 30"),
        ([counts[:5], measured], r"matrix 2: .*60 × 8.*5 × 8"),
    ]:
        with pytest.raises(ValueError, match=match):
            model.transform(X)


def test_columns_in_another_order_are_refused(matrices):
    frames = [pd.DataFrame(A, columns=[f"{p}{j}" for j in range(A.shape[1])]) for p, A in enumerate(matrices)]
    model = JointNMF(3, random_state=0).fit(frames)
    model.transform(frames)
    turned = frames[0][frames[0].columns[::-1]]
    with pytest.raises(ValueError, match=r"X\[0\] has the column .* at place 0, where the fit had '00'"):
        model.transform([turned, *frames[1:]])
