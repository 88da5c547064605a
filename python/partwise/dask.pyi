"""The types of NMF on a Dask cluster."""

import os
from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias, overload

from dask.array import Array
from dask.delayed import Delayed
from distributed import Client, Future
from numpy.typing import NDArray
from typing_extensions import Self

from . import _Callback, _ClusterNMF, _Dense, _Floats, _Loss, _RandomState, _Solver, _Sparse, _UsualInit

__all__ = ["NMF"]

# A frame of dask, or whatever else becomes an array of dask.
class _ToArray(Protocol):
    def to_dask_array(self) -> Array: ...

_InOnePlace: TypeAlias = NDArray[Any] | _Sparse
_Blocks: TypeAlias = Array | _ToArray | Sequence[Delayed | Future[Any] | _InOnePlace]

class NMF(_ClusterNMF):
    client: Client | None
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
        client: Client | None = None,
    ) -> None: ...
    def fit(self, X: _Blocks, y: object = None, W: Array | _Dense | None = None, H: _Dense | None = None) -> Self: ...
    def fit_transform(
        self, X: _Blocks, y: object = None, W: Array | _Dense | None = None, H: _Dense | None = None
    ) -> Array: ...
    @overload
    def transform(self, X: _Blocks) -> Array: ...
    @overload
    def transform(self, X: _InOnePlace) -> _Floats: ...
    @overload
    def inverse_transform(self, X: Array) -> Array: ...
    @overload
    def inverse_transform(self, X: _InOnePlace) -> _Floats: ...
