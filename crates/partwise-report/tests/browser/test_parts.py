"""Pictures and their parts."""

import numpy as np
import pytest
from conftest import embedded, numbers


def parts(name):
    section = embedded(name, "section")
    count, rank = len(section["names"]), section["rank"]
    pixels = section["width"] * section["height"]
    return (
        section,
        numbers(section["w"]).reshape(count, rank),
        numbers(section["h"]).reshape(rank, pixels),
        numbers(section["images"]).reshape(count, pixels),
    )


def canvas(page, selector):
    return np.array(
        page.locator(selector).evaluate(
            "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
    ).reshape(-1, 4)[:, 0]


def test_a_picture_is_shown_as_a_sum(visit):
    page = visit("parts")
    section, w, h, images = parts("parts")
    assert "400 of the 900 pictures" in page.locator("#result").text_content()
    page.locator("#images .tile").nth(5).click()
    assert page.locator("#detail h3").text_content() == section["names"][5]
    assert section["names"][5] == "face-0011.png"
    brightness = w[5] * h.sum(axis=1)
    order = [c for c in np.argsort(-brightness) if w[5, c] > 0]
    terms = page.locator("#detail .sum li")
    assert [int(part) for part in terms.evaluate_all("(e) => e.map((i) => i.dataset.part)")] == order
    shown = [float(v) for v in terms.evaluate_all("(e) => e.map((i) => i.dataset.weight)")]
    assert shown == pytest.approx(list(w[5, order] * h[order].max(axis=1) / section["white"]), rel=1e-6)
    gain = 255 / section["white"]
    assert np.abs(canvas(page, "#sum") - np.clip(gain * (w[5] @ h), 0, 255)).max() <= 0.51
    assert np.abs(canvas(page, "#picture") - gain * images[5]).max() <= 0.51


def test_a_part_brings_forward_what_holds_it(visit):
    page = visit("parts")
    section, w, _, _ = parts("parts")
    page.locator("#parts .tile").nth(3).click()
    names = page.locator("#images .tile").evaluate_all("(e) => e.map((i) => i.title)")
    weights = [w[section["names"].index(name), 3] for name in names]
    assert weights == sorted(weights, reverse=True)
    assert page.locator("#parts .tile").nth(3).get_attribute("aria-pressed") == "true"
    # The arrow keys follow the order that is seen.
    page.locator("#images .tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#detail h3").text_content() == names[1]
    page.get_by_role("button", name="As they came").click()
    again = page.locator("#images .tile").evaluate_all("(e) => e.map((i) => i.title)")
    assert again == section["names"]


def test_a_part_in_the_sum_leads_to_its_pictures(visit):
    page = visit("parts")
    page.locator("#detail .sum .tile").first.click()
    part = page.locator("#detail .sum li").first.get_attribute("data-part")
    assert page.locator("#parts .tile").nth(int(part)).get_attribute("aria-pressed") == "true"


def test_one_picture_of_one_part_works(visit):
    page = visit("parts-one")
    assert page.locator("#images .tile").count() == 1
    assert page.locator("#parts .tile").count() == 1
    assert "To keep this file small" not in page.locator("#result").text_content()
