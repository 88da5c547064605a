"""NMF on clusters of worker processes, some of which are killed: what is the same on all of them."""

import functools
import gc
import logging
import os
import pickle
import shutil
import signal
import sys
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from clusters import CLUSTERS, ONE, ROWS, Here, becomes_true, blocks, fitted_here, killer, limited
from sklearn.base import clone

import partwise
from partwise import _cluster, _partwise
from partwise._partitions import FAN_IN, Block, add_up
from partwise._watch import Watch


@pytest.fixture(scope="module", params=CLUSTERS, ids=lambda kind: kind.__name__.lower())
def cluster(request):
    with request.param.started() as cluster:
        yield cluster


@pytest.fixture
def mortal(cluster):
    """A cluster for a test that kills workers."""
    if cluster.WORKERS_COME_BACK:
        yield cluster
    else:
        with cluster.started() as another:
            yield another


@pytest.fixture(autouse=True)
def no_hang():
    with limited(300):
        yield


PENALTIES = {"alpha_W": 1e-4, "l1_ratio": 0.5}

KINDS = [
    ("hals", "frobenius", np.float64, False),
    ("cd", "frobenius", np.float32, True),
    ("mu", "kullback-leibler", np.float64, True),
    ("auto", "kullback-leibler", np.float32, False),
    ("mu", 0.5, np.float64, False),
    ("sketched", "frobenius", np.float64, False),
    ("sketched", "frobenius", np.float64, True),
    ("auto", "frobenius", np.float64, False),
    ("anls", "frobenius", np.float64, True),
]


@pytest.mark.parametrize(("solver", "loss", "dtype", "sparse"), KINDS)
def test_same_bits_as_the_same_blocks_in_one_process(cluster, solver, loss, dtype, sparse):
    parts = blocks(dtype, sparse)
    model = cluster.NMF(4, solver=solver, beta_loss=loss, max_iter=15, tol=0, random_state=1, **PENALTIES)
    W = model.fit_transform(cluster.made_there(parts))
    expected_W, expected_H = fitted_here(model, parts)
    W = cluster.here(W)
    assert model.components_.dtype == dtype and W.dtype == dtype
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W, expected_W)
    assert model.n_iter_ == 15 and len(model.history_["objective"]) >= 15


@pytest.mark.parametrize(
    ("init", "solver", "n_init"),
    [("random", "cd", 1), ("nndsvd", "cd", 1), ("nndsvdar", "sketched", 2), (None, "hals", 3)],
)
def test_starts_are_those_of_the_same_blocks(cluster, init, solver, n_init):
    parts = blocks()
    model = cluster.NMF(4, init=init, solver=solver, n_init=n_init, max_iter=15, tol=0, random_state=1)
    W = cluster.here(model.fit_transform(cluster.made_there(parts)))
    expected_W, expected_H = fitted_here(model, parts)
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W, expected_W)
    assert model.objectives_.shape == (n_init,)
    assert model.history_["sketched"].any() == (solver == "sketched")


def test_a_start_by_singular_vectors_is_that_of_one_piece(cluster):
    parts = blocks()
    parameters = dict(init="nndsvda", solver="hals", max_iter=3, tol=0, random_state=0)
    W = cluster.here(cluster.NMF(3, **parameters).fit_transform(cluster.made_there(parts)))
    here = partwise.NMF(3, **parameters)
    np.testing.assert_allclose(W, here.fit_transform(np.concatenate(parts)), rtol=1e-6, atol=1e-9)


def test_large_components(cluster, recwarn):
    def part(seed):
        return np.random.RandomState(seed).rand(30, 40_000)

    parts = [part(seed) for seed in range(3)]
    model = cluster.NMF(40, solver="cd", max_iter=4, tol=0, random_state=1)
    expected_W, expected_H = fitted_here(model, parts)
    W = model.fit_transform(cluster.made_by([functools.partial(part, seed) for seed in range(3)]))
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(cluster.here(W), expected_W)
    assert not any("large graph" in str(warning.message) for warning in recwarn)


