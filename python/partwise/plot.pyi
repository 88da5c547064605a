"""The types of the pictures of a factorisation."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike, NDArray

from . import RankSurvey, _Dense, _Matrix

SEQUENTIAL: str
DIVERGING: str

# A fitted estimator of one matrix.
class _Fitted(Protocol):
    @property
    def components_(self) -> NDArray[Any]: ...

class _Traced(Protocol):
    @property
    def history_(self) -> dict[str, NDArray[np.float64]]: ...

_Components: TypeAlias = _Fitted | _Dense
_AxesGiven: TypeAlias = Sequence[Axes] | NDArray[np.object_]
# Of Axes.
_AxesArray: TypeAlias = NDArray[np.object_]

def images(
    components: _Components,
    shape: tuple[int, int],
    *,
    axes: _AxesGiven | None = None,
    columns: int | None = None,
    names: Sequence[str] | None = None,
    cmap: str | Colormap = "magma",
) -> _AxesArray: ...
def terms(
    components: _Components,
    feature_names: ArrayLike,
    *,
    n_top: int = 8,
    axes: _AxesGiven | None = None,
    columns: int | None = None,
    names: Sequence[str] | None = None,
    color: ColorType = "#31688e",
) -> _AxesArray: ...
def spectra(
    components: _Components,
    x: ArrayLike | None = None,
    *,
    ax: Axes | None = None,
    names: Sequence[str] | None = None,
    xlabel: str = "feature",
    cmap: str | Colormap = "viridis",
) -> Axes: ...
def convergence(
    models: _Traced | Mapping[str, _Traced],
    *,
    ax: Axes | None = None,
    against: Literal["iteration", "seconds"] = "iteration",
    cmap: str | Colormap = "viridis",
) -> Axes: ...
def rank_survey(
    survey: RankSurvey,
    *,
    axes: _AxesGiven | None = None,
    columns: int | None = None,
    color: ColorType = "#31688e",
    mark: ColorType = "#d95f02",
) -> _AxesArray: ...
def reconstruction(
    X: _Matrix,
    W: _Dense,
    components: _Components,
    *,
    shape: tuple[int, int] | None = None,
    sample: int = 0,
    axes: _AxesGiven | None = None,
    cmap: str | Colormap = "viridis",
) -> _AxesArray: ...
def weights(
    W: _Dense,
    *,
    ax: Axes | None = None,
    names: Sequence[str] | None = None,
    share: bool = True,
    cmap: str | Colormap = "viridis",
) -> Axes: ...
