"""scikit-learn's common checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import partwise


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        partwise.NMF(),
        partwise.NMF(solver="cd"),
        partwise.NMF(n_components=2, beta_loss="kullback-leibler", random_state=0),
        partwise.MiniBatchNMF(),
    ]
)
def test_common_checks(estimator, check):
    check(estimator)
