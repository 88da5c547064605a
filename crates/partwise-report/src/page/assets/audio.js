// Hears any of the components: mute and solo change the mix, which is computed here.

const MIXER = makeMixer(SECTION);
const PLAYER = makePlayer(SECTION.sampleRate, () => SHOW.state());
/** What follows the player; filled below. */
const SHOW = { state() {}, mix() {} };

/** Which components are heard: not muted, and soloed if any is. */
const desk = (() => {
  const all = Array.from({ length: MIXER.parts }, (_, c) => c);
  const muted = new Set();
  const soloed = new Set();
  /** Switches all of them if not all are on yet, else off. */
  const toggle = (set, components) => {
    const on = components.every((c) => set.has(c));
    for (const c of components) {
      if (on) set.delete(c);
      else set.add(c);
    }
  };
  return {
    mute: (components) => toggle(muted, components),
    solo: (components) => toggle(soloed, components),
    isMuted: (components) => components.length > 0 && components.every((c) => muted.has(c)),
    isSoloed: (components) => components.length > 0 && components.every((c) => soloed.has(c)),
    clear() {
      muted.clear();
      soloed.clear();
    },
    heard: () => all.filter((c) => !muted.has(c) && (soloed.size === 0 || soloed.has(c))),
  };
})();

/** Play, seek, save. */
function transport(duration) {
  const play = button({ class: "play", id: "play", onclick: () => (PLAYER.playing ? PLAYER.pause() : begin()) }, "Play");
  const id = freshId("position");
  const position = el("input", { type: "range", id, class: "position", min: 0, max: duration, step: "any", value: 0, "aria-label": "Position in seconds" });
  const time = el("output", { for: id, class: "reading", id: "time" });
  const said = el("p", { class: "quiet small", role: "status", id: "heard" });
  const save = button({ id: "save", onclick: () => {
    const link = el("a", { href: URL.createObjectURL(wavFile(PLAYER.samples, SECTION.sampleRate)), download: "mix.wav" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } }, "Save the mix");
  const begin = () => {
    try {
      PLAYER.play();
    } catch (reason) {
      said.textContent = `This browser cannot play it: ${reason.message}`;
    }
  };
  position.addEventListener("input", () => PLAYER.seek(Number(position.value)));
  // The browser's own step of a seamless range is too small for a key.
  position.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    PLAYER.seek(PLAYER.time + (steps[event.key] * duration) / 60);
  });
  return {
    element: [el("div", { class: "controls transport" }, play, position, time, save), said],
    state(now) {
      play.textContent = PLAYER.playing ? "Pause" : "Play";
      position.value = now;
      position.setAttribute("aria-valuetext", `${decimal(now, 3)} seconds`);
      time.textContent = `${clock(now)} / ${clock(duration)}`;
    },
    say: (words) => (said.textContent = words),
  };
}

/** Mute and solo of some components; refresh() shows their state. */
function switches(components, name) {
  const make = (word, act, state) => {
    const one = button({ class: "switch", title: word, "aria-label": `${word} ${name}`, "aria-pressed": "false", onclick: () => {
      act(components);
      SHOW.mix();
    } }, word[0]);
    return { element: one, refresh: () => one.setAttribute("aria-pressed", String(state(components))) };
  };
  const [mute, solo] = [make("Mute", desk.mute, desk.isMuted), make("Solo", desk.solo, desk.isSoloed)];
  return {
    element: el("span", { class: "switches" }, mute.element, solo.element),
    refresh() {
      mute.refresh();
      solo.refresh();
    },
  };
}

