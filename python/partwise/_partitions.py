"""Blocks of rows of X in other processes, whatever carries questions to them."""

import scipy.sparse as sp
from sklearn.utils import check_array

from . import _partwise
from ._arrays import DTYPES, engine_input, refuse_malformed
from ._base import available_threads

FAN_IN = _partwise.FAN_IN
"""Answers in a row that are added where they are, then as many of those sums, and so on."""


class Block:
    """A block of rows of X, with its rows of W from one question to the next.

    A copy goes on from where this one is. If it cannot, it says so when it is asked, and gets what it needs.
    """

    def __init__(self, index, X, n_threads=None):
        self._index = index
        self._threads = n_threads
        self._X = _checked(index, X)
        self._engine = _partwise.Partition(index, self.dtype, available_threads(n_threads))

    @property
    def dtype(self):
        """The name of the type of X."""
        return self._X.dtype.name

    @property
    def shape(self):
        """Rows and columns of X."""
        return tuple(int(length) for length in self._X.shape)

    def answer(self, question):
        """The answer to a question of the engine."""
        return self._engine.answer(engine_input(self._X), question)

    def rows(self):
        """The rows of W."""
        rows = self._engine.rows()
        if rows is None:
            raise RuntimeError(
                f"the rows of W of partition {self._index} (counted from 0) were lost with their worker after the fit; "
                "transform finds them again"
            )
        return rows

    def __sizeof__(self):
        parts = (self._X.data, self._X.indices, self._X.indptr) if sp.issparse(self._X) else (self._X,)
        return object.__sizeof__(self) + sum(part.nbytes for part in parts)

    def __getstate__(self):
        return self._index, self._X, self._threads, self._engine.save()

    def __setstate__(self, state):
        index, X, n_threads, saved = state
        self.__init__(index, X, n_threads)
        if saved is not None:
            self._engine.load(saved)


def _checked(index, X):
    """X as the engine takes it. The engine looks at its entries: it counts rows from the top of all blocks."""
    try:
        X = check_array(
            X,
            accept_sparse=("csr", "csc"),
            dtype=DTYPES,
            ensure_all_finite=False,
            ensure_min_samples=0,
            ensure_min_features=0,
        )
        return refuse_malformed(X)
    except (TypeError, ValueError) as error:
        raise type(error)(f"partition {index} (counted from 0) of X: {error}") from error


def add(answers):
    """The sum of answers of partitions in a row."""
    return _partwise.add_answers(list(answers))
