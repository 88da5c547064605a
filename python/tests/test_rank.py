"""Surveys of ranks, and the number of components by cross-validation."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from test_ours import interrupted_after

from partwise import NMF, SurveyInfo, _rank, non_negative_factorization, plot, rank_survey


def planted(rank, seed=0, shape=(60, 40), noise=0.1):
    rng = np.random.RandomState(seed)
    W = rng.uniform(size=(shape[0], rank)) * (rng.uniform(size=(shape[0], rank)) < 0.5)
    H = rng.uniform(size=(rank, shape[1])) * (rng.uniform(size=(rank, shape[1])) < 0.5)
    return np.maximum(W @ H + noise * (W @ H).mean() * rng.normal(size=shape), 0)


@pytest.fixture(scope="module")
def survey():
    return rank_survey(planted(4), ranks=range(1, 8), starts=4, random_state=0)


def test_every_method_has_a_curve_and_the_first_decides(survey):
    assert survey.rank == 4 and survey.complete
    assert survey.reason.startswith("Rank 4 by cv (")
    assert tuple(survey.curves) == _rank.METHODS
    assert survey.ranks.tolist() == list(range(1, 8))
    for name, curve in survey.curves.items():
        assert curve.values.shape == curve.ranks.shape == curve.errors.shape == curve.repeats.shape[:1]
        assert set(curve.ranks) <= set(survey.ranks) and len(curve.ranks) >= 6
        assert np.isfinite(curve.values).all()
        assert (curve.proposed is None) == (curve.reason is None)
        width = {"cv": 5, "bcv": 9, "stability": 4, "elbow": 4}.get(name, 0)
        assert curve.repeats.shape[1] == width
        if name in ("cv", "bcv"):
            np.testing.assert_allclose(curve.values, curve.repeats.mean(axis=1))
            expected = curve.repeats.std(axis=1, ddof=1) / np.sqrt(width)
            np.testing.assert_allclose(curve.errors, expected)
        else:
            assert np.isnan(curve.errors).all()


def test_the_consensus_is_the_share_of_starts(survey):
    samples, shares = survey.consensus(3)
    assert sorted(samples) == list(range(60))
    groups = survey.groups[3][:, samples]
    expected = (groups[:, :, None] == groups[:, None, :]).mean(axis=0)
    np.testing.assert_array_equal(shares, expected)
    np.testing.assert_array_equal(survey.consensus()[1], survey.consensus(4)[1])
    with pytest.raises(ValueError, match="rank = 9: expected one of those looked at"):
        survey.consensus(9)
    alone = rank_survey(planted(2), ranks=[2], methods="cv", random_state=0)
    with pytest.raises(ValueError, match="no method of this survey compares starts"):
        alone.consensus()


def test_it_is_the_same_for_any_storage_of_a_number_of_threads_and_after_a_pickle():
    X = np.where(planted(3) > 0.3, planted(3), 0)
    asked = {"ranks": [2, 3], "methods": ["bcv", "consensus"], "starts": 3, "random_state": 1}
    one = rank_survey(X, n_threads=1, **asked)
    two = pickle.loads(pickle.dumps(rank_survey(X, n_threads=2, **asked)))
    for name, curve in one.curves.items():
        np.testing.assert_array_equal(curve.repeats, two.curves[name].repeats)
        np.testing.assert_array_equal(curve.values, two.curves[name].values)
    np.testing.assert_array_equal(one.consensus(2)[1], two.consensus(2)[1])
    # csr and csc hold out the same entries.
    by_rows, by_columns = (rank_survey(S, **asked) for S in (sp.csr_array(X), sp.csc_array(X)))
    np.testing.assert_allclose(by_rows.curves["bcv"].values, by_columns.curves["bcv"].values, rtol=1e-9)
    single = rank_survey(X.astype(np.float32), **asked)
    np.testing.assert_allclose(single.curves["bcv"].values, one.curves["bcv"].values, rtol=0.02)


def test_the_default_ranks_are_those_that_fit():
    assert rank_survey(planted(2, shape=(9, 6)), methods="elbow", starts=2).ranks.tolist() == [1, 2, 3, 4, 5, 6]
    assert _rank.default_ranks((500, 400)) == list(range(1, 21))


def test_a_callback_sees_each_fit_and_ends_the_survey():
    seen = []
    X = planted(2)

    def look(info):
        seen.append(info)
        return info.rank == 3

    found = rank_survey(X, ranks=range(1, 6), methods=["bcv"], random_state=0, callback=look)
    assert isinstance(seen[0], SurveyInfo) and seen[0].total == 45
    assert [info.done for info in seen] == sorted({info.done for info in seen})
    assert found.ranks.tolist() == [1, 2] and not found.complete
    whole = rank_survey(X, ranks=[1, 2], methods=["bcv"], random_state=0)
    np.testing.assert_array_equal(found.curves["bcv"].values, whole.curves["bcv"].values)
    none = rank_survey(X, ranks=[1, 2], random_state=0, callback=lambda info: True)
    assert none.rank is None and none.reason == "The survey was ended before a rank was done."
    with pytest.raises(ZeroDivisionError):
        rank_survey(X, ranks=[1], callback=lambda info: 1 / 0)


def test_progress(capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    rank_survey(planted(2), ranks=[1, 2], methods="elbow", starts=2, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "ranks: 4/4 fits, rank 2" in err


@pytest.mark.parametrize("callback", [None, lambda info: False])
def test_ctrl_c(callback):
    X = np.random.RandomState(0).uniform(size=(400, 300))
    found = []

    def work():
        found.append(rank_survey(X, ranks=range(1, 200), methods="elbow", max_iter=2000, tol=0, callback=callback))

    seconds, raised = interrupted_after(1.0, work)
    assert seconds < 2.0
    if callback is None:
        assert isinstance(raised, KeyboardInterrupt)
    else:
        assert raised is None and not found[0].complete


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"ranks": []}, "ranks is empty: expected numbers of components"),
        ({"ranks": [0]}, "ranks has 0: expected numbers of components from 1 on"),
        ({"ranks": [2.5]}, "ranks has 2.5"),
        ({"ranks": 7.5}, "ranks = 7.5"),
        ({"ranks": [2, 41]}, "ranks = 41: expected ranks of at most 40, the smaller side of 60 × 40"),
        ({"methods": "nonsense"}, "methods has 'nonsense': expected some of cv, bcv"),
        ({"methods": ["cv", "cv"]}, "methods = cv: expected each method once"),
        ({"methods": "bic", "beta_loss": 0.5}, "has no figure for the loss beta=0.5"),
        ({"starts": 1}, "The 'starts' parameter of rank_survey must be an int in the range"),
        ({"folds": 41}, "folds = 41: expected at most 40"),
        ({"solver": "sketched"}, "solver = sketched: expected a solver without a sketch"),
        ({"solver": "newton"}, "does not handle the loss"),
    ],
)
def test_what_cannot_be_surveyed_is_refused(asked, words):
    with pytest.raises(ValueError, match=words):
        rank_survey(planted(2), **asked)


def test_data_are_checked():
    X = planted(2)
    X[3, 4] = -1
    with pytest.raises(ValueError, match=r"Negative values in data passed to NMF \(input X\): X\[3, 4\] = -1"):
        rank_survey(X, ranks=[1])
    X[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        rank_survey(X, ranks=[1])


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_the_number_of_components_by_cross_validation(storage):
    X = storage(planted(3, shape=(40, 12)))
    model = NMF("cv", random_state=0)
    W = model.fit_transform(X)
    assert model.n_components_ == 3 and W.shape == (40, 3) and model.components_.shape == (3, 12)
    assert model.survey_.ranks.tolist() == list(range(1, 13)) and list(model.survey_.curves) == ["cv"]
    alone = NMF(3, random_state=0).fit(X)
    np.testing.assert_array_equal(alone.components_, model.components_)
    assert clone(model).n_components == "cv"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), model.transform(X))
    assert model.get_feature_names_out().tolist() == ["nmf0", "nmf1", "nmf2"]
    assert not hasattr(model.set_params(n_components=2).fit(X), "survey_")


def test_the_number_of_components_is_not_looked_for_where_it_is_given_or_nothing_can_be_held_out():
    X = planted(2)
    W, H = np.ones((60, 2)), np.ones((2, 40))
    with pytest.raises(ValueError, match="init='custom' gives it"):
        NMF("cv", init="custom").fit(X, W=W, H=H)
    with pytest.raises(ValueError, match="takes no missing entries, sample_weight or entry_weight"):
        NMF("cv").fit(X, sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="at least 2 samples and 2 features"):
        NMF("cv").fit(X[:1])
    with pytest.raises(ValueError, match="update_H=False gives it"):
        non_negative_factorization(X, H=H, n_components="cv", update_H=False)


def test_ctrl_c_ends_the_search_for_the_number_of_components():
    X = np.random.RandomState(0).uniform(size=(400, 300))
    model = NMF("cv", max_iter=100_000, tol=0, progress=True)
    seconds, raised = interrupted_after(1.0, lambda: model.fit(X))
    assert isinstance(raised, KeyboardInterrupt) and seconds < 2.0
    assert not hasattr(model, "components_")


def test_the_curves_as_a_picture(survey):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = plot.rank_survey(survey)
    assert [ax.get_title() for ax in axes[:2]] == [f"{name}: {survey.curves[name].proposed}" for name in ("cv", "bcv")]
    for ax, curve in zip(axes, survey.curves.values(), strict=True):
        assert any(np.array_equal(line.get_ydata(), curve.values) for line in ax.lines)
        assert ax.get_ylabel() == curve.measure
    with pytest.raises(ValueError, match="1 axes; expected one for each of 8"):
        plot.rank_survey(survey, axes=[axes[0]])
    matplotlib.pyplot.close("all")