(() => {
  const { rank, notes } = SECTION;
  const { parts } = MIXER;
  const nameOf = (c) => (MIXER.isStrokes(c) ? "strokes" : `component ${c + 1}`);
  // Sources of one component each would only say everything twice.
  const sources = SECTION.sources.some((source) => source.components.length > 1) ? SECTION.sources : [];
  PLAYER.samples = MIXER.samples;
  const { duration } = PLAYER;
  const seek = (seconds) => PLAYER.seek(seconds);
  const controls = transport(duration);
  const picture = spectrogram(SECTION, MIXER, duration, seek);
  const roll = notes.length ? pianoRoll(SECTION, duration, seek) : null;
  const refreshed = [];
  const rows = [];

  const sourceOf = (c) => sources.filter((source) => source.components.includes(c)).map((source) => source.name).join(", ");
  const sourceItems = sources.map((source) => {
    const both = switches(source.components, `source ${source.name}`);
    refreshed.push(both);
    return el("li", {}, both.element, el("strong", {}, source.name), el("span", { class: "quiet" }, plural(source.components.length, "component")));
  });
  const items = Array.from({ length: parts }, (_, c) => {
    const both = switches([c], nameOf(c));
    refreshed.push(both);
    const row = el("li", { "data-component": c }, both.element,
      el("span", { class: "name" }, el("span", { class: "swatch", style: `background:${curveColour(c)}`, "aria-hidden": "true" }), MIXER.isStrokes(c) ? "strokes" : String(c + 1), el("span", { class: "quiet" }, ` ${sourceOf(c)}`)),
      sparkline(spectrumLine(SECTION, MIXER.spectrum(c)), `Spectrum of ${nameOf(c)}`, c),
      sparkline(stretchMaxima(MIXER.activation(c), 300), `Activation of ${nameOf(c)} over time`, c));
    rows.push(row);
    return row;
  });
  const reset = button({ id: "everything", onclick: () => {
    desk.clear();
    SHOW.mix();
  } }, "Hear everything");

  const showTime = () => {
    const now = PLAYER.time;
    controls.state(now);
    picture.at(now);
    if (roll) roll.at(now);
    if (PLAYER.playing) requestAnimationFrame(showTime);
  };
  SHOW.state = showTime;
  const remix = oncePerFrame(() => {
    const heard = desk.heard();
    const { samples, mask } = MIXER.mix(heard);
    PLAYER.load(samples);
    picture.show(mask);
    const components = heard.filter((c) => !MIXER.isStrokes(c));
    const few = `component${components.length === 1 ? "" : "s"} ${components.map((c) => c + 1).join(", ")}`;
    const tones = components.length <= 8 ? few : `${components.length} of ${rank} components`;
    const names = [...(components.length ? [tones] : []), ...heard.filter(MIXER.isStrokes).map(nameOf)].join(" and ");
    controls.say(heard.length === parts ? "You hear everything." : heard.length ? `You hear ${names}.` : "You hear nothing: everything is muted.");
    rows.forEach((row, c) => row.classList.toggle("silent", !heard.includes(c)));
    RESULT.querySelectorAll(".sounding").forEach((note) => note.classList.toggle("silent", !heard.includes(Number(note.dataset.component))));
    reset.disabled = heard.length === parts;
  });
  SHOW.mix = () => {
    for (const both of refreshed) both.refresh();
    remix();
  };

  const { least, most } = pitchScale(SECTION);
  dress(RESULT, {}, [
    SECTION.remarks.map((remark) => note(remark)),
    controls.element, picture.element, picture.key,
    roll ? [el("h3", { class: "later" }, "Notes"), roll.element] : "",
    sources.length ? [el("h3", { class: "later" }, "Sources"), el("ul", { class: "desk sources", id: "sources" }, sourceItems)] : "",
    el("div", { class: "controls later tight" }, el("h3", {}, `${rank === 1 ? "The component" : `The ${rank} components`}${parts > rank ? ", and the strokes set aside" : ""}`), reset),
    el("p", { class: "quiet small" }, "M mutes, S solos. Left the spectrum, ", `${Math.round(least)} to ${Math.round(most)} Hz evenly in pitch; right when it sounds, 0 to ${decimal(duration, 3)} s. Each is drawn up to its own maximum.`),
    el("ul", { class: "desk", id: "components" }, items),
  ]);
  SHOW.mix();
  showTime();
})();
