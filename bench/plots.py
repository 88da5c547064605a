"""The plots of a results file, as PNG pictures."""

import math

import matplotlib
import summary
from catalogue import BARE
from matplotlib import pyplot as plt
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

matplotlib.use("Agg")
plt.rcParams.update(
    {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 140}
)

# Colour and line of each solver: the program's in full lines, the others' broken.
STYLES = {
    "partwise:auto": ("#08306b", "-"),
    "partwise:cd": ("#2171b5", "-"),
    "partwise:hals": ("#ae017e", "-"),
    "partwise:mu": ("#6baed6", "-"),
    "partwise:als": ("#b3cde3", "-"),
    "partwise:anls": ("#00868b", "-"),
    "partwise:pg": ("#a1d99b", "-"),
    "partwise:apg": ("#238b45", "-"),
    "scikit-learn:cd": ("#d62728", "--"),
    "scikit-learn:mu": ("#ff9896", "--"),
    "nimfa:lsnmf": ("#9467bd", "-."),
    "nimfa:nmf": ("#c5b0d5", "-."),
    "nn-fac:hals": ("#8c564b", ":"),
    "nn-fac:mu": ("#c49c94", ":"),
    "tensorly:hals": ("#e6a100", (0, (5, 1))),
    "torchnmf:mu": ("#e377c2", (0, (3, 1, 1, 1))),
    BARE: ("#777777", ":"),
}
OTHER = ("#000000", "-")  # a solver of the program that has no colour yet
FLOOR, CEILING = 1e-5, 10  # what the convergence plots show of the distance from the best
PANEL = (3.9, 3.0)  # inches


def style(peer):
    return STYLES.get(peer, OTHER)


def plain(value, _):
    """A tick's label without an exponent."""
    return f"{value:g}"


def short(value):
    """A ratio with two digits, or more where it has more before the point."""
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


def percent(value, _):
    return f"{100 * value:g} %"


