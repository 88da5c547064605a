// What all scripts of the page share: elements, numbers, colours. Words become text nodes, never HTML.

const RUN = JSON.parse(document.getElementById("run").textContent);
const SECTION = (() => {
  const element = document.getElementById("section");
  return element ? JSON.parse(element.textContent) : null;
})();
const RESULT = document.getElementById("result");

const SVG_NAMES = "http://www.w3.org/2000/svg";

/** Sets attributes; "on…" are listeners, booleans switch, null is left out. */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== "") element.append(child);
  }
  return element;
}

/** An HTML element; children are elements or text. */
function el(tag, attributes, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** An SVG element. */
function svg(tag, attributes, ...children) {
  return dress(document.createElementNS(SVG_NAMES, tag), attributes, children);
}

function button(attributes, ...children) {
  return el("button", { type: "button", ...attributes }, ...children);
}

let lastNumber = 0;
/** An id that no other element has. */
function freshId(word) {
  lastNumber += 1;
  return `${word}-${lastNumber}`;
}

/** A list of numbers of the page's JSON as a Float32Array. */
function numbers(field) {
  const text = atob(field.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  const readers = {
    f32: [4, (place) => view.getFloat32(place, true), 1],
    u16: [2, (place) => view.getUint16(place, true), 65535],
    i16: [2, (place) => view.getInt16(place, true), 32767],
    u8: [1, (place) => bytes[place], 255],
  };
  const [size, read, most] = readers[field.type];
  const count = bytes.length / size;
  const values = new Float32Array(count);
  const columns = field.columns || count;
  for (let i = 0; i < count; i++) {
    const scale = field.scales ? field.scales[Math.floor(i / columns)] : 1;
    values[i] = (read(i * size) / most) * scale;
  }
  return values;
}

const UNIT_SPACE = "\u00a0";
const MINUS = "\u2212";

function raised(exponent) {
  const digits = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  return "10" + Array.from(String(exponent), (digit) => digits[digit]).join("");
}

/** A number with so many significant digits. */
function decimal(value, digits) {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value < 0 ? MINUS + "∞" : "∞";
  if (value === 0) return "0";
  const [mantissa, exponent] = Math.abs(value).toExponential(digits - 1).split("e").map(Number);
  const plain = exponent >= -3 && exponent < 5;
  const text = plain
    ? Math.abs(value).toFixed(Math.max(digits - 1 - exponent, 0))
    : `${mantissa.toFixed(digits - 1)}×${raised(exponent)}`;
  return (value < 0 ? MINUS : "") + text;
}

/** A share as a percentage. */
function percent(share) {
  const value = share * 100;
  const size = Math.abs(value);
  if (size > 0 && size < 0.005) return `<${UNIT_SPACE}0.01${UNIT_SPACE}%`;
  const text = size === 0 ? "0" : size.toFixed(size < 0.995 ? 2 : 1);
  return (value < 0 ? MINUS : "") + text + UNIT_SPACE + "%";
}

function byteCount(count, digits = 3) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return (unit === 0 ? String(count) : decimal(count, digits)) + UNIT_SPACE + units[unit];
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

/** 256 colours from dark violet to yellow, as red, green, blue after each other. */
const VIRIDIS = (() => {
  const stops = RUN.colours.viridis;
  const table = new Uint8ClampedArray(3 * 256);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) {
      const part = (stop) => (stop >> (16 - 8 * c)) & 255;
      const weight = place - below;
      table[3 * i + c] = part(stops[below]) * (1 - weight) + part(stops[below + 1]) * weight;
    }
  }
  return table;
})();

/** Puts the colour of a share of 0..1 into pixels. */
function putViridis(pixels, place, share) {
  const entry = 3 * Math.round(clamp(share, 0, 1) * 255);
  pixels[place] = VIRIDIS[entry];
  pixels[place + 1] = VIRIDIS[entry + 1];
  pixels[place + 2] = VIRIDIS[entry + 2];
  pixels[place + 3] = 255;
}

/** The colour of the number-th curve, source or topic. */
const CURVE_COLOURS = 7;
function curveColour(number) {
  return `var(--curve-${number % CURVE_COLOURS})`;
}

/** Gives a canvas its size and lets fill write red, green, blue and opacity of every pixel. */
function paint(canvas, width, height, fill) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  fill(image.data);
  context.putImageData(image, 0, 0);
}

/** Calls act at most once a drawn frame, with the latest arguments. */
function oncePerFrame(act) {
  let waiting = null;
  return (...values) => {
    if (waiting === null) requestAnimationFrame(() => {
      const latest = waiting;
      waiting = null;
      act(...latest);
    });
    waiting = values;
  };
}

/** Calls draw with the element's width now and whenever it changes. */
function drawnToWidth(element, draw) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (width > 0 && width !== last) {
      last = width;
      draw(width);
    }
  }).observe(element);
  return () => last > 0 && draw(last);
}

function note(...words) {
  return el("p", { class: "note" }, ...words);
}
