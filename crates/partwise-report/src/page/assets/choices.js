// Many buttons as one stop of the keyboard: arrow keys go from one to the next, Home and End to the ends.

/**
 * Makes the buttons of container one choice.
 * `choose(index)` when one is pressed, `look(index)` while one is pointed at or focused, `leave()` after that.
 */
function choices(container, items, { choose, look, leave }) {
  const focusable = (index) => {
    items.forEach((item, i) => item.setAttribute("tabindex", i === index ? "0" : "-1"));
  };
  /** The indices as they stand on the page, which may be another order than that of items. */
  const inOrder = () => items.map((_, index) => index).sort((a, b) =>
    items[a].compareDocumentPosition(items[b]) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  const columns = () => {
    const top = (item) => item.getBoundingClientRect().top;
    const first = top(items[inOrder()[0]]);
    return Math.max(items.filter((item) => top(item) === first).length, 1);
  };
  const step = (from, by) => {
    const order = inOrder();
    return order[clamp(order.indexOf(from) + by, 0, order.length - 1)];
  };
  container.addEventListener("keydown", (event) => {
    const at = items.indexOf(event.target);
    if (at < 0) return;
    const all = items.length;
    const moves = {
      ArrowRight: () => step(at, 1),
      ArrowLeft: () => step(at, -1),
      ArrowDown: () => step(at, columns()),
      ArrowUp: () => step(at, -columns()),
      Home: () => step(at, -all),
      End: () => step(at, all),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const to = move();
    focusable(to);
    items[to].focus();
  });
  items.forEach((item, index) => {
    item.setAttribute("tabindex", "-1");
    item.addEventListener("click", () => {
      focusable(index);
      if (choose) choose(index);
    });
    item.addEventListener("focus", () => {
      focusable(index);
      if (look) look(index);
    });
    if (look) item.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && look(index));
    if (leave) {
      item.addEventListener("blur", leave);
      item.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && leave());
    }
  });
  if (items.length) focusable(0);
  return {
    /** Marks one as chosen, or none with −1. */
    mark(index) {
      items.forEach((item, i) => item.setAttribute("aria-pressed", String(i === index)));
      if (index >= 0) focusable(index);
    },
  };
}
