"""Integers: large matrices of them stay what they are where a fit needs only rows, and become floats elsewhere."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from partwise import NMF, _arrays, _partwise

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("kind", ["C", "F", "steps", "csr", "csc"])
def test_integers_stay_integers_and_give_the_answer_of_floats(kind, dtype, monkeypatch):
    monkeypatch.setattr(_arrays, "SMALL", 0)
    random = np.random.RandomState(0)
    X = random.poisson(random.uniform(size=(90, 3)) @ random.uniform(0, 4, size=(3, 24))).astype(dtype)
    if kind in ("csr", "csc"):
        X = sp.csr_array(X).asformat(kind)
    else:
        X = np.repeat(X, 2, axis=1)[:, ::2] if kind == "steps" else np.array(X, order=kind)
    seen = []
    take = _partwise.fit

    def spy(x, *others):
        seen.append((x[4] if isinstance(x, tuple) else x).dtype)
        return take(x, *others)

    monkeypatch.setattr(_partwise, "fit", spy)
    floats = X.astype(float)
    for options in ({"solver": "mu", "init": "random"}, {"solver": "hals"}, {"solver": "cd", "lean": True}):
        options = {"n_components": 3, "random_state": 0, "max_iter": 20, "tol": 0, **options}
        if options["solver"] == "cd":
            options["init"] = "random"
        model, expected = NMF(**options), NMF(**options)
        W, other = model.fit_transform(X), expected.fit_transform(floats)
        assert W.dtype == model.components_.dtype == np.float64
        if kind == "csc" and options["solver"] == "hals":
            # Its columns lead, so that other steps are taken.
            assert model.reconstruction_err_ < 1.2 * expected.reconstruction_err_
        else:
            assert_allclose(W, other, rtol=1e-9, atol=1e-12)
            assert_allclose(model.components_, expected.components_, rtol=1e-9, atol=1e-12)
        assert_allclose(model.transform(X), model.transform(floats), rtol=1e-6, atol=1e-9)
    assert seen.count(np.dtype(dtype)) == 6


def test_integers_become_floats_where_more_than_rows_is_needed(monkeypatch):
    monkeypatch.setattr(_arrays, "SMALL", 0)
    X = np.random.RandomState(0).poisson(3.0, size=(30, 8))
    for options in ({"beta_loss": 1}, {"solver": "cd"}, {"constraint": "orthogonal"}, {"missing_values": np.nan}):
        model = NMF(2, random_state=0, max_iter=10, **options).fit(X)
        same = NMF(2, random_state=0, max_iter=10, **options).fit(X.astype(float))
        np.testing.assert_array_equal(model.components_, same.components_)
    weighted = NMF(2, random_state=0, max_iter=10).fit(X, sample_weight=np.ones(30))
    assert weighted.components_.dtype == np.float64
    with pytest.raises(ValueError, match="Negative values"):
        NMF(2).fit(-X)
    counts = sp.csr_array(X)
    before = [array.copy() for array in (counts.data, counts.indices, counts.indptr)]
    NMF(2, beta_loss=1, random_state=0, max_iter=5).fit(counts)
    for array, was in zip((counts.data, counts.indices, counts.indptr), before, strict=True):
        np.testing.assert_array_equal(array, was)
        assert array.dtype == was.dtype