@pytest.mark.parametrize(
    ("solver", "loss", "checkpoint", "sparse", "parameters"),
    [
        ("hals", "frobenius", None, False, {}),
        ("sketched", "frobenius", 3, False, {"n_init": 2}),
        ("mu", "kullback-leibler", 3, True, PENALTIES),
        ("anls", "frobenius", 20, True, PENALTIES),
    ],
)
def test_killed_workers_change_no_bit(mortal, caplog, solver, loss, checkpoint, sparse, parameters):
    parts = blocks(sparse=sparse)
    X = mortal.made_there(parts)
    model = mortal.NMF(
        4,
        solver=solver,
        beta_loss=loss,
        max_iter=25,
        tol=0,
        random_state=1,
        checkpoint=checkpoint,
        **parameters,
    )
    W = mortal.here(model.fit_transform(X))
    see, killed = killer(mortal, 5, 12)
    disturbed = clone(model).set_params(callback=see)
    with caplog.at_level(logging.INFO, "partwise"):
        disturbed_W = mortal.here(disturbed.fit_transform(X))
    assert len(set(killed)) == 2 * model.n_init and "asked again" in caplog.text
    assert disturbed.n_iter_ == 25
    np.testing.assert_array_equal(disturbed.components_, model.components_)
    np.testing.assert_array_equal(disturbed.history_["objective"], model.history_["objective"])
    np.testing.assert_array_equal(disturbed_W, W)
    expected_W, expected_H = fitted_here(model, parts)
    np.testing.assert_array_equal(disturbed.components_, expected_H)
    np.testing.assert_array_equal(disturbed_W, expected_W)


def names(folder):
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("solver", "loss", "sparse", "n_init"),
    [("hals", "frobenius", False, 1), ("sketched", "frobenius", True, 2), ("mu", "kullback-leibler", True, 1)],
)
def test_a_fit_that_failed_goes_on_from_its_state(mortal, tmp_path, solver, loss, sparse, n_init):
    X = mortal.made_there(blocks(sparse=sparse))
    model = mortal.NMF(4, solver=solver, beta_loss=loss, n_init=n_init, max_iter=25, tol=0, random_state=1)
    seen_by_one = []
    model.set_params(callback=lambda info: seen_by_one.append(info.iteration))
    W = mortal.here(model.fit_transform(X))
    path = tmp_path / "fit.state"
    kept = clone(model).set_params(state_file=path, state_every=0)
    seen = []
    kill, killed = killer(mortal, 11)
    for failing in (6, 19):

        def see(info, failing=failing):
            kill(info)
            if info.iteration == failing:
                raise ConnectionError("the network is gone")
            # Of the last iteration no state is kept.
            seen.append(info.iteration)

        with pytest.raises(ConnectionError, match="the network is gone"):
            kept.set_params(callback=see).fit(X)
        assert names(tmp_path) == ["fit.state"]
    assert killed
    kept.set_params(callback=lambda info: seen.append(info.iteration))
    np.testing.assert_array_equal(mortal.here(kept.fit_transform(X)), W)
    np.testing.assert_array_equal(kept.components_, model.components_)
    np.testing.assert_array_equal(kept.history_["objective"], model.history_["objective"])
    assert seen == seen_by_one and names(tmp_path) == []


def test_a_fit_that_was_stopped_goes_on_from_its_state(cluster, tmp_path):
    X = cluster.made_there(blocks())
    model = cluster.NMF(3, max_iter=20, tol=0, random_state=0, **ONE)
    expected = clone(model).fit(X)
    kept = clone(model).set_params(state_file=os.fspath(tmp_path / "s"), callback=lambda info: info.iteration == 8)
    assert kept.fit(X).stop_reason_ == "stopped" and names(tmp_path) == ["s"]
    kept.set_params(callback=None).fit(X)
    np.testing.assert_array_equal(kept.components_, expected.components_)
    assert names(tmp_path) == []


