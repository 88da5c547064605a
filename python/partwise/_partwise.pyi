"""The engine as a module: arrays in and out, errors, signals."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

_Real = NDArray[np.float64] | NDArray[np.float32]
_Indices = NDArray[np.int32] | NDArray[np.int64]
_Stored = _Real | tuple[bool, tuple[int, int], _Indices, _Indices, _Real]
_Memory = tuple[_Real, _Real, _Real]
_Callback = Callable[[int, int, float, float, float, float], object]
_SurveyCallback = Callable[[int, int, int, float], object]

class _Fit(TypedDict):
    W: _Real
    H: _Real
    divergence: float
    objective: float
    relative_error: float
    residual: float
    n_iter: int
    stop: str
    solver: str
    seconds: float
    picked: list[int]
    mixture: _Real | None
    class_parts: _Real | None
    n_iter_single: int
    n_iter_approach: int
    starts: list[float]
    trace: list[tuple[int, float, float, float, bool]]
    dead: list[int]
    duplicates: list[tuple[int, int]]
    telling: str | None
    quality: tuple[float, float, float, float] | None

class _MiniBatchFit(TypedDict):
    W: _Real
    memory: _Memory
    divergence: float
    n_iter: int
    n_steps: int
    stop: str

class _Curve(TypedDict):
    method: str
    title: str
    source: str
    measure: str
    weak: bool
    ranks: NDArray[np.uintp]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    repeats: NDArray[np.float64]
    proposed: int | None
    reason: str | None

class _Survey(TypedDict):
    ranks: list[int]
    curves: list[_Curve]
    rank: int | None
    reason: str | None
    complete: bool
    seconds: float
    samples: NDArray[np.uintp]
    groups: list[NDArray[np.uint32] | None]

class _Consensus(TypedDict):
    fit: _Fit
    share: NDArray[np.float64]
    members: NDArray[np.uintp]
    found: NDArray[np.float64]
    silhouette: NDArray[np.float64]
    cosine: NDArray[np.float64]
    rival: NDArray[np.float64]
    objective: NDArray[np.float64]
    as_good: NDArray[np.bool_]
    distance: NDArray[np.float64]
    part: NDArray[np.uintp]
    kept: NDArray[np.bool_]
    intervals: (
        tuple[
            int,
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.float64],
        ]
        | None
    )
    complete: bool

class _Tree(TypedDict):
    fit: _Fit
    labels: list[int | None]
    children: list[tuple[int, int] | None]
    leaf: list[int | None]
    rows: list[int]
    aside: list[int]
    score: list[float | None]
    components: _Real
    complete: bool

__version__: str
FAN_IN: int

class Partition:
    def __new__(cls, index: int, dtype: str, n_threads: int | None) -> Partition: ...
    def answer(self, x: _Stored, question: bytes) -> bytes: ...
    def rows(self, version: int) -> _Real | None: ...
    def save(self) -> bytes | None: ...
    def load(self, saved: bytes) -> None: ...

class _Transport(Protocol):
    n_partitions: int
    checkpoint: int | None
    def ask_each(self, name: str, questions: list[bytes]) -> list[bytes]: ...
    def ask(self, name: str, question: bytes) -> bytes: ...

class _Kept(Protocol):
    every: float
    @property
    def begun(self) -> bool: ...
    def read(self, count: int) -> bytes: ...
    def writing(self) -> AbstractContextManager[Callable[[bytes], None]]: ...
    def failed(self, error: OSError) -> None: ...

def solvers() -> list[tuple[str, str]]: ...
def inits() -> list[tuple[str, str, bool]]: ...
def constraints() -> list[tuple[str, str, str, list[str], float | None]]: ...
def signed_factor(constraints: list[str]) -> str | None: ...
def handles(solver: str, beta_loss: float) -> bool: ...
def check(x: _Stored) -> None: ...
def fit(
    x: _Stored,
    options: dict[str, Any],
    w: _Real | None = None,
    h: _Real | None = None,
    hold: str | None = None,
    callback: _Callback | None = None,
    keep_best: bool = False,
    weights: tuple[str | None, _Real | None, _Stored | None] | None = None,
    graph: _Stored | None = None,
    labels: list[int | None] | None = None,
    lean: bool = False,
    quality: bool = False,
) -> _Fit: ...
def fit_joint(
    xs: list[_Stored],
    options: dict[str, Any],
    counting: tuple[bool, list[float]],
    callback: _Callback | None = None,
    keep_best: bool = False,
) -> tuple[_Fit, list[tuple[_Real, float, float, float, float]]]: ...
def transform_joint(xs: list[_Stored | None], options: dict[str, Any], parts: list[tuple[_Real, float]]) -> _Real: ...
def add_answers(answers: list[bytes]) -> bytes: ...
def fit_remote(
    dtype: str,
    transport: _Transport,
    options: dict[str, Any],
    w: _Real | None = None,
    h: _Real | None = None,
    callback: _Callback | None = None,
    n_init: int | None = None,
    kept: _Kept | None = None,
) -> _Fit: ...
def fit_batches(
    x: _Stored,
    options: dict[str, Any],
    w: _Real,
    h: _Real,
    callback: _Callback | None = None,
    keep_best: bool = False,
) -> _MiniBatchFit: ...
def fit_batch(x: _Stored, options: dict[str, Any], memory: _Memory, keep: float) -> tuple[_Memory, float]: ...
def transform_batches(x: _Stored, options: dict[str, Any], h: _Real) -> _Real: ...
def rank_methods() -> list[tuple[str, str, str, str, bool]]: ...
def survey(
    x: _Stored,
    options: dict[str, Any],
    callback: _SurveyCallback | None = None,
    keep_best: bool = False,
) -> _Survey: ...
def consensus(groups: NDArray[np.uint32]) -> tuple[NDArray[np.uintp], NDArray[np.float64]]: ...
def fit_consensus(
    x: _Stored,
    options: dict[str, Any],
    callback: _SurveyCallback | None = None,
    keep_best: bool = False,
) -> _Consensus | None: ...
def split_rules() -> list[tuple[str, str]]: ...
def fit_tree(
    x: _Stored,
    options: dict[str, Any],
    callback: _SurveyCallback | None = None,
    keep_best: bool = False,
) -> _Tree | None: ...
def predict_tree(
    x: _Stored,
    options: dict[str, Any],
    children: list[tuple[int, int] | None],
    leaf: list[int | None],
    components: _Real,
) -> NDArray[np.uintp]: ...
