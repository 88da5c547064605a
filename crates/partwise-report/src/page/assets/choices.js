// Many buttons as one stop of the keyboard: arrow keys go from one to the next, Home and End to the ends.

/**
 * Makes the buttons of container one choice.
 * `choose(index)` when one is pressed, `look(index)` while one is pointed at or focused, `leave()` after that.
 */
function choices(container, items, { choose, look, leave }) {
  let current = 0;
  const focusable = (index) => {
    items.forEach((item, i) => (item.tabIndex = i === index ? 0 : -1));
    current = index;
  };
  const shown = (index) => !items[index].hidden;
  const columns = () => {
    const top = (item) => item.getBoundingClientRect().top;
    const visible = items.filter((item) => !item.hidden);
    const first = visible.length ? top(visible[0]) : 0;
    return Math.max(visible.filter((item) => top(item) === first).length, 1);
  };
  const step = (from, by) => {
    const visible = items.map((_, i) => i).filter(shown);
    const place = visible.indexOf(from);
    return visible[clamp(place + by, 0, visible.length - 1)];
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
    get current() {
      return current;
    },
  };
}
