"""NMF of an X that is spread over a Ray cluster.

Actors keep blocks of X and their rows of W. In each pass the components go out to them and small statistics come back,
which are added in an order that depends on the number of blocks alone.
"""

import math
import sys
import time

import numpy as np
import scipy.sparse as sp

try:
    import ray
    from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError
    from ray.experimental import get_object_locations
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise ImportError("partwise.ray needs Ray: pip install 'partwise[ray]'") from error

from . import _cluster
from ._partitions import Block, Partitions, add, add_up

__all__ = ["NMF"]

RETRIES = 20
"""Times that an actor is begun anew for the same question, before the fit ends with an error."""


class NMF(_cluster.ClusterNMF):
    """Non-negative matrix factorisation of an X on a Ray cluster.

    X is a list of blocks of rows, each an ObjectRef, an array or a function without arguments that makes it, or a
    ray.data.Dataset of numeric columns or of a column of vectors. What a lost actor held is had anew: a function is
    called again, an object is fetched again, and Ray repeats the task that made it where it is lost, too. Arrays, and
    what else `ray.put` stored, have no such task, and cannot be had again once their node is lost. W is a list of
    ObjectRefs, the rows of a block each.

    A fit has actors of its own, each of which counts as `n_threads` CPUs, one for None. They are where their blocks
    are, as long as none has more blocks than its share.
    """

    def _partitions(self, X):
        blocks = _as_blocks(X)
        if not isinstance(blocks, list):
            raise TypeError(
                f"X is a {type(X).__name__}; expected a list of ObjectRef, function or array with its blocks of rows, "
                "or a ray.data.Dataset. partwise.NMF factors what is in one place"
            )
        return _Partitions(blocks, self.n_threads, self.checkpoint)

    def _for_each_block(self, function, X):
        X = _as_blocks(X)
        if not isinstance(X, list):
            return function(X)
        # A task that asks for more than any node has would wait for ever.
        cpus = min(self.n_threads or 1, max(_cpus().values()))
        function = ray.put(function)
        task = _applied.options(name="partwise-transform", num_cpus=cpus)
        return [task.remote(function, block) for block in X]


class _Partitions(Partitions):
    """A partition is with an actor, which Ray begins anew and asks again where it is lost. Each question comes with
    where the block is from, and is stored once.
    """

    def __init__(self, blocks, n_threads, checkpoint):
        super().__init__(blocks, n_threads, checkpoint)
        # Actors with their nodes and partitions.
        self._actors = []

    def _begin(self):
        slots = _slots(self._n_threads or 1)
        for node, mine in zip(slots, _shared_out(_nodes_of(self._blocks), slots), strict=True):
            if mine:
                place = NodeAffinitySchedulingStrategy(node_id=node, soft=True)
                actor = _Holder.options(scheduling_strategy=place).remote(self._n_threads)
                self._actors.append((actor, node, mine))
        self._check_versions()
        self._sources = [block if isinstance(block, ray.ObjectRef) else ray.put(block) for block in self._blocks]

    def _end(self):
        for actor, _, _ in self._actors:
            ray.kill(actor)

    def in_one_place(self, W):
        is_ours = isinstance(W, list) and any(isinstance(rows, ray.ObjectRef) for rows in W)
        return np.concatenate(_get(W)) if is_ours else super().in_one_place(W)

    def w(self, n_components):
        rows = [ref for _, ref in self._each("rows", Block.rows, [self.version] * self.n_partitions)]
        while ray.wait(rows, num_returns=len(rows), timeout=_cluster.WAIT, fetch_local=False)[1]:
            _cpus()
        return rows

    def _each(self, name, method, *arguments):
        """Calls, each with the actor that it is with."""
        stored = [{argument: ray.put(argument) for argument in set(each)} for each in arguments]
        calls = [None] * self.n_partitions
        for actor, _, mine in self._actors:
            for partition in mine:
                given = [refs[each[partition]] for refs, each in zip(stored, arguments, strict=True)]
                call = actor.call.options(name=f"partwise-{name}")
                calls[partition] = actor, call.remote(partition, [self._sources[partition]], method, *given)
        return calls

    def _answers(self, name, question):
        """Each actor answers for its partitions at once, and adds what it can."""
        question = ray.put(question)
        answers = {}
        for actor, _, mine in self._actors:
            sources = {partition: self._sources[partition] for partition in mine}
            nodes = list(add_up({(0, partition): None for partition in mine}, self.n_partitions, lambda group: None))
            call = actor.answer.options(name=f"partwise-{name}", num_returns=len(nodes))
            refs = call.remote(sources, self.n_partitions, question)
            refs = refs if len(nodes) > 1 else [refs]
            answers |= {node: (actor, ref) for node, ref in zip(nodes, refs, strict=True)}
        return answers

    def _add(self, name, group):
        actor = group[0][0]
        return actor, actor.add.options(name=f"partwise-{name}").remote(*(ref for _, ref in group))

    def _check_versions(self):
        """Waits for all actors; refuses workers without partwise, and those with another version."""
        asked = {actor.version.remote(): node for actor, node, _ in self._actors}
        late = ray.wait(list(asked), num_returns=len(asked), timeout=_cluster.WAIT)[1]
        if late:
            cpus, free = (found().get("CPU", 0) for found in (ray.cluster_resources, ray.available_resources))
            raise RuntimeError(
                f"{len(late)} of {len(asked)} actors did not begin; waited {_cluster.WAIT} s. Of the cluster's "
                f"{cpus:g} CPUs {free:g} are free"
            )
        for call, node in asked.items():
            try:
                found = ray.get(call)
            except RayActorError as error:
                found = error
            _cluster.check_version(f"of node {node}", found)

    def _gather(self, calls):
        try:
            return _get([ref for _, ref in calls])
        except RayTaskError as error:
            cause = error
            while isinstance(cause, RayTaskError) and cause.cause is not None:
                cause = cause.cause
            raise cause from error
        except RayActorError as error:
            raise RuntimeError(
                f"an actor was lost more than {RETRIES} times over the same question, or cannot begin: {error}"
            ) from error


