"""scikit-learn's own tests of NMF, as its wheel ships them, with partwise in the place of what they test."""

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
}
"""Tests that must fail, by name or name[parameters], each with its reason."""


def _load():
    source = Path(sklearn.decomposition.__file__).parent / "tests" / "test_nmf.py"
    internals = SimpleNamespace(
        **{**vars(sklearn.decomposition._nmf), "_initialize_nmf": _starts.initialize},
    )
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
