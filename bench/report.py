#!/usr/bin/env python3
"""Writes the page of a results file: tables, plots, the machine, and how to run it again.

    bench/report.py RESULTS.json [FOLDER]

FOLDER, where benchmarks.md and images/ go, is docs unless given.
"""

import json
import sys
from pathlib import Path

import plots
import summary
from catalogue import SETS

ROOT = Path(__file__).resolve().parent.parent
HOW = ROOT / "bench/how.md"
NONE = "–"


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def number(value, digits=3):
    """A number of a few digits without an exponent, or a dash."""
    if value is None:
        return NONE
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def milliseconds(seconds):
    return number(1e3 * seconds)


def case_cells(row):
    return [row["data"], row["k"], row["dtype"], row["threads"]]


CASE_HEAD = ["data", "k", "type", "threads"]


def peers_of(rows, comparison):
    """The peers that have figures, in the comparison's order."""
    return [peer for peer in comparison["peers"] if any(peer in row["peers"] for row in rows)]


def costs_table(results, comparison):
    rows = summary.costs(results, comparison)
    peers = peers_of(rows, comparison)
    body = []
    for row in rows:
        cells = [row["peers"].get(peer) for peer in peers]
        shown = [f"{milliseconds(c['seconds'])} ({c['ratio']:.2f})" if c else NONE for c in cells]
        body.append([*case_cells(row), milliseconds(row["bare"]), *shown])
    note = (
        "Milliseconds an iteration, in brackets as a multiple of the two bare products V Hᵀ and WᵀV by numpy "
        f"(dense) or SciPy (sparse) in the same run. Medians of turns ({comparison['seeds']}).\n\n"
    )
    return note + table([*CASE_HEAD, "two products", *(f"`{peer}`" for peer in peers)], body)


def to_loss_table(results, comparison):
    rows = summary.to_loss(results, comparison)
    peers = peers_of(rows, comparison)
    stops, arrivals = [], []
    for row in rows:
        own = row["own"]
        cells = [f"{own['loss']:.4f}", number(own["seconds"]), f"{own['times']:.2f}"] if own else [NONE] * 3
        stops.append([*case_cells(row), f"{row['iterations']:.0f}", number(row["seconds"]), *cells])
        shown = []
        for entry in (row["peers"].get(peer) for peer in peers):
            if not entry or entry["seconds"] is None:
                shown.append(NONE)
                continue
            some = "" if entry["arrive"] == entry["of"] else f", {entry['arrive']} of {entry['of']}"
            shown.append(f"{number(entry['seconds'])} ({entry['times']:.2f}×{some})")
        arrivals.append([*case_cells(row), *shown])
    reference = comparison["reference"]
    return (
        f"Seconds to the loss at which `{reference}` stops by itself with its defaults, from the same start; "
        "in brackets how many times faster than it (below 1: slower), and how many of the starts arrive if "
        f"not all do; {NONE} none does. Medians; number of starts: {comparison['seeds']}.\n\n"
        + table([*CASE_HEAD, *(f"`{peer}`" for peer in peers)], arrivals)
        + "\nEach with its own stopping rule and its defaults: a loss ratio below 1 is a better answer than "
        f"`{reference}`'s, a speed below 1 is slower.\n\n"
        + table(
            [
                *CASE_HEAD,
                "iterations",
                f"seconds `{reference}`",
                "loss ratio",
                "seconds `partwise:auto`",
                "speed",
            ],
            stops,
        )
    )


def solvers_table(results, comparison):
    share = f"{100 * comparison['within']:g} %"
    parts = [
        f"To within {share} of the lowest objective that any solver of any package found from any start, or "
        f"that is known. Medians; number of starts: {comparison['seeds']}. A solver that never comes so near "
        f"shows how far above it ends after "
        f"{comparison['iterations']} iterations or {comparison['seconds']:g} s.\n"
    ]
    for row in summary.solvers(results, comparison):
        body = []
        for peer in sorted(row["peers"], key=comparison["peers"].index):
            e = row["peers"][peer]
            reached = [number(e["iterations"], 4), number(e["seconds"]), f"{e['arrive']} of {e['of']}"]
            body.append([f"`{peer}`", *reached, f"{100 * e['above']:.2f} %", milliseconds(e["cost"])])
        head = [
            "solver",
            "iterations",
            "seconds",
            "starts that arrive",
            "ends above the best",
            "ms an iteration",
        ]
        parts.append(f"**{summary.label(row)}**: best {row['best']:.8g}\n\n" + table(head, body))
    return "\n".join(parts)


TABLES = {
    "iteration": costs_table,
    "scaling": costs_table,
    "time_to_loss": to_loss_table,
    "solvers": solvers_table,
}


def machine_section(results, name):
    machine, absent = results["machine"], results["absent"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    lines = [
        f"- {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}",
        f"- How busy it was: load {machine['load']} when it began",
        f"- {machine['program']} (commit {machine['commit']}), Python {machine['python']}, {versions}",
        f"- Libraries under them: {', '.join(machine['libraries'])}",
        f"- Began {results['date'].replace('T', ' ')}, took {results['minutes']:g} min"
        + (f" in {results['sittings']} sittings" if results["sittings"] > 1 else "")
        + f"; traces: `{name}`",
    ]
    if absent["packages"]:
        lines.append(f"- Not installed, so left out: {', '.join(absent['packages'])}")
    if absent["data"]:
        lines.append(f"- Data not there, so left out: {', '.join(absent['data'])}")
    lines += [f"- Failed: {c}: `{p}` on {d}: {e}" for c, p, d, e in summary.failures(results)]
    return "\n".join(lines) + "\n"


def losses_section(results):
    lost, cases = summary.losses(results)
    head = (
        f"In {len(lost)} of {cases} cases the fastest of the other packages takes less time than the program "
        "(than `auto`, where it takes part). A solver counts if it arrives from every start.\n\n"
    )
    return head + "".join(f"- {sentence}\n" for sentence in lost)


def data_list():
    return "".join(f"- `{name}`: `{file}`, {what}\n" for name, (file, what) in SETS.items() if file)


def write(results, folder, name):
    """Writes benchmarks.md and its images into a folder; returns the page's path."""
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    text = [
        "# Benchmarks\n",
        f"Written by `make bench` on {results['date'][:10]}.\n",
        machine_section(results, name),
    ]
    text += ["## Where others are faster\n", losses_section(results)]
    scaling = [c for c in results["comparisons"] if c["kind"] == "scaling" and summary.grouped(results, c)]
    for comparison in results["comparisons"]:
        if not summary.grouped(results, comparison):
            continue  # all its data are absent, which the list above says
        shown = TABLES[comparison["kind"]](results, comparison)
        text += [f"## {comparison['title']}\n", shown]
        for title, image in plots.draw(results, comparison, folder / "images"):
            text.append(f"![{title}](images/{image})\n")
        if scaling and comparison is scaling[-1]:
            title, image = plots.draw_scaling(results, scaling, folder / "images")
            text.append(f"![{title}](images/{image})\n")
    page = folder / "benchmarks.md"
    page.write_text("\n".join([*text, HOW.read_text(encoding="utf-8") + data_list()]), encoding="utf-8")
    return page


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    file = Path(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "docs"
    print(write(json.loads(file.read_text(encoding="utf-8")), folder, file.name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
