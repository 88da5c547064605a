"""The types of NMF on a Ray cluster."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, overload

from numpy.typing import NDArray
from ray import ObjectRef
from ray.data import Dataset
from typing_extensions import Self

from . import _ClusterNMF, _Dense, _Floats, _Sparse

__all__ = ["NMF"]

RETRIES: int

_InOnePlace: TypeAlias = NDArray[Any] | _Sparse
_Blocks: TypeAlias = Dataset | Sequence[ObjectRef[Any] | Callable[[], _InOnePlace] | _InOnePlace]
_Rows: TypeAlias = list[ObjectRef[_Floats]]

class NMF(_ClusterNMF):
    def fit(self, X: _Blocks, y: object = None, W: _Rows | _Dense | None = None, H: _Dense | None = None) -> Self: ...
    def fit_transform(
        self, X: _Blocks, y: object = None, W: _Rows | _Dense | None = None, H: _Dense | None = None
    ) -> _Rows: ...
    @overload
    def transform(self, X: _Blocks) -> _Rows: ...
    @overload
    def transform(self, X: _InOnePlace) -> _Floats: ...
    def inverse_transform(self, X: _InOnePlace) -> _Floats: ...
