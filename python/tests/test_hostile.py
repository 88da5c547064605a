"""Arrays that no estimator wants: refused in scikit-learn's words or clear ones, or computed with; never a panic."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_allclose

import partwise
from partwise import _arrays, _base

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [
    partwise.NMF(2, random_state=0),
    partwise.NMF(2, random_state=0, solver="cd"),
    partwise.NMF(2, random_state=0, solver="mu", beta_loss=1),
    partwise.MiniBatchNMF(2, random_state=0),
]
each_estimator = pytest.mark.parametrize("model", ESTIMATORS, ids=["auto", "cd", "mu", "minibatch"])


def plain(rows=7, cols=5):
    return np.random.RandomState(0).uniform(0.1, 1, size=(rows, cols))


def broken_csr(**parts):
    """A CSR matrix with parts put in its place after SciPy has looked."""
    X = sp.csr_array(plain())
    for name, value in parts.items():
        setattr(X, name, value)
    return X


def replaced(array, index, value):
    array = array.copy()
    array[index] = value
    return array


whole = sp.csr_array(plain())
REFUSED = {
    "0-d": (np.array(1.0), ValueError, "Expected 2D array, got scalar array"),
    "1-d": (np.ones(5), ValueError, "Expected 2D array, got 1D array"),
    "3-d": (np.ones((2, 2, 2)), ValueError, "dim 3"),
    "object": (np.array([["a", 1], [2, 3]], dtype=object), ValueError, "could not convert"),
    "text": (np.array([["a", "b"], ["c", "d"]]), ValueError, "could not convert|dtype"),
    "complex": (plain() * 1j, ValueError, "Complex data not supported"),
    "no rows": (np.ones((0, 5)), ValueError, r"0 sample\(s\)"),
    "no columns": (np.ones((5, 0)), ValueError, r"0 feature\(s\)"),
    "nan": (replaced(plain(), (1, 2), np.nan), ValueError, "Input X contains NaN"),
    "infinite": (replaced(plain(), (1, 2), np.inf), ValueError, "Input X contains infinity"),
    "negative": (replaced(plain(), (1, 2), -1.0), ValueError, "Negative values in data passed to"),
    "too large": (plain() * 1e300, ValueError, "leaves the range of numbers"),
    "sparse nan": (broken_csr(data=replaced(whole.data, 3, np.nan)), ValueError, "Input X contains NaN"),
    "sparse negative": (
        broken_csr(data=replaced(whole.data, 3, -1)),
        ValueError,
        "Negative values in data passed to",
    ),
    "index above": (
        broken_csr(indices=replaced(whole.indices, 3, 99)),
        ValueError,
        "99 in line 0 is out of range",
    ),
    "index below": (
        broken_csr(indices=replaced(whole.indices, 3, -1)),
        ValueError,
        "-1 in line 0 is out of range",
    ),
    "offsets fall": (broken_csr(indptr=replaced(whole.indptr, 2, 1)), ValueError, "offset"),
    "offsets beyond": (broken_csr(indptr=replaced(whole.indptr, -1, 999)), ValueError, "offset"),
    "offsets begin late": (broken_csr(indptr=replaced(whole.indptr, 0, 1)), ValueError, "offset"),
    "too few offsets": (broken_csr(indptr=whole.indptr[:-1]), ValueError, "offset"),
    "a list of lists of words": ([["a"]], ValueError, "could not convert|dtype|Unable to convert"),
    "nothing": (None, ValueError, "Expected 2D array|requires"),
}


@each_estimator
@pytest.mark.parametrize("case", REFUSED)
def test_refused(model, case):
    X, exception, text = REFUSED[case]
    with pytest.raises(exception, match=text):
        model.fit(X)
    fitted = type(model)(**model.get_params()).fit(plain())
    with pytest.raises(exception):
        fitted.transform(X)


def misaligned(X):
    raw = np.zeros(X.nbytes + 1, dtype=np.uint8)
    out = raw[1:].view(X.dtype).reshape(X.shape)
    out[:] = X
    assert not out.flags.aligned
    return out


def field_of_records(X):
    records = np.zeros(X.shape, dtype=[("tag", "u1"), ("value", X.dtype)])
    records["value"] = X
    return records["value"]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def every_other(X):
    out = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan)
    out[::2, ::3] = X
    return out[::2, ::3]


def huge_strides(X):
    out = np.zeros((X.shape[0], 1 << 20))
    out[:, : 4 * X.shape[1] : 4] = X
    return out[:, : 4 * X.shape[1] : 4]


def unsorted(X):
    X = sp.csr_array(X)
    for row in range(X.shape[0]):
        span = slice(X.indptr[row], X.indptr[row + 1])
        X.indices[span] = X.indices[span][::-1]
        X.data[span] = X.data[span][::-1]
    X.has_sorted_indices = False
    return X


def duplicates(X):
    """Each entry stored as two halves."""
    X = sp.csr_array(X)
    parts = X.data.repeat(2) / 2, X.indices.repeat(2), 2 * X.indptr
    return sp.csr_array(parts, shape=X.shape)


def longer_than_stored(X):
    X = sp.csr_array(X)
    X.data = np.append(X.data, [3, 2]).astype(X.dtype)
    X.indices = np.append(X.indices, [0, 0]).astype(X.indices.dtype)
    return X


def wide_indices(X):
    X = sp.csc_array(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def mapped(X, tmp_path):
    np.save(tmp_path / "x.npy", X)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


ACCEPTED = {
    "fortran": np.asfortranarray,
    "read-only": read_only,
    "every other": every_other,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "huge strides": huge_strides,
    "misaligned": misaligned,
    "field of records": field_of_records,
    "other byte order": lambda X: X.astype(">f8"),
    "list": lambda X: X.tolist(),
    "unsorted": unsorted,
    "duplicates": duplicates,
    "longer than stored": longer_than_stored,
    "64-bit indices": wide_indices,
    "coo": sp.coo_array,
    "lil": sp.lil_matrix,
    "dok": sp.dok_array,
    "bsr": sp.bsr_matrix,
    "dia": sp.dia_array,
}


@each_estimator
@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(model, case):
    X = plain()
    expected = model.fit(X).inverse_transform(model.transform(X))
    seen = ACCEPTED[case](X)
    found = model.fit(seen).inverse_transform(model.transform(seen))
    assert_allclose(found, expected, atol=0.05)


def test_repeated_row_without_memory():
    X = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (50, 3))
    assert partwise.NMF(1, random_state=0).fit(X).reconstruction_err_ < 1e-6
    X = as_strided(np.arange(1.0, 9.0), shape=(6, 3), strides=(8, 8))
    assert partwise.NMF(3, random_state=0, max_iter=2000).fit(X).reconstruction_err_ < 0.1


def test_memory_mapped_file(tmp_path):
    X = mapped(plain(), tmp_path)
    assert_allclose(
        partwise.NMF(2, random_state=0).fit_transform(X),
        partwise.NMF(2, random_state=0).fit_transform(plain()),
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float16, np.longdouble, bool])
def test_other_numbers_become_double(dtype):
    X = (10 * plain()).astype(dtype)
    assert partwise.NMF(2, random_state=0).fit_transform(X).dtype == np.float64
    assert (
        partwise.NMF(2, random_state=0).fit_transform(sp.csr_array(X.astype(float)).astype(np.float32)).dtype
        == np.float32
    )


@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_array])
def test_what_integers_store_twice_is_added_up_beyond_their_type(make, monkeypatch):
    monkeypatch.setattr(_arrays, "SMALL", 0)
    X = make((200 * plain()).astype(np.uint8))
    twice = make((X.data.repeat(2), X.indices.repeat(2), 2 * X.indptr), shape=X.shape)
    before = twice.data.copy()
    found = partwise.NMF(2, random_state=0).fit(twice).components_
    assert 2 * X.data.max().astype(int) > np.iinfo(np.uint8).max
    np.testing.assert_array_equal(found, partwise.NMF(2, random_state=0).fit(2.0 * X).components_)
    np.testing.assert_array_equal(twice.data, before)


def test_integers_behind_the_stored_ones_do_not_count(monkeypatch):
    monkeypatch.setattr(_arrays, "SMALL", 0)
    X = sp.csr_array((200 * plain()).astype(np.uint8))
    assert _arrays.WholeNumbers(longer_than_stored(X)).mean() == pytest.approx(X.toarray().mean())


def test_all_zeros():
    for X in (np.zeros((6, 4)), sp.csr_array((6, 4))):
        for model in ESTIMATORS:
            W = model.fit_transform(X)
            assert np.isfinite(W).all() and np.isfinite(model.components_).all()
            assert model.reconstruction_err_ == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"tol": np.inf}, "The 'tol' parameter of NMF must be"),
        ({"alpha_W": np.inf}, "The 'alpha_W' parameter of NMF must be"),
        ({"beta_loss": 11}, "beta_loss = 11: expected a number from -10 to 10"),
        ({"beta_loss": np.nan}, "beta_loss = NaN"),
        ({"n_components": 0}, "The 'n_components' parameter of NMF must be"),
        ({"n_components": 2.5}, "The 'n_components' parameter of NMF must be"),
        ({"n_components": 1 << 62}, "array is too big"),
        (
            {"solver": "newton"},
            "Invalid beta_loss parameter: solver 'newton' does not handle beta_loss = 'frobenius'",
        ),
        ({"solver": "none"}, "The 'solver' parameter of NMF must be a str among"),
        ({"init": "spa", "n_components": 6}, "init = 'spa' can only be used when"),
        ({"n_threads": 0}, "The 'n_threads' parameter of NMF must be"),
        ({"callback": 3}, "The 'callback' parameter of NMF must be"),
        ({"beta_loss": "itakura-saito"}, "When beta_loss <= 0 and X contains zeros, the solver may diverge"),
    ],
)
def test_parameters(parameters, text):
    with pytest.raises(ValueError, match=text):
        partwise.NMF(**{"init": "random", **parameters}).fit(replaced(plain(), (2, 3), 0.0))


HUGE = 10**20


@pytest.mark.parametrize("solver", ["auto", "cd", "mu"])
def test_limits_of_any_length(solver):
    found, expected = (
        partwise.NMF(2, solver=solver, max_iter=limit, random_state=0).fit(plain()) for limit in (HUGE, 5000)
    )
    np.testing.assert_array_equal(found.components_, expected.components_)
    assert found.n_iter_ == expected.n_iter_ < 5000


@pytest.mark.parametrize("fresh_restarts", [False, True])
def test_limits_of_batches_of_any_length(fresh_restarts, tmp_path):
    limits = ("max_iter", "batch_size", "max_no_improvement", "fresh_restarts_max_iter", "transform_max_iter")
    options = {"random_state": 0, "fresh_restarts": fresh_restarts, "tol": 1e-3}
    found, expected = (
        partwise.MiniBatchNMF(2, **options, **dict.fromkeys(limits, limit)).fit(plain()) for limit in (HUGE, 5000)
    )
    np.testing.assert_array_equal(found.components_, expected.components_)
    np.testing.assert_array_equal(found.transform(plain()), expected.transform(plain()))
    found.partial_fit(plain()).save(tmp_path / "model.npz")
    assert partwise.MiniBatchNMF.load(tmp_path / "model.npz").max_iter == sys.maxsize


def test_limits_of_a_survey_of_any_length():
    found, expected = (
        partwise.rank_survey(plain(), [1, 2], methods="elbow", starts=2, max_iter=limit, random_state=0)
        for limit in (HUGE, 5000)
    )
    np.testing.assert_array_equal(found.curves["elbow"].values, expected.curves["elbow"].values)


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda X: partwise.rank_survey(X, HUGE), f"ranks = {sys.maxsize}: expected ranks of at most 5"),
        (lambda X: partwise.rank_survey(X, starts=HUGE), f"starts = {sys.maxsize}: expected at most"),
        (lambda X: partwise.rank_survey(X, folds=HUGE), f"folds = {sys.maxsize}: expected at most"),
        (partwise.ConsensusNMF(2, n_runs=HUGE).fit, f"n_runs = {sys.maxsize}: expected at most"),
        (partwise.ConsensusNMF(2, bootstrap=HUGE).fit, f"bootstrap = {sys.maxsize}: expected at most"),
        (partwise.NMFTree(HUGE).fit, f"n_leaves = {sys.maxsize}: expected at most 7"),
    ],
    ids=["ranks", "starts", "folds", "runs", "bootstrap", "leaves"],
)
def test_more_fits_than_can_be_made_are_refused(work, words):
    with pytest.raises(ValueError, match=words):
        work(plain())


def test_threads_of_any_number(monkeypatch):
    assert _base.available_threads(3) == 3
    assert _base.available_threads(HUGE) == _base.MOST_THREADS
    monkeypatch.setenv("OMP_NUM_THREADS", str(HUGE))
    assert _base.available_threads(None) == _base.MOST_THREADS


def test_starts_are_refused_and_left_alone():
    X, W, H = plain(), plain(7, 2), plain(2, 5)
    model = partwise.NMF(2, init="custom")
    with pytest.raises(ValueError, match=r"Negative values in data passed to NMF \(input W\)"):
        model.fit(X, W=-W, H=H)
    with pytest.raises(ValueError, match=r"Expected 2, but got 3"):
        model.fit(X, W=W, H=plain(3, 5))
    with pytest.raises(TypeError, match="should have the same dtype as X"):
        model.fit(X, W=W, H=H.astype(np.float32))
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X, W=replaced(W, (0, 0), np.nan), H=H)
    with pytest.raises(ValueError, match=r"Negative values in data passed to NMF"):
        model.fit(-X, W=W, H=H)
    for model in (partwise.NMF(2, init="custom"), partwise.MiniBatchNMF(2, init="custom")):
        before = W.copy(), H.copy()
        model.fit(X, W=W, H=H)
        assert (before[0] == W).all() and (before[1] == H).all()
