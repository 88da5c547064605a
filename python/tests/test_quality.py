"""What fits say of how good they are, and when they warn."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from partwise import NMF, ComponentWarning, FitQuality, non_negative_factorization


@pytest.fixture(scope="module")
def X():
    random = np.random.default_rng(0)
    return random.random((40, 5)) @ random.random((5, 30)) + 0.2 * random.random((40, 30))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta_loss", [2, 1])
def test_quality_is_that_of_a_singular_value_decomposition(X, beta_loss, dtype):
    X = X.astype(dtype)
    for make in (np.asarray, np.asfortranarray, sp.csr_matrix, sp.csc_matrix):
        model = NMF(4, random_state=0, beta_loss=beta_loss, max_iter=500)
        W = model.fit_transform(make(X))
        found = model.quality(make(X))
        assert isinstance(found, FitQuality)
        sigma = np.linalg.svd(X.astype(float), compute_uv=False)
        assert_allclose(found.bound, 0.5 * (sigma[4:] ** 2).sum(), rtol=1e-4)
        assert_allclose(found.least_relative_error, np.sqrt((sigma[4:] ** 2).sum() / (sigma**2).sum()), rtol=1e-4)
        # W is found anew, for components that stand still.
        rest = np.linalg.norm(X - W @ model.components_)
        assert_allclose(found.loss, 0.5 * rest**2, rtol=0.01)
        assert_allclose(found.relative_error, rest / np.linalg.norm(X), rtol=0.01)
        assert found.gap == pytest.approx(found.loss - found.bound) and found.gap > 0


def test_quality_of_one_component_and_of_all(X):
    one = NMF(1, tol=1e-10, max_iter=1000).fit(X).quality(X)
    assert one.gap < 1e-6 * one.bound
    assert NMF(30, max_iter=5).fit(X).quality(X).bound == 0
    other = NMF(3).fit(X).quality(X[:10])
    assert 0 < other.least_relative_error < other.relative_error


def test_what_quality_cannot_say_is_refused(X):
    model = NMF(3, missing_values=np.nan).fit(X)
    with pytest.raises(ValueError, match="every entry counts; got missing_values=nan"):
        model.quality(X)
    with pytest.raises(ValueError, match="29 features, but NMF is expecting 30"):
        NMF(3).fit(X).quality(X[:, 1:])


def test_attributes_of_every_fit(X, tmp_path):
    model = NMF(4, random_state=0, n_init=3, init="random")
    W = model.fit_transform(X)
    assert_allclose(model.relative_error_, np.linalg.norm(X - W @ model.components_) / np.linalg.norm(X), rtol=1e-9)
    H = model.components_
    residuals = []
    for A, gradient, data in ((W, (W @ H - X) @ H.T, X @ H.T), (H, W.T @ (W @ H - X), W.T @ X)):
        projected = np.where(A > 0, gradient, np.minimum(gradient, 0))
        residuals.append(np.abs(projected).sum() / data.sum())
    assert_allclose(model.residual_, max(residuals), rtol=1e-6)
    assert model.objectives_.shape == (3,) and model.objectives_.min() == model.objective_
    assert len(set(model.objectives_)) == 3
    assert model.dead_components_.shape == (0,) and model.duplicate_components_.shape == (0, 2)
    model.save(tmp_path / "model.npz")
    assert NMF.load(tmp_path / "model.npz").residual_ == model.residual_


def _start(X, zero=None, same=None):
    """Factors that multiplications leave with their zeros, and alike where they are."""
    random = np.random.default_rng(1)
    W, H = random.random((len(X), 4)) + 0.1, random.random((4, X.shape[1])) + 0.1
    if zero is not None:
        H[zero] = 0
    if same is not None:
        W[:, same[1]], H[same[1]] = W[:, same[0]], H[same[0]]
    return {"W": W, "H": H}


def _model(**parameters):
    return NMF(**{"n_components": 4, "solver": "mu", "init": "custom", "max_iter": 5000} | parameters)


def test_dead_and_duplicate_components_are_named(X):
    with pytest.warns(ComponentWarning, match="component 2 has no weight .counted from 0.. Fewer components"):
        model = _model().fit(X, **_start(X, zero=2))
    assert model.dead_components_.tolist() == [2]
    with pytest.warns(ComponentWarning, match="components 0 and 3 .cosine 1.000. are alike"):
        model = _model().fit(X, **_start(X, same=(0, 3)))
    assert model.duplicate_components_.tolist() == [[0, 3]]
    assert issubclass(ComponentWarning, UserWarning)
    with pytest.warns(ComponentWarning):
        non_negative_factorization(X, n_components=4, solver="mu", init="custom", max_iter=5000, **_start(X, zero=1))


def test_nothing_is_warned_of_that_was_asked_for_or_may_change(X):
    start = _start(X, zero=2)
    few = {name: factor[:, :] for name, factor in start.items()} | {"H": start["H"][:, :4]}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ComponentWarning)
        for parameters in ({"alpha_H": 1e-4, "l1_ratio": 0.5}, {"max_iter": 5}):
            model = _model(**parameters).fit(X, **start)
            assert model.dead_components_.tolist() == [2]
        # As many components as features.
        assert _model().fit(X[:, :4], **few).dead_components_.tolist() == [2]
        zeros = NMF(2).fit(np.zeros((6, 5)))
        assert zeros.dead_components_.tolist() == [0, 1]
        # New samples say nothing of the components.
        model = NMF(4).fit(X)
        model.components_[1] = 0
        model.transform(X)
