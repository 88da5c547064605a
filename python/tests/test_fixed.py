"""Components of W or H that stay as they are given."""

import numpy as np
import pytest

from partwise import NMF, ComponentWarning
from partwise._base import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def sources():
    """A mixture of three sources, each of which rests somewhere, and a start that knows two of them."""
    random = np.random.default_rng(0)
    H = random.uniform(0.1, 1, (3, 25)) * (random.random((3, 25)) > 0.4)
    W = random.uniform(0.1, 1, (50, 3)) * (random.random((50, 3)) > 0.4)
    start = H.copy()
    start[2] = 0.5
    return W @ H, H, {"W": np.full((50, 3), 0.5), "H": start}


@pytest.mark.parametrize("fixed", [[0, 1], np.array([True, True, False]), (1, 0)])
def test_an_unknown_source_is_found_among_known_ones(sources, fixed):
    X, H, start = sources
    model = NMF(3, init="custom", tol=0, max_iter=2000).fit(X, **start, fixed_H=fixed)
    np.testing.assert_array_equal(model.components_[:2], H[:2])
    found = model.components_[2]
    assert found @ H[2] > 0.999 * np.linalg.norm(found) * np.linalg.norm(H[2])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_solver_leaves_what_is_fixed(sources, solver, shuffle):
    X, H, start = sources
    loss = "kullback-leibler" if solver == "newton" else "frobenius"
    model = NMF(3, init="custom", solver=solver, beta_loss=loss, shuffle=shuffle, random_state=3, max_iter=5)
    W = model.fit_transform(X, **start, fixed_W=[2], fixed_H=[0])
    np.testing.assert_array_equal(W[:, 2], start["W"][:, 2])
    np.testing.assert_array_equal(model.components_[0], start["H"][0])
    assert not np.array_equal(model.components_[1], start["H"][1])


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"fixed_H": [3]}, "fixed_H has the component 3: expected numbers of components from 0 to 2"),
        ({"fixed_W": [-1]}, "fixed_W has the component -1"),
        ({"fixed_W": [0.5]}, "fixed_W = "),
        ({"fixed_H": [True, False]}, "fixed_H is a mask of 2"),
        ({"fixed_W": [0, 1, 2], "fixed_H": [0, 1, 2]}, "at least one component of W or H that may change"),
    ],
)
def test_bad_choices_are_refused(sources, fixed, message):
    X, _, start = sources
    with pytest.raises(ValueError, match=message):
        NMF(3, init="custom").fit(X, **start, **fixed)


def test_only_what_is_given_can_be_fixed(sources):
    with pytest.raises(ValueError, match="fixed_H needs init='custom'"):
        NMF(3).fit(sources[0], fixed_H=[0])


def test_half_a_start_is_refused():
    X = np.ones((4, 3))
    for given in ({"W": np.ones((4, 2))}, {"H": np.ones((2, 3))}, {}):
        with pytest.raises(ValueError, match="needs both W and H"):
            NMF(2, init="custom").fit(X, **given)


def test_several_starts_have_no_fixed_components(sources):
    X, _, start = sources
    with pytest.raises(ValueError, match="n_init=2 with fixed_H: expected 1"):
        NMF(3, init="custom", n_init=2).fit(X, **start, fixed_H=[0])


def test_shuffled_components_are_told_of_by_their_numbers(sources):
    X, _, start = sources
    start = {"W": start["W"].copy(), "H": start["H"].copy()}
    # Of two that are zero neither can come back.
    start["W"][:, 0], start["H"][0] = 0, 0
    with pytest.warns(ComponentWarning, match=r"component 0 "):
        model = NMF(3, init="custom", solver="cd", shuffle=True, random_state=4, tol=1e-2).fit(X, **start)
    np.testing.assert_array_equal(model.dead_components_, [0])
    assert not model.components_[0].any()
