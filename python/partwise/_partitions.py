"""Blocks of rows of X in other processes, whatever carries questions to them."""

import functools
import logging

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import _get_feature_names

from . import _partwise
from ._arrays import checked, engine_input
from ._base import available_threads, count

LOG = logging.getLogger(__name__)

FAN_IN = _partwise.FAN_IN
"""Answers in a row that are added where they are, then as many of those sums, and so on."""


class Block:
    """A block of rows of X, with its rows of W from one question to the next.

    A copy goes on from where this one is. If it cannot, it says so when it is asked, and gets what it needs.
    """

    def __init__(self, index, X, n_threads=None):
        self._index = index
        self._threads = n_threads
        self._X, self._names = _checked(index, X)
        self._engine = _partwise.Partition(index, self.dtype, available_threads(n_threads))

    @property
    def dtype(self):
        """The name of the type of X."""
        return self._X.dtype.name

    @property
    def shape(self):
        """Rows and columns of X."""
        return tuple(int(length) for length in self._X.shape)

    def described(self):
        """The shape, the dtype, and the names of the columns of a frame: all in one question."""
        return self.shape, self.dtype, self._names

    def answer(self, question):
        """The answer to a question of the engine."""
        return self._engine.answer(engine_input(self._X), question)

    def rows(self, version):
        """The rows of W as a fit left them. A copy of this block may have stayed behind."""
        rows = self._engine.rows(version)
        if rows is None:
            raise RuntimeError(
                f"the rows of W of partition {self._index} (counted from 0) were lost after the fit, or this is a copy "
                "that stayed behind; transform finds them again"
            )
        return rows

    def __sizeof__(self):
        parts = (self._X.data, self._X.indices, self._X.indptr) if sp.issparse(self._X) else (self._X,)
        return object.__sizeof__(self) + sum(part.nbytes for part in parts)

    def __getstate__(self):
        return self._index, self._X, self._names, self._threads, self._engine.save()

    def __setstate__(self, state):
        index, X, names, n_threads, saved = state
        self.__init__(index, X, n_threads)
        self._names = names
        if saved is not None:
            self._engine.load(saved)


def _checked(index, X):
    """X as the engine takes it, and the names of its columns, if it has any. The engine looks at its entries: it counts
    rows from the top of all blocks.
    """
    try:
        names = _get_feature_names(X)
        X = checked(X, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0)
        return X, names
    except (TypeError, ValueError) as error:
        raise type(error)(f"partition {index} (counted from 0) of X: {error}") from error


def _common(names):
    """The names that the columns have in all partitions; None stands for a partition without names."""
    named = [partition for partition, found in enumerate(names) if found is not None]
    for partition in named[1:]:
        pairs = zip(names[partition], names[named[0]], strict=False)
        for column, (found, expected) in enumerate(pairs):
            if found != expected:
                raise ValueError(
                    f"partition {partition} (counted from 0) of X has the column {found!r} at {column}, and partition "
                    f"{named[0]} has {expected!r}; all partitions must have the same columns in the same order"
                )
    return names[named[0]] if named else None


def add(answers):
    """The sum of answers of partitions in a row."""
    return _partwise.add_answers(list(answers))


def add_up(answers, count, add, most=1):
    """Adds those of `count` answers that are here, until so many are left, in an order that `count` alone decides.

    They are the leaves of a tree, whose other nodes have FAN_IN children, the last one of a level maybe fewer. A node
    has a level, 0 for leaves, and a place there. `answers` has some by their nodes, and keeps those whose siblings are
    elsewhere.
    """
    level = 0
    while count > most:
        above = -(-count // FAN_IN)
        for place in range(above):
            children = [(level, child) for child in range(place * FAN_IN, min((place + 1) * FAN_IN, count))]
            if all(child in answers for child in children):
                answers[level + 1, place] = add([answers.pop(child) for child in children])
        level, count = level + 1, above
    return answers


class Partitions:
    """The partitions of X on a cluster, as the engine asks them. A context for one fit.

    What carries the questions is a subclass. It has `_begin`, which sends the blocks on their way,
    `_each(name, method, *arguments)`, which starts a method of every `Block` with its argument of each list,
    `_add(name, group)`, which adds answers where they are, `_gather`, which waits for what these give, `_end`, and
    `w(n_components)`.
    """

    version = None
    """That of the rows of W, once the fit has ended."""

    def __init__(self, blocks, n_threads, checkpoint):
        if not blocks:
            raise ValueError("X has no partition; expected at least one block of rows")
        self.n_partitions = len(blocks)
        self.checkpoint = None if checkpoint is None else count(checkpoint)
        self._blocks = blocks
        self._n_threads = n_threads

    def __enter__(self):
        try:
            self._begin()
            described = self._gather(self._each("shape", Block.described))
            self.shapes, dtypes, names = zip(*described, strict=True)
            self.names = _common(names)
        except BaseException:
            self._end()
            raise
        # Of the first partition. The engine refuses those that differ.
        self.dtype = np.dtype(dtypes[0])
        self.shape = sum(rows for rows, _ in self.shapes), self.shapes[0][1]
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        """Lets go of what the fit had."""

    def in_one_place(self, W):
        """A W that is given, as an array."""
        return np.asarray(W)

    def ask_each(self, name, questions):
        """The answers of partitions to a question each, in order."""
        if len(set(questions)) > 1:
            LOG.info("asked again, for partitions that were lost: %s", name)
        return self._gather(self._each(name, Block.answer, questions))

    def ask(self, name, question):
        """The answers of all partitions to one question, added."""
        answers = self._answers(name, question)
        add_there = functools.partial(self._add, f"add-{name}")
        add_up(answers, self.n_partitions, add_there, most=FAN_IN)
        return add(self._gather([answers[node] for node in sorted(answers)]))

    def _answers(self, name, question):
        """Starts the answers of all partitions, by their nodes in the tree of `add_up`; some may be added already."""
        answers = self._each(name, Block.answer, [question] * self.n_partitions)
        return {(0, place): answer for place, answer in enumerate(answers)}
