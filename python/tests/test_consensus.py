"""ConsensusNMF: planted parts, figures, intervals, callbacks and what is refused."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from test_ours import interrupted_after

from partwise import ConsensusNMF, SurveyInfo


@pytest.fixture(scope="module")
def planted():
    """Parts of ten neighbouring features each, in random amounts, with a little noise."""
    rng = np.random.RandomState(0)
    H = np.zeros((4, 34))
    for t in range(4):
        H[t, 8 * t : 8 * t + 10] = np.sin(np.pi * (np.arange(10) + 0.5) / 10)
    X = rng.uniform(size=(80, 4)) ** 3 @ H + 0.02 * rng.uniform(size=(80, 34))
    return X, H


def worst(H, found):
    H, found = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (H, found))
    return (H @ found.T).max(axis=1).min()


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("polish", [False, True])
def test_planted_parts_are_found(planted, storage, polish):
    X, H = planted
    model = ConsensusNMF(4, n_runs=12, bootstrap=5, polish=polish, random_state=0)
    W = model.fit_transform(storage(X))
    assert W.shape == (80, 4) and worst(H, model.components_) > 0.95
    np.testing.assert_allclose(model.components_.sum(axis=1), 1)
    assert model.share_.sum() == pytest.approx(1, abs=0.05) and (np.diff(model.share_) <= 0).all()
    for figure in (model.stability_, model.found_, model.cosine_, model.rival_):
        assert figure.shape == (4,) and (figure > 0.5).all() and (figure <= 1 + 1e-9).all()
    lower, upper = model.interval_
    assert lower.shape == upper.shape == (4, 34) and (lower <= upper).all()
    assert (model.share_interval_[0] <= model.share_interval_[1]).all()
    assert model.run_objective_.shape == (12,) and model.distance_.shape == (48,)
    assert model.n_outliers_ == (model.distance_ > 0.5).sum() and model.complete_
    assert np.linalg.norm(X - W @ model.components_) < 0.15 * np.linalg.norm(X)
    np.testing.assert_allclose(model.transform(storage(X)), W, atol=0.05 * W.max())
    again = pickle.loads(pickle.dumps(clone(model).set_params(n_threads=1).fit(storage(X))))
    np.testing.assert_array_equal(again.components_, model.components_)
    assert model.get_feature_names_out()[0] == "consensusnmf0"


def test_intervals_of_an_earlier_fit_are_forgotten(planted):
    model = ConsensusNMF(3, n_runs=3, bootstrap=2, random_state=0).fit(planted[0])
    there = set(vars(model))
    model.set_params(n_components=2, bootstrap=0).fit(planted[0])
    assert there - set(vars(model)) == {"interval_", "share_interval_"}


def test_a_callback_sees_each_fit_and_ends_the_work(planted):
    X, _ = planted
    seen = []
    model = ConsensusNMF(3, n_runs=30, random_state=0, callback=lambda info: seen.append(info) or info.done >= 5)
    model.fit(X)
    assert isinstance(seen[0], SurveyInfo) and seen[0].total == 31
    assert 5 <= len(model.run_objective_) < 30 and not model.complete_
    with pytest.raises(RuntimeError, match="before two runs were done, by its callback"):
        ConsensusNMF(3, n_runs=30, callback=lambda info: True).fit(X)


def test_progress(planted, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    ConsensusNMF(2, n_runs=3, progress=True).fit(planted[0])
    out, err = capsys.readouterr()
    assert out == "" and "consensus: 4/4 fits" in err


def test_ctrl_c_ends_at_once():
    X = np.random.RandomState(0).uniform(size=(400, 300))
    model = ConsensusNMF(10, n_runs=20, max_iter=100_000, tol=0)
    seconds, raised = interrupted_after(1.0, lambda: model.fit(X))
    assert isinstance(raised, KeyboardInterrupt) and seconds < 2.0
    assert not hasattr(model, "components_")


def test_ctrl_c_with_a_bar_keeps_the_runs_that_are_done():
    X = np.random.RandomState(0).uniform(size=(200, 100))
    model = ConsensusNMF(5, n_runs=20_000, threshold=2, progress=True)
    _, raised = interrupted_after(4.0, lambda: model.fit(X))
    assert raised is None and not model.complete_ and 2 <= len(model.run_objective_) < 20_000


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"n_components": 0}, "The 'n_components' parameter of ConsensusNMF must be an int in the range"),
        ({"n_components": 35}, "n_components = 35: expected at most 34, the smaller side of 80 × 34"),
        ({"n_runs": 1}, "The 'n_runs' parameter"),
        ({"threshold": 0}, "The 'threshold' parameter"),
        ({"threshold": 1e-12}, "every one of 9 components is an outlier"),
        ({"neighbours": 1.5}, "The 'neighbours' parameter"),
        ({"bootstrap": 1}, "bootstrap = 1: expected 0, or at least 2"),
        ({"solver": "newton"}, "does not handle the loss"),
    ],
)
def test_what_cannot_be_done_is_refused(planted, asked, words):
    X = np.random.RandomState(0).uniform(size=planted[0].shape)
    with pytest.raises(ValueError, match=words):
        ConsensusNMF(**{"n_components": 3, "n_runs": 3, **asked}).fit(X)
