"""The stubs say what is there: names, signatures, choices and the types of what a fit leaves behind.

`make python-test` lets mypy read what users write (typed.py).
"""

import importlib
import inspect
import shutil
import sys
import types
import typing
from pathlib import Path

import matplotlib.pyplot
import numpy as np
import pytest
import typed
from sklearn.utils.metadata_routing import UNCHANGED
from test_interface import learned, section

import partwise
from partwise import _base, _partwise, _starts

matplotlib.use("Agg")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = ("NMF", "MiniBatchNMF", "ConsensusNMF", "JointNMF", "NMFTree", "dask.NMF", "ray.NMF")


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    """The stubs as a package of Python's, but that of the pictures."""
    folder = tmp_path_factory.mktemp("stubs") / "stubs_of_partwise"
    folder.mkdir()
    for name in ("__init__", "dask", "ray"):
        shutil.copy(Path(partwise.__file__).with_name(f"{name}.pyi"), folder / f"{name}.py")
    (folder / "plot.py").touch()
    sys.path.insert(0, str(folder.parent))
    yield importlib.import_module("stubs_of_partwise")
    sys.path.remove(str(folder.parent))
    for name in [name for name in sys.modules if name.split(".")[0] == "stubs_of_partwise"]:
        del sys.modules[name]


def found(package, name):
    """A class by its name, which may have that of a module in front."""
    module, _, name = name.rpartition(".")
    return getattr(importlib.import_module(f"{package.__name__}.{module}" if module else package.__name__), name)


def parameters(function):
    """(name, kind, default) of each."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def methods(estimator):
    """Names of the public methods that are written here, or made of what is written here."""
    bases = [base for base in estimator.__mro__ if base.__module__.startswith("partwise")]
    names = {name for base in bases for name in vars(base) if not name.startswith("_")}
    return {name for name in names if inspect.isroutine(getattr(estimator, name))}


# Those on a cluster are overloaded, which nothing is asked of at run time.
@pytest.mark.parametrize("name", CLASSES[:5])
def test_methods_take_what_their_stubs_say(stubs, name):
    ours, declared = found(partwise, name), found(stubs, name)
    assert {"fit", "fit_transform", "transform", "inverse_transform"} <= methods(ours)
    for method in ("__init__", *sorted(methods(ours))):
        expected = parameters(getattr(ours, method))
        if method.endswith("_request"):
            # Their default is scikit-learn's own business.
            expected = [(name, kind, ... if default == UNCHANGED else default) for name, kind, default in expected]
        assert parameters(getattr(declared, method)) == expected, method


def test_choices_are_those_of_the_engine(stubs):
    there = {
        "_Solver": _base.SOLVERS,
        "_Init": _base.INITS,
        "_UsualInit": _starts.STARTS,
        "_RankMethod": [name for name, *_ in _partwise.rank_methods()],
        "_Rule": [name for name, _ in _partwise.split_rules()],
    }
    for name, choices in there.items():
        assert set(typing.get_args(getattr(stubs, name))) == set(choices), name
    losses = next(option for option in typing.get_args(stubs._Loss) if typing.get_origin(option) is typing.Literal)
    assert set(typing.get_args(losses)) == set(_base.BETA)


def is_of(value, kind):
    """Whether a value is of a type as the stubs write it."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return value in inner
    if origin in (typing.Union, types.UnionType):
        return any(is_of(value, option) for option in inner)
    if origin is np.ndarray:
        (scalar,) = typing.get_args(inner[1])
        return isinstance(value, np.ndarray) and issubclass(value.dtype.type, typing.get_args(scalar) or scalar)
    if origin is list:
        return type(value) is list and all(is_of(item, inner[0]) for item in value)
    if origin is tuple:
        return type(value) is tuple and all(map(is_of, value, inner))
    if origin is dict:
        items = value.items()
        return type(value) is dict and all(is_of(key, inner[0]) and is_of(item, inner[1]) for key, item in items)
    if kind in (int, float, str, bool):
        return type(value) is kind
    return value is None if kind is type(None) else type(value).__name__ == kind.__name__


def test_what_is_learned_has_the_type_that_the_stubs_say(stubs):
    for model in learned():
        kinds = typing.get_type_hints(getattr(stubs, type(model).__name__))
        there = {name: value for name, value in vars(model).items() if name.endswith("_") and not name.startswith("_")}
        for name, value in there.items():
            assert is_of(value, kinds[name]), f"{type(model).__name__}.{name} = {value!r}, not {kinds[name]}"


@pytest.mark.parametrize("name", CLASSES)
def test_every_parameter_and_attribute_has_a_type(stubs, name):
    ours = found(partwise, name)
    kinds = set(typing.get_type_hints(found(stubs, name)))
    assert set(section(ours, "Attributes")) == {kind for kind in kinds if kind.endswith("_")}
    told = set(inspect.signature(ours).parameters)
    assert {kind for kind in kinds if not kind.endswith("_")} == told


def test_a_survey_has_the_types_that_the_stubs_say(stubs):
    X = np.random.default_rng(0).random((20, 8))
    survey = partwise.rank_survey(X, [1, 2], starts=2, max_iter=5)
    for thing in (survey, *survey.curves.values()):
        for name, kind in typing.get_type_hints(getattr(stubs, type(thing).__name__)).items():
            assert is_of(getattr(thing, name), kind), name
    assert is_of(survey.consensus(2), typing.get_type_hints(stubs.RankSurvey.consensus)["return"])


@pytest.mark.parametrize("shown", typed.SHOWN, ids=lambda shown: shown.__name__)
def test_what_users_write_runs(shown, tmp_path):
    given = {"X": np.random.default_rng(0).random((20, 8)), "folder": tmp_path}
    shown(**{name: given[name] for name in inspect.signature(shown).parameters})
    matplotlib.pyplot.close("all")
