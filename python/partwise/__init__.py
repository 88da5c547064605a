"""Non-negative matrix factorisation: X ≈ W H with nothing below zero. Takes the place of scikit-learn's NMF."""

from . import plot
from ._minibatch import MiniBatchNMF
from ._nmf import NMF, non_negative_factorization
from ._partwise import __version__
from ._watch import IterationInfo

__all__ = ["NMF", "IterationInfo", "MiniBatchNMF", "__version__", "non_negative_factorization", "plot"]