# A question may come again at any time, so that their order does not matter.
@ray.remote(max_restarts=-1, max_task_retries=RETRIES, allow_out_of_order_execution=True)
class _Holder:
    """An actor with some partitions, each of which it makes when it is first asked for it."""

    def __init__(self, n_threads):
        self._n_threads = n_threads
        self._blocks = {}

    def version(self):
        return _cluster.version()

    def call(self, partition, source, method, *arguments):
        """What a method of a partition's block gives. The source is an ObjectRef in a list: else Ray would fetch it."""
        if partition not in self._blocks:
            self._blocks[partition] = Block(partition, _matrix(_fetched(partition, *source)), self._n_threads)
        return method(self._blocks[partition], *arguments)

    def answer(self, sources, count, question):
        """Answers to the same question, by partitions, of which there are `count` in all; added where they can be."""
        answers = {(0, i): self.call(i, [source], Block.answer, question) for i, source in sources.items()}
        sums = list(add_up(answers, count, add).values())
        return sums if len(sums) > 1 else sums[0]

    def add(self, *answers):
        return add(answers)


@ray.remote
def _applied(function, source):
    return function(_matrix(source))


def _is_source(block):
    return isinstance(block, ray.ObjectRef) or callable(block)


def _fetched(partition, source):
    """What a source refers to."""
    try:
        return ray.get(source)
    except ObjectLostError as error:
        raise RuntimeError(
            f"partition {partition} (counted from 0) of X was lost with its node, and no task makes it again: what "
            "ray.put stored has none. Give functions that make the blocks, or ObjectRefs of tasks"
        ) from error


def _matrix(block):
    """A block as a matrix: what a function makes, and the columns of a block of a dataset side by side, with their
    names if there are several.
    """
    if callable(block):
        block = block()
    if not _is_instance(block, "pyarrow", "Table"):
        return block
    from ray.data.block import BlockAccessor

    columns = BlockAccessor.for_block(block).to_batch_format("numpy")
    for name, values in columns.items():
        if values.dtype.kind not in "fiub":
            raise TypeError(f"column {name!r} of X holds {values.dtype}; expected numbers, or vectors of one length")
    matrix = np.column_stack(list(columns.values()))
    if len(columns) == 1:
        return matrix
    import pandas

    names = [
        name if values.ndim == 1 else f"{name}[{place}]"
        for name, values in columns.items()
        for place in range(math.prod(values.shape[1:]))
    ]
    return pandas.DataFrame(matrix, columns=names, copy=False)


def _is_instance(thing, module, name):
    """Whether it is of a class of a module that need not be there."""
    return module in sys.modules and isinstance(thing, getattr(sys.modules[module], name))


def _as_blocks(X):
    """A list of blocks, a tuple of what are none, or X itself."""
    if _is_instance(X, "ray.data", "Dataset"):
        return X.materialize().to_arrow_refs()
    if isinstance(X, (list, tuple)):
        return _cluster.as_list(X, _is_block)
    return X


def _is_block(block):
    return isinstance(block, np.ndarray) or sp.issparse(block) or _is_source(block)


def _slots(threads):
    """Nodes that actors of so many threads may be on, each as often as it has CPUs for, in turns."""
    actors = {node: max(count // threads, 1) for node, count in _cpus().items()}
    return [node for turn in range(max(actors.values())) for node in actors if turn < actors[node]]


def _get(refs):
    """What has been asked for, in order. That no node is left for an actor is an error; that all are busy is not."""
    while True:
        try:
            return ray.get(refs, timeout=_cluster.WAIT)
        except GetTimeoutError:
            _cpus()


def _cpus():
    """How many CPUs each node has, of those that have any. Waits for one."""
    if not ray.is_initialized():
        raise ValueError(
            "partwise.ray.NMF needs a cluster: call ray.init first, with an address= unless this machine is to be one"
        )
    end = time.monotonic() + _cluster.WAIT
    while True:
        cpus = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]}
        cpus = {node: count for node, count in sorted(cpus.items()) if count > 0}
        if cpus:
            return cpus
        if time.monotonic() > end:
            raise RuntimeError(f"the cluster has no worker, that is no CPU; waited {_cluster.WAIT} s for one")
        time.sleep(0.1)


def _nodes_of(blocks):
    """The nodes that have each block, once it is made: none where it is small, or no object yet."""
    refs = [block for block in blocks if isinstance(block, ray.ObjectRef)]
    if refs:
        ray.wait(refs, num_returns=len(refs), fetch_local=False)
    places = get_object_locations(refs) if refs else {}
    known = [isinstance(block, ray.ObjectRef) and block in places for block in blocks]
    return [places[block]["node_ids"] if found else () for block, found in zip(blocks, known, strict=True)]


def _shared_out(nodes, slots):
    """The partitions of each slot: those on its node, up to its share, and then the others."""
    most = -(-len(nodes) // len(slots))
    held = [[] for _ in slots]
    others = []
    for partition, near in enumerate(nodes):
        room = (mine for slot, mine in zip(slots, held, strict=True) if slot in near and len(mine) < most)
        next(room, others).append(partition)
    for partition in others:
        next(mine for mine in held if len(mine) < most).append(partition)
    return held
