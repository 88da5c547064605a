"""Runs one job in a process of its own, with the asked number of threads, and returns its trace.

A trace is a list of (iteration, seconds, objective), the start first. Where only the cost of an iteration is
asked for, the objective of a Python peer is there for the start and the end only.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from catalogue import PROGRAM
from data import load_matrix
from objective import objective
from worker import due

WORKER = Path(__file__).resolve().with_name("worker.py")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would slow the peers down
READ = 5e7  # bytes a second that reading a matrix takes at worst
GRACE = 300  # seconds beyond its limit after which a peer is ended
AGREE = {"f64": 1e-8, "f32": 1e-4}  # how far the program's own objective may be from ours, relatively


class MeasureError(Exception):
    """A run that failed; the message is the last line that it printed."""


@dataclass(frozen=True)
class Job:
    """What one run does. `own_stop` leaves tolerance and limit to the peer's defaults."""

    peer: str
    matrix: str
    w: str
    h: str
    k: int
    loss: str
    dtype: str
    threads: int
    iterations: int
    seconds: float
    evaluate: bool = True
    own_stop: bool = False
    target: float | None = None


def environment(threads):
    """The environment of a run: the number of threads for every library that has one."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def run(job, program):
    """The trace of a job; `program` is the path of partwise."""
    with tempfile.TemporaryDirectory() as folder:
        trace = run_program(job, program, folder) if job.peer.startswith(PROGRAM) else run_worker(job, folder)
    return [[i, float(f"{s:.6g}"), None if o is None else float(f"{o:.12g}")] for i, s, o in trace]


def last_line(text):
    """The last line of what a failed run printed."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def run_worker(job, folder):
    """A Python peer's trace."""
    result = Path(folder, "trace.json")
    order = json.dumps({**vars(job), "result": str(result)})
    command = [sys.executable, str(WORKER)]
    try:
        done = subprocess.run(
            command,
            input=order,
            env=environment(job.threads),
            capture_output=True,
            text=True,
            timeout=10 * job.seconds + GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasureError(f"ended after {error.timeout:.0f} s without an answer") from error
    if not result.exists():
        raise MeasureError(last_line(done.stderr))
    return json.loads(result.read_text())["trace"]


def patience(job):
    """Seconds after which the program is interrupted; one that stops by itself gets as long as any peer."""
    if job.own_stop:
        return 10 * job.seconds + GRACE
    return 1 + job.seconds + Path(job.matrix).stat().st_size / READ


def run_program(job, program, folder):
    """The program's trace, from its own report; it is interrupted, as by Ctrl-C, when its time is over."""
    command = [
        program,
        "fit",
        job.matrix,
        "-k",
        job.k,
        "--loss",
        job.loss,
        "--solver",
        job.peer.split(":")[1],
    ]
    command += ["--start-w", job.w, "--start-h", job.h, "--dtype", job.dtype, "--threads", job.threads]
    command += [] if job.own_stop else ["--tol", 0, "--max-iter", job.iterations]
    command = [str(part) for part in [*command, "-q", "-o", folder]]
    with subprocess.Popen(
        command, env=environment(job.threads), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, complaint = process.communicate(timeout=patience(job))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate()
    report = Path(folder, "run.json")
    if not report.exists():
        raise MeasureError(last_line(complaint))
    return program_trace(job, json.loads(report.read_text()), Path(folder, "model.npz"))


def program_trace(job, report, model):
    """The points of run.json that belong into a trace, its last objective checked against our definition."""
    v = load_matrix(job.matrix)
    start = objective(v, np.load(job.w), np.load(job.h), job.loss)
    with np.load(model) as factors:
        end = objective(v, factors["w"], factors["h"], job.loss)
    if abs(end - report["objective"]) > AGREE[job.dtype] * max(end, 1e-6 * start):
        raise MeasureError(f"its objective {report['objective']:.9g} is not that of its factors, {end:.9g}")
    # On a sketch the objective is an estimate, which arrives nowhere.
    known = [(p, None if p["sketched"] else p["objective"]) for p in report["trace"] if p["iteration"] > 0]
    points = [(p["iteration"], p["seconds"], objective) for p, objective in known]
    if job.own_stop:
        return [(0, 0.0, start), (report["iterations"], report["seconds"], end)]
    points = [p for p in points if p[1] <= job.seconds] or points[:1]
    kept = [p for p in points if not job.evaluate or due(p[0]) or p is points[-1]]
    return [(0, 0.0, start), *kept]
