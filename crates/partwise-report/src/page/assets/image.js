// A picture from its layers: W H is recomputed here for the strongest components, clipped to 0..1 as pixels are.

/** Longest side of a layer's small picture, in pixels. */
const LAYER_SIDE = 96;
/** Layers that may be added or taken away on what is there before rounding has gathered and all is summed anew. */
const STEPS_BEFORE_RESUM = 256;

const picture = (() => {
  const { width, height, channels } = SECTION;
  const rank = SECTION.components.length;
  const w = numbers(SECTION.w);
  const h = numbers(SECTION.h);
  // As a matrix: the channels side by side.
  const n = width * channels;
  const original = new Float32Array(height * n);
  const interleaved = numbers(SECTION.original);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) original[y * n + c * width + x] = interleaved[(y * width + x) * channels + c];
    }
  }
  const sum = new Float32Array(height * n);
  let used = 0;
  let steps = 0;

  const add = (component, sign) => {
    for (let y = 0; y < height; y++) {
      const weight = sign * w[component * height + y];
      if (weight === 0) continue;
      for (let j = 0, at = y * n, row = component * n; j < n; j++) sum[at + j] += weight * h[row + j];
    }
  };

  return {
    width, height, channels, rank, original,
    /** The sum of the first count layers, clipped, and how near it is to the picture. */
    withComponents(count) {
      steps += Math.abs(count - used);
      if (count < used - count || steps > STEPS_BEFORE_RESUM) {
        sum.fill(0);
        used = steps = 0;
      }
      for (; used < count; used++) add(used, 1);
      for (; used > count; used--) add(used - 1, -1);
      let squares = 0;
      for (let i = 0; i < sum.length; i++) squares += (clamp(sum[i], 0, 1) - original[i]) ** 2;
      const mean = squares / sum.length;
      return { values: sum, psnr: mean === 0 ? Infinity : -10 * Math.log10(mean) };
    },
    /** One layer: the sample of channel c at x, y is column[y] · row[c · width + x]. */
    layer(component) {
      return { column: w.subarray(component * height, (component + 1) * height), row: h.subarray(component * n, (component + 1) * n) };
    },
    /** Puts samples of the matrix's order into a canvas. */
    show(canvas, values) {
      paint(canvas, width, height, (pixels) => {
        for (let y = 0, place = 0; y < height; y++) {
          for (let x = 0; x < width; x++, place += 4) {
            for (let c = 0; c < 3; c++) pixels[place + c] = values[y * n + (channels === 1 ? 0 : c * width) + x] * 255;
            pixels[place + 3] = 255;
          }
        }
      });
    },
  };
})();

/** Means over areas of a line of numbers. */
function shrunk(line, count) {
  const means = new Float32Array(count);
  const stretch = line.length / count;
  for (let i = 0; i < count; i++) {
    const [start, end] = [Math.floor(i * stretch), Math.max(Math.floor((i + 1) * stretch), Math.floor(i * stretch) + 1)];
    for (let j = start; j < end; j++) means[i] += line[j] / (end - start);
  }
  return means;
}

/** A layer as a small picture: grey in the colours of numbers, colour as it is, each up to its own maximum. */
function layerPicture(component) {
  const { width, height, channels } = picture;
  const scale = Math.min(LAYER_SIDE / Math.max(width, height), 1);
  const [columns, rows] = [width, height].map((side) => Math.max(Math.round(side * scale), 1));
  const { column, row } = picture.layer(component);
  const down = shrunk(column, rows);
  const across = [];
  for (let c = 0; c < channels; c++) across.push(shrunk(row.subarray(c * width, (c + 1) * width), columns));
  const most = Math.max(...down) * Math.max(...across.map((line) => Math.max(...line)));
  const gain = most > 0 ? 1 / most : 0;
  const canvas = el("canvas", { "aria-hidden": "true" });
  paint(canvas, columns, rows, (pixels) => {
    for (let y = 0, place = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, place += 4) {
        if (channels === 1) {
          putViridis(pixels, place, down[y] * across[0][x] * gain);
          continue;
        }
        for (let c = 0; c < 3; c++) pixels[place + c] = down[y] * across[c][x] * gain * 255;
        pixels[place + 3] = 255;
      }
    }
  });
  return canvas;
}

