"""What users write, as `mypy --strict` reads it; test_types.py runs it.

A `type: ignore` marks what a type checker must refuse: where it does not, mypy says that the comment is of no use.
"""

from pathlib import Path
from typing import Literal, assert_type

import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

import partwise
from partwise import (
    NMF,
    ConsensusNMF,
    FitQuality,
    IterationInfo,
    JointNMF,
    MiniBatchNMF,
    NMFTree,
    RankCurve,
    RankSurvey,
    SurveyInfo,
    non_negative_factorization,
    plot,
    rank_survey,
)

Floats = NDArray[np.float64 | np.float32]


class Counts:
    """What a sparse matrix shows of itself, and SciPy's own types as well where they are installed."""

    shape = (3, 2)
    nnz = 4

    def tocsr(self) -> object:
        return self


def the_textbook_example(X: NDArray[np.float64], folder: Path) -> None:
    model = NMF(n_components=3, init="random", random_state=0, max_iter=20)
    W = model.fit_transform(X)
    H = model.components_
    assert_type(W, Floats)
    assert_type(H, Floats)
    assert_type(model.inverse_transform(W), Floats)
    assert_type(model.fit(X), NMF)
    error = float(np.linalg.norm(X - W @ H) / np.linalg.norm(X))
    assert abs(error - model.relative_error_) < 1e-3
    assert_type(model.stop_reason_, Literal["converged", "max_iter", "stopped"])
    assert_type(model.history_["objective"], NDArray[np.float64])
    assert_type(model.quality(X), FitQuality)
    assert_type(model.quality(X).gap, float)
    model.save(folder / "model.npz", W)
    assert_type(NMF.load(folder / "model.npz"), NMF)
    assert_type(model.set_params(tol=1e-3), NMF)
    assert_type(model.get_feature_names_out(), NDArray[np.object_])


def every_parameter(X: NDArray[np.float64]) -> None:
    def stop(info: IterationInfo) -> bool:
        assert_type(info.objective, float)
        return info.iteration == 3

    weights = np.ones(len(X))
    model = NMF(
        2,
        solver="hals",
        beta_loss=2,
        alpha_W=0.1,
        alpha_H="same",
        missing_values=np.nan,
        random_state=np.random.RandomState(0),
        n_init=2,
        callback=stop,
    )
    W, H = np.full((len(X), 2), 0.5), np.full((2, X.shape[1]), 0.5)
    model.fit(X, sample_weight=weights, entry_weight=np.ones(X.shape))
    model.set_params(init="custom", n_init=1).fit(X, W=W, H=H, fixed_H=[0])
    assert_type(model.objectives_, NDArray[np.float64])
    NMF(2, constraint=["w:hoyer=0.5", "h:orthogonal"], max_iter=5).fit(X.tolist())
    NMF(2, constraint="labels", max_iter=5).fit(X, ["a", None] + ["b"] * (len(X) - 2))
    found, _, n_iter = non_negative_factorization(X, n_components=2, max_iter=5, zeros="data", lean=True)
    assert_type(found, Floats)
    assert_type(n_iter, int)


def batches(X: NDArray[np.float64]) -> None:
    model = MiniBatchNMF(2, batch_size=10, random_state=0)
    for rows in np.array_split(X, 3):
        assert_type(model.partial_fit(rows), MiniBatchNMF)
    assert_type(model.transform(X), Floats)
    assert_type(model.n_steps_, int)


def many_fits(X: NDArray[np.float64]) -> None:
    def look(info: SurveyInfo) -> None:
        assert_type(info.rank, int)

    survey = rank_survey(X, range(1, 4), methods=["cv", "stability"], starts=2, callback=look)
    assert_type(survey, RankSurvey)
    assert_type(survey.rank, int | None)
    assert_type(survey.curves["cv"], RankCurve)
    samples, shares = survey.consensus(2)
    assert_type(shares, NDArray[np.float64])
    consensus = ConsensusNMF(2, n_runs=3, random_state=0, max_iter=20)
    assert_type(consensus.fit_transform(X), Floats)
    assert_type(consensus.stability_, NDArray[np.float64])
    tree = NMFTree(3, rule="error")
    assert_type(tree.fit(X).labels_, NDArray[np.intp])
    assert_type(tree.to_text([f"feature {i}" for i in range(X.shape[1])]), str)
    joint = JointNMF(2, weights=[1, 2], max_iter=20)
    assert_type(joint.fit_transform([X, X[:, :3]]), Floats)
    assert_type(joint.components_, list[Floats])
    assert_type(joint.transform([None, X[:, :3]]), Floats)


def pictures(X: NDArray[np.float64]) -> None:
    model = NMF(2, random_state=0, max_iter=20)
    W = model.fit_transform(X)
    assert_type(plot.convergence({"auto": model, "cd": NMF(2, solver="cd").fit(X)}), Axes)
    assert_type(plot.weights(W), Axes)
    assert_type(plot.spectra(model.components_), Axes)
    plot.images(model, (1, X.shape[1]), cmap="gray")[0].set_title("the first")
    plot.terms(model, [f"feature {i}" for i in range(X.shape[1])], color="tab:blue")
    plot.reconstruction(X, W, model)


def mistakes(X: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="solver"):
        NMF(2, solver="als+").fit(X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="init"):
        MiniBatchNMF(2, init="spa").fit(X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="beta_loss"):
        NMF(2, beta_loss="poisson").fit(X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="could not convert|Unable to convert|Expected 2D"):
        NMF(2).fit(["the river", "the mill"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="callback"):
        NMF(2, callback=3).fit(X)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        NMF(2, n_jobs=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        NMFTree(2).fit(X, W=X)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        NMF("auto", "random")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        np.sum(NMF(2).fit(X).component_)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        np.sum(MiniBatchNMF(2).fit(X).objective_)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        partwise.Nmf(2)  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        JointNMF(2).fit(X)  # type: ignore[arg-type]


def what_is_sparse(X: Counts) -> None:
    assert_type(NMF(2).fit_transform(X), Floats)
    assert_type(JointNMF(2).fit_transform([X, np.ones((3, 2))]), Floats)


SHOWN = (the_textbook_example, every_parameter, batches, many_fits, pictures, mistakes)
