"""scikit-learn's common checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import partwise


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        partwise.NMF(),
        partwise.NMF(solver="cd", max_iter=500),
        partwise.NMF(n_components=2, beta_loss="kullback-leibler", random_state=0),
        # As scikit-learn checks its own: without fresh restarts W lags behind what transform finds.
        partwise.MiniBatchNMF(max_iter=20, fresh_restarts=True),
    ]
)
def test_common_checks(estimator, check):
    check(estimator)
