"""From the runs of a results file to the figures of its tables and plots. Needs only the standard library."""

from statistics import median

from catalogue import BARE, PROGRAM, synthetic

SLACK = 1e-5  # a loss counts as reached when it is this close, relatively: sums are rounded differently
CASE = ("data", "k", "dtype", "threads")


def grouped(results, comparison):
    """The runs of a comparison by case (data, k, dtype, threads), then by (peer, own_stop), then by seed."""
    cases = {}
    for run in results["runs"]:
        if run["comparison"] == comparison["name"]:
            case = cases.setdefault(tuple(run[name] for name in CASE), {})
            case.setdefault((run["peer"], run["own_stop"]), {})[run["seed"]] = run
    return cases


def traces(runs):
    """The traces by seed of those runs that did not fail."""
    return {seed: run["trace"] for seed, run in runs.items() if "trace" in run}


def cost(trace):
    """Seconds an iteration: the median over all but the first, which also prepares."""
    steps = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(trace, trace[1:], strict=False) if b[0] > a[0]]
    return median(steps[1:] or steps)


def arrival(trace, target):
    """(iteration, seconds) of the first point at or below the target, or None."""
    return next(((i, s) for i, s, o in trace if o is not None and o <= target), None)


def costs(results, comparison):
    """For each case the seconds an iteration of each peer, and the median ratio to the bare products."""
    rows = []
    for case, peers in grouped(results, comparison).items():
        seconds = {p: {s: cost(t) for s, t in traces(runs).items()} for (p, _), runs in peers.items()}
        bare = seconds.pop(BARE, {})
        if not bare:
            continue
        row = dict(zip(CASE, case, strict=True)) | {"bare": median(bare.values()), "peers": {}}
        for peer, each in seconds.items():
            ratios = [each[seed] / bare[seed] for seed in each if seed in bare]
            if ratios:
                row["peers"][peer] = {"seconds": median(each.values()), "ratio": median(ratios)}
        rows.append(row)
    return rows


def along(row, axis, results):
    """Where a row of a scaling comparison lies on its axis."""
    if axis == "k":
        return row["k"]
    run = next(r for r in results["runs"] if r["data"] == row["data"])
    size = synthetic(row["data"]) or (*run["shape"], run["nonzeros"])
    return dict(zip(("rows", "columns", "nonzeros"), size, strict=True))[axis]


def to_loss(results, comparison):
    """For each case where reference and program stop by themselves, and how long each peer takes."""
    rows = []
    for case, peers in grouped(results, comparison).items():
        reference = traces(peers.get((comparison["reference"], True), {}))
        if not reference:
            continue
        ends = {seed: trace[-1] for seed, trace in reference.items()}
        row = dict(zip(CASE, case, strict=True)) | {"seeds": len(ends), "peers": {}, "own": None}
        row["iterations"], row["seconds"], row["loss"] = (
            median(end[i] for end in ends.values()) for i in range(3)
        )
        own = {s: t[-1] for s, t in traces(peers.get((f"{PROGRAM}:auto", True), {})).items() if s in ends}
        if own:
            row["own"] = {
                "loss": median(own[seed][2] / ends[seed][2] for seed in own),
                "seconds": median(end[1] for end in own.values()),
                "times": median(ends[seed][1] / own[seed][1] for seed in own),
            }
        for (peer, own_stop), runs in peers.items():
            if own_stop:
                continue
            found = {s: arrival(t, ends[s][2] * (1 + SLACK)) for s, t in traces(runs).items() if s in ends}
            reached = {seed: point for seed, point in found.items() if point}
            row["peers"][peer] = {
                "arrive": len(reached),
                "of": len(runs),
                "seconds": median(p[1] for p in reached.values()) if reached else None,
                "times": median(ends[s][1] / p[1] for s, p in reached.items()) if reached else None,
            }
        rows.append(row)
    return rows


def best_known(results, comparison, case):
    """The lowest objective of a case's data and rank, of any run under this loss, or known before."""
    same = {c["name"] for c in results["comparisons"] if c["loss"] == comparison["loss"]}
    known = [
        c["best"] for c in comparison["cases"] if c["data"] == case[0] and case[1] in c["k"] and c["best"]
    ]
    found = [
        point[2]
        for run in results["runs"]
        if run["comparison"] in same and run["data"] == case[0] and run["k"] == case[1]
        for point in run.get("trace", ())
        if point[2] is not None
    ]
    return min(known + found)


def solvers(results, comparison):
    """For each case how each solver comes to within a share of the best, and where it ends."""
    rows = []
    for case, peers in grouped(results, comparison).items():
        best = best_known(results, comparison, case)
        row = dict(zip(CASE, case, strict=True)) | {"best": best, "peers": {}}
        for (peer, _), runs in peers.items():
            each = traces(runs)
            if not each:
                continue
            found = [arrival(trace, best * (1 + comparison["within"])) for trace in each.values()]
            reached = [point for point in found if point]
            row["peers"][peer] = {
                "arrive": len(reached),
                "of": len(runs),
                "iterations": median(p[0] for p in reached) if reached else None,
                "seconds": median(p[1] for p in reached) if reached else None,
                "above": median(min(p[2] for p in t if p[2] is not None) / best - 1 for t in each.values()),
                "cost": median(cost(trace) for trace in each.values()),
            }
        rows.append(row)
    return rows


def failures(results):
    """(comparison, peer, data, message) of runs that failed, each once."""
    failed = [(r["comparison"], r["peer"], r["data"], r["error"]) for r in results["runs"] if "error" in r]
    return list(dict.fromkeys(failed))


def is_program(peer):
    return peer.startswith(PROGRAM + ":")


def losses(results):
    """A sentence for each case in which another package does better, and the number of all cases."""
    lost, cases = [], 0
    for comparison in results["comparisons"]:
        for row, (mine, ours), (other, theirs) in duels(results, comparison):
            cases += 1
            if theirs is not None and (ours is None or theirs < ours):
                how = (
                    f"takes {ours / theirs:.2f} times as long" if ours else "does not arrive from every start"
                )
                lost.append(f"{comparison['title']}: {label(row)}: `{mine}` {how}, against `{other}`")
    return lost, cases


def duels(results, comparison):
    """For each case its row, and the fastest of the program's solvers and of the others, with seconds."""
    table = {"time_to_loss": to_loss, "solvers": solvers}.get(comparison["kind"], costs)
    for row in table(results, comparison):
        ours = [peer for peer in row["peers"] if is_program(peer)]
        others = [peer for peer in row["peers"] if not is_program(peer)]
        if f"{PROGRAM}:auto" in ours:
            ours = [f"{PROGRAM}:auto"]
        if ours and others:
            yield row, fastest(row, ours), fastest(row, others)


def fastest(row, peers):
    """The peer with the fewest seconds of those that arrive from every start, and its seconds, or None."""
    arrived = {p: e["seconds"] for p in peers if (e := row["peers"][p]).get("arrive", 1) == e.get("of", 1)}
    return min(arrived.items(), key=lambda item: item[1], default=(peers[0], None))


def count_threads(count):
    return f"{count} thread" + ("s" if count > 1 else "")


def label(row):
    """A case in words."""
    return f"{row['data']}, k = {row['k']}, {row['dtype']}, {count_threads(row['threads'])}"