/** The original on the left of a divider that can be dragged, the reconstruction on its right. */
function makeStage() {
  const enlarged = Math.max(picture.width, picture.height) < 200;
  const look = enlarged ? "pixels" : null;
  const original = el("canvas", { class: look, "aria-hidden": "true", id: "original" });
  const sum = el("canvas", { class: look, id: "reconstruction", role: "img", "aria-label": "The picture from its layers" });
  const light = el("canvas", { class: ["light", look].filter(Boolean).join(" "), "aria-hidden": "true", id: "light", hidden: true });
  const divider = el("div", {
    class: "divider", id: "divider", role: "slider", tabindex: "0", "aria-label": "Divider: original on its left, reconstruction on its right",
    "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
  });
  const names = [el("span", { class: "corner left" }, "original"), el("span", { class: "corner right" }, "reconstruction")];
  const stage = el("div", { class: "stage" }, original, sum, light, names, divider);
  const ratio = picture.width / picture.height;
  stage.style.aspectRatio = String(ratio);
  stage.style.maxWidth = `min(100%, ${Math.round(Math.max(picture.width, 640))}px, calc(78vh * ${ratio}))`;
  let at = 50;
  const move = (to) => {
    at = clamp(to, 0, 100);
    sum.style.clipPath = `inset(0 0 0 ${at}%)`;
    divider.style.left = `${at}%`;
    divider.setAttribute("aria-valuenow", String(Math.round(at)));
    divider.setAttribute("aria-valuetext", `${Math.round(at)} % original`);
    names[0].classList.toggle("away", at < 14);
    names[1].classList.toggle("away", at > 82);
  };
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    move(((event.clientX - box.left) / box.width) * 100);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    divider.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && follow(event));
  divider.addEventListener("keydown", (event) => {
    const places = {
      ArrowLeft: at - 2, ArrowDown: at - 2, ArrowRight: at + 2, ArrowUp: at + 2,
      PageDown: at - 20, PageUp: at + 20, Home: 0, End: 100,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    move(places[event.key]);
  });
  move(50);
  picture.show(original, picture.original);

  /** Darkens the picture but for where a layer acts. */
  const spotlight = (component) => {
    light.hidden = component === null;
    if (component === null) return;
    const { width, height, channels } = picture;
    const { column, row } = picture.layer(component);
    const across = new Float32Array(width);
    for (let j = 0; j < row.length; j++) across[j % width] += row[j] / channels;
    const most = column.reduce((a, b) => Math.max(a, b), 0) * across.reduce((a, b) => Math.max(a, b), 0);
    const gain = most > 0 ? 1 / most : 0;
    paint(light, width, height, (pixels) => {
      for (let y = 0, place = 3; y < height; y++) {
        for (let x = 0; x < width; x++, place += 4) pixels[place] = 224 * (1 - Math.sqrt(column[y] * across[x] * gain));
      }
    });
  };
  return { stage, sum, spotlight };
}

(() => {
  const { rank } = picture;
  const { stage, sum, spotlight } = makeStage();
  const id = freshId("components");
  const slider = el("input", { type: "range", id, min: 1, max: rank, value: rank, step: 1 });
  const counted = el("output", { for: id, id: "count" });
  const quality = el("output", { for: id, id: "psnr" });
  const items = SECTION.shares.map((share, place) =>
    button({ class: "tile", "aria-pressed": "false", "aria-label": `Layer ${place + 1}, ${percent(share)} of the brightness: show where it acts` },
      layerPicture(place), el("span", {}, `${place + 1}: ${percent(share)}`)));

  const use = (count) => {
    const { values, psnr } = picture.withComponents(count);
    picture.show(sum, values);
    counted.textContent = `${count} of ${rank}`;
    quality.textContent = `${decimal(psnr, 4)}${UNIT_SPACE}dB`;
    quality.dataset.value = String(psnr);
    slider.setAttribute("aria-valuetext", `${count} of ${rank} components, PSNR ${decimal(psnr, 4)} dB`);
    items.forEach((item, place) => item.classList.toggle("unused", place >= count));
  };
  const soon = oncePerFrame(use);
  slider.addEventListener("input", () => soon(Number(slider.value)));

  const [fullWidth, fullHeight] = SECTION.fullSize;
  const shrunkTo = fullWidth === picture.width && fullHeight === picture.height ? null : note(
    `To keep this file small, it holds the picture and its factors at ${picture.width} × ${picture.height} pixels instead of ${fullWidth} × ${fullHeight}; the PSNR here is that of the small picture.`);
  const list = el("div", { class: "tiles scroller", role: "group", "aria-label": "Layers, strongest first" }, items);
  let pinned = -1;
  const chosen = choices(list, items, {
    choose(index) {
      pinned = pinned === index ? -1 : index;
      chosen.mark(pinned);
      spotlight(pinned < 0 ? null : pinned);
    },
    look: (index) => spotlight(index),
    leave: () => spotlight(pinned < 0 ? null : pinned),
  });
  RESULT.append(
    el("div", { class: "controls using" },
      el("label", { for: id }, "Components used"), slider,
      el("span", { class: "reading" }, counted, " · PSNR ", quality)),
    el("div", { class: "beside" },
      el("div", { class: "stage-frame" }, stage, el("p", { class: "quiet small" }, "Drag across the picture, or move the divider with the arrow keys.")),
      el("div", {}, el("h3", {}, "Layers, strongest first"),
        el("p", { class: "quiet small" }, "Point at one to see where in the picture it acts; press it to keep it so. Each is brightened to its own maximum. Their numbers are of this order, not the model's."), list)));
  if (shrunkTo) RESULT.append(shrunkTo);
  use(rank);
})();

(() => {
  const curves = SECTION.rateDistortion.filter((curve) => curve.points.length);
  if (!curves.length) return;
  const series = (value) => curves.map((curve) => ({
    name: curve.method,
    dots: true,
    points: curve.points.filter((p) => p[value] !== null && p.bytes > 0).map((p) => ({ x: p.bytes, y: p[value], label: p.label })),
  }));
  const x = { label: "size", scale: "log", format: byteCount, tick: (bytes) => byteCount(bytes, 1) };
  const charts = el("div", { class: "charts", id: "rate" },
    lineChart({ name: "PSNR by size", series: series("psnr"), x, y: { label: "PSNR in dB" } }),
    lineChart({ name: "SSIM by size", series: series("ssim"), x, y: { label: "SSIM" } }));
  RESULT.append(el("h3", { class: "later" }, "Quality by size"), charts);
})();