def test_states_that_are_refused(cluster, tmp_path):
    X = cluster.made_there(blocks())
    path = tmp_path / "s"
    stopped = cluster.NMF(
        3, random_state=0, max_iter=20, tol=0, state_file=path, callback=lambda info: info.iteration == 4, **ONE
    )
    stopped.fit(X)
    whole = path.read_bytes()

    def refused(match, X=X, **parameters):
        with pytest.raises(ValueError, match=match):
            clone(stopped).set_params(**parameters).fit(X)
        assert path.exists()

    refused("belongs to a fit with seed", random_state=7)
    refused("belongs to a fit with solver .*, and this one has mu", solver="mu")
    refused("belongs to a fit with rows of X", X=cluster.made_there(blocks()[:3]))
    refused("state_file needs a whole number as random_state, which is None", random_state=None)
    refused("state_every", state_every=-1)
    for torn in (b"", whole[:-1], whole[:40] + b"?" + whole[41:], whole + b"0", whole[:9] + b"\7" + whole[10:]):
        path.write_bytes(torn)
        refused(f"{path}: .*(no state|changed|version)")
    with pytest.raises(FileNotFoundError, match="No such folder"):
        clone(stopped).set_params(state_file=tmp_path / "nowhere" / "s").fit(X)


def test_a_state_that_cannot_be_written_does_not_end_the_fit(cluster, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()

    def lose(info):
        if info.iteration == 3:
            shutil.rmtree(folder)

    model = cluster.NMF(3, random_state=0, max_iter=6, tol=0, state_file=folder / "s", state_every=0, callback=lose)
    with pytest.warns(RuntimeWarning, match="s: no state of the fit is kept: .*No such folder"):
        model.fit(cluster.made_there(blocks()))
    assert model.n_iter_ == 6


def test_close_to_one_piece(cluster):
    parts = blocks()
    X = np.concatenate(parts)
    random = np.random.RandomState(3)
    W, H = random.rand(len(X), 3), random.rand(3, X.shape[1])
    parameters = dict(solver="cd", init="custom", max_iter=40, tol=1e-6, alpha_W=1e-4)
    here = partwise.NMF(3, **parameters)
    expected = here.fit_transform(X, W=W, H=H)
    there = cluster.NMF(3, **parameters)
    found = cluster.here(there.fit_transform(cluster.made_there(parts), W=W, H=H))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(there.components_, here.components_, rtol=1e-6, atol=1e-9)
    assert there.n_iter_ == here.n_iter_ and there.stop_reason_ == here.stop_reason_
    assert there.reconstruction_err_ == pytest.approx(here.reconstruction_err_)
    assert there.relative_error_ == pytest.approx(here.relative_error_)
    assert there.residual_ == pytest.approx(here.residual_, rel=1e-4)


@pytest.mark.parametrize("kept", [False, True])
def test_dead_components_are_named_where_w_is_elsewhere(cluster, tmp_path, kept):
    parts = blocks()
    X = np.concatenate(parts)
    random = np.random.RandomState(3)
    W, H = random.rand(len(X), 4), random.rand(4, X.shape[1])
    H[2], H[3] = 0, H[0]
    state = {"state_file": tmp_path / "s", "random_state": 0} if kept else {}
    model = cluster.NMF(4, solver="mu", init="custom", max_iter=2000, **state)
    with pytest.warns(partwise.ComponentWarning, match="component 2 has no weight .counted"):
        model.fit(cluster.made_there(parts), W=W, H=H)
    assert model.dead_components_.tolist() == [2]


def test_w_that_was_returned_is_a_start(cluster):
    parts = blocks()
    X = cluster.made_there(parts)
    model = cluster.NMF(3, solver="mu", max_iter=5, tol=0, random_state=0, **ONE)
    W = model.fit_transform(X)
    on = clone(model).set_params(init="custom")
    found = cluster.here(on.fit_transform(X, W=W, H=model.components_))
    again = cluster.here(clone(on).fit_transform(X, W=cluster.here(W), H=model.components_))
    np.testing.assert_array_equal(found, again)
    assert on.objective_ < model.objective_


def test_transform_is_block_by_block(cluster):
    parts = blocks()
    model = cluster.NMF(3, max_iter=60, random_state=0, **ONE).fit(cluster.made_there(parts))
    local = partwise.NMF(3)
    local.components_ = model.components_
    expected = np.concatenate([local.transform(part) for part in parts])
    np.testing.assert_array_equal(cluster.here(model.transform(cluster.made_there(parts))), expected)
    np.testing.assert_array_equal(cluster.here(model.transform(parts)), expected)
    np.testing.assert_array_equal(model.transform(parts[0]), expected[: ROWS[0]])
    assert cluster.here(model.transform([np.empty((0, 30)), parts[6]])).shape == (1, 3)
    with pytest.raises(ValueError, match="29 features"):
        cluster.here(model.transform(cluster.made_there([part[:, :29] for part in parts])))


def test_arrays_and_blocks_without_rows(cluster):
    parts = blocks()
    model = cluster.NMF(3, max_iter=5, tol=0, random_state=0, **ONE)
    expected = model.fit(cluster.made_there(parts)).components_
    for X in [tuple(parts), [np.empty((0, 30)), *parts, np.empty((0, 30))]]:
        np.testing.assert_allclose(clone(model).fit(X).components_, expected, rtol=1e-9)
    assert clone(model).set_params(n_components=None).fit([part[:, :4] for part in parts]).n_components_ == 4


def test_nothing_is_left_behind(cluster):
    cluster.NMF(2, max_iter=3, tol=0, random_state=0).fit(cluster.made_there(blocks()))
    gc.collect()
    assert becomes_true(lambda: not cluster.left()), cluster.left()


def test_a_callback_ends_it(cluster):
    model = cluster.NMF(2, random_state=0, **ONE, callback=lambda info: info.iteration == 4)
    model.fit(cluster.made_there(blocks()))
    assert (model.n_iter_, model.stop_reason_) == (4, "stopped")

    def fail(info):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        cluster.NMF(2, random_state=0, **ONE, callback=fail).fit(cluster.made_there(blocks()))


@pytest.mark.parametrize("watched", [False, True])
def test_ctrl_c(cluster, monkeypatch, tmp_path, watched):
    working = threading.Event()
    monkeypatch.setattr(Watch, "_print", lambda self, info: info.iteration == 3 and working.set())
    interrupter = threading.Thread(target=lambda: working.wait(60) and os.kill(os.getpid(), signal.SIGINT))
    interrupter.start()
    callback = (lambda info: False) if watched else None
    state = {"state_file": tmp_path / "s", "state_every": 0}
    model = cluster.NMF(2, max_iter=100_000, tol=0, random_state=0, callback=callback, verbose=1, **state)
    X = cluster.made_there(blocks())
    if watched:
        model.fit(X)
        assert model.stop_reason_ == "stopped" and 3 <= model.n_iter_ < 100_000
    else:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)
    interrupter.join()
    assert names(tmp_path) == ["s"]
    assert cluster.works()
    assert becomes_true(lambda: not cluster.left()), cluster.left()


