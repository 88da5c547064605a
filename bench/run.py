#!/usr/bin/env python3
"""Runs the comparisons and writes a dated JSON, tables and plots.

    bench/run.py [NAME ...] [--quick] [--resume FILE] [--program FILE]

Each NAME is a file of bench/comparisons without its ending; without one, all are run. Results go to
bench/results/DATE.json, docs/benchmarks.md and docs/images; those of a quick run, or of some comparisons
only, to target/bench. A run that was ended goes on with --resume and the JSON that it left.
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
PATIENCE = 3  # how many times as long as the reference a peer gets to the loss at which that stops
LEAST = 2.0  # seconds that a peer gets at the least


def say(text):
    print(text, file=sys.stderr, flush=True)


def start_of(run):
    """What a run began from, and of which comparison: all runs of one are made, or none."""
    return tuple(run[name] for name in ("comparison", "data", "k", "dtype", "threads", "seed"))


class Runner:
    """Runs jobs one after the other and keeps what came out; `runs` are those of an earlier time."""

    def __init__(self, program, folder, runs):
        self.program, self.folder = program, folder
        self.matrices, self.runs = {}, runs
        self.known = {start_of(run) for run in runs}

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

    def comparison(self, comparison, installed, keep):
        """All runs of a comparison, `keep` after each start; peers and seeds alternate within each case."""
        for case in comparison.cases:
            for dtype in comparison.dtype:
                for k in case.k:
                    for threads in comparison.threads:
                        for seed in range(comparison.seeds):
                            if (comparison.name, case.data, k, dtype, threads, seed) not in self.known:
                                self.start(comparison, case, k, dtype, threads, seed, installed)
                                keep()

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
            if trace:
                _, seconds, objective = trace[-1]
                target = objective * (1 + SLACK)
                common["seconds"] = min(comparison.seconds, max(LEAST, PATIENCE * seconds))
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
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="go on with the results of a run that was ended"
    )
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
    try:
        return measure_all(comparisons, arguments)
    except config.ConfigError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "bench: ended; --resume with the newest JSON goes on, bench/report.py makes its page",
            file=sys.stderr,
        )
        return 130


def begun(arguments, fresh, now):
    """The results file, and what is in it so far: nothing, or the runs of the one to go on with."""
    if not arguments.resume:
        folder = ROOT / ("target/bench" if arguments.quick or arguments.names else "bench/results")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / now.strftime("%Y-%m-%d-%H%M.json"), fresh
    try:
        results = json.loads(arguments.resume.read_text(encoding="utf-8"))
        # What must be the same for runs to be compared.
        then, today = (
            {"comparisons": r["comparisons"]}
            | {name: r["machine"][name] for name in ("processor", "cores", "digest")}
            for r in (results, fresh)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise config.ConfigError(f"{arguments.resume}: not the results of a run ({error!r})") from error
    if changed := [name for name in then if then[name] != today[name]]:
        raise config.ConfigError(f"{arguments.resume}: cannot go on: not the same {', '.join(changed)}")
    return arguments.resume, results


def measure_all(comparisons, arguments):
    import data
    import machine
    import report

    now = datetime.now().astimezone()
    about = machine.describe(arguments.program)
    absent_peers = sorted(name for name, version in about["versions"].items() if version is None)
    absent_data = {}
    for comparison in comparisons:
        absent_data |= {case.data: why for case in comparison.cases if (why := data.absent(case.data))}
        comparison.cases[:] = [case for case in comparison.cases if case.data not in absent_data]

    def installed(peer):
        return peer.startswith(PROGRAM) or PEERS[peer].distribution not in absent_peers

    fresh = {
        "date": now.isoformat(timespec="minutes"),
        "quick": arguments.quick,
        "machine": about,
        "minutes": 0,
    }
    fresh["absent"] = {"packages": absent_peers, "data": absent_data}
    fresh["comparisons"] = [{**vars(c), "cases": [vars(case) for case in c.cases]} for c in comparisons]
    file, results = begun(arguments, {**fresh, "sittings": 0, "runs": []}, now)
    results["sittings"] += 1
    before = results["minutes"]

    def keep():
        """After each start, so that a long run that is ended leaves what it has."""
        results["minutes"] = round(before + (datetime.now().astimezone() - now).total_seconds() / 60, 1)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(results, separators=(",", ":")), encoding="utf-8")
        part.replace(file)

    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(arguments.program, scratch, results["runs"])
        for comparison in comparisons:
            say(f"{comparison.name}: {comparison.title}")
            runner.comparison(comparison, installed, keep)
    partial = arguments.quick or arguments.names
    page = report.write(results, file.parent if partial else ROOT / "docs", file.name)
    say(f"{file}\n{page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
