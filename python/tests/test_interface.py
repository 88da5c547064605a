"""What is said of the interface is what it is: the stubs of the engine, and the docstrings of all public names."""

import ast
import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import partwise
from partwise import _partwise

STUBS = ast.parse((Path(partwise.__file__).parent / "_partwise.pyi").read_text(encoding="utf-8")).body

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def stubs(kind):
    return {node.name: node for node in STUBS if isinstance(node, kind)}


def of_stub(function):
    """(name, default) of each parameter but self, and `...` where there is no default."""
    parameters = function.args.posonlyargs + function.args.args
    defaults = [ast.literal_eval(default) for default in function.args.defaults]
    defaults = [...] * (len(parameters) - len(defaults)) + defaults
    names = [parameter.arg for parameter in parameters]
    return [(name, default) for name, default in zip(names, defaults, strict=True) if name not in ("self", "cls")]


def of_signature(signature):
    parameters = signature.parameters.values()
    pairs = [(p.name, ... if p.default is inspect.Parameter.empty else p.default) for p in parameters]
    return [(name, default) for name, default in pairs if name != "self"]


def test_the_stubs_have_what_the_engine_has():
    declared = set(stubs((ast.FunctionDef, ast.ClassDef)))
    declared |= {node.target.id for node in STUBS if isinstance(node, ast.AnnAssign)}
    there = {name for name in dir(_partwise) if not name.startswith("_")} | {"__version__"}
    assert {name for name in declared if not name.startswith("_")} | {"__version__"} == there


@pytest.mark.parametrize("name", sorted(stubs(ast.FunctionDef)))
def test_functions_take_what_their_stubs_say(name):
    assert of_stub(stubs(ast.FunctionDef)[name]) == of_signature(inspect.signature(getattr(_partwise, name)))


def test_a_partition_takes_what_its_stub_says():
    declared = {node.name: node for node in stubs(ast.ClassDef)["Partition"].body}
    assert of_stub(declared.pop("__new__")) == of_signature(inspect.signature(_partwise.Partition))
    methods = {name for name in vars(_partwise.Partition) if not name.startswith("_")}
    assert set(declared) == methods
    for name, stub in declared.items():
        assert of_stub(stub) == of_signature(inspect.signature(getattr(_partwise.Partition, name)))


def test_answers_have_the_items_that_the_stubs_say(monkeypatch):
    found = {}

    def recorded(name):
        work = getattr(_partwise, name)

        def record(*args, **kwargs):
            found[name] = work(*args, **kwargs)
            return found[name]

        monkeypatch.setattr(_partwise, name, record)

    for name in ("fit", "fit_batches", "fit_consensus", "fit_tree", "survey"):
        recorded(name)
    X = np.random.default_rng(0).random((20, 8))
    partwise.NMF(2, max_iter=5).fit(X)
    partwise.MiniBatchNMF(2, max_iter=5).fit(X)
    partwise.ConsensusNMF(2, n_runs=3, max_iter=5).fit(X)
    partwise.NMFTree(2).fit(X)
    partwise.rank_survey(X, [1, 2], methods="bic", starts=2, max_iter=5)
    answers = {
        "_Fit": found["fit"],
        "_MiniBatchFit": found["fit_batches"],
        "_Consensus": found["fit_consensus"],
        "_Tree": found["fit_tree"],
        "_Survey": found["survey"],
        "_Curve": found["survey"]["curves"][0],
    }
    for name, answer in answers.items():
        declared = {node.target.id for node in stubs(ast.ClassDef)[name].body}
        assert declared == set(answer), name


def public():
    """Functions, classes and methods with a docstring of their own, by the name that users see."""
    functions = inspect.getmembers(partwise.plot, inspect.isfunction)
    drawing = [name for name, f in functions if f.__module__ == "partwise.plot" and not name.startswith("_")]
    modules = [(partwise, partwise.__all__), (partwise.plot, drawing)]
    for extra in ("dask", "ray"):
        try:
            module = importlib.import_module(f"partwise.{extra}")
        except ImportError:
            continue
        modules.append((module, module.__all__))
    found = {}
    for module, names in modules:
        for name in names:
            item = getattr(module, name)
            path = f"{module.__name__}.{name}"
            if inspect.isclass(item) or inspect.isfunction(item):
                found[path] = item
            if inspect.isclass(item):
                for base in item.__mro__:
                    if not base.__module__.startswith("partwise"):
                        continue
                    for method, value in vars(base).items():
                        value = getattr(value, "__func__", value)
                        value = getattr(value, "fn", value)
                        if not method.startswith("_") and inspect.isfunction(value):
                            found.setdefault(f"{path}.{method}", value)
    return found


PUBLIC = public()


def section(item, title):
    """The names of a section, with what is said of their type behind the colon, or None."""
    text = inspect.cleandoc(item.__doc__)
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    names = {}
    for line in found.group(1).splitlines() if found else ():
        if line and not line.startswith(" "):
            left, colon, kind = line.partition(" : ")
            names.update({name.lstrip("*"): kind if colon else None for name in left.rstrip(",").split(", ")})
    return names


@pytest.mark.parametrize("path", PUBLIC)
def test_docstrings_say_all_parameters_and_their_defaults(path):
    item = PUBLIC[path]
    assert item.__doc__, "no docstring"
    if dataclasses.is_dataclass(item):
        assert list(section(item, "Attributes")) == [field.name for field in dataclasses.fields(item)]
        return
    if inspect.isclass(item) and "__init__" not in vars(item):
        return
    given = dict(of_signature(inspect.signature(item)))
    given.pop("cls", None)
    told = section(item, "Parameters")
    assert sorted(told) == sorted(given)
    for name, kind in told.items():
        if kind is None or kind in ("Ignored", "kwargs") or given[name] is ...:
            continue
        default = kind.rpartition("default=")[2]
        assert "default=" in kind and ast.literal_eval(default) == given[name], f"{name} : {kind}"


@pytest.mark.parametrize("path", [path for path in PUBLIC if hasattr(PUBLIC[path], "_parameter_constraints")])
def test_each_parameter_and_nothing_else_is_constrained(path):
    assert set(PUBLIC[path]._parameter_constraints) == set(inspect.signature(PUBLIC[path]).parameters)


def learned():
    X = np.random.default_rng(0).random((20, 8))
    yield partwise.NMF("cv", max_iter=5).fit(X)
    for options in ({"constraint": "separable"}, {"constraint": "convex"}, {"init": "random", "n_init": 2}):
        yield partwise.NMF(2, max_iter=5, **options).fit(X)
    yield partwise.NMF(2, max_iter=5, constraint="labels").fit(X, np.arange(20) % 2)
    yield partwise.MiniBatchNMF(2, max_iter=5).fit(X)
    yield partwise.JointNMF(2, max_iter=5).fit([X, X])
    yield partwise.ConsensusNMF(2, n_runs=3, max_iter=5, bootstrap=2).fit(X)
    yield partwise.NMFTree(2).fit(X)


def test_docstrings_say_what_is_learned():
    for model in learned():
        there = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
        assert there <= set(section(type(model), "Attributes")), model
