"""NMFTree: planted trees, the numbering of scikit-learn and SciPy, new samples, callbacks, refusals."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.cluster.hierarchy import fcluster, is_valid_linkage
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from test_ours import interrupted_after

from partwise import NMFTree, SurveyInfo


@pytest.fixture(scope="module")
def documents():
    """Four topics over 48 words, two on each side: words of a topic, of a side and of all."""
    rng = np.random.RandomState(0)
    topics = np.zeros((4, 48))
    for t in range(4):
        topics[t, 8 * t : 8 * t + 8] = 4
        side = 32 + 7 * (t // 2)
        topics[t, side : side + 7] = 4
    topics[:, 46:] = 0.5
    kinds = np.arange(80) % 4
    X = topics[kinds] * rng.uniform(0.5, 1.5, (80, 48)) * (rng.uniform(size=(80, 48)) < 0.8)
    return X, kinds


@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_planted_tree_is_found(documents, storage, dtype):
    X, kinds = documents
    X = storage(X.astype(dtype))
    model = NMFTree(4, random_state=0)
    labels = model.fit_predict(X)
    assert adjusted_rand_score(kinds, labels) == 1
    assert model.components_.shape == (4, 48) and model.components_.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(model.node_components_, axis=1), 1, rtol=1e-5)
    # The root is the last, and its children part the sides.
    left, right = model.children_[-1]
    assert {left, right} == {4, 5} and sorted(map(tuple, model.children_[:2].tolist())) == [(0, 1), (2, 3)]
    assert sorted(labels[[0, 1]] // 2) == [labels[0] // 2] * 2
    np.testing.assert_array_equal(model.predict(X), labels)
    np.testing.assert_array_equal(model.predict(X[::3]), labels[::3])
    W = model.transform(X)
    assert W.shape == (80, 4) and W.dtype == dtype
    again = pickle.loads(pickle.dumps(clone(model).set_params(n_threads=1).fit(X)))
    np.testing.assert_array_equal(again.labels_, labels)
    np.testing.assert_array_equal(again.components_, model.components_)
    np.testing.assert_array_equal(again.predict(X), labels)


def test_the_tree_is_one_for_scipy(documents):
    X, _ = documents
    model = NMFTree(6, random_state=0).fit(X)
    assert is_valid_linkage(model.linkage_) and model.n_leaves_ == 6
    assert model.node_size_[-1] == 80 and model.node_size_[:6].sum() == 80
    np.testing.assert_array_equal(np.bincount(model.labels_), model.node_size_[:6])
    for at, pair in enumerate(model.children_):
        assert model.node_size_[6 + at] == model.node_size_[pair].sum() and (pair < 6 + at).all()
    # The tree cut at a height is the tree of fewer leaves.
    for n_leaves in range(2, 6):
        small = NMFTree(n_leaves, random_state=0).fit(X)
        cut = fcluster(model.linkage_, n_leaves, "maxclust")[model.labels_]
        assert adjusted_rand_score(cut, small.labels_) == 1


def test_text_names_the_features_of_each_node(documents):
    X, _ = documents
    names = [f"word{j}" for j in range(48)]
    model = NMFTree(4, random_state=0).fit(X)
    lines = model.to_text(names, n_top=3).splitlines()
    assert len(lines) == 7 and lines[0].startswith("80: word") and lines[0].count("word") == 3
    assert [line.split("]")[0].strip() for line in lines if "[" in line] == ["[0", "[1", "[2", "[3"]
    assert all(line.startswith("    ") for line in lines[1:])
    with pytest.raises(ValueError, match="3 feature_names; expected 48"):
        model.to_text(names[:3])


@pytest.mark.parametrize("rule", ["error", "terms"])
def test_rules_and_losses(documents, rule):
    X, kinds = documents
    for beta_loss in ["frobenius", "kullback-leibler"]:
        model = NMFTree(2, rule=rule, beta_loss=beta_loss, random_state=0).fit(X)
        assert adjusted_rand_score(kinds // 2, model.labels_) == 1
        assert 0 <= model.scores_[-1] <= 1


def test_outliers_have_the_label_minus_one(documents):
    X, kinds = documents
    strange = np.zeros((1, 50))
    strange[0, 48:] = 100
    X = np.vstack([np.hstack([X, np.zeros((80, 2))]), strange])
    model = NMFTree(4, outliers=0.1, random_state=0).fit(X)
    assert model.labels_[80] == -1 and (model.labels_[:80] >= 0).all()
    assert adjusted_rand_score(kinds, model.labels_[:80]) == 1
    assert (NMFTree(4, random_state=0).fit(X).labels_ >= 0).all()


def test_a_callback_sees_the_leaves_and_ends_the_work(documents):
    X, _ = documents
    seen = []
    model = NMFTree(10, random_state=0, callback=lambda info: seen.append(info) or info.rank >= 4)
    model.fit(X)
    assert isinstance(seen[0], SurveyInfo) and seen[0].total == 19
    assert 2 <= model.n_leaves_ < 10 and not model.complete_
    with pytest.raises(RuntimeError, match="before the first split was done, by its callback"):
        NMFTree(3, callback=lambda info: True).fit(X)


def test_ctrl_c_ends_at_once():
    X = np.random.RandomState(0).uniform(size=(2000, 300))
    model = NMFTree(500, max_iter=100_000, tol=0)
    seconds, raised = interrupted_after(1.0, lambda: model.fit(X))
    assert isinstance(raised, KeyboardInterrupt) and seconds < 2.0
    assert not hasattr(model, "components_")


def test_bad_requests_are_refused(documents):
    X, _ = documents
    with pytest.raises(ValueError, match="n_leaves"):
        NMFTree(1).fit(X)
    with pytest.raises(ValueError, match="outliers"):
        NMFTree(3, outliers=0.5).fit(X)
    with pytest.raises(ValueError, match="rule"):
        NMFTree(3, rule="best").fit(X)
    with pytest.raises(ValueError, match="at most 80, the rows of X"):
        NMFTree(81).fit(X)
    with pytest.raises(ValueError, match="(?i)negative"):
        NMFTree(3).fit(-X)
    model = NMFTree(3).fit(X)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :5])
    alike = NMFTree(4).fit(np.ones((10, 5)))
    assert alike.n_leaves_ == 1 and alike.children_.shape == (0, 2) and (alike.labels_ == 0).all()
    assert alike.to_text().startswith("[0] 10: ")
