"""The picture from its layers."""

import numpy as np
import pytest
from conftest import embedded, numbers, settle


def picture(name):
    section = embedded(name, "section")
    rank = len(section["components"])
    w = numbers(section["w"]).reshape(rank, section["height"])
    h = numbers(section["h"]).reshape(rank, section["channels"] * section["width"])
    shape = (section["height"], section["width"], section["channels"])
    return section, w, h, numbers(section["original"]).reshape(shape)


def layers_sum(section, w, h, count):
    """The reconstruction from the first count components, height × width × channels."""
    values = np.clip(w[:count].T @ h[:count], 0, 1)
    shape = (section["height"], section["channels"], section["width"])
    return values.reshape(shape).transpose(0, 2, 1)


def pixel(page, canvas, x, y):
    return page.evaluate(
        "([id, x, y]) => [...document.getElementById(id).getContext('2d').getImageData(x, y, 1, 1).data]",
        [canvas, x, y],
    )


@pytest.mark.parametrize("name", ["image", "image-one"])
def test_all_components_give_the_psnr_of_the_run(visit, name):
    page = visit(name)
    run = embedded(name, "run")
    shown = float(page.locator("#psnr").get_attribute("data-value"))
    assert shown == pytest.approx(run["psnr_db"], abs=1e-3)
    assert page.locator("#psnr").text_content() == f"{run['psnr_db']:.2f}\u00a0dB"
    assert page.locator("#count").text_content() == f"{run['rank']} of {run['rank']}"


def test_the_slider_recomputes_the_picture(visit):
    page = visit("image")
    section, w, h, original = picture("image")
    slider = page.locator("input[type=range]")
    slider.focus()
    # Down to 3, up to 5, to the ends: layers are taken away, added, and summed anew.
    for key, count in [("ArrowLeft", 7), *[("ArrowLeft", c) for c in (6, 5, 4, 3)],
                       ("ArrowRight", 4), ("Home", 1), ("End", 8)]:  # fmt: skip
        page.keyboard.press(key)
        settle(page)
        assert page.locator("#count").text_content() == f"{count} of 8"
        expected = layers_sum(section, w, h, count)
        psnr = -10 * np.log10(np.mean((expected - original) ** 2))
        shown = float(page.locator("#psnr").get_attribute("data-value"))
        assert shown == pytest.approx(psnr, abs=1e-3)
        for x, y in [(0, 0), (50, 30), (95, 63)]:
            wanted = 255 * expected[y, x]
            assert np.abs(pixel(page, "reconstruction", x, y)[:3] - wanted).max() <= 0.51
    assert pixel(page, "original", 50, 30)[:3] == list(np.rint(255 * original[30, 50]))
    assert page.locator(".tile.unused").count() == 0
    page.keyboard.press("Home")
    settle(page)
    assert page.locator(".tile.unused").count() == 7


def test_the_divider_follows_pointer_and_keys(visit):
    page = visit("image")
    divider = page.locator("#divider")
    at = lambda: int(divider.get_attribute("aria-valuenow"))  # noqa: E731
    assert at() == 50
    box = page.locator(".stage").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=4)
    page.mouse.up()
    assert at() == 80
    page.mouse.move(box["x"] + 0.1 * box["width"], middle)
    assert at() == 80
    page.keyboard.press("ArrowLeft")
    assert at() == 78
    page.keyboard.press("End")
    assert at() == 100
    page.keyboard.press("Home")
    assert at() == 0
    clip = page.locator("#reconstruction").evaluate("(e) => e.style.clipPath")
    assert clip == "inset(0px 0px 0px 0%)"


def test_pointing_at_a_layer_shows_where_it_acts(visit):
    page = visit("image")
    section, w, h, _ = picture("image")
    light = page.locator("#light")
    tiles = page.locator(".tile")
    assert light.is_hidden()
    tiles.nth(2).hover()
    assert light.is_visible()
    across = h[2].reshape(section["channels"], -1).sum(axis=0)
    x, y = int(across.argmax()), int(w[2].argmax())
    assert pixel(page, "light", x, y)[3] <= 1
    dark = np.unravel_index(np.outer(w[2], across).argmin(), (section["height"], section["width"]))
    assert pixel(page, "light", int(dark[1]), int(dark[0]))[3] > 150
    page.mouse.move(2, 2)
    assert light.is_hidden()
    tiles.nth(2).click()
    page.mouse.move(2, 2)
    page.keyboard.press("Tab")
    assert light.is_visible() and tiles.nth(2).get_attribute("aria-pressed") == "true"
    tiles.nth(2).click()
    page.mouse.move(2, 2)
    page.keyboard.press("Tab")
    assert light.is_hidden()
    tiles.nth(0).focus()
    page.keyboard.press("ArrowRight")
    assert light.is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Layer 2,")


def test_layers_come_strongest_first(visit):
    page = visit("image")
    shares = embedded("image", "section")["shares"]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert page.locator(".tile").first.text_content() == f"1: {100 * shares[0]:.1f}\u00a0%"


def test_quality_by_size_is_drawn_where_it_is_known(visit):
    page = visit("image")
    assert page.locator("#rate .chart").count() == 2
    assert page.locator("#rate .legend").first.locator("li").count() == 3
    chart = page.locator("#rate .chart").first
    chart.focus()
    page.keyboard.press("Home")
    words = page.locator("#rate .readout").first.text_content()
    assert words == "NMF · size 800\u00a0bytes · PSNR in dB 19.10 · step 1"
    assert visit("image-one").locator("#rate").count() == 0


def test_a_large_picture_is_made_smaller(visit):
    page = visit("image-large")
    section, w, h, original = picture("image-large")
    assert "instead of 1600 × 1200" in page.locator("#result").text_content()
    slider = page.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    expected = layers_sum(section, w, h, 199)
    psnr = -10 * np.log10(np.mean((expected - original) ** 2))
    shown = float(page.locator("#psnr").get_attribute("data-value"))
    assert shown == pytest.approx(psnr, abs=0.01)
