"""Classes of samples, as y gives them."""

import numpy as np


def kind(constraint):
    """The name of a constraint in a text: hoyer in "w:hoyer=0.7"."""
    return constraint.rpartition(":")[2].partition("=")[0]


def takes_labels(constraint):
    """Whether a text is the constraint that takes labels."""
    return kind(constraint) == "labels"


def classes_of(y):
    """The classes in order, and the number of that of each sample; None where it is not known: -1, None or NaN."""
    if y is None:
        raise ValueError(
            "constraint='labels' requires y to be passed: the class of each sample; -1, None or NaN where it is not "
            "known"
        )
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    unknown = np.array([_is_unknown(label) for label in y.tolist()], dtype=bool)
    if unknown.all():
        raise ValueError(f"y has no class for any of its {len(y)} samples; constraint='labels' expects at least one")
    try:
        classes, numbers = np.unique(_of_one_type(y[~unknown]), return_inverse=True)
    except TypeError as error:
        raise TypeError(f"y mixes classes that cannot be compared: {error}") from error
    codes = [None] * len(y)
    for place, number in zip(np.flatnonzero(~unknown), numbers, strict=True):
        codes[place] = int(number)
    return classes, codes


def _of_one_type(known):
    """Numbers as such where an array of objects holds nothing else: None made it one."""
    if known.dtype != object:
        return known
    inferred = np.array(known.tolist())
    return inferred if inferred.dtype.kind in "biuf" else known


def _is_unknown(label):
    if isinstance(label, str):
        return False
    return label is None or type(label).__name__ == "NAType" or label != label or label == -1


def to_text(classes):
    """Classes as a model file has them, and what turns them back."""
    kind = {"b": "bool", "i": "int", "u": "int", "f": "float"}.get(np.asarray(classes).dtype.kind, "str")
    return np.array([str(label) for label in classes]), kind


def from_text(classes, kind):
    """Classes of a model file."""
    if kind == "bool":
        return classes == "True"
    return classes.astype({"int": np.int64, "float": np.float64}.get(kind, str))
