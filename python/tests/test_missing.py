"""Missing values and weights."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from partwise import NMF, non_negative_factorization

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def holed():
    """A matrix of rank 3, and the same with four in ten entries not known."""
    random = np.random.default_rng(0)
    X = random.uniform(0.1, 1, (60, 3)) @ random.uniform(0.1, 1, (3, 40))
    known = random.random(X.shape) > 0.4
    return X, np.where(known, X, np.nan), known


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", ["frobenius", "kullback-leibler"])
def test_what_is_missing_is_filled_in(holed, loss, dtype):
    X, Y, known = holed
    model = NMF(3, beta_loss=loss, missing_values=np.nan, random_state=0, tol=0, max_iter=1500)
    W = model.fit_transform(Y.astype(dtype))
    assert W.dtype == dtype
    filled = model.inverse_transform(W)
    assert np.abs(filled - X)[~known].max() < 0.03
    new = model.set_params(tol=1e-6).transform(Y[:5].astype(dtype))
    assert np.abs(model.inverse_transform(new) - X[:5]).max() < 0.1


def test_a_sparse_matrix_of_ratings_is_its_dense_twin(holed):
    _, Y, known = holed
    ratings = sp.csr_array((Y[known], np.nonzero(known)), shape=Y.shape)
    options = {"n_components": 3, "random_state": 0, "max_iter": 30}
    dense = NMF(missing_values=np.nan, **options).fit(Y)
    for stored in (ratings, ratings.tocsc()):
        found = NMF(zeros="missing", **options).fit(stored)
        np.testing.assert_array_equal(found.components_, dense.components_)
        np.testing.assert_array_equal(found.transform(stored), dense.transform(Y))


def test_the_error_is_that_of_what_counts(holed):
    _, Y, known = holed
    random = np.random.default_rng(1)
    of_rows, of_entries = random.random(60), random.random(Y.shape)
    model = NMF(2, missing_values=np.nan, random_state=0, max_iter=20)
    W = model.fit_transform(Y, sample_weight=of_rows, entry_weight=of_entries)
    squares = np.where(known, of_rows[:, None] * of_entries * (np.nan_to_num(Y) - W @ model.components_) ** 2, 0)
    np.testing.assert_allclose(model.reconstruction_err_, np.sqrt(squares.sum()), rtol=1e-10)
    masked = NMF(2, random_state=0, max_iter=20)
    weights = sp.csr_matrix(np.where(known, of_rows[:, None] * of_entries, 0))
    masked.fit(np.nan_to_num(Y, nan=7.0), entry_weight=weights)
    np.testing.assert_allclose(masked.components_, model.components_, rtol=1e-6, atol=1e-9)


def test_a_weight_of_two_is_a_sample_met_twice(holed):
    X = holed[0][:20]
    weights = np.tile([1.0, 2.0], 10)
    H = np.random.default_rng(2).random((3, X.shape[1]))
    options = {"n_components": 3, "init": "custom", "solver": "mu", "max_iter": 25, "tol": 0}
    weighted = NMF(**options).fit(X, sample_weight=weights, W=np.full((20, 3), 0.5), H=H)
    twice = np.repeat(X, weights.astype(int), axis=0)
    repeated = NMF(**options).fit(twice, W=np.full((30, 3), 0.5), H=H)
    np.testing.assert_allclose(weighted.components_, repeated.components_, rtol=1e-8)


def test_the_function_takes_weights_and_holes(holed):
    _, Y, _ = holed
    model = NMF(2, missing_values=np.nan, random_state=0)
    W = model.fit_transform(Y, sample_weight=np.arange(60))
    found = non_negative_factorization(
        Y, n_components=2, missing_values=np.nan, random_state=0, sample_weight=np.arange(60)
    )
    np.testing.assert_array_equal(found[0], W)
    np.testing.assert_array_equal(W[0], 0)


def test_holes_survive_pipelines_clones_and_pickles(holed):
    _, Y, _ = holed
    model = clone(NMF(2, missing_values=np.nan, random_state=0))
    pipeline = make_pipeline(FunctionTransformer(), model)
    W = pipeline.fit_transform(Y, nmf__sample_weight=np.ones(60))
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.transform(Y), pipeline.transform(Y))
    assert W.shape == (60, 2)
    assert model.__sklearn_tags__().input_tags.allow_nan
    assert not NMF().__sklearn_tags__().input_tags.allow_nan


def test_a_start_can_be_given_and_continued(holed):
    _, Y, _ = holed
    model = NMF(2, missing_values=np.nan, random_state=0, warm_start=True, max_iter=3, tol=0)
    errors = [model.fit(Y).reconstruction_err_ for _ in range(4)]
    assert errors == sorted(errors, reverse=True)
    several = NMF(2, missing_values=np.nan, random_state=0, n_init=3, max_iter=3).fit(Y)
    assert several.objective_ <= NMF(2, missing_values=np.nan, random_state=0, max_iter=3).fit(Y).objective_


def test_a_short_fit_warns(holed):
    with warnings.catch_warnings(), pytest.warns(ConvergenceWarning):
        warnings.simplefilter("always")
        NMF(2, missing_values=np.nan, random_state=0, max_iter=2).fit(holed[1])


@pytest.mark.parametrize(
    ("options", "data", "weights", "message"),
    [
        ({}, "holed", {}, "Input X contains NaN.*missing_values=numpy.nan"),
        ({"missing_values": -1}, "holed", {}, "The 'missing_values' parameter of NMF must be"),
        ({"zeros": "unknown"}, "whole", {}, "The 'zeros' parameter of NMF must be"),
        ({"zeros": "missing"}, "whole", {}, "zeros='missing' is for a sparse X"),
        (
            {"missing_values": np.nan, "init": "nndsvda"},
            "holed",
            {},
            "init = nndsvda: expected random or given factors",
        ),
        ({"missing_values": np.nan, "solver": "sketched"}, "holed", {}, "solver = sketched"),
        ({"missing_values": np.nan}, "empty", {}, "no entry of X counts"),
        ({"missing_values": np.nan}, "infinite", {}, "Input X contains infinity"),
        ({}, "whole", {"sample_weight": np.ones(3)}, "sample_weight.shape == "),
        ({}, "whole", {"sample_weight": -np.ones(60)}, "Negative values in data passed to"),
        ({}, "whole", {"sample_weight": np.full(60, np.nan)}, "sample_weight contains NaN"),
        ({}, "whole", {"entry_weight": np.ones((60, 3))}, r"entry_weight has the shape \(60, 3\)"),
        ({}, "whole", {"entry_weight": -np.ones((60, 40))}, "Negative values in data passed to"),
        ({}, "whole", {"entry_weight": np.full((60, 40), np.inf)}, "entry_weight contains infinity"),
    ],
)
def test_bad_holes_and_weights_are_refused(holed, options, data, weights, message):
    X, Y, _ = holed
    chosen = {"whole": X, "holed": Y, "empty": np.full_like(X, np.nan), "infinite": np.where(np.isnan(Y), np.inf, Y)}
    with pytest.raises(ValueError, match=message):
        NMF(2, **options).fit(chosen[data], **weights)
