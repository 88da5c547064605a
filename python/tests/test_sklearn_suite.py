"""scikit-learn's own tests of NMF, as its wheel ships them, with partwise in the place of what they test, the private
start and divergence included.
"""

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import sklearn.decomposition

import partwise
from partwise import _starts

DEVIATIONS = {
    "test_minibatch_nmf_partial_fit": (
        "a defect that is not copied: scikit-learn overwrites the H that it is given, so that both estimators of this "
        "test hold one array, whatever they compute"
    ),
    "test_special_sparse_dot": (
        "a step of scikit-learn's own code: no part of the engine makes a matrix of the reconstruction where X is not "
        "zero"
    ),
}
"""Tests that must fail, by name or name[parameters], each with its reason."""


def _divergence(X, W, H, beta):
    """The engine's: the objective where a fit begins, without penalties."""
    if beta <= 0 and X.min() == 0:
        # It is infinite, and refused. scikit-learn's fits refuse it, too, but its sum leaves such entries out.
        return sklearn.decomposition._nmf._beta_divergence(X, W, H, beta)
    model = partwise.NMF(W.shape[1], init="custom", solver="mu", beta_loss=beta, max_iter=1, tol=0)
    history = model.fit(X, W=W, H=H).history_
    assert history["iteration"][0] == 0
    return history["objective"][0]


def _load():
    source = Path(sklearn.decomposition.__file__).parent / "tests" / "test_nmf.py"
    internals = SimpleNamespace(_initialize_nmf=_starts.initialize, _beta_divergence=_divergence)
    ours = {
        "NMF": partwise.NMF,
        "MiniBatchNMF": partwise.MiniBatchNMF,
        "non_negative_factorization": partwise.non_negative_factorization,
        "_nmf": internals,
    }
    spec = importlib.util.spec_from_file_location("test_nmf_of_sklearn", source)
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(sklearn.decomposition, **ours):
        spec.loader.exec_module(module)
    return {name: test for name, test in vars(module).items() if name.startswith("test_")}


TESTS = _load()
globals().update(TESTS)
