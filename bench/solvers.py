#!/usr/bin/env python3
"""Iterations and seconds of each solver to within a share of the best objective that any of them finds.

    bench/solvers.py MATRIX -k RANK [--loss LOSS] [--seeds N] [--seconds S] [--within 0.001] [--threads N]

Runs `target/release/partwise` (build it first: make build) from the same random starts, without a tolerance, and reads
the traces. A solver that never comes within the share is shown with how far above the best it ended. Needs only Python.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / "target/release/partwise"
SOLVERS = ["cd", "mu", "als", "anls", "pg", "apg"]


def trace(arguments, solver, seed, iterations, folder):
    """The trace of one fit: (iteration, seconds, objective)."""
    command = [PROGRAM, "fit", arguments.matrix, "-k", arguments.rank, "--loss", arguments.loss]
    command += ["--solver", solver, "--init", "random", "--seed", seed, "--tol", 0, "--json"]
    command += ["--max-iter", iterations, "--threads", arguments.threads, "-o", folder]
    done = subprocess.run([str(p) for p in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{solver}: {done.stderr.strip()}")
    run = json.loads(done.stdout)
    return [(point["iteration"], point["seconds"], point["objective"]) for point in run["trace"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("matrix")
    parser.add_argument("-k", "--rank", type=int, required=True)
    parser.add_argument("--loss", default="frobenius")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="about how long a fit may take")
    parser.add_argument("--within", type=float, default=0.001)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    solvers = SOLVERS if arguments.loss == "frobenius" else ["mu"]

    traces = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            for solver in solvers:
                probe = trace(arguments, solver, seed, 5, folder)
                each = max((probe[-1][1] - probe[0][1]) / (len(probe) - 1), 1e-6)
                iterations = max(10, min(5000, int(arguments.seconds / each)))
                traces[solver, seed] = trace(arguments, solver, seed, iterations, folder)

    print("| solver | iterations | seconds | seeds that arrive | ends above the best | ms an iteration |")
    print("|---|---|---|---|---|---|")
    best = {
        seed: min(point[2] for solver in solvers for point in traces[solver, seed])
        for seed in range(arguments.seeds)
    }
    for solver in solvers:
        arrivals, ends, costs = [], [], []
        for seed in range(arguments.seeds):
            points = traces[solver, seed]
            target = best[seed] * (1 + arguments.within)
            arrivals += [point[:2] for point in points if point[2] <= target][:1]
            ends.append(min(point[2] for point in points) / best[seed] - 1)
            costs.append(1e3 * (points[-1][1] - points[0][1]) / (len(points) - 1))
        median = statistics.median
        reached = (
            f"{median(i for i, _ in arrivals):.0f} | {median(s for _, s in arrivals):.2f}"
            if arrivals
            else "– | –"
        )
        count = f"{len(arrivals)} of {arguments.seeds}"
        print(f"| `{solver}` | {reached} | {count} | {100 * median(ends):.2f} % | {median(costs):.1f} |")


if __name__ == "__main__":
    main()
