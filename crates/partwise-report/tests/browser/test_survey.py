"""A survey of ranks."""

from collections import Counter

import pytest
from conftest import embedded


def shown(page):
    return page.locator("#rank-shown").text_content()


def moves(section, at):
    """The samples that do not go where most of their component goes, each component taking one at most."""
    before, after = section["ranks"][at - 1 : at + 1]
    pairs = Counter(zip(before["groups"], after["groups"], strict=True))
    goes, taken = {}, set()
    for (a, b), _ in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        if a not in goes and b not in taken:
            goes[a] = b
            taken.add(b)
    return sum(count for (a, b), count in pairs.items() if goes.get(a) != b)


def test_the_slider_goes_through_the_ranks(visit):
    page = visit("survey")
    section = embedded("survey", "section")
    assert shown(page) == "rank 4, the one that was chosen"
    page.locator("#rank").focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == "rank 5"
    assert page.locator("#rank").get_attribute("aria-valuetext") == "rank 5"
    items = page.locator("#components .components > li")
    assert items.count() == 5
    sizes = [int(size) for size in items.evaluate_all("(e) => e.map((i) => i.dataset.size)")]
    groups = Counter(section["ranks"][3]["groups"])
    assert sizes == [groups[t] for t in range(5)]
    stability = items.evaluate_all("(e) => e.map((i) => Number(i.dataset.stability))")
    assert stability == pytest.approx([one["stability"] for one in section["ranks"][3]["components"]])
    row = page.locator("#said tr[data-method=cv]")
    value = dict(section["curves"][0]["points"])[5]
    assert f"{value:.4f}" in row.text_content()
    page.keyboard.press("Home")
    assert shown(page) == "rank 2"
    assert page.locator("#moves").text_content() == ""
    page.get_by_role("button", name="cv proposes rank 4: show it").click()
    assert shown(page) == "rank 4, the one that was chosen"


def test_samples_that_move_are_counted_and_named(visit):
    page = visit("survey")
    section = embedded("survey", "section")
    for at in (1, 2, 3, 4):
        page.locator("#rank").fill(str(at))
        expected = moves(section, at)
        assert page.locator("#moved").get_attribute("data-count") == str(expected)
        counts = page.locator(".flow path").evaluate_all("(e) => e.map((i) => Number(i.dataset.count))")
        assert sum(counts) == len(section["samples"])
        page.locator("summary").click()
        names = page.locator(".movers li")
        assert names.count() == min(expected, 60) > 0
        first = names.first
        name = first.locator(".term").text_content()
        sample = section["samples"].index(name)
        before, after = section["ranks"][at - 1 : at + 1]
        assert first.get_attribute("data-from") == str(before["groups"][sample])
        assert first.get_attribute("data-to") == str(after["groups"][sample])


def test_one_rank_needs_no_slider(visit):
    page = visit("survey-one")
    assert page.locator("#rank").is_disabled()
    assert page.locator("#components .components > li").count() == 1
