"""Missing values and weights."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import xlogy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from partwise import NMF, _base, _partwise, non_negative_factorization

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def holed():
    """A matrix of rank 3, and the same with four in ten entries not known."""
    random = np.random.default_rng(0)
    X = random.uniform(0.1, 1, (60, 3)) @ random.uniform(0.1, 1, (3, 40))
    known = random.random(X.shape) > 0.4
    return X, np.where(known, X, np.nan), known


LOSSES = ["frobenius", "kullback-leibler", "itakura-saito", 0.5, 3]


def beta_of(loss):
    return _base.BETA.get(loss, loss)


def divergence(X, Y, beta):
    """The textbook's, entry by entry."""
    if beta == 2:
        return (X - Y) ** 2 / 2
    if beta == 1:
        return xlogy(X, X / Y) - X + Y
    if beta == 0:
        return X / Y - np.log(X / Y) - 1
    return (X**beta + (beta - 1) * Y**beta - beta * X * Y ** (beta - 1)) / (beta * (beta - 1))


def change(X, weights, W, H, beta):
    """What multiplies W in a step of multiplicative updates."""
    Y = W @ H
    exponent = 1 / (2 - beta) if beta < 1 else 1 / (beta - 1) if beta > 2 else 1
    return ((weights * X * Y ** (beta - 2)) @ H.T / ((weights * Y ** (beta - 1)) @ H.T)) ** exponent


def slow(X, weights, W, H, beta, max_iter, *, hold=False):
    """Factors after multiplicative updates in which every entry has its weight."""
    for _ in range(max_iter):
        W = W * change(X, weights, W, H, beta)
        if not hold:
            H = H * change(X.T, weights.T, H.T, W.T, beta).T
    return W, H


def nan_in_array(X, known, random):
    return np.where(known, X, np.nan), known, {"missing_values": np.nan}, {}


def nan_in_csr(X, known, random):
    return sp.csr_array(np.where(known, X, np.nan)), known, {"missing_values": np.nan}, {}


def nan_in_csc(X, known, random):
    return sp.csc_matrix(np.where(known, X, np.nan)), known, {"missing_values": np.nan}, {}


def not_stored(X, known, random):
    return sp.csr_array((X[known], np.nonzero(known)), shape=X.shape), known, {"zeros": "missing"}, {}


def nan_among_what_is_stored(X, known, random):
    unknown = random.random(X.shape) < 0.1
    stored = sp.csr_array((np.where(unknown, np.nan, X)[known], np.nonzero(known)), shape=X.shape)
    return stored, known & ~unknown, {"zeros": "missing", "missing_values": np.nan}, {}


def weights_of_rows(X, known, random):
    weights = random.random(len(X)) + 0.1
    return X, np.broadcast_to(weights[:, None], X.shape), {}, {"sample_weight": weights}


def weights_of_entries(X, known, random):
    weights = random.random(X.shape)
    return X, weights, {}, {"entry_weight": weights}


def sparse_weights_of_entries(X, known, random):
    weights = np.where(known, random.random(X.shape), 0)
    return X, weights, {}, {"entry_weight": sp.csc_array(weights)}


def all_of_them(X, known, random):
    of_rows, of_entries = random.random(len(X)) + 0.1, random.random(X.shape)
    weights = known * of_rows[:, None] * of_entries
    given = {"sample_weight": of_rows, "entry_weight": of_entries}
    return np.where(known, X, np.nan), weights, {"missing_values": np.nan}, given


GIVEN = [
    nan_in_array,
    nan_in_csr,
    nan_in_csc,
    not_stored,
    nan_among_what_is_stored,
    weights_of_rows,
    weights_of_entries,
    sparse_weights_of_entries,
    all_of_them,
]
each_way_to_say_it = pytest.mark.parametrize("say", GIVEN, ids=lambda say: say.__name__)


@pytest.fixture
def noisy():
    """A matrix near one of rank 2, which of its entries are known, and factors to begin with."""
    random = np.random.default_rng(3)
    X = random.gamma(2, size=(25, 2)) @ random.gamma(2, size=(2, 16)) * random.uniform(0.8, 1.25, (25, 16))
    return X, random.random(X.shape) > 0.3, random.random((25, 2)) + 0.5, random.random((2, 16)) + 0.5


