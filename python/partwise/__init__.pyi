"""The types of what is public. Names with an underscore are of these stubs alone."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Never, Self, Unpack

from . import plot as plot

__all__ = [
    "NMF",
    "ComponentWarning",
    "ConsensusNMF",
    "FitQuality",
    "IterationInfo",
    "JointNMF",
    "MiniBatchNMF",
    "NMFTree",
    "RankCurve",
    "RankSurvey",
    "SurveyInfo",
    "__version__",
    "non_negative_factorization",
    "plot",
    "rank_survey",
]

__version__: str

# What is in one place: an array, a frame of pandas or polars, whatever else NumPy makes an array of.
class _Array(Protocol):
    def __array__(self) -> NDArray[Any]: ...

# A matrix or an array of SciPy, whose own types are a package that need not be there.
class _Sparse(Protocol):
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def nnz(self) -> int: ...
    def tocsr(self) -> Any: ...

_Dense: TypeAlias = _Array | Sequence[_Array] | Sequence[Sequence[float]]
_Matrix: TypeAlias = _Dense | _Sparse
# A factor is of the type of X. After `set_output` W is a frame, of which a type checker knows nothing.
_Floats: TypeAlias = NDArray[np.float64 | np.float32]
_Doubles: TypeAlias = NDArray[np.float64]
_Numbers: TypeAlias = NDArray[np.intp]

_Solver: TypeAlias = Literal["auto", "cd", "hals", "sketched", "mu", "newton", "als", "anls", "pg", "apg"]
_Init: TypeAlias = Literal["random", "nndsvd", "nndsvda", "nndsvdar", "spa", "snpa"]
_UsualInit: TypeAlias = Literal["random", "nndsvd", "nndsvda", "nndsvdar", "custom"]
_Loss: TypeAlias = float | Literal["frobenius", "kullback-leibler", "itakura-saito"]
_RankMethod: TypeAlias = Literal["cv", "bcv", "consensus", "dispersion", "stability", "relevance", "bic", "elbow"]
_Rule: TypeAlias = Literal["error", "terms"]
_Zeros: TypeAlias = Literal["data", "missing"]
_Constraint: TypeAlias = str | list[str] | tuple[str, ...]
_RandomState: TypeAlias = int | np.random.RandomState
_Request: TypeAlias = bool | str | None

class IterationInfo(NamedTuple):
    iteration: int
    max_iter: int
    objective: float
    residual: float
    seconds: float

class SurveyInfo(NamedTuple):
    rank: int
    done: int
    total: int
    seconds: float

_Callback: TypeAlias = Callable[[IterationInfo], object]
_SurveyCallback: TypeAlias = Callable[[SurveyInfo], object]

class ComponentWarning(UserWarning): ...

class FitQuality(NamedTuple):
    loss: float
    bound: float
    relative_error: float
    least_relative_error: float
    @property
    def gap(self) -> float: ...

@dataclass(frozen=True, eq=False)
class RankCurve:
    method: str
    title: str
    source: str
    measure: str
    weak: bool
    ranks: NDArray[np.uintp]
    values: _Doubles
    errors: _Doubles
    repeats: _Doubles
    proposed: int | None
    reason: str | None

@dataclass(frozen=True, eq=False)
class RankSurvey:
    rank: int | None
    reason: str
    ranks: NDArray[np.int_]
    curves: dict[str, RankCurve]
    complete: bool
    seconds: float
    samples: NDArray[np.uintp]
    groups: dict[int, NDArray[np.uint32]]
    def consensus(self, rank: int | None = None) -> tuple[NDArray[np.uintp], _Doubles]: ...

# What all estimators have.
class _Estimator:
    beta_loss: _Loss
    tol: float
    max_iter: int
    random_state: _RandomState | None
    alpha_W: float
    alpha_H: float | Literal["same"]
    l1_ratio: float
    n_threads: int | None
    progress: bool
    n_components_: int
    n_iter_: int
    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def set_params(self, **params: object) -> Self: ...
    def get_metadata_routing(self) -> Any: ...
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]: ...

# What those of one matrix have.
class _OneMatrix(_Estimator):
    components_: _Floats
    reconstruction_err_: float
    n_features_in_: int

# Of one that is in one place.
class _InMemory(_OneMatrix):
    feature_names_in_: NDArray[np.object_]
    def set_output(self, *, transform: Literal["default", "pandas", "polars"] | None = None) -> Self: ...
    def inverse_transform(self, X: _Matrix) -> _Floats: ...

# What a fit by an engine's solver tells.
class _Fit:
    objective_: float
    residual_: float
    n_iter_single_: int
    n_iter_approach_: int
    solver_: str
    stop_reason_: Literal["converged", "max_iter", "stopped"]
    history_: dict[str, _Doubles]

class _Judged(_Fit):
    dead_components_: _Numbers
    duplicate_components_: _Numbers

class _ModelFile:
    def save(self, path: str | os.PathLike[str], W: _Dense | None = None) -> None: ...
    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self: ...

class NMF(_InMemory, _Judged, _ModelFile):
    n_components: int | Literal["auto", "cv"] | None
    init: _Init | Literal["custom"] | None
    solver: _Solver
    verbose: int
    shuffle: bool
    missing_values: float | None
    zeros: _Zeros
    constraint: _Constraint | None
    graph: _Matrix | None
    lean: bool
    n_init: int
    warm_start: bool
    callback: _Callback | None
    relative_error_: float
    objectives_: _Doubles
    picked_: _Numbers
    mixture_: _Floats
    classes_: NDArray[np.generic]
    class_parts_: _Floats
    survey_: RankSurvey
    def __init__(
        self,
        n_components: int | Literal["auto", "cv"] | None = "auto",
        *,
        init: _Init | Literal["custom"] | None = None,
        solver: _Solver = "auto",
        beta_loss: _Loss = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: _RandomState | None = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        shuffle: bool = False,
        missing_values: float | None = None,
        zeros: _Zeros = "data",
        constraint: _Constraint | None = None,
        graph: _Matrix | None = None,
        lean: bool = False,
        n_threads: int | None = None,
        n_init: int = 1,
        warm_start: bool = False,
        progress: bool = False,
        callback: _Callback | None = None,
    ) -> None: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike | Sequence[object] | None = None,
        sample_weight: ArrayLike | None = None,
        entry_weight: _Matrix | None = None,
        fixed_W: ArrayLike | None = None,
        fixed_H: ArrayLike | None = None,
        **params: _Dense | None,
    ) -> Self: ...
    def fit_transform(
        self,
        X: _Matrix,
        y: ArrayLike | Sequence[object] | None = None,
        W: _Dense | None = None,
        H: _Dense | None = None,
        sample_weight: ArrayLike | None = None,
        entry_weight: _Matrix | None = None,
        fixed_W: ArrayLike | None = None,
        fixed_H: ArrayLike | None = None,
    ) -> _Floats: ...
    def transform(self, X: _Matrix) -> _Floats: ...
    def predict(self, X: _Matrix) -> NDArray[np.generic]: ...
    def quality(self, X: _Matrix) -> FitQuality: ...
    def set_fit_request(
        self,
        *,
        entry_weight: _Request = ...,
        fixed_H: _Request = ...,
        fixed_W: _Request = ...,
        sample_weight: _Request = ...,
    ) -> Self: ...

class MiniBatchNMF(_InMemory, _ModelFile):
    n_components: int | Literal["auto"] | None
    init: _UsualInit | None
    batch_size: int
    max_no_improvement: int | None
    forget_factor: float
    fresh_restarts: bool
    fresh_restarts_max_iter: int
    transform_max_iter: int | None
    verbose: int
    callback: _Callback | None
    n_steps_: int
    def __init__(
        self,
        n_components: int | Literal["auto"] | None = "auto",
        *,
        init: _UsualInit | None = None,
        batch_size: int = 1024,
        beta_loss: _Loss = "frobenius",
        tol: float = 1e-4,
        max_no_improvement: int | None = 10,
        max_iter: int = 200,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        forget_factor: float = 0.7,
        fresh_restarts: bool = False,
        fresh_restarts_max_iter: int = 30,
        transform_max_iter: int | None = None,
        random_state: _RandomState | None = None,
        verbose: int = 0,
        n_threads: int | None = None,
        progress: bool = False,
        callback: _Callback | None = None,
    ) -> None: ...
    def fit(self, X: _Matrix, y: object = None, **params: _Dense | None) -> Self: ...
    def fit_transform(
        self, X: _Matrix, y: object = None, W: _Dense | None = None, H: _Dense | None = None
    ) -> _Floats: ...
    def transform(self, X: _Matrix) -> _Floats: ...
    def partial_fit(self, X: _Matrix, y: object = None, W: _Dense | None = None, H: _Dense | None = None) -> Self: ...
    def fit_blocks(self, blocks: Iterable[_Matrix], walks: int = 1) -> Self: ...
    def set_partial_fit_request(self, *, H: _Request = ..., W: _Request = ...) -> Self: ...

class ConsensusNMF(_InMemory, _Fit):
    n_components: int
    n_runs: int
    threshold: float
    neighbours: float
    bootstrap: int
    polish: bool
    solver: _Solver
    callback: _SurveyCallback | None
    relative_error_: float
    share_: _Doubles
    stability_: _Doubles
    found_: _Doubles
    cosine_: _Doubles
    rival_: _Doubles
    interval_: tuple[_Doubles, _Doubles]
    share_interval_: tuple[_Doubles, _Doubles]
    run_objective_: _Doubles
    n_outliers_: int
    distance_: _Doubles
    complete_: bool
    def __init__(
        self,
        n_components: int,
        *,
        n_runs: int = 100,
        threshold: float = 0.5,
        neighbours: float = 0.3,
        bootstrap: int = 0,
        polish: bool = False,
        solver: _Solver = "auto",
        beta_loss: _Loss = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: _RandomState | None = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        n_threads: int | None = None,
        progress: bool = False,
        callback: _SurveyCallback | None = None,
    ) -> None: ...
    def fit(self, X: _Matrix, y: object = None, **params: Never) -> Self: ...
    def fit_transform(self, X: _Matrix, y: object = None) -> _Floats: ...
    def transform(self, X: _Matrix) -> _Floats: ...

class JointNMF(_Estimator, _Judged):
    n_components: int
    balanced: bool
    weights: ArrayLike | None
    init: _Init | None
    solver: _Solver
    verbose: int
    callback: _Callback | None
    components_: list[_Floats]
    weights_: _Doubles
    relative_errors_: _Doubles
    divergences_: _Doubles
    n_features_in_: list[int]
    feature_names_in_: list[NDArray[np.object_] | None]
    def __init__(
        self,
        n_components: int,
        *,
        balanced: bool = True,
        weights: ArrayLike | None = None,
        init: _Init | None = None,
        solver: _Solver = "auto",
        beta_loss: _Loss = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: _RandomState | None = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        n_threads: int | None = None,
        progress: bool = False,
        callback: _Callback | None = None,
    ) -> None: ...
    def set_output(self, *, transform: Literal["default", "pandas", "polars"] | None = None) -> Self: ...
    def fit(self, X: Sequence[_Matrix], y: object = None, **params: Never) -> Self: ...
    def fit_transform(self, X: Sequence[_Matrix], y: object = None) -> _Floats: ...
    def transform(self, X: Sequence[_Matrix | None]) -> _Floats: ...
    def inverse_transform(self, X: _Matrix) -> list[_Floats]: ...

class NMFTree(_InMemory, _Fit):
    n_leaves: int
    rule: _Rule
    outliers: float
    solver: _Solver
    init: _Init | None
    callback: _SurveyCallback | None
    relative_error_: float
    labels_: _Numbers
    n_leaves_: int
    children_: _Numbers
    node_components_: _Floats
    node_size_: _Numbers
    scores_: _Doubles
    linkage_: _Doubles
    complete_: bool
    def __init__(
        self,
        n_leaves: int = 8,
        *,
        rule: _Rule = "error",
        outliers: float = 0.0,
        solver: _Solver = "auto",
        init: _Init | None = None,
        beta_loss: _Loss = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: _RandomState | None = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        n_threads: int | None = None,
        progress: bool = False,
        callback: _SurveyCallback | None = None,
    ) -> None: ...
    def fit(self, X: _Matrix, y: object = None, **params: Never) -> Self: ...
    def fit_transform(self, X: _Matrix, y: object = None) -> _Floats: ...
    def fit_predict(self, X: _Matrix, y: object = None, **kwargs: Never) -> _Numbers: ...
    def transform(self, X: _Matrix) -> _Floats: ...
    def predict(self, X: _Matrix) -> _Numbers: ...
    def to_text(
        self, feature_names: Sequence[str] | NDArray[np.object_ | np.str_] | None = None, *, n_top: int = 6
    ) -> str: ...

# What NMF on Dask and on Ray share.
class _ClusterNMF(_OneMatrix, _Judged):
    feature_names_in_: NDArray[np.object_]
    n_components: int | Literal["auto"] | None
    init: _UsualInit | None
    solver: _Solver
    verbose: int
    callback: _Callback | None
    checkpoint: int | None
    n_init: int
    state_file: str | os.PathLike[str] | None
    state_every: float
    relative_error_: float
    objectives_: _Doubles
    def __init__(
        self,
        n_components: int | Literal["auto"] | None = "auto",
        *,
        init: _UsualInit | None = None,
        solver: _Solver = "auto",
        beta_loss: _Loss = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: _RandomState | None = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        n_threads: int | None = None,
        progress: bool = False,
        callback: _Callback | None = None,
        checkpoint: int | None = 20,
        n_init: int = 1,
        state_file: str | os.PathLike[str] | None = None,
        state_every: float = 60.0,
    ) -> None: ...
    def set_fit_request(self, *, H: _Request = ..., W: _Request = ...) -> Self: ...

# What non_negative_factorization passes on to NMF.
class _Ours(TypedDict, total=False):
    missing_values: float | None
    zeros: _Zeros
    constraint: _Constraint | None
    graph: _Matrix | None
    lean: bool
    n_threads: int | None
    n_init: int
    progress: bool
    callback: _Callback | None

def non_negative_factorization(
    X: _Matrix,
    W: _Dense | None = None,
    H: _Dense | None = None,
    n_components: int | Literal["auto", "cv"] | None = "auto",
    *,
    init: _Init | Literal["custom"] | None = None,
    update_H: bool = True,
    solver: _Solver = "auto",
    beta_loss: _Loss = "frobenius",
    tol: float = 1e-4,
    max_iter: int = 200,
    alpha_W: float = 0.0,
    alpha_H: float | Literal["same"] = "same",
    l1_ratio: float = 0.0,
    random_state: _RandomState | None = None,
    verbose: int = 0,
    shuffle: bool = False,
    update_W: bool = True,
    sample_weight: ArrayLike | None = None,
    entry_weight: _Matrix | None = None,
    fixed_W: ArrayLike | None = None,
    fixed_H: ArrayLike | None = None,
    **ours: Unpack[_Ours],
) -> tuple[_Floats, _Floats, int]: ...
def rank_survey(
    X: _Matrix,
    ranks: int | Iterable[int] | None = None,
    *,
    methods: _RankMethod | Sequence[_RankMethod] | None = None,
    starts: int = 10,
    folds: int = 5,
    beta_loss: _Loss = "frobenius",
    solver: _Solver = "auto",
    tol: float = 1e-4,
    max_iter: int = 200,
    alpha_W: float = 0.0,
    alpha_H: float | Literal["same"] = "same",
    l1_ratio: float = 0.0,
    random_state: _RandomState | None = None,
    n_threads: int | None = None,
    progress: bool = False,
    callback: _SurveyCallback | None = None,
) -> RankSurvey: ...
