"""What scikit-learn's NMF has not: every solver, held factors, several starts, warm starts, callbacks, Ctrl-C."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from partwise import (
    NMF,
    IterationInfo,
    JointNMF,
    MiniBatchNMF,
    _base,
    _partwise,
    non_negative_factorization,
    rank_survey,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:200] + 0.01


@pytest.mark.parametrize("solver", _base.SOLVERS)
def test_every_solver(solver, X):
    beta_loss = 1 if solver == "newton" else 2
    model = NMF(5, solver=solver, beta_loss=beta_loss, random_state=0, max_iter=300)
    W = model.fit_transform(X)
    assert np.linalg.norm(X - W @ model.components_) < 0.5 * np.linalg.norm(X)
    assert model.solver_ == solver or solver == "auto" and model.solver_ in ("hals", "sketched")
    assert_allclose(model.transform(X), W, atol=0.3 * W.max())
    of_X = model.history_["sketched"] == 0
    assert 0 < model.n_iter_single_ < model.n_iter_ if solver == "auto" else model.n_iter_single_ == 0
    # In single precision an objective has six digits.
    assert model.history_["objective"][of_X].min() == pytest.approx(model.objective_, rel=5e-6)


def test_a_start_is_taken_near_the_data(X):
    near, drawn = (NMF(5, solver=solver, beta_loss=1, init="random", random_state=0) for solver in ("auto", "newton"))
    assert 0 < near.fit(X).n_iter_approach_ <= 30
    assert drawn.fit(X).n_iter_approach_ == 0
    assert near.history_["objective"][0] < 0.7 * drawn.history_["objective"][0]


@pytest.mark.parametrize("init", _base.INITS)
def test_every_start(init, X):
    errors = [NMF(5, init=init, random_state=seed, max_iter=100).fit(X).reconstruction_err_ for seed in (0, 0, 1)]
    assert errors[0] == errors[1]
    assert errors[0] == pytest.approx(errors[2], rel=0.1)


def test_auto_ends_no_higher_than_cd(X):
    auto = NMF(10, random_state=0).fit(X)
    cd = NMF(10, random_state=0, solver="cd").fit(X)
    assert auto.reconstruction_err_ < 1.005 * cd.reconstruction_err_


def test_held_factors(X):
    W, H, _ = non_negative_factorization(X, n_components=5, random_state=0)
    W2, H2, _ = non_negative_factorization(X, H=H, update_H=False, tol=1e-6, max_iter=2000)
    assert (H2 == H).all()
    assert np.linalg.norm(X - W2 @ H) <= np.linalg.norm(X - W @ H) * (1 + 1e-9)
    W3, H3, _ = non_negative_factorization(X, W=W, update_W=False, tol=1e-6, max_iter=2000)
    assert (W3 == W).all()
    assert np.linalg.norm(X - W @ H3) <= np.linalg.norm(X - W @ H) * (1 + 1e-9)
    # X ≈ W H is Xᵀ ≈ Hᵀ Wᵀ.
    turned, _, _ = non_negative_factorization(X.T, H=W.T, update_H=False, tol=1e-6, max_iter=2000)
    assert_allclose(turned, H3.T, atol=1e-3 * H3.max())
    with pytest.raises(ValueError, match="The 'update_W' parameter of non_negative_factorization must be an instance"):
        non_negative_factorization(X, W=W, update_W=1)
    fixed = non_negative_factorization(X, W=W, H=H, init="custom", fixed_W=[1], fixed_H=[0], max_iter=5)
    assert (fixed[0][:, 1] == W[:, 1]).all() and (fixed[1][0] == H[0]).all()
    assert not (fixed[1][1] == H[1]).all()
    with pytest.raises(ValueError, match="fixed_H needs update_W=True and update_H=True"):
        non_negative_factorization(X, H=H, update_H=False, fixed_H=[0])
    with pytest.raises(ValueError, match="leave nothing to find"):
        non_negative_factorization(X, W=W, H=H, update_W=False, update_H=False)
    with pytest.warns(RuntimeWarning, match="the provided initial H is not used"):
        non_negative_factorization(X, W=W, H=H, update_W=False)


def test_best_of_several_starts(X):
    objectives = [NMF(8, init="random", random_state=0, n_init=n, max_iter=60).fit(X).objective_ for n in (1, 4)]
    assert objectives[1] <= objectives[0]
    alone = NMF(8, init="random", random_state=0, max_iter=60).fit(X)
    assert alone.objective_ == objectives[0]


def test_warm_start(X):
    model = NMF(5, random_state=0, max_iter=20, tol=0, warm_start=True, solver="cd").fit(X)
    first = model.objective_
    assert model.fit(X).objective_ < first
    assert model.fit(X[:50]).components_.shape == (5, 64)
    assert NMF(5, random_state=0, max_iter=40, tol=0, solver="cd").fit(X).objective_ == pytest.approx(
        NMF(5, random_state=0, max_iter=20, tol=0, warm_start=True, solver="cd").fit(X).fit(X).objective_,
        rel=1e-9,
    )


def test_what_is_returned_is_the_callers(X):
    model = NMF(5, random_state=0, max_iter=5, tol=0, warm_start=True)
    W = model.fit_transform(X)
    W[:] = -1
    assert model.fit(X).n_iter_ == 5


def test_a_last_fit_of_another_rank_is_no_start(X):
    model = NMF(5, random_state=0, max_iter=5, tol=0, warm_start=True).fit(X)
    model.set_params(warm_start=False, n_components=3).fit(X)
    assert model.set_params(warm_start=True).fit(X).components_.shape == (3, 64)
    for constraint in ("convex", "separable"):
        model = NMF(3, random_state=0, max_iter=5, tol=0, warm_start=True, constraint=constraint).fit(X)
        assert model.fit(X).components_.shape == (3, 64)
    with pytest.raises(ValueError, match="n_init=2 with constraint='separable': expected 1"):
        NMF(3, n_init=2, constraint="separable").fit(X)
    assert len(NMF(3, n_init=2, constraint="convex", max_iter=5, tol=0).fit(X).objectives_) == 2


def test_shuffle(X):
    models = [NMF(5, solver="cd", shuffle=True, random_state=seed, init="nndsvda").fit(X) for seed in (0, 0, 1)]
    assert (models[0].components_ == models[1].components_).all()
    assert not np.allclose(models[0].components_, models[2].components_, atol=1e-12)
    assert models[0].reconstruction_err_ == pytest.approx(models[2].reconstruction_err_, rel=0.02)


def test_callback_sees_and_stops(X):
    seen = []
    model = NMF(5, random_state=0, callback=lambda info: seen.append(info) or info.iteration == 7).fit(X)
    assert [info.iteration for info in seen] == list(range(1, 8))
    assert isinstance(seen[0], IterationInfo) and seen[0].max_iter == 200
    assert model.n_iter_ == 7 and model.stop_reason_ == "stopped"
    objectives = [info.objective for info in seen]
    assert objectives == sorted(objectives, reverse=True)
    seen.clear()
    model = MiniBatchNMF(5, batch_size=50, random_state=0, callback=lambda info: seen.append(info) or len(seen) == 3)
    assert model.fit(X).n_steps_ == 3


def test_exceptions_of_callbacks_pass_through(X):
    def fail(info):
        raise ZeroDivisionError("from the callback")

    with pytest.raises(ZeroDivisionError, match="from the callback"):
        NMF(5, callback=fail).fit(X)


def test_verbose(X, capsys):
    NMF(3, solver="cd", verbose=1, random_state=0, max_iter=5).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[0] == "violation: 1.0"
    NMF(3, solver="mu", verbose=1, random_state=0, max_iter=20).fit(X)
    assert capsys.readouterr().out.startswith("Epoch 10 reached after ")
    MiniBatchNMF(3, verbose=1, random_state=0, max_iter=2).fit(X)
    assert capsys.readouterr().out.startswith("Minibatch step 1/2: mean batch cost: ")


@pytest.mark.parametrize("missing", [False, True])
def test_progress(X, capsys, monkeypatch, missing):
    if missing:
        monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    else:
        pytest.importorskip("tqdm")
    for Estimator in (NMF, MiniBatchNMF):
        model = Estimator(3, progress=True, random_state=0, max_iter=5, tol=0).fit(X)
        out, err = capsys.readouterr()
        assert out == "" and "5/5" in err and "objective" in err
        model.transform(X)
        assert capsys.readouterr() == ("", "")


def interrupted_after(delay, fit):
    """Seconds from Ctrl-C to the end of a fit, and what it raised."""
    sent = []

    def interrupt():
        time.sleep(delay)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    raised = None
    try:
        fit()
    except KeyboardInterrupt as error:
        raised = error
    ended = time.perf_counter()
    thread.join()
    return ended - sent[0], raised


@pytest.fixture(scope="module")
def slow():
    return np.random.RandomState(0).uniform(size=(6000, 2000))


@pytest.mark.parametrize(
    "model",
    [
        NMF(20, solver="cd", init="random", max_iter=100_000, tol=0),
        # One iteration takes seconds.
        NMF(200, solver="mu", beta_loss=0.5, init="random", max_iter=100_000, tol=0),
        MiniBatchNMF(20, init="random", max_iter=100_000, tol=0, max_no_improvement=None),
    ],
    ids=["short iterations", "long iterations", "minibatch"],
)
def test_ctrl_c(model, slow):
    seconds, raised = interrupted_after(1.0, lambda: model.fit(slow))
    assert isinstance(raised, KeyboardInterrupt)
    # 0.2 seconds on an idle machine.
    assert seconds < 0.6
    assert not hasattr(model, "components_")


def test_ctrl_c_keeps_the_best_with_a_callback(slow):
    model = NMF(20, solver="cd", init="random", max_iter=100_000, tol=0, callback=lambda info: False)
    _, raised = interrupted_after(1.0, lambda: model.fit(slow))
    assert raised is None
    assert model.stop_reason_ == "stopped" and model.components_.shape == (20, 2000)


def test_other_python_threads_go_on(slow):
    ticks = []
    done = threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    NMF(20, init="random", max_iter=10, tol=0, n_threads=1).fit(slow)
    done.set()
    thread.join()
    assert len(ticks) > 5


def test_transform_in_another_precision(X):
    model = NMF(5, random_state=0).fit(X)
    W = model.transform(X.astype(np.float32))
    assert W.dtype == np.float32
    assert_allclose(W, model.transform(X), atol=1e-2 * W.max())


@pytest.fixture
def surveyed(monkeypatch):
    """What surveys hand to the engine."""
    seen, survey = [], _partwise.survey

    def spy(x, *others):
        seen.append(x)
        return survey(x, *others)

    monkeypatch.setattr(_partwise, "survey", spy)
    return seen


def test_frames_of_polars_keep_their_precision(X, surveyed):
    pl = pytest.importorskip("polars")
    for dtype in (np.float32, np.float64):
        frame = pl.DataFrame({f"f{i}": column for i, column in enumerate(X.astype(dtype).T)})
        model = NMF(5, random_state=0, max_iter=5).fit(frame)
        assert model.components_.dtype == model.transform(frame).dtype == dtype
        assert MiniBatchNMF(5, random_state=0, max_iter=5).fit(frame).components_.dtype == dtype
        assert non_negative_factorization(frame, n_components=5, random_state=0, max_iter=5)[1].dtype == dtype
        joint = JointNMF(5, random_state=0, max_iter=5).fit([frame, frame])
        assert joint.components_[0].dtype == joint.transform([frame, None]).dtype == dtype
        rank_survey(frame, [1, 2], methods="elbow", starts=2, max_iter=5)
        assert surveyed[-1].dtype == dtype
    mixed = frame.with_columns(pl.col("f0").cast(pl.Float32))
    assert NMF(5, random_state=0, max_iter=5).fit(mixed).components_.dtype == np.float64


def test_a_survey_of_sparse_integers_reads_their_indices_in_place(X, surveyed):
    counts = sp.csr_array(X.astype(int))
    rank_survey(counts, [1, 2], methods="elbow", starts=2, max_iter=5)
    assert np.shares_memory(surveyed[-1][3], counts.indices)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array, sp.csc_array])
def test_explicit_zeros_and_every_loss(storage, X):
    X = np.where(X > 1, X, 0.0)
    S = storage(X)
    if sp.issparse(S):
        S.data[::7] = 0.0
        X = S.toarray()
    for beta_loss in (2, 1.5, 1, 0.5):
        model = NMF(4, solver="mu", beta_loss=beta_loss, random_state=0, max_iter=20, tol=0)
        assert np.isfinite(model.fit(S).reconstruction_err_)
        assert model.reconstruction_err_ == pytest.approx(
            NMF(4, solver="mu", beta_loss=beta_loss, random_state=0, max_iter=20, tol=0).fit(X).reconstruction_err_,
            rel=1e-6,
        )


def test_penalty_with_held_components_does_not_grow(X):
    model = NMF(5, solver="mu", beta_loss=1, alpha_W=0.01, l1_ratio=1, random_state=0, tol=0, max_iter=200).fit(X)
    long = model.set_params(max_iter=400).transform(X)
    short = model.set_params(max_iter=200).transform(X)
    assert_allclose(long.sum(), short.sum(), rtol=0.01)


def test_error_of_an_exact_sparse_fit_is_a_number():
    W, H = sp.random(40, 3, 0.5, random_state=0), sp.random(3, 30, 0.5, random_state=1)
    S = sp.csr_array(W @ H)
    model = NMF(3, init="random", random_state=0, max_iter=3000, tol=1e-12).fit(S)
    assert 0 <= model.reconstruction_err_ < 0.05 * sp.linalg.norm(S)


def test_warns_when_cut_short(X):
    with pytest.warns(ConvergenceWarning, match="Maximum number of iterations 2 reached"):
        NMF(5, max_iter=2).fit(X)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_array])
@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler"])
def test_a_lean_fit_of_a_sparse_X(make, beta_loss):
    X = make(sp.random_array((600, 80), density=0.2, rng=np.random.default_rng(1)))
    fast, lean = (
        NMF(3, random_state=0, beta_loss=beta_loss, max_iter=300, tol=1e-6, lean=lean).fit(X) for lean in (False, True)
    )
    assert lean.objective_ == pytest.approx(fast.objective_, rel=1e-2)
    if make is sp.csr_array and beta_loss == "frobenius":
        np.testing.assert_array_equal(fast.components_, lean.components_)
    assert lean.transform(X).shape == (600, 3)


def test_a_lean_fit_says_what_it_cannot_do():
    X = sp.random_array((60, 20), density=0.2, format="csr", rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="lean: a fit where entries are missing"):
        NMF(3, lean=True, zeros="missing").fit(X)
    with pytest.raises(ValueError, match="The 'lean' parameter"):
        NMF(3, lean="thrifty").fit(X)


def test_mini_batches_say_what_takes_missing_values():
    X = np.random.RandomState(0).uniform(size=(20, 6))
    X[3, 2] = np.nan
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=r"contains NaN.*NMF\(missing_values=numpy.nan\)"):
            getattr(MiniBatchNMF(2), method)(X)


@pytest.mark.parametrize("init", ["spa", "snpa"])
def test_batches_refuse_the_starts_that_they_cannot_have(init):
    with pytest.raises(ValueError, match="The 'init' parameter of MiniBatchNMF must be a str among"):
        MiniBatchNMF(2, init=init).fit(np.ones((8, 3)))


@pytest.mark.parametrize("n_first", [6, 24])
def test_what_a_batch_keeps_is_settled_by_the_first_X(n_first):
    X = np.random.RandomState(0).uniform(size=(60, 6))
    model = MiniBatchNMF(2, batch_size=12, forget_factor=0.5, init="random", random_state=0)
    kept = 0.5 ** (min(12, n_first) / n_first)
    model.partial_fit(X[:n_first])
    for n_samples in (1, 40):
        before = model._components_numerator, model._components_denominator
        # Nothing is learnt from zeros but the epsilon in place of a denominator: what was learnt fades, and H stays.
        H = model.components_
        model.partial_fit(np.zeros((n_samples, 6)))
        assert_allclose(model._components_numerator, kept * before[0], rtol=1e-12)
        assert_allclose(model._components_denominator, kept * before[1], rtol=1e-6)
        assert_allclose(model.components_, H, rtol=1e-6)
    model.fit(X)
    before = model._components_numerator
    model.partial_fit(np.zeros((3, 6)))
    assert_allclose(model._components_numerator, 0.5 ** (12 / 60) * before, rtol=1e-12)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("walks", [1, 3])
def test_blocks_are_taken_one_after_another(storage, walks):
    X = np.random.RandomState(0).poisson(2.0, size=(70, 6)).astype(float)
    blocks = [storage(X[start : start + 16]) for start in range(0, 70, 16)]
    one_by_one, at_once = (MiniBatchNMF(2, init="random", random_state=0) for _ in range(2))
    for block in walks * blocks:
        one_by_one.partial_fit(block)
    assert at_once.fit_blocks((block for block in blocks) if walks == 1 else blocks, walks=walks) is at_once
    assert at_once.n_steps_ == one_by_one.n_steps_ == 5 * walks
    np.testing.assert_array_equal(at_once.components_, one_by_one.components_)
    one_by_one.partial_fit(blocks[0])
    np.testing.assert_array_equal(at_once.fit_blocks(blocks[:1]).components_, one_by_one.components_)


def test_blocks_that_cannot_be_walked_are_refused():
    block, model = np.ones((5, 3)), MiniBatchNMF(2)
    with pytest.raises(ValueError, match="walks=2 over a generator, which ends with the first: expected 1"):
        model.fit_blocks((block for _ in range(2)), walks=2)
    with pytest.raises(ValueError, match="walks == 0, must be >= 1"):
        model.fit_blocks([block], walks=0)
    with pytest.raises(TypeError, match="walks must be an instance of"):
        model.fit_blocks([block], walks=1.5)
    with pytest.raises(ValueError, match="blocks is empty; expected at least one"):
        model.fit_blocks([])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.fit_blocks(block)
    with pytest.raises(ValueError, match="X has 2 features, but MiniBatchNMF is expecting 3 features"):
        model.fit_blocks([block, block[:, :2]])
    assert model.n_steps_ == 1


def test_ctrl_c_leaves_what_the_blocks_before_said(slow):
    model, whole = (MiniBatchNMF(20, init="random", random_state=0, tol=0) for _ in range(2))
    whole.set_params(fresh_restarts_max_iter=2).partial_fit(slow[:500])
    model.set_params(fresh_restarts_max_iter=2).partial_fit(slow[:500])
    model.fresh_restarts_max_iter = 10**6
    _, raised = interrupted_after(1.0, lambda: model.fit_blocks([slow]))
    assert isinstance(raised, KeyboardInterrupt)
    assert model.n_steps_ == 1
    np.testing.assert_array_equal(model.components_, whole.components_)
