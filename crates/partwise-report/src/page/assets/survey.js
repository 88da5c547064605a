// A survey of ranks: a slider through the ranks, what each method says of the one it is at, its components, and the
// samples that move between it and the rank before.

/** Samples that are named at once. */
const NAMED_SAMPLES = 60;
const FLOW_WIDTH = 560;
const FLOW_GAP = 6;

/** Counts of samples by their component at one rank and at the next, as rows of counts. */
function overlaps(before, after) {
  const counts = Array.from({ length: before.rank }, () => new Array(after.rank).fill(0));
  before.groups.forEach((from, sample) => { counts[from][after.groups[sample]] += 1; });
  return counts;
}

/** For each component of the rank before the one of the next that goes on with it, by most samples in common; or −1. */
function successors(counts) {
  const pairs = [];
  counts.forEach((row, from) => row.forEach((count, to) => count > 0 && pairs.push([count, from, to])));
  pairs.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
  const next = counts.map(() => -1);
  const taken = new Set();
  for (const [, from, to] of pairs) {
    if (next[from] >= 0 || taken.has(to)) continue;
    next[from] = to;
    taken.add(to);
  }
  return next;
}

/** Ribbons from the components of one rank to those of the next, as wide as they have samples. */
function flowPicture(before, after, counts, next, colours) {
  const total = before.groups.length;
  const height = clamp(26 * Math.max(before.rank, after.rank), 120, 560);
  const sums = (length, count) => Array.from({ length }, (_, i) => count(i));
  const left = sums(before.rank, (from) => counts[from].reduce((a, b) => a + b, 0));
  const right = sums(after.rank, (to) => counts.reduce((sum, row) => sum + row[to], 0));
  const room = height - FLOW_GAP * (Math.max(before.rank, after.rank) - 1);
  const places = (sizes) => {
    let at = 0;
    return sizes.map((size) => {
      const start = at;
      at += (size / total) * room + FLOW_GAP;
      return start;
    });
  };
  const [tops, ends] = [places(left), places(right)];
  const words = `Of ${plural(total, "sample")}, how many go from each component at rank ${before.rank} to each at rank ${after.rank}`;
  const picture = svg("svg", { class: "flow", role: "img", "aria-label": words, viewBox: `0 0 ${FLOW_WIDTH} ${height}` });
  const [x0, x1] = [64, FLOW_WIDTH - 64];
  const used = [[...tops], [...ends]];
  counts.forEach((row, from) => row.forEach((count, to) => {
    if (count === 0) return;
    const size = (count / total) * room;
    const [y0, y1] = [used[0][from], used[1][to]];
    used[0][from] += size;
    used[1][to] += size;
    const middle = (x0 + x1) / 2;
    const path = `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}L${x1} ${y1 + size}C${middle} ${y1 + size} ${middle} ${y0 + size} ${x0} ${y0 + size}Z`;
    const moved = next[from] !== to;
    picture.append(svg("path", { d: path, fill: curveColour(colours.after[to]), class: moved ? "moved" : "stays", "data-count": count },
      svg("title", {}, `${plural(count, "sample")} from component ${from + 1} to ${to + 1}`)));
  }));
  const side = (sizes, starts, x, anchor, colour) => sizes.forEach((size, i) => {
    const tall = (size / total) * room;
    picture.append(svg("rect", { x: anchor === "end" ? x - 8 : x, y: starts[i], width: 8, height: Math.max(tall, 1), fill: curveColour(colour[i]) }));
    if (size > 0) picture.append(svg("text", { x: anchor === "end" ? x - 14 : x + 14, y: starts[i] + tall / 2 + 4, "text-anchor": anchor }, `${i + 1} (${size})`));
  });
  side(left, tops, x0, "end", colours.before);
  side(right, ends, x1, "start", colours.after);
  return picture;
}

