// Line charts: axes with round ticks, a legend, and a cross-hair that the keyboard moves too.

const CHART_HEIGHT = 260;
const CHART_MARGIN = { top: 12, right: 14, bottom: 42, left: 70 };

/** Round numbers that span least..most, about so many. */
function linearTicks(least, most, about) {
  const raw = (most - least) / Math.max(about, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= raw * 0.999) || raw;
  const ticks = [];
  for (let n = Math.ceil(least / step - 1e-9); n * step <= most + step * 1e-9; n++) ticks.push(n * step);
  return ticks;
}

/** Powers of ten, or with multiples between them where there are few, as far as there is room. */
function logTicks(least, most, about) {
  const ticks = [];
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most));
  const within = (value) => value >= least * 0.999 && value <= most * 1.001;
  const every = Math.max(Math.ceil((last - first) / Math.max(about, 1)), 1);
  for (let n = first; n <= last; n += every) ticks.push(10 ** n);
  const kept = ticks.filter(within);
  if (kept.length >= 3) return kept;
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const finer = [];
    for (let n = first; n <= last; n++) for (const factor of factors) finer.push(factor * 10 ** n);
    const fine = finer.filter(within);
    if (fine.length >= 2 && fine.length <= Math.max(about, 2)) return fine;
  }
  return linearTicks(least, most, about);
}

function tickText(value, format) {
  if (format) return format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) {
    const [mantissa, exponent] = value.toExponential(6).split("e").map(Number);
    return mantissa === 1 ? raised(exponent) : `${Number(mantissa.toFixed(3))}×${raised(exponent)}`;
  }
  return String(Number(value.toPrecision(6))).replace("-", MINUS);
}

/** An axis from the data's ends to places from..to. */
function chartAxis(values, scale, from, to, about) {
  let least = Math.min(...values);
  let most = Math.max(...values);
  const log = scale === "log" && least > 0;
  if (least === most) {
    const room = log ? 2 : Math.abs(least) || 1;
    least = log ? least / room : least - room / 2;
    most = log ? most * room : most + room / 2;
  }
  const place = log ? Math.log : (value) => value;
  const stretch = (to - from) / (place(most) - place(least));
  const ticks = (log ? logTicks : linearTicks)(least, most, about);
  return { at: (value) => from + (place(value) - place(least)) * stretch, ticks };
}

/**
 * A chart as a figure. series: [{name, points: [{x, y, label, apart}], dots}], a point apart is not joined to the one
 * before; x and y: {label, scale, format, tick}; name: what a screen reader calls it.
 */
function lineChart({ name, series, x, y }) {
  const drawn = series.filter((one) => one.points.length > 0);
  const picture = svg("svg", { class: "chart", role: "img", "aria-label": name, tabindex: "0", height: CHART_HEIGHT });
  const readout = el("p", { class: "readout", "aria-live": "polite" });
  const legend = el("ul", { class: "legend" });
  series.forEach((one, number) => {
    if (series.length > 1) {
      const swatch = el("span", { class: "swatch", style: `background:${curveColour(number)}`, "aria-hidden": "true" });
      legend.append(el("li", {}, swatch, one.name));
    }
  });
  const figure = el("figure", { class: "chart-figure" }, series.length > 1 ? legend : null, picture, readout);
  if (drawn.length === 0) {
    figure.replaceChildren(note("There is nothing to draw."));
    return figure;
  }
  const stops = series.flatMap((one, number) => one.points.map((point) => ({ ...point, number })));
  stops.sort((a, b) => a.x - b.x || a.number - b.number);
  let chosen = -1;
  let across = null;
  let down = null;
  let mark = null;
  const hint = "Point at a curve, or use the arrow keys, to read its values.";
  readout.textContent = hint;

  const show = (index) => {
    chosen = index;
    const point = stops[index];
    mark.removeAttribute("visibility");
    mark.setAttribute("cx", across.at(point.x));
    mark.setAttribute("cy", down.at(point.y));
    mark.setAttribute("fill", curveColour(point.number));
    const value = (axis, number) => `${axis.label} ${axis.format ? axis.format(number) : decimal(number, 4)}`;
    const words = [value(x, point.x), value(y, point.y)];
    if (series.length > 1) words.unshift(series[point.number].name);
    if (point.label) words.push(point.label);
    readout.textContent = words.join(" · ");
  };

  const draw = (width) => {
    const { top, right, bottom } = CHART_MARGIN;
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${CHART_HEIGHT}`);
    picture.replaceChildren();
    const points = stops;
    down = chartAxis(points.map((p) => p.y), y.scale, CHART_HEIGHT - bottom, top, 5);
    const sizes = down.ticks.map((tick) => tickText(tick, y.tick || y.format));
    // The longest number and the axis's name stand beside each other.
    const left = Math.max(CHART_MARGIN.left, 32 + 7.5 * Math.max(...sizes.map((text) => text.length)));
    across = chartAxis(points.map((p) => p.x), x.scale, left, width - right, Math.floor((width - left) / 90));
    const base = CHART_HEIGHT - bottom;
    down.ticks.forEach((tick, number) => {
      const at = down.at(tick);
      picture.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: at, y2: at }));
      picture.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, sizes[number]));
    });
    for (const tick of across.ticks) {
      const at = across.at(tick);
      picture.append(svg("line", { class: "tick", x1: at, x2: at, y1: base, y2: base + 5 }));
      const anchor = at > width - right - 24 ? "end" : "middle";
      picture.append(svg("text", { x: anchor === "end" ? at + right : at, y: base + 18, "text-anchor": anchor }, tickText(tick, x.tick || x.format)));
    }
    picture.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: base, y2: base }));
    picture.append(svg("text", { class: "label", x: (left + width - right) / 2, y: CHART_HEIGHT - 6, "text-anchor": "middle" }, x.label));
    const middle = (top + base) / 2;
    picture.append(svg("text", { class: "label", x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, y.label));
    series.forEach((one, number) => {
      const colour = curveColour(number);
      const step = (p, index) => `${index === 0 || p.apart ? "M" : "L"}${across.at(p.x).toFixed(2)} ${down.at(p.y).toFixed(2)}`;
      picture.append(svg("path", { d: one.points.map(step).join(""), fill: "none", stroke: colour, class: "curve" }));
      if (one.dots || one.points.length === 1) {
        for (const p of one.points) picture.append(svg("circle", { cx: across.at(p.x), cy: down.at(p.y), r: 3, fill: colour }));
      }
    });
    mark = svg("circle", { class: "mark", r: 5, visibility: "hidden" });
    picture.append(mark);
    if (chosen >= 0) show(chosen);
  };
  drawnToWidth(figure, draw);

  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let nearest = 0;
    let least = Infinity;
    stops.forEach((point, index) => {
      const distance = Math.hypot(across.at(point.x) - px, (down.at(point.y) - py) * 0.5);
      if (distance < least) [least, nearest] = [distance, index];
    });
    show(nearest);
  });
  picture.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -stops.length, End: stops.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(clamp(chosen + step, 0, stops.length - 1));
  });
  return figure;
}
