// The map of topics, and their sizes over a field of the documents.

const MAP_HEIGHT = 380;
/** Share of the map's area that all circles together take. */
const MAP_FILL = 0.2;
const LEAST_RADIUS = 7;

/** Places for circles in width × MAP_HEIGHT: those of the data, stretched to fill, then pushed apart. */
function mapLayout(topics, width) {
  const total = topics.reduce((sum, topic) => sum + topic.share, 0) || 1;
  const area = width * MAP_HEIGHT * MAP_FILL;
  const circles = topics.map(({ share, position }) => ({
    x: position[0], y: position[1],
    r: Math.max(Math.min(Math.sqrt((area * share) / total / Math.PI), MAP_HEIGHT / 4), Math.min(LEAST_RADIUS, 60 / Math.sqrt(topics.length))),
  }));
  const room = circles.reduce((most, circle) => Math.max(most, circle.r), 0) + 6;
  for (const [axis, length] of [["x", width], ["y", MAP_HEIGHT]]) {
    const places = circles.map((circle) => circle[axis]);
    const [least, most] = [Math.min(...places), Math.max(...places)];
    for (const circle of circles) {
      const share = most > least ? (circle[axis] - least) / (most - least) : 0.5;
      circle[axis] = room + share * (length - 2 * room);
    }
  }
  for (let round = 0; round < 120; round++) {
    for (let i = 0; i < circles.length; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [circles[i], circles[j]];
        let [dx, dy] = [a.x - b.x, a.y - b.y];
        const distance = Math.hypot(dx, dy);
        if (distance === 0) [dx, dy] = [0.01 * (i + 1), 0.01 * (j + 1)];
        const overlap = a.r + b.r + 3 - distance;
        if (overlap <= 0) continue;
        const push = overlap / 2 / Math.max(distance, 0.01) * 0.7;
        a.x += dx * push;
        a.y += dy * push;
        b.x -= dx * push;
        b.y -= dy * push;
      }
    }
    for (const circle of circles) {
      circle.x = clamp(circle.x, circle.r + 3, width - circle.r - 3);
      circle.y = clamp(circle.y, circle.r + 3, MAP_HEIGHT - circle.r - 3);
    }
  }
  return circles;
}

/** The map as an element; choose(topic) when a circle is pressed. */
function topicMap(topics, choose) {
  const picture = svg("svg", { class: "topic-map", id: "map", role: "group", "aria-label": "Map of topics: similar ones are near each other, larger ones are larger", height: MAP_HEIGHT });
  const figure = el("figure", { class: "chart-figure" }, picture);
  const groups = topics.map((topic, number) => {
    const circle = svg("circle", { fill: curveColour(number) });
    const label = svg("text", { "text-anchor": "middle", dy: "0.35em", "aria-hidden": "true" });
    const group = svg("g", { role: "button", tabindex: "-1", "aria-pressed": "false", "aria-label": `Topic ${number + 1}: ${topic.name}, ${percent(topic.share)} of the corpus` },
      svg("title", {}, `${number + 1}: ${topic.name} (${percent(topic.share)})`), circle, label);
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(number);
    });
    return group;
  });
  // Large ones below, so that small ones stay reachable.
  const order = topics.map((_, number) => number).sort((a, b) => topics[b].share - topics[a].share);
  picture.append(...order.map((number) => groups[number]));
  const choice = choices(picture, order.map((number) => groups[number]), { choose: (place) => choose(order[place]) });
  drawnToWidth(figure, (width) => {
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${MAP_HEIGHT}`);
    mapLayout(topics, width).forEach(({ x, y, r }, number) => {
      const [circle, label] = groups[number].querySelectorAll("circle, text");
      circle.setAttribute("cx", x);
      circle.setAttribute("cy", y);
      circle.setAttribute("r", r);
      label.setAttribute("x", x);
      label.setAttribute("y", y);
      // The first term where it fits, else the number, else nothing.
      const term = topics[number].terms.length ? topics[number].terms[0][0] : "";
      const fits = (text) => text.length * 7.2 < 2 * r - 8;
      label.textContent = [term, String(number + 1)].find((text) => text && fits(text)) || "";
    });
  });
  return { figure, mark: (number) => choice.mark(order.indexOf(number)) };
}

/** Height of a field's bars in pixels. */
const BAR_HEIGHT = 220;

/** Stacked bars: for every value of the field the sizes of the topics. */
function fieldBars(field, topics, choose) {
  const readout = el("p", { class: "readout", "aria-live": "polite" }, "Point at a bar, or use the arrow keys, to read it.");
  let current = 0;
  const bars = field.values.map((value, index) => {
    const stack = topics.map((topic, number) => {
      const share = field.shares[index][number];
      const piece = el("span", { class: "piece", "data-topic": number, style: `height:${(share * 100).toFixed(3)}%;background:${curveColour(number)}`, title: `${value} · ${topic.name}: ${percent(share)}` });
      piece.addEventListener("click", () => choose(number));
      return piece;
    });
    const bar = button({ class: "field-bar", "aria-label": value }, el("span", { class: "stack", "aria-hidden": "true" }, stack.reverse()), el("span", { class: "value", "aria-hidden": "true" }, value));
    return bar;
  });
  const list = el("div", { class: "field-bars", id: "field", role: "group", "aria-label": `Topics by ${field.name}`, style: `--bar-height:${BAR_HEIGHT}px` }, bars);
  const say = (index) => {
    const shares = field.shares[index];
    const order = shares.map((_, number) => number).sort((a, b) => shares[b] - shares[a]).slice(0, 3);
    const named = order.includes(current) ? order : [current, ...order.slice(0, 2)];
    readout.textContent = `${field.name} ${field.values[index]}: ` + named.map((number) => `${topics[number].name} ${percent(shares[number])}`).join(" · ");
  };
  choices(list, bars, { choose: say, look: say });
  return {
    figure: el("div", {}, el("h3", { class: "later" }, `Topics by ${field.name}`), list, readout),
    mark(number) {
      current = number;
      for (const piece of list.querySelectorAll(".piece")) piece.classList.toggle("other", Number(piece.dataset.topic) !== number);
    },
  };
}