def test_ctrl_c_while_an_object_is_deleted(cluster, monkeypatch):
    class Pressed:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: dropped.append(unraisable.exc_type))
    monkeypatch.setattr(Watch, "_print", lambda self, info: info.iteration == 3 and Pressed())
    model = cluster.NMF(2, max_iter=1000, tol=0, random_state=0, verbose=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(cluster.made_there(blocks()))
    assert dropped == []
    assert becomes_true(lambda: not cluster.left()), cluster.left()


def test_starts_and_checkpoints_of_any_number(cluster):
    numbers = dict.fromkeys(("n_init", "checkpoint"), 10**20)
    model = cluster.NMF(2, init="random", callback=lambda info: True, **numbers, **ONE)
    assert model.fit(blocks()).stop_reason_ == "stopped"


def test_refusals(cluster):
    parts = blocks()

    def refused(error, match, X, **parameters):
        with pytest.raises(error, match=match):
            cluster.NMF(2, **ONE, **parameters).fit(X)

    refused(ValueError, r"partition 1 .* 29 columns.* 30", [parts[0], parts[1][:, :29]])
    refused(ValueError, r"partition 2 .* float32.* float64", [*parts[:2], parts[2].astype(np.float32)])
    refused(ValueError, r"partition 1 .*1D array", [parts[0], parts[1][0]])
    negative = [part.copy() for part in parts]
    negative[2][5, 7] = -1
    refused(ValueError, rf"X\[{ROWS[0] + ROWS[1] + 5}, 7\] = -1", cluster.made_there(negative))
    negative[2][5, 7] = np.nan
    refused(ValueError, "NaN", cluster.made_there(negative))
    negative[2][5, 7] = 0
    refused(ValueError, "contains zeros", cluster.made_there(negative), beta_loss=0)
    refused(ValueError, "no partition", [])
    refused(TypeError, "X is a ndarray; expected a", parts[0])
    refused(TypeError, "X is a str; expected a", "X")
    refused(ValueError, "init", parts, init="spa")
    refused(ValueError, "n_init", parts, init="nndsvd", n_init=2)
    refused(ValueError, "needs both W and H", parts, init="custom")
    refused(ValueError, "does not handle", parts, solver="cd", beta_loss=1)
    refused(ValueError, "empty", [np.empty((0, 3))])
    with pytest.warns(UserWarning, match="cannot update zeros"):
        cluster.NMF(2, solver="mu", init="nndsvd", max_iter=3, **ONE).fit(parts)


def test_another_version_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(_partwise, "__version__", "9.9.9")
    with pytest.raises(RuntimeError, match=r"9\.9\.9.*same version"):
        cluster.NMF(2, **ONE).fit(blocks())


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 70, 600])
def test_sums_are_the_same_wherever_they_are_made(count):
    def made(owners):
        """The tree, in parentheses: first what each owner has alone, then the rest."""
        answers = {}
        for owner in set(owners):
            mine = {(0, place): str(place) for place in range(count) if owners[place] == owner}
            answers |= add_up(mine, count, "({})".format)
        assert len(add_up(answers, count, "({})".format, most=FAN_IN)) <= FAN_IN
        return add_up(answers, count, "({})".format)

    expected = made([0] * count)
    assert len(expected) == 1
    random = np.random.RandomState(0)
    for owners in (np.arange(count) // 13, np.arange(count) % 3, np.sort(random.randint(5, size=count))):
        assert made(list(owners)) == expected


def test_a_copy_that_stayed_behind_has_no_rows():
    class Split(Here):
        """A thief takes copies in the middle of the fit, and goes on with them."""

        asked = 0

        def ask_each(self, name, questions):
            self.asked += 1
            if self.asked == 6:
                self.left = self._blocks
                self._blocks = [pickle.loads(pickle.dumps(block)) for block in self._blocks]
            return super().ask_each(name, questions)

    parts = blocks()[:3]
    model = _cluster.ClusterNMF(2, solver="hals")
    split = Split(parts)
    _partwise.fit_remote("float64", split, model._fit_options(2, init="random", seed=5))
    assert split.w().shape == (sum(map(len, parts)), 2)
    for block in split.left:
        with pytest.raises(RuntimeError, match="transform finds them again"):
            block.rows(split.version)


@pytest.mark.parametrize("estimator", [partwise.dask.NMF, partwise.ray.NMF])
def test_new_samples_here_are_found_here(estimator):
    model = estimator(2)
    model.components_, model.n_components_ = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]), 2
    rows = [[1.0, 2.0, 4.0], [2.0, 0.0, 4.0]]
    np.testing.assert_array_equal(model.transform(rows), model.transform(np.array(rows)))
    assert not hasattr(model, "set_output")