(() => {
  const { curves, ranks, features, samples } = SECTION;
  const start = Math.max(ranks.findIndex((one) => one.rank === SECTION.chosen), 0);

  /** Colours of the components of each rank: a component keeps that of the one that it goes on with. */
  const colours = [];
  ranks.forEach((one, at) => {
    const before = ranks[at - 1];
    const colour = new Array(one.rank).fill(-1);
    if (before && before.groups.length && one.groups.length) {
      successors(overlaps(before, one)).forEach((to, from) => { if (to >= 0) colour[to] = colours[at - 1][from]; });
    }
    let fresh = Math.max(-1, ...colour);
    colours.push(colour.map((value) => (value >= 0 ? value : (fresh += 1))));
  });

  const slider = el("input", { type: "range", id: "rank", min: 0, max: ranks.length - 1, step: 1, value: start, disabled: ranks.length === 1 });
  const shown = el("output", { id: "rank-shown", for: "rank", class: "reading" });
  const said = el("div", { id: "said" });
  const components = el("div", { id: "components" });
  const moves = el("div", { id: "moves" });

  const describeMethods = (one) => {
    const row = (curve) => {
      const point = curve.points.find(([rank]) => rank === one.rank);
      const go = ranks.findIndex((other) => other.rank === curve.proposed);
      const proposes = curve.proposed === null ? "no rank" : String(curve.proposed);
      const words = `${curve.method} proposes rank ${proposes}: show it`;
      return el("tr", { "data-method": curve.method, class: curve.proposed === one.rank ? "here" : null },
        el("th", { scope: "row", title: `${curve.title} (${curve.source})` }, curve.method, curve.weak ? el("span", { class: "quiet" }, " (weak)") : null),
        el("td", {}, `${curve.measure} `, el("b", {}, point ? decimal(point[1], 4) : "–")),
        el("td", {}, go >= 0 && curve.proposed !== one.rank ? button({ class: "share", "aria-label": words, onclick: () => choose(go) }, proposes) : proposes),
        el("td", { class: "quiet small" }, curve.reason || ""));
    };
    said.replaceChildren(
      el("h3", {}, `What the methods say of rank ${one.rank}`),
      el("div", { class: "wide" }, el("table", {},
        el("thead", {}, el("tr", {}, ["method", "figure", "proposes", "why"].map((word) => el("th", { scope: "col" }, word)))),
        el("tbody", {}, curves.map(row)))));
  };

  const describeComponents = (one, at) => {
    const sizes = new Array(one.rank).fill(0);
    one.groups.forEach((group) => { sizes[group] += 1; });
    const item = (component, number) => {
      const most = component.features.reduce((largest, [, share]) => Math.max(largest, share), 0);
      const figures = [];
      if (component.stability !== null) figures.push(`silhouette over starts ${decimal(component.stability, 3)}`);
      if (one.groups.length) figures.push(`strongest in ${plural(sizes[number], "sample")}`);
      const bar = (share, colour) => el("span", { class: "track" }, el("span", { class: "bar", style: `width:${most > 0 ? (100 * share) / most : 0}%;background:${colour}` }));
      const colour = curveColour(colours[at][number]);
      return el("li", { "data-stability": component.stability, "data-size": sizes[number] },
        el("h4", {}, el("span", { class: "swatch", style: `background:${colour}`, "aria-hidden": "true" }), `Component ${number + 1}`),
        el("p", { class: "quiet small" }, figures.join(" · ")),
        el("ol", { class: "features" }, component.features.map(([feature, share]) =>
          el("li", {}, el("span", { class: "term" }, features[feature]), bar(share, colour), el("span", { class: "weight" }, percent(share))))));
    };
    components.replaceChildren(
      el("h3", { class: "later" }, `The ${plural(one.rank, "component")} of the best fit`),
      one.components.length
        ? el("p", { class: "quiet small" }, "The strongest features, each with its share of the component. A silhouette near 1: every start finds it again.")
        : note("This survey keeps no components of this rank: no method that was asked compares starts, or there are too many for this page."));
    if (one.components.length) components.append(el("ul", { class: "components" }, one.components.map(item)));
  };

  const describeMoves = (at) => {
    const [before, after] = [ranks[at - 1], ranks[at]];
    if (!before || !before.groups.length || !after.groups.length) {
      moves.replaceChildren();
      return;
    }
    const counts = overlaps(before, after);
    const next = successors(counts);
    const movers = [];
    before.groups.forEach((from, sample) => {
      const to = after.groups[sample];
      if (next[from] !== to) movers.push([sample, from, to]);
    });
    const drawn = samples.length < SECTION.total ? ` (of ${SECTION.total}, drawn)` : "";
    const names = movers.slice(0, NAMED_SAMPLES).map(([sample, from, to]) =>
      el("li", { "data-from": from, "data-to": to }, el("span", { class: "term" }, samples[sample]), el("span", { class: "quiet" }, ` ${from + 1} → ${to + 1}`)));
    const list = el("details", {},
      el("summary", {}, movers.length > NAMED_SAMPLES ? `The first ${NAMED_SAMPLES} of them` : "Which they are"),
      el("ul", { class: "movers" }, names));
    moves.replaceChildren(
      el("h3", { class: "later" }, `From rank ${before.rank} to rank ${after.rank}`),
      el("p", { id: "moved", "data-count": movers.length }, `${movers.length} of ${plural(samples.length, "sample")}${drawn} leave the component that goes on with their own, by their strongest component. Their ribbons have the stronger colour.`),
      flowPicture(before, after, counts, next, { before: colours[at - 1], after: colours[at] }));
    if (movers.length) moves.append(list);
  };

  const show = (at) => {
    const one = ranks[at];
    shown.textContent = `rank ${one.rank}${one.rank === SECTION.chosen ? ", the one that was chosen" : ""}`;
    slider.setAttribute("aria-valuetext", shown.textContent);
    describeMethods(one);
    describeComponents(one, at);
    describeMoves(at);
  };
  const choose = (at) => {
    slider.value = at;
    show(at);
    slider.focus();
  };
  slider.addEventListener("input", () => show(Number(slider.value)));

  const whole = (value) => String(Math.round(value * 100) / 100);
  const charts = curves.filter((curve) => curve.points.length > 1).map((curve) => {
    const points = curve.points.map(([x, y]) => ({ x, y, label: x === curve.proposed ? "proposed" : null }));
    const series = [{ name: `${curve.method} (${curve.source})`, points, dots: true }];
    const proposed = points.filter((point) => point.label);
    if (proposed.length) series.push({ name: `proposes ${curve.proposed}`, points: proposed, dots: true });
    return lineChart({ name: `${curve.measure} by rank`, series, x: { label: "rank", format: whole }, y: { label: curve.measure } });
  });
  RESULT.append(
    el("p", {}, SECTION.why),
    el("div", { class: "controls" }, el("label", { for: "rank" }, "Rank"), slider, shown),
    said, components, moves,
    el("h3", { class: "later" }, "The curves"),
    el("div", { class: "charts" }, charts));
  show(start);
})();
