// Pictures of sound over a common axis of time: spectrogram, notes, and small ones of components.

const TIMELINE_MARGIN = { left: 58, right: 8, top: 6, bottom: 36 };
/** Decibels below the loudest place that are shown. */
const RANGE_DB = 70;
/** Rows of the spectrogram's picture. */
const SPECTROGRAM_ROWS = 240;
/** Lowest frequency shown, in Hz, unless the bins are further apart. */
const LOWEST_HZ = 40;

function hertz(value) {
  return value >= 1000 ? `${Number((value / 1000).toPrecision(3))}k` : String(Math.round(value));
}

/** The frequencies of a picture's rows: evenly spaced in pitch. */
function pitchScale({ sampleRate, frame }) {
  const most = sampleRate / 2;
  const least = Math.min(Math.max(LOWEST_HZ, sampleRate / frame), most / 2);
  return {
    least, most,
    /** The place of a frequency, 0 (lowest) to 1. */
    place: (hz) => Math.log(hz / least) / Math.log(most / least),
    hz: (place) => least * (most / least) ** place,
  };
}

/** A picture over time with axes, a line where the player is, and seeking by pointer. */
function timeline({ name, height, duration, yLabel, yTicks, draw, seek }) {
  const { left, right, top, bottom } = TIMELINE_MARGIN;
  const inside = height - top - bottom;
  const picture = svg("svg", { class: "chart", role: "img", "aria-label": name, height });
  const head = el("div", { class: "playhead", style: `top:${top}px;height:${inside}px` });
  const element = el("div", { class: "timeline", style: `height:${height}px` }, picture, head);
  let width = 0;
  let now = 0;
  const across = (seconds) => left + (seconds / duration) * (width - left - right);
  const place = () => (head.style.transform = `translateX(${across(now)}px)`);
  drawnToWidth(element, (to) => {
    width = to;
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.replaceChildren();
    draw({ element, picture, across, top, inside, left, right, width });
    const base = top + inside;
    for (const { at, text } of yTicks) {
      const y = top + (1 - at) * inside;
      picture.append(svg("line", { class: "tick", x1: left - 4, x2: left, y1: y, y2: y }));
      picture.append(svg("text", { x: left - 7, y: y + 4, "text-anchor": "end" }, text));
    }
    for (const tick of linearTicks(0, duration, Math.floor((width - left - right) / 80))) {
      const x = across(tick);
      picture.append(svg("line", { class: "tick", x1: x, x2: x, y1: base, y2: base + 4 }));
      const anchor = x > width - 30 ? "end" : "middle";
      picture.append(svg("text", { x: anchor === "end" ? width - 2 : x, y: base + 17, "text-anchor": anchor }, tickText(tick)));
    }
    picture.append(svg("text", { class: "label", x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "seconds"));
    picture.append(svg("text", { class: "label", x: 12, y: top + inside / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${top + inside / 2})` }, yLabel));
    place();
  });
  const follow = (event) => {
    const box = element.getBoundingClientRect();
    seek(((event.clientX - box.left - left) / (width - left - right)) * duration);
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    follow(event);
  });
  element.addEventListener("pointermove", (event) => element.hasPointerCapture(event.pointerId) && follow(event));
  return {
    element,
    at(seconds) {
      now = seconds;
      if (width) place();
    },
  };
}

/** The spectrogram of what is heard; show(mask) draws it anew. */
function spectrogram(section, mixer, duration, seek) {
  const { bins, frames, magnitude } = mixer;
  const scale = pitchScale(section);
  const loudest = magnitude.reduce((a, b) => Math.max(a, b), 0) || 1;
  const canvas = el("canvas", { id: "spectrogram", "aria-hidden": "true" });
  const columns = Math.min(frames, 1200);
  // The bins of each row, highest first: all between its edges, or the nearest.
  const rows = Array.from({ length: SPECTROGRAM_ROWS }, (_, row) => {
    const bin = (place) => (scale.hz(place) * section.frame) / section.sampleRate;
    const [low, high] = [bin(1 - (row + 1) / SPECTROGRAM_ROWS), bin(1 - row / SPECTROGRAM_ROWS)];
    const first = clamp(Math.round(low), 0, bins - 1);
    return [first, Math.max(Math.min(Math.round(high), bins), first + 1)];
  });
  const show = (mask) => paint(canvas, columns, SPECTROGRAM_ROWS, (pixels) => {
    for (let x = 0; x < columns; x++) {
      const from = Math.floor((x * frames) / columns);
      const to = Math.max(Math.floor(((x + 1) * frames) / columns), from + 1);
      rows.forEach(([first, last], y) => {
        let most = 0;
        for (let t = from; t < to; t++) {
          for (let f = first, at = t * bins + first; f < last; f++, at++) most = Math.max(most, magnitude[at] * mask[at]);
        }
        putViridis(pixels, 4 * (y * columns + x), 1 + (20 * Math.log10(most / loudest + 1e-12)) / RANGE_DB);
      });
    }
  });
  const ticks = [];
  for (const hz of [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]) {
    const at = scale.place(hz);
    if (at >= 0 && at <= 1) ticks.push({ at, text: hertz(hz) });
  }
  const line = timeline({
    name: "Spectrogram of what is heard", height: 300, duration, yLabel: "Hz", yTicks: ticks, seek,
    draw({ element, top, inside, left, right }) {
      canvas.setAttribute("style", `position:absolute;left:${left}px;top:${top}px;width:calc(100% - ${left + right}px);height:${inside}px`);
      if (!canvas.isConnected) element.prepend(canvas);
    },
  });
  const key = el("p", { class: "quiet small key" }, `${MINUS}${RANGE_DB} dB`, el("span", { class: "viridis", "aria-hidden": "true" }), "0 dB, the loudest place of the mixture");
  return { ...line, show, key };
}

const NOTE_NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
function noteName(midi) {
  const nearest = Math.round(midi);
  return NOTE_NAMES[((nearest % 12) + 12) % 12] + (Math.floor(nearest / 12) - 1);
}

/** The notes as bars over time; those without a pitch lie below. */
function pianoRoll(section, duration, seek) {
  const { notes } = section;
  const pitches = notes.map(([, , , midi]) => midi).filter((midi) => midi !== null);
  const unpitched = pitches.length < notes.length;
  const low = pitches.length ? Math.floor(Math.min(...pitches)) - 1 : 60;
  const high = pitches.length ? Math.ceil(Math.max(...pitches)) + 1 : 60;
  const lanes = high - low + 1 + (unpitched ? 2 : 0);
  const place = (midi) => (midi === null ? 0.5 : midi - low + (unpitched ? 2.5 : 0.5)) / lanes;
  const yTicks = [];
  const every = [1, 2, 3, 4, 6, 12, 24].find((step) => (high - low) / step <= 9) || 24;
  for (let midi = Math.ceil(low / every) * every; pitches.length && midi <= high; midi += every) {
    yTicks.push({ at: place(midi), text: noteName(midi) });
  }
  if (unpitched) yTicks.push({ at: place(null), text: "no pitch" });
  const strongest = notes.reduce((most, note) => Math.max(most, note[4]), 0) || 1;
  return timeline({
    name: "Notes", height: clamp(lanes * 12, 120, 320) + 42, duration, yLabel: pitches.length ? "note" : "", yTicks, seek,
    draw({ picture, across, top, inside }) {
      const tall = Math.max((inside / lanes) * 0.8, 4);
      for (const [component, onset, end, midi, strength] of notes) {
        const words = [`component ${component + 1}`, midi === null ? "no pitch" : noteName(midi), `${decimal(onset, 3)} to ${decimal(end, 3)} s`];
        picture.append(svg("rect", {
          class: "sounding", x: across(onset), width: Math.max(across(end) - across(onset), 1.5), y: top + (1 - place(midi)) * inside - tall / 2, height: tall, rx: 2,
          fill: curveColour(component), "fill-opacity": 0.4 + 0.6 * (strength / strongest), "data-component": component,
        }, svg("title", {}, words.join(", "))));
      }
    },
  });
}

/** Values as a filled line, a few hundred points wide, up to their own maximum. */
function sparkline(values, name, number) {
  const most = values.reduce((a, b) => Math.max(a, b), 0) || 1;
  const count = values.length;
  const points = values.map((value, i) => `${((i / Math.max(count - 1, 1)) * 300).toFixed(1)} ${(40 - (38 * value) / most).toFixed(1)}`);
  return svg("svg", { class: "spark", viewBox: "0 0 300 40", preserveAspectRatio: "none", role: "img", "aria-label": name },
    svg("path", { d: `M0 40L${points.join("L")}L300 40Z`, fill: curveColour(number) }));
}

/** The largest value of each of count stretches. */
function stretchMaxima(values, count) {
  const kept = Math.min(count, values.length);
  return Array.from({ length: kept }, (_, i) => {
    const from = Math.floor((i * values.length) / kept);
    return values.subarray(from, Math.max(Math.floor(((i + 1) * values.length) / kept), from + 1)).reduce((a, b) => Math.max(a, b), 0);
  });
}

/** A spectrum on the pitch scale, as magnitudes. */
function spectrumLine(section, spectrum) {
  const scale = pitchScale(section);
  return Array.from({ length: 150 }, (_, i) => {
    const bin = (place) => clamp(Math.round((scale.hz(place) * section.frame) / section.sampleRate), 0, spectrum.length - 1);
    const first = bin(i / 150);
    let most = 0;
    for (let f = first; f <= Math.max(bin((i + 1) / 150) - 1, first); f++) most = Math.max(most, spectrum[f]);
    return most ** (1 / section.exponent);
  });
}