def test_blocks_keep_their_precision_and_their_indices():
    polars = pytest.importorskip("polars")
    for dtype in ("float32", "float64"):
        assert Block(0, polars.DataFrame(np.ones((4, 3), dtype))).dtype == dtype
    counts = sp.csr_array(np.eye(4, dtype=int))
    held = Block(0, counts)._X
    assert held.dtype == np.float64 and np.shares_memory(held.indices, counts.indices)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_block_goes_on_elsewhere(sparse):
    parts = blocks(np.float32, sparse)[:3]
    model = _cluster.ClusterNMF(2, solver="hals", max_iter=8, tol=0, random_state=0)

    class Moving(Here):
        def ask_each(self, name, questions):
            self._blocks = [pickle.loads(pickle.dumps(block)) for block in self._blocks]
            return super().ask_each(name, questions)

    options = model._fit_options(2, init="random", seed=5)
    here, moving = Here(parts), Moving(parts)
    expected = _partwise.fit_remote("float32", here, options)
    found = _partwise.fit_remote("float32", moving, options)
    np.testing.assert_array_equal(found["H"], expected["H"])
    np.testing.assert_array_equal(moving.w(), here.w())
    assert here._blocks[0].__sizeof__() > (parts[0].data.nbytes if sparse else parts[0].nbytes)
    with pytest.raises(RuntimeError, match="partition 7 .*lost"):
        Block(7, parts[0]).rows(1)
    with pytest.raises(ValueError, match="message"):
        Block(7, parts[0]).answer(b"nonsense")
