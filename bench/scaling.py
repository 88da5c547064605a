"""Fits a model to bench/mpi.json and prints the tables of docs/scaling.md: python bench/scaling.py

An iteration of p processes takes

    T(p) = pass/p + pieces/p + broadcast(p) + exchange(p) + step(p) + lead

- pass: a Z k for Z entries of V, by dense and sparse V;
- pieces: what a process spends on the answer of a piece, b k n;
- broadcast: H and its Gram matrix, twice their bytes over the bandwidth (a scatter and an all-gather), and a
  latency a level;
- exchange: H has s = min(p, n/1024) slices, each in a process that receives and adds p answers for it: p/s
  times the bytes of an answer and b k n, and a latency for each;
- step: the step of H in slices, e n k^2 / s, which come to rank 0: their bytes, and a latency for each;
- lead: what else only rank 0 does, d k n.

With H whole at rank 0, a tree of log2 p levels takes the place of the exchange, at each of which the busiest
process receives and adds an answer, and the step is not divided.

a to e are measured on the processor; the network is assumed.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).resolve().parent / "mpi.json"
BANDWIDTH = 12.5e9
"""Bytes a second: 100 Gbit/s."""
LATENCY = 2e-6
BLOCK = 1024
"""Columns of H in a slice at least."""
TARGET = {"m": 1e9, "n": 1e5, "nonzeros": 1e12, "k": 50}


def non_negative(rows, wanted):
    """Least squares of relative errors, no coefficient below zero: few columns allow to try every subset."""
    scaled = np.array(rows) / np.array(wanted)[:, None]
    columns, best = scaled.shape[1], None
    for mask in range(1, 2**columns):
        chosen = [column for column in range(columns) if mask >> column & 1]
        found, *_ = np.linalg.lstsq(scaled[:, chosen], np.ones(len(wanted)), rcond=None)
        error = np.square(scaled[:, chosen] @ found - 1).sum()
        if (found >= 0).all() and (best is None or error < best[0]):
            full = np.zeros(columns)
            full[chosen] = found
            best = error, full
    return best[1], float(np.abs(scaled @ best[1] - 1).max())


def parts_of(run):
    """What the parts of an iteration of one process are proportional to.

    Entries of dense and of sparse V, answers, and the step of H.
    """
    entries, line = run["nonzeros"] * run["k"], run["k"] * run["cols"]
    dense, sparse = (entries, 0) if not run["sparse"] else (0, entries)
    return [dense, sparse, run["pieces"] * line, line, line * run["k"]]


def fitted(results):
    """The coefficients, and the largest relative error."""
    runs = results["costs"]
    found, error = non_negative([parts_of(run) for run in runs], [run["processor"] for run in runs])
    return dict(zip(["dense", "sparse", "piece", "line", "step"], found, strict=True)), error


def common(model, p, n, nonzeros, k):
    """Seconds of the parts that do not depend on where H is improved."""
    return {
        "pass": model["sparse"] * nonzeros * k / p + model["piece"] * k * n,
        "broadcast": 16 * (k * n + k * k) / BANDWIDTH + LATENCY * math.log2(p),
        "lead": model["line"] * k * n,
    }


def whole(model, p, m, n, nonzeros, k):
    """Blocks of rows, and H at rank 0."""
    answer = 8 * (k * n + k * k) / BANDWIDTH + LATENCY + model["piece"] * k * n
    tree = math.ceil(math.log2(p)) * answer
    return common(model, p, n, nonzeros, k) | {"exchange": tree, "step": model["step"] * n * k * k}


def sliced(model, p, m, n, nonzeros, k):
    """Blocks of rows, and H in slices, as the program does it."""
    slices = min(p, math.ceil(n / BLOCK))
    answers = 8 * (k * n / slices + k * k) / BANDWIDTH + LATENCY + model["piece"] * k * n / slices
    step = model["step"] * n * k * k / slices + 8 * k * n / BANDWIDTH + slices * LATENCY
    return common(model, p, n, nonzeros, k) | {"exchange": p * answers, "step": step}


def two_d(model, p, m, n, nonzeros, k):
    """Blocks in the grid that sends least: k n / columns and k m / rows numbers, twice."""
    words = {}
    for rows in (2**i for i in range(int(math.log2(p)) + 1)):
        columns = p // rows
        words[rows] = 2 * k * (n / columns * (1 - 1 / rows) + m / rows * (1 - 1 / columns))
    rows = min(words, key=words.get)
    exchange = 8 * words[rows] / BANDWIDTH + 4 * LATENCY * math.log2(p)
    parts = {"pass": model["sparse"] * nonzeros * k / p + model["piece"] * k * n / (p // rows)}
    step = (model["step"] * n * k * k + model["line"] * k * n) / p
    return parts | {"exchange": exchange, "step": step}, (rows, p // rows)


def table(head, rows):
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---:|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    print("\n".join(lines) + "\n")


def seconds(value):
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def measured(results):
    over = results["overhead"]
    print(f"Processor seconds of an iteration at {over['rows']} x {over['cols']}, k = {over['k']}:")
    plain = over["seconds"]["plain"]
    for kind, found in over["seconds"].items():
        print(f"  {kind:20} {found:.3f} ({found / plain - 1:+.1%})")
    print()
    rows = []
    for run in results["traffic"]:
        formula = 8 * (run["k"] * run["cols"] + run["k"] ** 2)
        others = max(run["sent"][1:])
        shape = f"{run['rows']} × {run['cols']}, {run['k']}"
        rows.append(
            [
                shape,
                run["processes"],
                run["slices"],
                formula,
                *(f"{x:.0f} ({x / formula:.2f})" for x in (run["sent"][0], others)),
            ]
        )
    table(["V, k", "processes", "slices", "8 (k n + k²)", "sent by rank 0", "most by another"], rows)
    rows = []
    for run in results["weak"]:
        busiest = max(run["working"])
        if run["processes"] == 1:
            first = busiest
        cells = [
            f"{run['rows']} × {run['cols']}",
            run["processes"],
            run["slices"],
            f"{busiest:.4f}",
            f"{first / busiest:.2f}",
            f"{run['seconds']:.3f}",
        ]
        rows.append(cells)
    head = ["V", "processes", "slices", "work of the busiest, s", "efficiency", "iteration, s"]
    table(head, rows)


def predicted(model):
    rows = []
    for p in (16, 64, 256, 1024, 4096, 16384):
        in_slices, at_one, (grid, shape) = (how(model, p, **TARGET) for how in (sliced, whole, two_d))
        # The program's rule: see `Slices::of`.
        slices = min(p, math.ceil(TARGET["n"] / BLOCK))
        now = in_slices if p <= slices * int(math.log2(p)) else at_one
        total = sum(now.values())
        efficiency = model["sparse"] * TARGET["nonzeros"] * TARGET["k"] / p / total
        parts = [seconds(now[part]) for part in ("pass", "broadcast", "exchange", "step", "lead")]
        others = (seconds(sum(how.values())) for how in (in_slices, at_one))
        cells = [p, *parts, seconds(total), f"{efficiency:.0%}", *others]
        rows.append([*cells, f"{seconds(sum(grid.values()))} ({shape[0]} × {shape[1]})"])
    head = [
        "ranks",
        "pass",
        "broadcast",
        "exchange",
        "step",
        "lead",
        "by rows",
        "efficiency",
        "H in slices",
        "H at rank 0",
        "2-D (grid)",
    ]
    table(head, rows)


def main():
    results = json.loads(RESULTS.read_text())
    measured(results)
    model, error = fitted(results)
    print(
        {name: float(f"{value:.3g}") for name, value in model.items()},
        f"off by {error:.0%} at most\n",
    )
    predicted(model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
