// Pictures as weighted sums of shared parts.

/** Parts of a picture that are shown one by one; the others together. */
const STRONGEST = 8;

const parts = (() => {
  const { width, height, rank } = SECTION;
  const pixels = width * height;
  const images = numbers(SECTION.images);
  const w = numbers(SECTION.w);
  const h = numbers(SECTION.h);
  const each = (merge) => Array.from({ length: rank }, (_, c) => h.subarray(c * pixels, (c + 1) * pixels).reduce(merge, 0));
  const sums = each((a, b) => a + b);
  const tops = each((a, b) => Math.max(a, b));
  return {
    count: SECTION.names.length, width, height, rank, pixels, h,
    image: (number) => images.subarray(number * pixels, (number + 1) * pixels),
    part: (c) => h.subarray(c * pixels, (c + 1) * pixels),
    weight: (number, c) => w[number * rank + c],
    /** The weight of a part that is scaled so that its brightest pixel is white. */
    shownWeight: (number, c) => (SECTION.white > 0 ? (w[number * rank + c] * tops[c]) / SECTION.white : 0),
    /** What a part adds to a picture: the sum of its pixels there. */
    brightness: (number, c) => w[number * rank + c] * sums[c],
    /** The sum of some of a picture's parts. */
    sum(number, components) {
      const values = new Float32Array(pixels);
      for (const c of components) {
        const weight = w[number * rank + c];
        if (weight === 0) continue;
        for (let p = 0; p < pixels; p++) values[p] += weight * h[c * pixels + p];
      }
      return values;
    },
  };
})();

/** Grey pixels; white is what is shown as white. */
function greyCanvas(values, white, attributes) {
  const canvas = el("canvas", { class: "pixels", "aria-hidden": "true", ...attributes });
  const gain = white > 0 ? 255 / white : 0;
  paint(canvas, parts.width, parts.height, (pixels) => {
    values.forEach((value, p) => {
      pixels.fill(value * gain, 4 * p, 4 * p + 3);
      pixels[4 * p + 3] = 255;
    });
  });
  return canvas;
}

function partCanvas(c) {
  const part = parts.part(c);
  return greyCanvas(part, part.reduce((a, b) => Math.max(a, b), 0));
}

/** A picture, its reconstruction, and the sum that makes it. */
function describeImage(number, place, showPart) {
  const { white } = SECTION;
  const all = Array.from({ length: parts.rank }, (_, c) => c);
  const order = all.filter((c) => parts.weight(number, c) > 0).sort((a, b) => parts.brightness(number, b) - parts.brightness(number, a));
  const strongest = order.slice(0, STRONGEST);
  const others = order.slice(STRONGEST);
  const original = parts.image(number);
  const sum = parts.sum(number, all);
  let [squares, size] = [0, 0];
  sum.forEach((value, p) => {
    squares += (value - original[p]) ** 2;
    size += original[p] ** 2;
  });
  const error = size > 0 ? Math.sqrt(squares / size) : 0;
  const total = order.reduce((a, c) => a + parts.brightness(number, c), 0);
  const term = (canvas, weight, words, attributes) =>
    el("li", attributes || {}, el("span", { class: "sign", "aria-hidden": "true" }, "+"), canvas, el("span", {}, weight), el("span", { class: "quiet" }, words));
  const terms = strongest.map((c) => {
    const weight = parts.shownWeight(number, c);
    const shown = button({ class: "tile", "aria-label": `Part ${c + 1}, weight ${decimal(weight, 3)}: show what it is in`, onclick: () => showPart(c) }, partCanvas(c));
    return term(shown, `${decimal(weight, 3)} × part${UNIT_SPACE}${c + 1}`, percent(total > 0 ? parts.brightness(number, c) / total : 0), { "data-part": c, "data-weight": weight });
  });
  if (others.length) {
    const rest = others.reduce((a, c) => a + parts.brightness(number, c), 0);
    terms.push(term(el("span", { class: "tile" }, greyCanvas(parts.sum(number, others), white)), plural(others.length, "other part"), percent(rest / total)));
  }
  const box = (canvas, words) => el("figure", { class: "pair" }, canvas, el("figcaption", {}, words));
  place.replaceChildren();
  dress(place, {}, [
    el("h3", {}, SECTION.names[number]),
    el("div", { class: "pairs" },
      box(greyCanvas(original, white, { id: "picture" }), "original"),
      box(greyCanvas(sum, white, { id: "sum" }), `sum of its parts, ${percent(error)} off`)),
    order.length
      ? [el("p", { class: "quiet small" }, "The brightest pixel of every part is white; percentages are shares of the sum's brightness."),
        el("ol", { class: "sum", "aria-label": "The picture as a sum" }, terms)]
      : note("No part is in this picture."),
  ]);
}