def readable(axis):
    """Ticks of a logarithmic axis at 1, 2, 5, 10, ... without exponents."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_formatter(NullFormatter())


def grid(count, columns=3):
    """A figure with so many panels, and those panels."""
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(PANEL[0] * columns, PANEL[1] * rows), squeeze=False)
    panels = axes.flatten()
    for panel in panels[count:]:
        panel.remove()
    return figure, list(panels[:count])


def save(figure, handles, folder, name):
    """Lays out a figure with one legend below all panels, and writes it."""
    columns = max(1, min(len(handles), int(figure.get_size_inches()[0] / 1.9)))
    depth = 0.22 * math.ceil(len(handles) / columns) + 0.15
    height = figure.get_size_inches()[1] + depth
    figure.set_size_inches(figure.get_size_inches()[0], height)
    figure.tight_layout(rect=(0, depth / height, 1, 1))
    figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, handlelength=2.6)
    figure.savefig(folder / name, bbox_inches="tight")
    plt.close(figure)


def line_handles(peers):
    order = list(STYLES)
    peers = sorted(peers, key=lambda p: order.index(p) if p in order else -1)
    return [
        plt.Line2D([], [], color=style(peer)[0], linestyle=style(peer)[1], linewidth=1.8, label=name(peer))
        for peer in peers
    ]


def name(peer):
    return "two bare products" if peer == BARE else peer


def draw(results, comparison, folder):
    """All plots of a comparison but the scaling ones; yields title and file name of each."""
    if comparison["kind"] in ("time_to_loss", "solvers"):
        yield from convergence(results, comparison, folder)
    elif comparison["kind"] == "iteration":
        rows = summary.costs(results, comparison)
        if rows:
            yield from iteration(rows, comparison, folder)
            if len(comparison["threads"]) > 1:
                yield from threads(rows, comparison, folder)


def convergence(results, comparison, folder):
    """The objective over seconds, relative to the best found: a panel for each data set and rank.

    Of each solver the start is drawn from which it ends in the middle.
    """
    first = comparison["dtype"][0], comparison["threads"][0]
    cases = {case: peers for case, peers in summary.grouped(results, comparison).items() if case[2:] == first}
    if not cases:
        return
    figure, panels = grid(len(cases))
    drawn = set()
    for panel, (case, peers) in zip(panels, cases.items(), strict=True):
        best = summary.best_known(results, comparison, case)
        for (peer, own_stop), runs in peers.items():
            traces = sorted(summary.traces(runs).values(), key=lambda trace: trace[-1][2])
            for trace in () if own_stop else traces[(len(traces) - 1) // 2 :][:1]:
                points = [(s, max(o / best - 1, FLOOR)) for _, s, o in trace if s > 0 and o is not None]
                colour, line = style(peer)
                panel.plot(*zip(*points, strict=True), color=colour, linestyle=line, linewidth=1.5)
                drawn.add(peer)
        panel.set(xscale="log", yscale="log", title=f"{case[0]}, k = {case[1]}")
        low, high = panel.get_ylim()
        panel.set_ylim(max(FLOOR, low), min(CEILING, high))
        panel.yaxis.set_major_formatter(FuncFormatter(percent))
        panel.xaxis.set_major_formatter(FuncFormatter(plain))
        panel.grid(alpha=0.25)
        panel.set_xlabel("seconds")
    for panel in panels[:: 3 if len(panels) > 2 else len(panels)]:
        panel.set_ylabel("objective above the best found")
    file = f"bench-{comparison['name']}.png"
    save(figure, line_handles(drawn), folder, file)
    yield f"{comparison['title']}: objective over seconds", file


def iteration(rows, comparison, folder):
    """The cost of an iteration as a multiple of the bare products: a panel for each data set and type."""
    panes = list(dict.fromkeys((row["data"], row["dtype"]) for row in rows))
    series = [(peer, count) for peer in comparison["peers"] for count in comparison["threads"]]
    figure, panels = grid(len(panes), columns=2)
    width = 0.8 / len(series)
    for panel, pane in zip(panels, panes, strict=True):
        own = [row for row in rows if (row["data"], row["dtype"]) == pane]
        ranks = sorted({row["k"] for row in own})
        for index, (peer, count) in enumerate(series):
            found = {
                r["k"]: r["peers"][peer]["ratio"] for r in own if r["threads"] == count and peer in r["peers"]
            }
            places = [ranks.index(k) + (index - (len(series) - 1) / 2) * width for k in found]
            shade = {"color": style(peer)[0], "alpha": 1 if count == comparison["threads"][0] else 0.45}
            bars = panel.bar(places, found.values(), width * 0.92, **shade)
            panel.bar_label(bars, fmt=short, fontsize=6, padding=1)
        panel.axhline(1, color=style(BARE)[0], linestyle=style(BARE)[1], linewidth=1.3)
        panel.set_xticks(range(len(ranks)), [f"k = {k}" for k in ranks])
        panel.set_title(f"{pane[0]}, {pane[1]}")
        panel.set_ylabel("time / two bare products")
    handles = [
        Patch(
            color=style(peer)[0],
            alpha=1 if count == comparison["threads"][0] else 0.45,
            label=f"{peer}, {summary.count_threads(count)}",
        )
        for peer, count in series
    ]
    file = f"bench-{comparison['name']}.png"
    save(figure, [*handles, *line_handles([BARE])], folder, file)
    yield f"{comparison['title']}: its cost over two bare products", file


def threads(rows, comparison, folder):
    """Milliseconds an iteration with the fewest and the most threads: two dots for each peer and case."""
    few, many = min(comparison["threads"]), max(comparison["threads"])
    kind = comparison["dtype"][0]
    cases = list(dict.fromkeys((row["data"], row["k"]) for row in rows if row["dtype"] == kind))
    peers = comparison["peers"]
    figure, panel = plt.subplots(figsize=(7.8, 0.8 + 0.2 * len(cases) * len(peers)))
    for place, case in enumerate(cases):
        for index, peer in enumerate(peers):
            same = [
                r for r in rows if (r["data"], r["k"], r["dtype"]) == (*case, kind) and peer in r["peers"]
            ]
            found = {r["threads"]: 1e3 * r["peers"][peer]["seconds"] for r in same}
            if few not in found or many not in found:
                continue
            height = -place + (0.5 - (index + 0.5) / len(peers)) * 0.6
            colour = style(peer)[0]
            panel.plot([found[few], found[many]], [height] * 2, color=colour, linewidth=1.4)
            panel.plot(found[few], height, "o", color=colour, markerfacecolor="white")
            panel.plot(found[many], height, "o", color=colour)
            panel.annotate(
                f"×{found[few] / found[many]:.2g}",
                (max(found.values()), height),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
    panel.set_yticks([-i for i in range(len(cases))], [f"{data}, k = {k}" for data, k in cases])
    panel.set_ylim(-len(cases) + 0.5, 0.5)
    panel.set(xscale="log", xlabel=f"milliseconds an iteration, {kind}")
    readable(panel.xaxis)
    panel.grid(axis="x", which="both", alpha=0.25)
    handles = line_handles(peers)
    for count, face in ((few, "white"), (many, "#555555")):
        shape = {"marker": "o", "linestyle": "", "color": "#555555", "markerfacecolor": face}
        handles.append(plt.Line2D([], [], **shape, label=summary.count_threads(count)))
    file = f"bench-{comparison['name']}-threads.png"
    save(figure, handles, folder, file)
    yield f"{comparison['title']}: {few} and {many} threads", file


def draw_scaling(results, comparisons, folder):
    """Milliseconds an iteration over the size, a panel for each comparison; returns title and file name."""
    figure, panels = grid(len(comparisons), columns=2)
    drawn = set()
    for panel, comparison in zip(panels, comparisons, strict=True):
        lines = {}
        for row in summary.costs(results, comparison):
            place = summary.along(row, comparison["along"], results)
            lines.setdefault(BARE, []).append((place, 1e3 * row["bare"]))
            for peer, entry in row["peers"].items():
                lines.setdefault(peer, []).append((place, 1e3 * entry["seconds"]))
        for peer, points in lines.items():
            colour, line = style(peer)
            xs, ys = zip(*sorted(points), strict=True)
            panel.plot(xs, ys, color=colour, linestyle=line, marker="o", markersize=3.5, linewidth=1.6)
        drawn |= lines.keys()
        panel.set(xscale="log", yscale="log", xlabel=comparison["along"], ylabel="milliseconds an iteration")
        panel.set_title(comparison["title"], fontsize=9)
        ticks = sorted({x for points in lines.values() for x, _ in points})
        panel.set_xticks(ticks, [f"{x:,}".replace(",", "\u202f") for x in ticks])
        panel.xaxis.set_minor_formatter(NullFormatter())
        readable(panel.yaxis)
        panel.grid(alpha=0.25)
    file = "bench-scaling.png"
    save(figure, line_handles(drawn), folder, file)
    return "Milliseconds an iteration over the size of the problem", file
