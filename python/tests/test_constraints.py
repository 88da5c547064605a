"""Constraints on the factors."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.optimize import nnls
from sklearn.model_selection import cross_val_score

from partwise import NMF, _partwise, non_negative_factorization

LINES = _partwise.constraints()
TEXTS = [f"{factor.lower()}:{name}" for name, _, _, factors, _ in LINES for factor in factors]


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    W = rng.dirichlet(np.ones(3) * 0.5, 60)
    W[:3] = np.eye(3)
    return W @ (0.1 + rng.random((3, 20)))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_constraint_fits_arrays_and_sparse_matrices(X, text, dtype):
    X = (X @ X.T if "symmetric" in text else X).astype(dtype)
    model = NMF(3, constraint=text, random_state=0, max_iter=30, tol=0)
    for data in (X, np.asfortranarray(X), sp.csr_matrix(X), sp.csc_matrix(X)):
        W = model.fit_transform(data, np.arange(60 if text[0] == "w" else 20) % 3)
        assert W.shape == (60, 3) and W.dtype == dtype
        assert model.components_.shape == (3, X.shape[1])
        objective = model.history_["objective"]
        assert np.all(np.diff(objective) <= 1e-4 * objective[0])
        assert model.transform(data[:5]).shape == (5, 3)


def test_constraints_hold(X):
    model = NMF(3, constraint="separable").fit(X)
    assert sorted(model.picked_) == [0, 1, 2]
    np.testing.assert_array_equal(model.components_, X[model.picked_])
    W = NMF(3, constraint="orthogonal", init="spa").fit_transform(X)
    np.testing.assert_allclose(W.T @ W, np.eye(3), atol=1e-12)
    model = NMF(3, constraint=["simplex", "h:hoyer=0.2"], max_iter=20, tol=0)
    np.testing.assert_allclose(model.fit_transform(X).sum(1), 1)
    np.testing.assert_allclose(model.transform(X).sum(1), 1)
    H = model.components_
    sparseness = (20**0.5 - H.sum(1) / np.linalg.norm(H, axis=1)) / (20**0.5 - 1)
    np.testing.assert_allclose(sparseness, 0.2, atol=1e-9)
    np.testing.assert_allclose(NMF(3, constraint="min-volume").fit(X).components_.sum(1), 1)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csc_matrix, lambda S: S.astype(np.float32)])
def test_neighbours_are_alike(X, kind):
    S = np.eye(60, k=1) + np.eye(60, k=-1)
    model = NMF(3, constraint="graph=5", graph=kind(S), random_state=0, tol=1e-6)
    W = model.fit_transform(X)
    H = model.components_
    steps = np.square(np.diff(W, axis=0)).sum(0) @ np.square(H).sum(1)
    objective = 0.5 * np.square(X - W @ H).sum() + 0.5 * 5 * steps
    np.testing.assert_allclose(model.objective_, objective, rtol=1e-9)
    plain = NMF(3, random_state=0).fit(X)
    H0, W0 = plain.components_, plain.transform(X)
    assert steps < np.square(np.diff(W0, axis=0)).sum(0) @ np.square(H0).sum(1)
    assert model.transform(X[:4]).shape == (4, 3)
    model = NMF(3, constraint="h:graph", graph=sp.eye(20, k=1) + sp.eye(20, k=-1), random_state=0).fit(X)
    assert model.components_.shape == (3, 20)


def kinds(n, rng):
    """Samples whose three strong patterns say nothing of their kind, which shows in a few weak features."""
    kinds = np.arange(n) % 2
    strong = np.repeat(6 * rng.random((n, 3)), 7, axis=1)
    weak = 1.5 * (np.arange(6) % 2 == kinds[:, None])
    return np.hstack([strong, weak]) + 0.3 * rng.random((n, 27)), kinds


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csc_matrix, lambda X: X.astype(np.float32)])
def test_labels_shape_the_components(kind):
    rng = np.random.default_rng(0)
    (X, y), (new, of_new) = kinds(200, rng), kinds(100, rng)
    y[::20] = -1
    parameters = {"init": "random", "n_init": 5, "random_state": 0, "max_iter": 3000}
    model = NMF(3, constraint="labels", **parameters)
    W = model.fit_transform(kind(X), y)
    B, known = model.class_parts_, y >= 0
    np.testing.assert_array_equal(model.classes_, [0, 1])
    missed = np.square(np.eye(2)[y[known]] - W[known] @ B).sum()
    loss = 0.5 * np.square(X - W @ model.components_).sum()
    expected = loss + 0.5 * np.square(X).sum() / 200 * missed
    np.testing.assert_allclose(model.objective_, expected, rtol=1e-9 if W.dtype == float else 1e-4)
    assert np.mean(model.predict(kind(new)) == of_new) >= 0.9
    plain = NMF(3, constraint="labels=1e-6", **parameters).fit(kind(X), y)
    assert np.mean(plain.predict(kind(new)) == of_new) <= 0.75


def test_classes_are_what_y_says(X, tmp_path):
    for y, classes in [
        (np.where(np.arange(60) % 4, np.arange(60) % 3, -1), [0, 1, 2]),
        (np.where(np.arange(60) % 4, np.arange(60) % 3 / 2, np.nan), [0, 0.5, 1]),
        (np.array(["old", "new", None] * 20, dtype=object), ["new", "old"]),
        (pd.Series(["b", "a", np.nan, "a"] * 15), ["a", "b"]),
        ([True, False] * 30, [False, True]),
    ]:
        model = NMF(3, constraint="labels=2", random_state=0).fit(X, y)
        np.testing.assert_array_equal(model.classes_, classes)
        assert set(model.predict(X)) <= set(classes)
        model.save(tmp_path / "model.npz")
        again = NMF.load(tmp_path / "model.npz")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.classes_.dtype.kind == np.asarray(classes).dtype.kind
    # Features have classes, too; without the constraint y says nothing, and nothing is told.
    model = NMF(3, constraint="h:labels", random_state=0).fit(X, np.arange(20) % 2)
    assert model.class_parts_.shape == (3, 2) and not hasattr(model, "predict")
    np.testing.assert_array_equal(
        NMF(3, random_state=0).fit(X, np.arange(7)).components_, NMF(3, random_state=0).fit(X).components_
    )
    assert not hasattr(NMF(3), "predict")
    assert cross_val_score(NMF(3, constraint="labels"), X, np.arange(60) % 2, scoring="accuracy").shape == (5,)


def test_labels_that_cannot_be_are_refused(X):
    model = NMF(3, constraint="labels")
    for y, match in [
        (None, "requires y to be passed"),
        (np.arange(59) % 2, "59 of them.* 60 rows"),
        (-np.ones(60), "no class for any of its 60"),
        (np.zeros((60, 2)), r"1d array, got an array of shape \(60, 2\)"),
    ]:
        with pytest.raises(ValueError, match=match):
            model.fit(X, y)
    with pytest.raises(TypeError, match="cannot be compared"):
        model.fit(X, np.array([1, "a"] * 30, dtype=object))
    with pytest.raises(ValueError, match="labels, one for each of the 60 rows"):
        non_negative_factorization(X, n_components=3, constraint="labels")


def test_a_symmetric_matrix_has_one_factor(X):
    V = X @ X.T
    for data in (V, sp.csr_matrix(V)):
        model = NMF(3, constraint="symmetric", random_state=0)
        W = model.fit_transform(data)
        np.testing.assert_array_equal(W, model.components_.T)
        np.testing.assert_allclose(model.reconstruction_err_, np.linalg.norm(V - W @ W.T), rtol=1e-6)


def test_a_model_keeps_its_constraints(X, tmp_path):
    model = NMF(3, constraint="simplex", random_state=0).fit(X)
    model.save(tmp_path / "model.npz")
    again = NMF.load(tmp_path / "model.npz")
    assert again.constraint == ["w:simplex"] or again.constraint == ["simplex"]
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_the_function_takes_constraints(X):
    W, H, _ = non_negative_factorization(X, n_components=3, constraint="orthogonal")
    assert np.count_nonzero(W, axis=1).max() == 1
    W, H, _ = non_negative_factorization(X, H=H, n_components=3, update_H=False, constraint=["simplex", "h:hoyer"])
    np.testing.assert_allclose(W.sum(1), 1)


@pytest.fixture
def signed():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(3, 12))
    return rng.uniform(0.5, 1.5, (90, 1)) * centres[np.arange(90) % 3] + 0.1 * rng.normal(size=(90, 12))


@pytest.mark.parametrize("kind", [np.asarray, np.asfortranarray, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("init", [None, "random"])
def test_entries_of_any_sign(signed, kind, init):
    X = kind(signed)
    with pytest.raises(ValueError, match="Negative values"):
        NMF(3).fit(X)
    for constraint in ("semi", "convex"):
        model = NMF(3, constraint=constraint, init=init, random_state=0, max_iter=500)
        W = model.fit_transform(X)
        assert W.min() >= 0 and model.components_.min() < 0
        assert model.relative_error_ < 0.15
        labels = (W * np.linalg.norm(model.components_, axis=1)).argmax(axis=1)
        assert len({(label, i % 3) for i, label in enumerate(labels)}) == 3
        np.testing.assert_allclose(model.inverse_transform(W), W @ model.components_)
        for row, found in zip(signed[:5], model.transform(X[:5]), strict=True):
            np.testing.assert_allclose(found, nnls(model.components_.T, row)[0], atol=1e-3)
    np.testing.assert_allclose(model.mixture_ @ signed, model.components_, atol=1e-12)
    np.testing.assert_allclose(model.mixture_.sum(1), 1)
    W = NMF(3, constraint="w:semi", random_state=0).fit_transform(X.T)
    assert W.min() < 0


def test_starts_and_models_of_any_sign(signed, tmp_path):
    first = NMF(3, constraint="semi", random_state=0)
    W = first.fit_transform(signed)
    again = NMF(3, constraint="semi", init="custom", max_iter=3, tol=0)
    again.fit_transform(signed, W=W, H=first.components_)
    assert again.objective_ <= first.objective_ * (1 + 1e-12)
    with pytest.raises(ValueError, match="Negative values"):
        again.fit_transform(signed, W=-W, H=first.components_)
    W, H, _ = non_negative_factorization(signed, H=first.components_, n_components=3, update_H=False, constraint="semi")
    np.testing.assert_array_equal(W, first.transform(signed))
    several = NMF(3, constraint="convex", n_init=3, random_state=0).fit(signed)
    several.save(tmp_path / "model.npz")
    loaded = NMF.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.mixture_, several.mixture_)
    np.testing.assert_array_equal(loaded.transform(signed), several.transform(signed))
    assert several.quality(signed).bound > 0


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"constraint": "magic"}, "min-volume"),
        ({"constraint": "hoyer=2"}, "0 to 1"),
        ({"constraint": ["hoyer", "h:orthogonal"]}, "h:hoyer=0.8"),
        ({"constraint": "hoyer", "beta_loss": 1}, "frobenius"),
        ({"constraint": "hoyer", "solver": "mu"}, "'mu'"),
        ({"constraint": "graph", "graph": np.eye(3)}, "graph"),
        ({"constraint": "graph", "graph": np.triu(np.ones((60, 60)))}, "symmetric"),
        ({"graph": np.eye(60)}, "graph"),
        ({"constraint": "symmetric"}, "60 × 20"),
        ({"constraint": "semi", "alpha_H": 0.1, "l1_ratio": 0.5}, "L1"),
        ({"constraint": "semi", "init": "nndsvd"}, "random"),
        ({"constraint": ["convex", "w:simplex"]}, "alone"),
        ({"constraint": 3}, "constraint"),
        ({"constraint": "orthogonal", "missing_values": np.nan}, "missing"),
    ],
)
def test_what_cannot_be_is_refused(X, parameters, words):
    with pytest.raises(ValueError, match=words):
        NMF(3, **parameters).fit(X)


def test_labels_keep_their_type_beside_what_is_not_known(tmp_path):
    X = np.random.RandomState(0).rand(12, 6)
    for y in ([1, None, 2, 1] * 3, pd.Series([1, None, 2, 1] * 3, dtype="Int64"), [True, None, False, True] * 3):
        model = NMF(3, constraint="labels", random_state=0, max_iter=20).fit(X, y)
        model.save(tmp_path / "m.npz")
        told = NMF.load(tmp_path / "m.npz").predict(X)
        np.testing.assert_array_equal(told, model.predict(X))
        # What pandas hands over of whole numbers, some of them missing, are floats.
        assert told.dtype == model.classes_.dtype and told.dtype.kind in ("f" if isinstance(y, pd.Series) else "bi")
    y = pd.Series(["a", None, "b", "a"] * 3, dtype="string")
    model = NMF(3, constraint="labels", random_state=0, max_iter=20).fit(X, y)
    told = model.predict(X)
    model.set_output(transform="pandas")
    np.testing.assert_array_equal(model.predict(X), told)
