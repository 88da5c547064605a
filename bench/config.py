"""Comparisons as data: reads `comparisons/*.toml` and refuses what is wrong, naming file and key.

Needs only the standard library (Python 3.11, or 3.10 with `tomli`).
"""

import sys
from dataclasses import dataclass, fields
from pathlib import Path

import catalogue

try:
    import tomllib
except ModuleNotFoundError:
    try:
        import tomli as tomllib
    except ModuleNotFoundError:
        print(
            "bench: Python 3.10 cannot read TOML by itself: pip install tomli, or use 3.11", file=sys.stderr
        )
        sys.exit(2)

KINDS = ("time_to_loss", "solvers", "iteration", "scaling")  # in the order of the page
AXES = ("rows", "columns", "k", "nonzeros")


class ConfigError(Exception):
    """A comparison that cannot be run; the message names the file, the key and what would be right."""


@dataclass(frozen=True)
class Case:
    """One matrix and its ranks; `best` is the lowest objective known from elsewhere, if any."""

    data: str
    k: list
    best: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One file of comparisons; `quick` says whether it has a part for quick runs."""

    name: str
    kind: str
    title: str
    loss: str
    dtype: list
    threads: list
    seeds: int
    peers: list
    iterations: int
    seconds: float
    cases: list
    within: float | None = None
    reference: str | None = None
    along: str | None = None


def whole(value):
    """Whether a value is an integer of at least one (TOML's booleans are not)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def positive(value):
    """Whether a value is a positive, finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


def some(check):
    """A check for a list with at least one entry, all of which pass `check`, none twice."""
    return lambda value: (
        isinstance(value, list) and value and all(map(check, value)) and len(set(value)) == len(value)
    )


def one_of(*choices):
    return lambda value: isinstance(value, str) and value in choices


def data_set(value):
    return isinstance(value, str) and (value in catalogue.SETS or _sensible(catalogue.synthetic(value)))


def _sensible(size):
    return size is not None and min(size) > 0 and size[2] <= size[0] * size[1]


def peer(value):
    return isinstance(value, str) and catalogue.known_peer(value)


def text(value):
    return isinstance(value, str) and value.strip() != ""


PEER_NAMES = ", ".join([f"{catalogue.PROGRAM}:SOLVER", *catalogue.PEERS])
DATA_NAMES = ", ".join([*catalogue.SETS, "dense:ROWSxCOLUMNS", "sparse:ROWSxCOLUMNS:NONZEROS"])

# Key: the check, and what would be right.
COMMON = {
    "kind": (one_of(*KINDS), f"one of {', '.join(KINDS)}"),
    "title": (text, "a line of text"),
    "loss": (one_of(*catalogue.LOSSES), f"one of {', '.join(catalogue.LOSSES)}"),
    "dtype": (some(one_of(*catalogue.DTYPES)), f"a list of {', '.join(catalogue.DTYPES)}"),
    "threads": (some(whole), "a list of whole numbers of at least 1"),
    "seeds": (whole, "a whole number of at least 1"),
    "peers": (some(peer), f"a list of {PEER_NAMES}"),
    "iterations": (whole, "a whole number of at least 1"),
    "seconds": (positive, "a positive number"),
}
OF_KIND = {
    "iteration": {},
    "time_to_loss": {
        "reference": (
            lambda value: peer(value) and value in catalogue.PEERS and catalogue.PEERS[value].own_stop,
            "a peer with a stopping rule of its own, such as scikit-learn:cd",
        )
    },
    "solvers": {"within": (lambda value: positive(value) and value < 1, "a share between 0 and 1")},
    "scaling": {"along": (one_of(*AXES), f"one of {', '.join(AXES)}")},
}
CASE = {
    "data": (data_set, f"one of {DATA_NAMES}"),
    "k": (some(whole), "a list of whole numbers of at least 1"),
}
CASE_OPTIONAL = {"best": (positive, "a positive number")}


def check_table(where, prefix, table, required, optional=()):
    """Refuses keys that are unknown, missing or wrong."""
    allowed = {**required, **dict(optional)}
    for key in table:
        if key not in allowed:
            raise ConfigError(f"{where}: {prefix}{key}: unknown key; known are {', '.join(allowed)}")
    for key in required:
        if key not in table:
            raise ConfigError(f"{where}: {prefix}{key}: missing; it is {required[key][1]}")
    for key, value in table.items():
        check, right = allowed[key]
        if not check(value):
            raise ConfigError(f"{where}: {prefix}{key}: {value!r} is not {right}")


def check_cases(where, cases):
    """Refuses a list of cases that is empty or has a wrong entry."""
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise ConfigError(f"{where}: cases: must be at least one [[cases]] with data and k")
    for number, case in enumerate(cases, 1):
        check_table(where, f"cases[{number}].", case, CASE, CASE_OPTIONAL)
        size = catalogue.synthetic(case["data"])
        if size and max(case["k"]) > min(size[:2]):
            raise ConfigError(
                f"{where}: cases[{number}].k: {max(case['k'])} is more than {min(size[:2])}, "
                f"the smaller side of {case['data']}"
            )


def parse(where, name, table, quick=False):
    """The comparison of a parsed file, or None if only quick ones are asked for and it has no such part."""
    table = dict(table)
    overlay = table.pop("quick", None)
    if overlay is not None and not isinstance(overlay, dict):
        raise ConfigError(f"{where}: quick: must be a table [quick] of keys that a quick run replaces")
    merged = [table] if overlay is None else [table, {**table, **overlay}]
    for version in merged:
        kind = version.get("kind")
        extra = OF_KIND.get(kind, {}) if isinstance(kind, str) else {}
        check_table(where, "", {k: v for k, v in version.items() if k != "cases"}, {**COMMON, **extra})
        check_cases(where, version.get("cases"))
        check_peers(where, version)
    if quick and overlay is None:
        return None
    chosen = dict(merged[-1] if quick else table)
    chosen["cases"] = [Case(**case) for case in chosen["cases"]]
    return Comparison(name=name, **chosen)


def check_peers(where, table):
    """Refuses a peer that cannot minimise the comparison's loss."""
    for name in table["peers"] + [table.get("reference", catalogue.BARE)]:
        entry = catalogue.PEERS.get(name)
        if entry and table["loss"] not in entry.losses:
            raise ConfigError(
                f"{where}: peers: {name} cannot minimise {table['loss']}, only {', '.join(entry.losses)}"
            )


def load(folder, names=(), quick=False):
    """The comparisons of a folder, all or those named, ordered by kind and name."""
    files = sorted(Path(folder).glob("*.toml"))
    known = [file.stem for file in files]
    for name in names:
        if name not in known:
            raise ConfigError(f"{name}: no such comparison; there are {', '.join(known)}")
    comparisons = []
    for file in files:
        where = f"{Path(folder).name}/{file.name}"
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: not TOML: {error}") from error
        comparison = parse(where, file.stem, table, quick)
        if names and file.stem not in names:
            continue
        if comparison:
            comparisons.append(comparison)
        elif names:
            raise ConfigError(f"{where}: quick: missing; a quick run of it needs a table [quick]")
    return sorted(comparisons, key=lambda comparison: (KINDS.index(comparison.kind), comparison.name))


assert {f.name for f in fields(Comparison)} == {
    "name",
    "cases",
    *COMMON,
    *(k for v in OF_KIND.values() for k in v),
}
