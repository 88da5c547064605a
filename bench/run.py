#!/usr/bin/env python3
"""Runs the comparisons and writes a dated JSON, tables and plots.

    bench/run.py [NAME ...] [--quick] [--program FILE]

Each NAME is a file of bench/comparisons without its ending; without one, all are run. Results go to
bench/results/DATE.json, docs/benchmarks.md and docs/images; those of a quick run, or of some comparisons
only, to target/bench.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import config
from catalogue import BARE, PEERS, PROGRAM, able
from summary import SLACK

ROOT = Path(__file__).resolve().parent.parent


def say(text):
    print(text, file=sys.stderr, flush=True)


class Runner:
    """Runs jobs one after the other and keeps what came out."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.matrices, self.runs = {}, []

    def matrix(self, case, dtype):
        """The case's matrix in a precision, made once."""
        import data

        key = case.data, dtype
        if key not in self.matrices:
            self.matrices[key] = data.save_matrix(case.data, dtype, self.folder)
        return self.matrices[key]

    def run(self, job, key):
        """Runs a job; returns its trace, or None if it failed, which is said and kept."""
        import measure

        entry = {**key, "peer": job.peer, "own_stop": job.own_stop}
        try:
            entry["trace"] = measure.run(job, self.program)
        except measure.MeasureError as error:
            entry["error"] = str(error)
        label = f"{key['data']} k={key['k']} {key['dtype']} threads={key['threads']} seed={key['seed']}"
        if "error" in entry:
            say(f"  {label} {job.peer}: failed: {entry['error']}")
        else:
            iteration, seconds, objective = entry["trace"][-1]
            say(f"  {label} {job.peer}: {iteration} iterations, {seconds:.3g} s, {objective:.8g}")
        self.runs.append(entry)
        return entry.get("trace")

    def comparison(self, comparison, installed):
        """All runs of a comparison: peers and seeds alternate within each case."""
        for case in comparison.cases:
            for dtype in comparison.dtype:
                for k in case.k:
                    for threads in comparison.threads:
                        for seed in range(comparison.seeds):
                            self.start(comparison, case, k, dtype, threads, seed, installed)

    def start(self, comparison, case, k, dtype, threads, seed, installed):
        """All peers from one start."""
        import data
        from measure import Job

        matrix = self.matrix(case, dtype)
        w, h = data.save_start(matrix, k, dtype, seed, self.folder)
        costs = comparison.kind in ("iteration", "scaling")
        common = {"matrix": matrix["path"], "w": w, "h": h, "k": k, "loss": comparison.loss, "dtype": dtype}
        common |= {"threads": threads, "iterations": comparison.iterations, "seconds": comparison.seconds}
        key = {"comparison": comparison.name, "data": case.data, "shape": matrix["shape"]}
        key |= {"nonzeros": matrix["nonzeros"], "k": k, "dtype": dtype, "threads": threads, "seed": seed}
        target = None
        if comparison.kind == "time_to_loss":
            trace = self.run(Job(comparison.reference, own_stop=True, **common), key)
            target = trace[-1][2] * (1 + SLACK) if trace else None
            self.run(Job(f"{PROGRAM}:auto", own_stop=True, **common), key)
        peers = [
            peer
            for peer in comparison.peers
            if installed(peer) and able(peer, case.data, comparison.loss, dtype)
        ]
        peers += [BARE] if costs else []
        turn = seed % max(1, len(peers))
        for peer in peers[turn:] + peers[:turn]:
            self.run(Job(peer, evaluate=not costs, target=target, **common), key)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="comparisons to run; all without one")
    parser.add_argument("--quick", action="store_true", help="a short subset with few seeds")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/partwise", help="the program")
    parser.add_argument("--check", action="store_true", help="only check the comparisons")
    arguments = parser.parse_args()
    try:
        comparisons = config.load(ROOT / "bench/comparisons", arguments.names, arguments.quick)
    except config.ConfigError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if arguments.check:
        return 0
    if not arguments.program.is_file():
        print(f"bench: {arguments.program}: no such program; make build makes it", file=sys.stderr)
        return 2
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    return measure_all(comparisons, arguments)


def measure_all(comparisons, arguments):
    import data
    import machine
    import report

    now = datetime.now().astimezone()
    about = machine.describe(arguments.program)
    absent_peers = sorted(name for name, version in about["versions"].items() if version is None)
    absent_data = {}

    def installed(peer):
        return peer.startswith(PROGRAM) or PEERS[peer].distribution not in absent_peers

    partial = arguments.quick or arguments.names
    folder = ROOT / ("target/bench" if partial else "bench/results")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / now.strftime("%Y-%m-%d-%H%M.json")
    results = {
        "date": now.isoformat(timespec="minutes"),
        "quick": arguments.quick,
        "machine": about,
        "absent": {"packages": absent_peers, "data": absent_data},
        "comparisons": [],
    }
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(arguments.program, scratch)
        for comparison in comparisons:
            say(f"{comparison.name}: {comparison.title}")
            for case in [case for case in comparison.cases if data.absent(case.data)]:
                absent_data[case.data] = data.absent(case.data)
                comparison.cases.remove(case)
            runner.comparison(comparison, installed)
            # Written after each comparison, so that a long run that is ended leaves what it has.
            results["comparisons"].append({**vars(comparison), "cases": [vars(c) for c in comparison.cases]})
            results["minutes"] = round((datetime.now().astimezone() - now).total_seconds() / 60, 1)
            results["runs"] = runner.runs
            file.write_text(json.dumps(results, separators=(",", ":")), encoding="utf-8")
    page = report.write(results, folder if partial else ROOT / "docs", file.name)
    say(f"{file}\n{page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