@each_way_to_say_it
@pytest.mark.parametrize("loss", LOSSES)
def test_multiplicative_updates_are_those_of_the_textbook(noisy, loss, say):
    X, known, W, H = noisy
    given, weights, options, others = say(X, known, np.random.default_rng(4))
    model = NMF(2, solver="mu", beta_loss=loss, init="custom", max_iter=6, tol=0, **options)
    found = model.fit_transform(given, W=W, H=H, **others)
    expected = slow(X, weights, W, H, beta_of(loss), 6)
    np.testing.assert_allclose(found, expected[0], rtol=1e-7)
    np.testing.assert_allclose(model.components_, expected[1], rtol=1e-7)


@each_way_to_say_it
@pytest.mark.parametrize(
    ("solver", "loss"),
    [
        (solver, loss)
        for solver in _base.SOLVERS
        for loss in LOSSES
        if solver != "sketched" and _partwise.handles(solver, beta_of(loss))
    ],
)
def test_every_solver_minimises_what_counts(noisy, solver, loss, say):
    X, known, W, H = noisy
    given, weights, options, others = say(X, known, np.random.default_rng(4))
    beta = beta_of(loss)
    penalty = {"alpha_W": 1e-3, "alpha_H": 2e-3, "l1_ratio": 0.3}
    model = NMF(2, solver=solver, beta_loss=loss, init="custom", max_iter=3000, tol=1e-8, **options)
    W_found = model.fit_transform(given, W=W, H=H, **others)
    W_slow, H_slow = slow(X, weights, W, H, beta, 1000)
    least = (weights * divergence(X, W_slow @ H_slow, beta)).sum()
    reached = (weights * divergence(X, W_found @ model.components_, beta)).sum()
    assert reached <= 1.001 * least
    np.testing.assert_allclose(model.reconstruction_err_, np.sqrt(2 * reached), rtol=1e-6)
    model.set_params(**penalty, max_iter=50)
    W_found = model.fit_transform(given, W=W, H=H, **others)
    reached = (weights * divergence(X, W_found @ model.components_, beta)).sum()
    for rows, strength, counts in ((W_found, 1e-3, weights), (model.components_.T, 2e-3, weights.T)):
        sizes = 0.3 * rows.sum(axis=1) + 0.35 * (rows**2).sum(axis=1)
        reached += strength * counts.sum(axis=1) @ sizes
    np.testing.assert_allclose(model.objective_, reached, rtol=1e-6)


@pytest.mark.parametrize("say", [nan_in_array, nan_in_csc, not_stored, nan_among_what_is_stored])
@pytest.mark.parametrize("loss", LOSSES)
def test_new_samples_are_found_by_what_is_known_of_them(noisy, loss, say):
    X, known, W, H = noisy
    given, weights, options, _ = say(X, known, np.random.default_rng(4))
    model = NMF(2, beta_loss=loss, init="custom", max_iter=2000, tol=1e-8, **options).fit(given, W=W, H=H)
    found = model.transform(given)
    beta = beta_of(loss)
    expected = slow(X, weights, W, model.components_, beta, 2000, hold=True)[0]
    reached, least = (
        (weights * divergence(X, factor @ model.components_, beta)).sum(axis=1) for factor in (found, expected)
    )
    np.testing.assert_allclose(reached, least, rtol=1e-3)


def test_a_zero_of_a_sparse_matrix_is_known_where_what_is_not_known_is_nan(noisy):
    X, known, W, H = noisy
    X = np.where(np.random.default_rng(5).random(X.shape) < 0.4, 0, X)
    given = sp.csr_array(np.where(known, X, np.nan))
    assert given.nnz < X.size
    for loss in ("frobenius", "kullback-leibler", 3):
        model = NMF(2, solver="mu", beta_loss=loss, init="custom", max_iter=6, tol=0, missing_values=np.nan)
        found = model.fit_transform(given, W=W, H=H)
        expected = slow(X, known, W, H, beta_of(loss), 6)
        np.testing.assert_allclose(found, expected[0], rtol=1e-7)
        np.testing.assert_allclose(model.components_, expected[1], rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", LOSSES)
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
