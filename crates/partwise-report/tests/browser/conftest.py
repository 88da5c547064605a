"""Opens the pages that the example `pages` writes, in headless Chromium, and watches them."""

import base64
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[4]
PAGES = Path(os.environ.get("PAGES", ROOT / "target" / "pages"))
# To look at: SCREENSHOTS=1 leaves a picture of every page there.
SCREENSHOTS = PAGES / "screenshots" if os.environ.get("SCREENSHOTS") else None
DESK = {"width": 1200, "height": 900}
PHONE = {"width": 360, "height": 740}


def chromium_path():
    names = [os.environ.get("CHROMIUM", "chromium"), "chromium-browser", "google-chrome"]
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, "no Chromium: install the package chromium, or set CHROMIUM to the program"
    return found


@pytest.fixture(scope="session")
def browser():
    # Containers have no user name spaces for Chromium's sandbox; the pages are our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """visit(name, size, scheme) opens a page; at the end nothing may have gone wrong on any."""
    contexts, troubles = [], []

    def visit(name, size=DESK, scheme="light"):
        context = browser.new_context(
            viewport=size, color_scheme=scheme, accept_downloads=True, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        address = (PAGES / f"{name}.html").as_uri()

        def watch(request):
            if request.url != address and not request.url.startswith(("data:", "blob:")):
                troubles.append(f"{name}: asks for {request.url}")

        page.on("request", watch)
        page.on("pageerror", lambda error: troubles.append(f"{name}: {error}"))

        def listen(message):
            # Reading pixels back is what these tests do, not what the page does.
            ours = "Multiple readback operations" in message.text
            if message.type in ("error", "warning") and not ours:
                troubles.append(f"{name}: {message.type}: {message.text}")

        page.on("console", listen)
        page.goto(address)
        settle(page)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not troubles, troubles


def settle(page):
    """Waits until two frames have been drawn, so that what waits for one is done."""
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")


def wait(page, condition):
    """Waits until an expression is true. (Playwright's own waiting needs eval, which the pages forbid.)"""
    end = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"still not: {condition}"
        page.wait_for_timeout(30)


def array(page, expression):
    """A Float32Array of the page."""
    text = page.evaluate(
        f"""() => {{
          const values = {expression};
          const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
          const parts = [];
          for (let i = 0; i < bytes.length; i += 8192)
            parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
          return btoa(parts.join(""));
        }}"""
    )
    return np.frombuffer(base64.b64decode(text), "<f4").astype(float)


def embedded(name, part):
    """The JSON that a page holds."""
    text = (PAGES / f"{name}.html").read_text(encoding="utf-8")
    start = text.index(f'<script type="application/json" id="{part}">')
    start = text.index(">", start) + 1
    return json.loads(text[start : text.index("</script>", start)])


def numbers(field):
    """A list of numbers of a page's JSON."""
    kinds = {"f32": ("<f4", 1), "u16": ("<u2", 65535), "i16": ("<i2", 32767), "u8": ("u1", 255)}
    kind, most = kinds[field["type"]]
    values = np.frombuffer(base64.b64decode(field["data"]), kind).astype(float) / most
    scales = np.array(field.get("scales", [1.0]), float)
    return (values.reshape(len(scales), -1) * scales[:, None]).ravel()
