"""Measures fits in several processes of MPI, for docs/scaling.md: python bench/mpi.py [PROGRAM] [--quick]

Needs numpy, mpirun, and the program built by `make mpi`. The figures go to bench/mpi.json, which
bench/scaling.py reads. Seconds of work and of one process are those of the processor, and leave out what a
process waits for others: so they mean the same however many processes share the cores of the machine.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "mpi.json"
ITERATIONS = 8
QUESTIONS = ITERATIONS + 1
"""The first look asks as an iteration does."""
ENVIRONMENT = os.environ | {
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]


def dense(folder, rows, cols):
    """A .npy file of uniform numbers."""
    path = folder / f"dense-{rows}-{cols}.npy"
    if not path.exists():
        np.save(path, np.random.default_rng(0).random((rows, cols)))
    return path


def sparse(folder, program, rows, cols, per_row):
    """A store with so many entries in each row."""
    store = folder / f"sparse-{rows}-{cols}-{per_row}.pws"
    if not store.exists():
        draw = np.random.default_rng(0)
        columns = np.sort(draw.integers(0, cols - per_row, (rows, per_row)), axis=1) + np.arange(per_row)
        path = folder / "sparse.npz"
        np.savez(
            path,
            format=np.array(b"csr"),
            shape=np.array([rows, cols]),
            indptr=np.arange(0, rows * per_row + 1, per_row, dtype=np.int32),
            indices=columns.ravel().astype(np.int32),
            data=draw.random(rows * per_row) + 0.1,
        )
        subprocess.run([program, "convert", path, "-o", store, "-q"], check=True)
        path.unlink()
    return store


def fit(program, folder, v, k, processes=None, pieces=None, iterations=ITERATIONS):
    """One fit on one thread: seconds an iteration, and what processes sent and worked in one."""
    out = folder / "out"
    command = [
        program,
        "fit",
        v,
        "-k",
        k,
        "-o",
        out,
        "--solver",
        "cd",
        "--init",
        "random",
        "--tol",
        0,
        "-q",
    ]
    command += ["--max-iter", iterations, "--threads", 1]
    command += ["--pieces", pieces] if pieces else []
    if processes:
        command = [*MPIRUN, "-n", processes, *command]
    before = processor_time()
    subprocess.run([str(word) for word in command], check=True, env=ENVIRONMENT)
    whole = processor_time() - before
    run = json.loads((out / "run.json").read_text())
    seconds = [point["seconds"] for point in run["trace"]]
    steps = [after - before for before, after in zip(seconds, seconds[1:], strict=False)]
    figures = {"seconds": statistics.median(steps), "processor": whole}
    if processes:
        mpi = run["mpi"]
        figures |= {"pieces": mpi["pieces"], "slices": mpi["slices"]}
        figures["sent"] = [count / QUESTIONS for count in mpi["bytes_sent"]]
        figures["working"] = [count / QUESTIONS for count in mpi["working_seconds"]]
    return figures


def processor_time():
    """Processor seconds of all commands so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def iteration(program, folder, v, k, **how):
    """Figures of a fit in one process, and processor seconds of an iteration: what more of them add."""
    few = fit(program, folder, v, k, iterations=2, **how)
    figures = fit(program, folder, v, k, iterations=2 + ITERATIONS, **how)
    return figures | {"processor": (figures["processor"] - few["processor"]) / ITERATIONS}


def overhead(program, folder, quick):
    """An iteration of the plain engine, of pieces, and of one process, in turns; the least of each."""
    rows, cols, k = (4000, 1000, 50) if quick else (24000, 4000, 50)
    v = dense(folder, rows, cols)
    kinds = {"plain": {}}
    for pieces in (4, rows // 2048):
        kinds[f"{pieces} pieces"] = {"pieces": pieces}
        kinds[f"{pieces} pieces, mpi"] = {"pieces": pieces, "processes": 1}
    least = dict.fromkeys(kinds, float("inf"))
    for _ in range(1 if quick else 3):
        for kind, how in kinds.items():
            found = iteration(program, folder, v, k, **how)["processor"]
            least[kind] = min(least[kind], found)
    return {"rows": rows, "cols": cols, "k": k, "seconds": least}


def traffic(program, folder, quick):
    """Bytes that each process sends in an iteration."""
    shapes = [(256, 500, 20)] if quick else [(256, 500, 20), (256, 4000, 20), (256, 8000, 50)]
    found = []
    for rows, cols, k in shapes:
        v = dense(folder, rows, cols)
        for processes in (2, 4):
            figures = fit(program, folder, v, k, processes=processes, pieces=processes)
            figures = {name: figures[name] for name in ("sent", "slices")}
            found.append({"rows": rows, "cols": cols, "k": k, "processes": processes, **figures})
    return found


def weak(program, folder, quick):
    """As many rows for each process, and a small and a large H: the work of each process."""
    shapes = [(1000, 1000, 50)] if quick else [(6000, 1000, 50), (1000, 16000, 50)]
    found = []
    for rows, cols, k in shapes:
        for processes in (1, 2, 4):
            v = dense(folder, rows * processes, cols)
            figures = fit(program, folder, v, k, processes=processes, pieces=4 * processes)
            found.append({"rows": rows * processes, "cols": cols, "k": k, "processes": processes, **figures})
    return found


def costs(program, folder, quick):
    """What a pass, a piece and a step of H cost, in one process."""
    runs = [
        (8000, 1000, 16, 4),
        (8000, 1000, 50, 4),
        (8000, 1000, 50, 64),
        (2000, 8000, 50, 4),
        (2000, 8000, 16, 16),
    ]
    found = []
    for rows, cols, k, pieces in runs[:3] if quick else runs:
        figures = iteration(program, folder, dense(folder, rows, cols), k, processes=1, pieces=pieces)
        found.append(
            {"rows": rows, "cols": cols, "nonzeros": rows * cols, "sparse": False, "k": k, **figures}
        )
    for rows, cols, per_row, k in [(40000, 20000, 50, 50), (40000, 20000, 50, 16), (40000, 5000, 100, 50)][
        : 1 if quick else 3
    ]:
        v = sparse(folder, program, rows, cols, per_row)
        figures = iteration(program, folder, v, k, processes=1, pieces=4)
        found.append(
            {"rows": rows, "cols": cols, "nonzeros": rows * per_row, "sparse": True, "k": k, **figures}
        )
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("program", nargs="?", default=ROOT / "target" / "release" / "partwise")
    arguments.add_argument(
        "--quick", action="store_true", help="small shapes, to try the script; keeps no results"
    )
    asked = arguments.parse_args()
    program = Path(asked.program).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        results = {"cores": os.cpu_count(), "machine": platform.machine()}
        for measure in (overhead, traffic, weak, costs):
            results[measure.__name__] = measure(program, folder, asked.quick)
            print(measure.__name__, json.dumps(results[measure.__name__]), flush=True)
    if not asked.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
