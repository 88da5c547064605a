"""One run of one Python peer in a process of its own: a job in as JSON, its trace out as a file.

The clock runs only while the peer works: it is stopped while the objective is evaluated.
"""

import contextlib
import json
import sys
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from data import load_matrix
from objective import objective
from peers import LOOPS, stopping_by_itself

SPARSER = 0.02  # after the first iterations, a point of the trace for every two percent more iterations
ALL = 50  # iterations that are all in the trace


class EnoughError(Exception):
    """Ends a peer's loop from within."""


def due(iteration):
    """Whether an iteration belongs into a trace; the same for all peers."""
    return iteration <= ALL or int(np.log(iteration) / SPARSER) > int(np.log(iteration - 1) / SPARSER)


class Lap:
    """Called after an iteration: stops the clock, keeps a point, ends the run when it is time."""

    def __init__(self, job, evaluate):
        self.job, self.evaluate = job, evaluate
        self.iteration, self.seconds, self.trace = 0, 0.0, []
        self.restart()

    def restart(self):
        """Starts the clock anew: what came before was preparation that does not count."""
        self.mark = perf_counter()

    def __call__(self, w, h, iterations=1):
        self.seconds += perf_counter() - self.mark
        self.iteration += iterations
        last = self.iteration >= self.job["iterations"] or self.seconds >= self.job["seconds"]
        if self.job["evaluate"] and (last or iterations > 1 or due(self.iteration)):
            self.trace.append((self.iteration, self.seconds, self.evaluate(w, h)))
        elif not self.job["evaluate"]:
            self.trace.append((self.iteration, self.seconds, self.evaluate(w, h) if last else None))
        reached = (
            self.trace and self.trace[-1][2] is not None and self.trace[-1][2] <= (self.job["target"] or -1)
        )
        if last or reached:
            raise EnoughError
        self.restart()


def main():
    job = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    v, w, h = load_matrix(job["matrix"]), np.load(job["w"]), np.load(job["h"])

    def evaluate(w, h):
        return objective(v, w, h, job["loss"])

    begin = 0.0, evaluate(w, h)
    solver = job["peer"].split(":")[1]
    if job["own_stop"]:
        from sklearn.decomposition import NMF  # noqa: F401  (imported before the clock starts)

        mark = perf_counter()
        w, h, iterations = stopping_by_itself(v, w, h, solver, job["loss"])
        seconds = perf_counter() - mark
        trace = [(iterations, seconds, evaluate(w, h))]
    else:
        loop = LOOPS[job["peer"]]
        lap = Lap(job, evaluate)
        with contextlib.suppress(EnoughError):
            loop(v, w, h, job["loss"], lap)
        trace = lap.trace
    Path(job["result"]).write_text(json.dumps({"trace": [(0, *begin), *trace]}), encoding="utf-8")


if __name__ == "__main__":
    main()
