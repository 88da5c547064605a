"""Arrays as the engine takes them: without a copy wherever it can read them in place."""

import sys
from contextlib import contextmanager

import numpy as np
import scipy.sparse as sp
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import check_non_negative

from . import _partwise

DTYPES = [np.float64, np.float32]
"""What the engine computes with; every other number becomes the first."""

SMALL = 16 << 20
"""Bytes of double precision: a matrix of integers of this size or less is copied, since fits of copies are faster."""


def dtypes_for(X):
    """What the entries of X may become: scikit-learn does not see that a frame of polars is all of float32."""
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(X, polars.DataFrame) and all(kind == polars.Float32 for kind in X.dtypes):
        return np.float32
    return DTYPES


class WholeNumbers:
    """A matrix of integers that stays what it is: the engine turns it into double precision a run at a time."""

    dtype = np.dtype(np.float64)
    """What its factors are made of."""

    def __init__(self, matrix):
        self.matrix = matrix
        self.shape = matrix.shape

    @staticmethod
    def of(X):
        """Whether X is such a matrix, and large."""
        if sp.issparse(X):
            entries = X.data if X.format in ("csr", "csc") else np.empty(0)
        else:
            entries = X if isinstance(X, np.ndarray) else np.empty(0)
        return entries.dtype.kind in "iu" and entries.dtype.isnative and entries.size * 8 > SMALL

    def mean(self):
        X = self.matrix
        entries = X.data[: X.indptr[-1]] if sp.issparse(X) else X
        return entries.sum(dtype=np.float64) / self.shape[0] / self.shape[1]


def with_floats(X):
    """A sparse matrix of integers as one of float64 over the same indices, which SciPy and scikit-learn would copy."""
    if not (sp.issparse(X) and X.format in ("csr", "csc") and X.dtype.kind in "iub"):
        return X
    try:
        return type(X)((X.data.astype(np.float64), X.indices, X.indptr), shape=X.shape, copy=False)
    except ValueError:
        # What does not fit together is refused later, with the place.
        return X


def checked(X, check=check_array, whole=False, **options):
    """X as the engine takes it, looked at by `check` with scikit-learn's options of that name.

    `whole` says that a large matrix of integers may stay one.
    """
    whole = whole and WholeNumbers.of(X)
    X = X if whole else with_floats(X)
    options = {"accept_sparse": ("csr", "csc"), "dtype": None if whole else dtypes_for(X), **options}
    X = refuse_malformed(check(X, **options))
    return WholeNumbers(X) if whole else X


def engine_input(X):
    """A checked matrix for the engine: a dense array, or the parts of a CSR or CSC matrix."""
    if isinstance(X, WholeNumbers):
        X = X.matrix
    if sp.issparse(X):
        return _parts(X)
    X = np.asarray(X)
    if not X.flags.aligned or any(step % X.itemsize for step in X.strides):
        X = X.copy()
    return X


def _parts(X):
    offsets = X.indptr
    stored = int(offsets[-1]) if len(offsets) else 0
    # What is not well formed is left for the engine, which says where.
    well_formed = (
        len(offsets) == X.shape[X.format == "csc"] + 1
        and offsets[0] == 0
        and stored <= len(X.indices) == len(X.data)
        and bool((offsets[1:] >= offsets[:-1]).all())
    )
    if well_formed and not X.has_canonical_format:
        # SciPy adds up what is stored twice, which a type of integers may not hold. This is the only copy that is ever
        # made of a sparse X.
        X = X.astype(np.float64 if X.dtype.kind in "iu" else X.dtype, copy=True)
        X.sum_duplicates()
        stored = int(X.indptr[-1])
    shape = tuple(int(length) for length in X.shape)
    flat = (np.require(array, requirements=["C", "A"]) for array in (X.indptr, X.indices, X.data))
    offsets, indices, values = flat
    if well_formed:
        indices, values = indices[:stored], values[:stored]
    return X.format == "csr", shape, offsets, indices, values


def refuse_malformed(X):
    """Looks at the indices of a sparse matrix before SciPy follows them anywhere."""
    if sp.issparse(X):
        _partwise.check(_parts(X))
    return X


@contextmanager
def passed_to(whom):
    """Says of negative data what scikit-learn says where they are passed to `whom`, and then their place."""
    try:
        yield
    except ValueError as error:
        before = "data passed to NMF (input X):"
        if before not in str(error):
            raise
        raise ValueError(str(error).replace(before, f"data passed to {whom}.")) from None


def checked_factor(A, shape, whom, signed=False):
    """A start or a held factor, in scikit-learn's words where it does not fit. "auto" fits any length.

    `signed` says that its entries may have any sign.
    """
    A = check_array(A, ensure_all_finite=False)
    assert_all_finite(A, input_name=whom)
    for position, name in enumerate(("first", "second")):
        if shape[position] != "auto" and A.shape[position] != shape[position]:
            raise ValueError(
                f"Array with wrong {name} dimension passed to {whom}. Expected {shape[position]}, "
                f"but got {A.shape[position]}."
            )
    if not signed:
        check_non_negative(A, whom)
    if not np.any(A):
        raise ValueError(f"Array passed to {whom} is full of zeros.")
    return engine_input(A)


def refuse_other_dtypes(dtype, **factors):
    """In scikit-learn's words, where factors are not of the dtype of X."""
    if any(A.dtype != dtype for A in factors.values()):
        got = " and ".join(f"{name}.dtype = {A.dtype}" for name, A in factors.items())
        raise TypeError(f"{' and '.join(factors)} should have the same dtype as X. Got {got}.")