(() => {
  const { count, rank } = parts;
  const detail = el("div", { class: "detail", id: "detail", "aria-live": "polite" });
  const described = [];
  const sparse = SECTION.partSparseness;
  const used = SECTION.codeSparseness;
  const partItems = Array.from({ length: rank }, (_, c) => {
    const words = [`Part ${c + 1}`, `${percent(SECTION.shares[c])} of all brightness`];
    if (sparse.length) words.push(`sparseness ${decimal(sparse[c], 2)}`);
    if (used.length) words.push(`sparseness of its use ${decimal(used[c], 2)}`);
    return button({ class: "tile", "aria-pressed": "false", title: words.join("\n"), "aria-label": words.join(", ") }, partCanvas(c), el("span", {}, String(c + 1)));
  });
  const imageItems = Array.from({ length: count }, (_, number) =>
    button({ class: "tile", "aria-pressed": "false", title: SECTION.names[number], "aria-label": SECTION.names[number] },
      greyCanvas(parts.image(number), SECTION.white)));

  const partList = el("div", { class: "tiles scroller dense", id: "parts", role: "group", "aria-label": "Parts" }, partItems);
  let imageOrder = imageItems.map((_, number) => number);
  const imageList = el("div", { class: "tiles scroller dense", id: "images", role: "group", "aria-label": "Pictures" });
  const heading = el("h3", {});
  const chosen = { image: -1, part: -1 };

  /** Puts the pictures in an order: as they came, or by how much of a part they hold. */
  const arrange = () => {
    imageOrder = imageItems.map((_, number) => number);
    if (chosen.part >= 0) imageOrder.sort((a, b) => parts.weight(b, chosen.part) - parts.weight(a, chosen.part));
    imageList.replaceChildren(...imageOrder.map((number) => imageItems[number]));
    imageList.scrollTop = 0;
    heading.textContent = chosen.part < 0 ? "Pictures" : `Pictures, those with most of part ${chosen.part + 1} first`;
    everything.hidden = chosen.part < 0;
  };
  const showPart = (c) => {
    chosen.part = chosen.part === c ? -1 : c;
    partChoice.mark(chosen.part);
    arrange();
  };
  const everything = button({ onclick: () => showPart(chosen.part) }, "As they came");
  const partChoice = choices(partList, partItems, { choose: showPart });
  const showImage = (number) => {
    chosen.image = number;
    imageItems.forEach((item, i) => item.setAttribute("aria-pressed", String(i === number)));
    describeImage(number, detail, showPart);
  };
  arrange();
  choices(imageList, imageItems, { choose: showImage });
  described.push("Press a picture to see its parts.");
  if (count < SECTION.total) described.push(`To keep this file small, it holds ${count} of the ${SECTION.total} pictures, evenly spread.`);
  const [fullWidth, fullHeight] = SECTION.fullSize;
  if (fullWidth !== parts.width || fullHeight !== parts.height) {
    described.push(`They are shown at ${parts.width} × ${parts.height} pixels instead of ${fullWidth} × ${fullHeight}.`);
  }
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const partWords = ["Press a part to bring the pictures to the front that hold most of it. Each is brightened to its own maximum."];
  if (sparse.length) partWords.push(`Mean sparseness (Hoyer) of the parts: ${decimal(mean(sparse), 2)}.`);
  if (used.length) partWords.push(`Of their use: ${decimal(mean(used), 2)}.`);
  RESULT.append(
    el("div", { class: "beside even" },
      el("div", {}, el("div", { class: "controls tight" }, heading, everything), el("p", { class: "quiet small" }, described.join(" ")), imageList),
      detail),
    el("h3", { class: "later" }, rank === 1 ? "The part" : `The ${rank} parts`),
    el("p", { class: "quiet small" }, partWords.join(" ")),
    partList);
  showImage(0);
})();
