// The documents of a topic, and a search over documents and terms.

const PAGE_OF_DOCUMENTS = 10;
/** Terms that a search lists at most. */
const FOUND_TERMS = 24;

/** The text with every occurrence of the words marked; words are in lower case. */
function marked(text, words) {
  const lower = text.toLowerCase();
  // Lower case may change the length, as of İ: then places do not agree, and nothing is marked.
  if (!words.length || lower.length !== text.length) return [text];
  const pieces = [];
  let from = 0;
  while (from < text.length) {
    let [place, length] = [-1, 0];
    for (const word of words) {
      const found = lower.indexOf(word, from);
      if (found >= 0 && (place < 0 || found < place || (found === place && word.length > length))) [place, length] = [found, word.length];
    }
    if (place < 0) break;
    pieces.push(text.slice(from, place), el("mark", {}, text.slice(place, place + length)));
    from = place + length;
  }
  pieces.push(text.slice(from));
  return pieces;
}

/** Documents of the chosen topic or of a search; choose(topic) where a topic is named. */
function documentList(section, choose) {
  const { topics, documents } = section;
  const haystacks = documents.map((d) => `${d.id}\n${d.text}\n${d.field || ""}`.toLowerCase());
  const id = freshId("search");
  const search = el("input", { type: "search", id, placeholder: "words or terms", autocomplete: "off", spellcheck: "false" });
  const onlyTopic = el("input", { type: "checkbox", id: freshId("only") });
  const said = el("p", { class: "quiet small", id: "found", role: "status" });
  const terms = el("div", { class: "found-terms", id: "found-terms" });
  const list = el("ol", { class: "documents", id: "documents" });
  const more = button({ id: "more" }, "Show more");
  let topic = 0;
  let shown = PAGE_OF_DOCUMENTS;

  const weight = (number, of) => {
    const entry = documents[number].weights.find(([t]) => t === of);
    return entry ? entry[1] : 0;
  };
  const words = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);

  const entry = (number, wanted) => {
    const one = documents[number];
    const shares = one.weights.filter(([, share]) => share > 0).slice(0, 4).map(([t, share]) =>
      button({ class: "share", onclick: () => choose(t), title: topics[t].name },
        el("span", { class: "swatch", style: `background:${curveColour(t)}`, "aria-hidden": "true" }), `${t + 1}: ${percent(share)}`));
    const heading = [el("strong", {}, marked(one.id, wanted))];
    if (one.field) heading.push(el("span", { class: "quiet" }, ` ${section.field ? section.field.name + " " : ""}`, marked(one.field, wanted)));
    return el("li", {}, el("div", {}, heading), el("p", {}, marked(one.text, wanted)), el("div", { class: "shares", "aria-label": "topics" }, shares));
  };

  const foundTerms = (wanted) => {
    if (!wanted.length) return [];
    const hits = [];
    topics.forEach((one, t) => one.terms.forEach(([term], place) => {
      const lower = term.toLowerCase();
      if (wanted.some((word) => lower.includes(word))) hits.push({ t, term, place });
    }));
    hits.sort((a, b) => a.place - b.place);
    return hits.slice(0, FOUND_TERMS);
  };

  const draw = () => {
    const wanted = words();
    const limited = !wanted.length || onlyTopic.checked;
    let found = documents.map((_, number) => number).filter((number) => wanted.every((word) => haystacks[number].includes(word)));
    if (limited) {
      found = found.filter((number) => weight(number, topic) > 0);
      const typical = topics[topic].typical;
      const rank = (number) => (typical.includes(number) ? typical.indexOf(number) : typical.length);
      found.sort((a, b) => rank(a) - rank(b) || weight(b, topic) - weight(a, topic));
    }
    const hits = foundTerms(wanted);
    terms.replaceChildren(...hits.map(({ t, term, place }) =>
      button({ class: "share", onclick: () => choose(t) }, el("span", { class: "swatch", style: `background:${curveColour(t)}`, "aria-hidden": "true" }),
        el("span", {}, marked(term, wanted), ` – term ${place + 1} of topic ${t + 1}`))));
    const where = limited ? ` of topic ${topic + 1}` : "";
    said.textContent = wanted.length
      ? `${plural(found.length, "document")}${where} with these words; ${hits.length === FOUND_TERMS ? "the first " : ""}${plural(hits.length, "term")}.`
      : `${plural(found.length, "document")}${where}, the most typical first.`;
    list.replaceChildren(...found.slice(0, shown).map((number) => entry(number, wanted)));
    more.hidden = found.length <= shown;
  };
  const restart = () => {
    shown = PAGE_OF_DOCUMENTS;
    draw();
  };
  search.addEventListener("input", restart);
  onlyTopic.addEventListener("change", restart);
  more.addEventListener("click", () => {
    const next = shown;
    shown += PAGE_OF_DOCUMENTS;
    draw();
    // What was pressed may be gone: the keyboard goes on at the first document that is new.
    const first = list.children[next];
    if (first) {
      first.tabIndex = -1;
      first.focus({ preventScroll: true });
    }
  });

  const heading = el("h3", {}, "Documents");
  const element = el("div", { class: "later" }, heading,
    el("div", { class: "controls" },
      el("label", { for: id }, "Search"), search,
      el("label", {}, onlyTopic, "only in the chosen topic")),
    said, terms, list, more);
  if (documents.length < section.totalDocuments) {
    element.append(note(`To keep this file small, it holds ${plural(documents.length, "document")} of ${section.totalDocuments}: the typical ones of each topic, and others evenly spread.`));
  }
  return {
    element,
    mark(number) {
      topic = number;
      restart();
    },
  };
}
