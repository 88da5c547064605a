"""Non-negative matrix factorisation: X ≈ W H with nothing below zero. Takes the place of scikit-learn's NMF."""

from . import plot
from ._consensus import ConsensusNMF
from ._function import non_negative_factorization
from ._joint import JointNMF
from ._minibatch import MiniBatchNMF
from ._nmf import NMF
from ._partwise import __version__
from ._quality import ComponentWarning, FitQuality
from ._rank import RankCurve, RankSurvey, rank_survey
from ._tree import NMFTree
from ._watch import IterationInfo, SurveyInfo

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
