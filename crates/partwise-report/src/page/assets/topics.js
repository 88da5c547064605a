// Topics: a list and a map to choose from, and what the chosen one is about.

/** Terms that are drawn as bars. */
const SHOWN_TERMS = 15;

/** A topic's terms as bars, and its figures. */
function describeTopic(place, topic, number) {
  const terms = topic.terms.slice(0, SHOWN_TERMS);
  const most = terms.reduce((largest, [, weight]) => Math.max(largest, weight), 0);
  const rows = terms.map(([term, weight]) =>
    el("li", { "data-weight": weight }, el("span", { class: "term" }, term),
      el("span", { class: "track" }, el("span", { class: "bar", style: `width:${most > 0 ? (100 * weight) / most : 0}%;background:${curveColour(number)}` })),
      el("span", { class: "weight" }, decimal(weight, 3))));
  place.replaceChildren(
    el("h3", {}, `Topic ${number + 1}: ${topic.name}`),
    el("p", { class: "quiet small" }, `${percent(topic.share)} of the corpus, coherence (NPMI) ${decimal(topic.npmi, 3)}`),
    terms.length ? el("ol", { class: "terms", id: "terms" }, rows) : note("No term is in this topic."));
}

(() => {
  const { topics } = SECTION;
  const detail = el("div", { class: "detail", id: "topic", "aria-live": "polite" });
  const largest = topics.reduce((most, topic) => Math.max(most, topic.share), 0);
  const items = topics.map((topic, number) =>
    button({ class: "topic-item", "aria-pressed": "false" },
      el("span", { class: "swatch", style: `background:${curveColour(number)}`, "aria-hidden": "true" }),
      el("span", { class: "name" }, `${number + 1}: ${topic.name}`),
      el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "bar", style: `width:${largest > 0 ? (100 * topic.share) / largest : 0}%;background:${curveColour(number)}` })),
      el("span", { class: "weight" }, percent(topic.share))));
  const list = el("div", { class: "topic-list scroller", id: "topics", role: "group", "aria-label": "Topics" }, items);
  const views = [];
  const choose = (number) => {
    listChoice.mark(number);
    items[number].scrollIntoView({ block: "nearest", inline: "nearest" });
    describeTopic(detail, topics[number], number);
    for (const view of views) view.mark(number);
  };
  const listChoice = choices(list, items, { choose });
  const map = topicMap(topics, choose);
  const documents = documentList(SECTION, choose);
  views.push(map, documents);
  RESULT.append(
    el("p", { class: "quiet" }, `${plural(topics.length, "topic")} of ${plural(SECTION.totalDocuments, "document")}; mean coherence (NPMI) ${decimal(SECTION.coherence, 3)}, diversity of the terms ${percent(SECTION.diversity)}.`),
    el("div", { class: "beside even" },
      el("div", {}, map.figure, el("p", { class: "quiet small" }, "Similar topics are near each other; a circle's area is the topic's share.")),
      list),
    el("div", { class: "later" }, detail));
  if (SECTION.field && SECTION.field.values.length) {
    const field = fieldBars(SECTION.field, topics, choose);
    views.push(field);
    RESULT.append(field.figure);
  }
  RESULT.append(documents.element);
  let start = 0;
  topics.forEach((topic, number) => {
    if (topic.share > topics[start].share) start = number;
  });
  // Before the page is laid out nothing can scroll, which would move the page.
  listChoice.mark(start);
  describeTopic(detail, topics[start], start);
  for (const view of views) view.mark(start);
})();
