"""Measures fits on clusters of this machine, for docs/cluster.md: python bench/cluster.py [--quick]

Needs partwise with Dask and Ray (`make python`). Prints what an iteration takes in the plain engine, and with
the same rows as partitions in this process and in one worker of each cluster, all in turns; and the bytes
that a partition is sent and answers.
"""

import argparse
import functools
import logging
import os
import statistics
import sys

# Threads as a worker of a cluster has. Ray's workers would give way to whatever else the machine does, and
# the plain engine does not; nor shall Ray report that it is used.
os.environ |= {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}

import dask
import distributed
import numpy as np
import ray
from partwise import NMF, _cluster, _partitions, _partwise
from partwise import dask as on_dask
from partwise import ray as on_ray


def block(seed, rows, cols):
    return np.random.RandomState(seed).rand(rows, cols)


def blocks(count, rows, cols):
    """Functions that make the partitions."""
    return [functools.partial(block, seed, rows // count, cols) for seed in range(count)]


class Here(_partitions.Partitions):
    """Partitions in this process, asked as those of a cluster are."""

    def _begin(self):
        self._held = [_partitions.Block(i, make(), self._n_threads) for i, make in enumerate(self._blocks)]

    def _each(self, name, method, *arguments):
        return [method(block, *given) for block, *given in zip(self._held, *arguments, strict=True)]

    def _add(self, name, group):
        return _partitions.add(group)

    def _gather(self, answers):
        return answers


class HereNMF(_cluster.ClusterNMF):
    def _partitions(self, x):
        return Here(x, self.n_threads, self.checkpoint)


class DaskNMF(on_dask.NMF):
    def _partitions(self, x):
        return super()._partitions([dask.delayed(make)() for make in x])


class PlainNMF(NMF):
    def fit(self, x):
        return super().fit(np.concatenate([make() for make in x]))


def iteration(kind, partitions, rows, cols, k, iterations=10):
    """Seconds of an iteration, the median of a fit."""
    model = kind(k, init="random", solver="cd", max_iter=iterations, tol=0, random_state=0)
    model.fit(blocks(partitions, rows, cols))
    return statistics.median(np.diff(model.history_["seconds"]))


def overhead(rows, cols, k, rounds):
    """An iteration of each kind against the plain engine, in one partition and in several."""
    kinds = {
        "plain": (PlainNMF, 1),
        **{
            f"{name}, {count} partitions": (kind, count)
            for count in (1, 10)
            for name, kind in {"here": HereNMF, "Ray": on_ray.NMF, "Dask": DaskNMF}.items()
        },
    }
    seconds = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (kind, partitions) in kinds.items():
            seconds[name].append(iteration(kind, partitions, rows, cols, k))
    print(f"{rows} x {cols}, k = {k}, one thread; medians of {rounds} fits, and how much above plain")
    for name, those in seconds.items():
        above = statistics.median(
            this / plain - 1 for this, plain in zip(those, seconds["plain"], strict=True)
        )
        print(f"{name:20} {statistics.median(those):.4f} s {above:+.1%}, fastest {min(those):.4f} s")


class Counted(Here):
    sent, answered = [], []

    def _each(self, name, method, *arguments):
        answers = super()._each(name, method, *arguments)
        if name.startswith("pass"):
            self.sent += [len(question) for question in arguments[0]]
            self.answered += [len(answer) for answer in answers]
        return answers


class CountedNMF(HereNMF):
    def _partitions(self, x):
        return Counted(x, self.n_threads, self.checkpoint)


def traffic():
    """Bytes that a partition is sent and answers in an iteration, the same whatever carries them."""
    for rows, cols, k in [(256, 500, 20), (256, 4000, 20), (256, 500, 80)]:
        Counted.sent, Counted.answered = [], []
        CountedNMF(k, solver="cd", max_iter=8, tol=0, random_state=0).fit(blocks(4, rows, cols))
        formula = 8 * (k * cols + k * k)
        found = {"sent": max(Counted.sent), "answered": max(Counted.answered)}
        parts = ", ".join(f"{name} {size} ({size / formula - 1:+.1%})" for name, size in found.items())
        print(f"{cols} columns, k = {k}: 8 (k n + k^2) = {formula}; {parts}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="small shapes, to try the script")
    asked = arguments.parse_args()
    rows, cols, k, rounds = (2000, 1000, 20, 1) if asked.quick else (24000, 4000, 50, 5)
    print("partwise", _partwise.__version__, "Ray", ray.__version__, "Dask", dask.__version__)
    ray.init(num_cpus=1, include_dashboard=False, object_store_memory=2**28, log_to_driver=False)
    workers = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(silence_logs=logging.ERROR, **workers) as cluster,
        distributed.Client(cluster),
    ):
        overhead(rows, cols, k, rounds)
    ray.shutdown()
    traffic()
    return 0


if __name__ == "__main__":
    sys.exit(main())
