"""How good a fit is."""

from typing import NamedTuple


class ComponentWarning(UserWarning):
    """A converged fit has components without weight, or two that are alike, and was not asked for them."""


class FitQuality(NamedTuple):
    """How close factors come to what no factors of their rank can do better, for the squared loss."""

    loss: float
    """½‖X − WH‖², whatever the loss of the fit."""
    bound: float
    """½(‖X‖² − Σ σ²) over the largest singular values of X: no matrix of the rank has less (Eckart & Young 1936)."""
    relative_error: float
    """‖X − WH‖ / ‖X‖."""
    least_relative_error: float
    """The same of the truncated singular value decomposition."""

    @property
    def gap(self):
        """What the loss is above the bound: all that another start could gain, with the price of nothing below zero."""
        return max(self.loss - self.bound, 0.0)
