"""Topics, their terms, their documents."""

from conftest import embedded

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">&amp;<!--"


def chosen(page):
    """The number of the chosen topic in the list, on the map and in the heading."""
    places = []
    for group in ["#topics .topic-item", "#map g"]:
        pressed = page.locator(f"{group}[aria-pressed=true]")
        assert pressed.count() == 1
        text = pressed.get_attribute("aria-label") or pressed.text_content()
        places.append(int(text.replace("Topic ", "").split(":")[0]))
    heading = page.locator("#topic h3").text_content()
    places.append(int(heading.removeprefix("Topic ").split(":")[0]))
    assert len(set(places)) == 1, places
    return places[0] - 1


def test_the_largest_topic_is_shown_first_and_others_on_request(visit):
    page = visit("topics")
    section = embedded("topics", "section")
    shares = [topic["share"] for topic in section["topics"]]
    assert chosen(page) == shares.index(max(shares))
    page.locator("#topics .topic-item").nth(2).click()
    assert chosen(page) == 2
    terms = page.locator("#terms li")
    wanted = section["topics"][2]["terms"]
    assert terms.locator(".term").all_text_contents() == [term for term, _ in wanted]
    widths = terms.locator(".bar").evaluate_all("(e) => e.map((b) => parseFloat(b.style.width))")
    assert widths[0] == 100
    assert abs(widths[3] - 100 * wanted[3][1] / wanted[0][1]) < 0.01


def test_the_map_chooses_by_pointer_and_keys(visit):
    page = visit("topics")
    page.locator("#map g[aria-label^='Topic 6:'] circle").click()
    assert chosen(page) == 5
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert chosen(page) != 5
    circles = page.locator("#map circle").evaluate_all(
        "(e) => e.map((c) => ['cx', 'cy', 'r'].map((n) => Number(c.getAttribute(n))))"
    )
    box = page.locator("#map").bounding_box()
    for x, y, r in circles:
        assert r - 1 <= x <= box["width"] - r + 1 and r - 1 <= y <= box["height"] - r + 1


def test_documents_of_a_topic_come_typical_first(visit):
    page = visit("topics")
    section = embedded("topics", "section")
    page.locator("#topics .topic-item").nth(4).click()
    typical = [section["documents"][d]["id"] for d in section["topics"][4]["typical"]]
    names = page.locator("#documents strong").all_text_contents()
    assert names[: len(typical)] == typical
    assert len(names) == 10
    page.locator("#more").click()
    assert page.locator("#documents li").count() == 20
    assert page.evaluate("document.activeElement.tagName") == "LI"
    assert "240 documents of 1240" in page.locator("#result").text_content()


def test_search_finds_documents_and_terms(visit):
    page = visit("topics")
    section = embedded("topics", "section")
    word = section["topics"][3]["terms"][0][0]
    page.locator("input[type=search]").fill(word.upper())
    hits = [d for d in section["documents"] if word in d["text"]]
    assert page.locator("#found").text_content().startswith(f"{len(hits)} documents with these words; ")
    assert page.locator("#documents mark").first.text_content() == word
    term = page.locator("#found-terms button").first
    assert term.text_content() == f"{word} – term 1 of topic 4"
    term.click()
    assert chosen(page) == 3
    page.locator("input[type=search]").fill("no such word")
    assert page.locator("#documents li").count() == 0
    assert page.locator("#found").text_content() == "0 documents with these words; 1 term." or (
        page.locator("#found").text_content().startswith("0 documents")
    )
    page.locator("input[type=search]").fill("<img")
    assert page.locator("#documents p").first.text_content() == HOSTILE
    assert page.locator("#documents mark").first.text_content() == "<img"


def test_sizes_over_the_field_are_read_by_keys_and_choose_topics(visit):
    page = visit("topics")
    section = embedded("topics", "section")
    bars = page.locator("#field .field-bar")
    assert bars.count() == 8
    bars.first.focus()
    page.keyboard.press("ArrowRight")
    readout = page.locator("#result .readout").last.text_content()
    shares = section["field"]["shares"][1]
    largest = shares.index(max(shares))
    assert readout.startswith("year 1991: ")
    assert f"{section['topics'][largest]['name']} {100 * shares[largest]:.1f}\u00a0%" in readout
    page.locator(f"#field .piece[data-topic='{largest}']").nth(1).click()
    assert chosen(page) == largest
    heights = bars.nth(1).locator(".piece").evaluate_all("(e) => e.map((p) => parseFloat(p.style.height))")
    assert abs(sum(heights) - 100) < 0.1


def test_one_topic_of_one_document_works(visit):
    page = visit("topics-one")
    assert chosen(page) == 0
    assert page.locator("#documents li").count() == 1
    assert page.locator("#field").count() == 0
    assert page.locator("#more").is_hidden()
