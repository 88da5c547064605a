"""What must hold on every page, wide and narrow, light and dark."""

import pytest
from conftest import DESK, PAGES, PHONE, SCREENSHOTS, embedded, wait

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">&amp;<!--"
NAMES = sorted(path.stem for path in PAGES.glob("*.html"))
KINDS = ["image", "parts", "topics", "audio", "survey", "plain"]
# The style sheets are the same on every page, so that the odd ones need not be seen in every way.
SEEN = [
    (name, size, scheme)
    for name in NAMES
    for size in ["desk", "phone"]
    for scheme in ["light", "dark"]
    if name in KINDS or (size == "phone") == (scheme == "dark")
]
SIZES = {"desk": DESK, "phone": PHONE}

# Every text that is seen, with its contrast against what is painted behind it.
CONTRASTS = """() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const over = (top, below) => top.rgb.map((v, i) => v * top.a + below[i] * (1 - top.a));
  const light = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const element = walk.currentNode.parentElement;
    const seen = element.checkVisibility({ visibilityProperty: true });
    if (!text || !seen || element.closest("script, style, :disabled, .skip, title")) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const ink = over(parse(element instanceof SVGElement ? style.fill : style.color), back);
    const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
    found.push({ text: text.slice(0, 40), ratio: (a + 0.05) / (b + 0.05) });
  }
  return found;
}"""


@pytest.mark.parametrize(("name", "size", "scheme"), SEEN)
def test_nothing_overflows_and_all_text_is_readable(visit, name, size, scheme):
    size = SIZES[size]
    page = visit(name, size, scheme)
    across = page.evaluate("document.documentElement.scrollWidth")
    assert across <= size["width"], f"{across} pixels wide"
    texts = page.evaluate(CONTRASTS)
    assert len(texts) > 20
    faint = [text for text in texts if text["ratio"] < 4.5]
    assert not faint, faint
    if SCREENSHOTS:
        path = SCREENSHOTS / f"{name}-{size['width']}-{scheme}.png"
        page.screenshot(path=path, full_page=True)


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_below_five_megabytes_and_ask_for_nothing(name):
    data = (PAGES / f"{name}.html").read_bytes()
    assert len(data) < 5_000_000, f"{len(data)} bytes"
    text = data.decode()
    assert "default-src 'none'" in text
    assert text.count("<script") == text.count("</script>") <= 3


@pytest.mark.parametrize("name", ["image-one", "image", "parts", "topics", "audio", "survey", "plain"])
def test_hostile_words_are_words(visit, name):
    page = visit(name)
    assert HOSTILE in page.locator("body").text_content()
    assert page.title() != "broken"
    assert page.locator("img").count() == 0


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(visit):
    for name in ["image", "parts", "topics", "audio", "survey"]:
        page = visit(name)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, input, [role=slider], [role=button]")]
                 .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
                 .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert nameless == []
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            place = page.evaluate(
                """() => { const e = document.activeElement; const style = getComputedStyle(e);
                     return [e.id || e.getAttribute("class") || e.tagName,
                       style.outlineStyle !== "none" || (e instanceof SVGElement)]; }"""
            )
            reached.append(place[0])
            if place[0] == "BODY":
                break
            assert place[1], f"{place[0]} shows no focus on {name}"
        wanted = {
            "image": ["divider", "tile", "chart", "copy"],
            "parts": ["tile", "copy"],
            "topics": ["topic-item", "share", "more", "copy"],
            "audio": ["play", "save", "switch", "copy"],
            "survey": ["rank", "share", "chart", "copy"],
        }[name]
        assert set(wanted) <= set(reached), reached


def test_the_command_is_exact_and_can_be_copied(visit):
    page = visit("plain")
    quoted = HOSTILE.replace("'", "'\\''")
    assert page.locator("#command").text_content() == f"'{quoted}' 'it'\\''s' 'a b'"
    page.locator("#copy").click()
    wait(page, "document.getElementById('copied').textContent !== ''")
    assert page.locator("#copied").text_content() in (
        "Copied.",
        "Selected: press Ctrl+C or ⌘C to copy.",
    )


def test_the_convergence_can_be_read_by_keyboard_and_pointer(visit):
    page = visit("plain")
    trace = embedded("plain", "run")["trace"]
    chart = page.locator("#convergence .chart").first
    readout = page.locator("#convergence .readout").first
    chart.focus()
    page.keyboard.press("End")
    last = trace[-1]
    words = readout.text_content()
    assert f"iteration {last['iteration']}" in words
    assert f"objective {last['objective']:.2f}" in words
    page.keyboard.press("ArrowLeft")
    assert f"iteration {trace[-2]['iteration']}" in readout.text_content()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 71, box["y"] + 20)
    assert "iteration 0" in readout.text_content()
