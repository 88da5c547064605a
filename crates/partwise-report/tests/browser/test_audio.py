"""Sound from its components."""

import io
import wave

import numpy as np
import pytest
from conftest import array, embedded, numbers, settle, wait

RATE = 11025


def heard(page):
    return array(page, "PLAYER.samples")


def strength(samples, hertz):
    """How strong a tone of a frequency is."""
    seconds = np.arange(len(samples)) / RATE
    return abs(np.exp(-2j * np.pi * hertz * seconds) @ samples) / len(samples)


@pytest.mark.parametrize("name", ["audio", "audio-one", "audio-strokes"])
def test_all_components_give_the_mixture(visit, name):
    page = visit(name)
    mixture = numbers(embedded(name, "section")["samples"])
    assert np.abs(heard(page) - mixture).max() < 1e-4


def test_parts_sum_to_the_mixture(visit):
    page = visit("audio")
    mixture = numbers(embedded("audio", "section")["samples"])
    halves = array(page, "MIXER.mix([0, 2]).samples") + array(page, "MIXER.mix([1]).samples")
    assert np.abs(halves - mixture).max() < 1e-4
    assert np.abs(array(page, "MIXER.mix([]).samples")).max() == 0


def test_strokes_are_a_part_of_their_own(visit):
    page = visit("audio-strokes")
    mixture = numbers(embedded("audio-strokes", "section")["samples"])
    rows = page.locator("#components li")
    assert rows.count() == 4
    rows.nth(3).get_by_role("button", name="Solo strokes").click()
    settle(page)
    assert page.locator("#heard").text_content() == "You hear strokes."
    strokes = heard(page)
    rows.nth(3).get_by_role("button", name="Solo strokes").click()
    rows.nth(3).get_by_role("button", name="Mute strokes").click()
    settle(page)
    assert page.locator("#heard").text_content() == "You hear components 1, 2, 3."
    tones = heard(page)
    assert np.abs(strokes + tones - mixture).max() < 1e-4
    # The clicks, 30 samples every half second, are in the one, the tones in the other.
    click = np.arange(len(mixture)) % (RATE // 2) < 30
    assert (strokes[click] ** 2).sum() > 4 * (tones[click] ** 2).sum()
    assert strength(tones, 440) > 5 * strength(strokes, 440)


def test_components_of_several_frames_share_as_their_powers(visit):
    name = "audio-strokes"
    page = visit(name)
    section = embedded(name, "section")
    rank, taps, frames, bins = 3, 2, section["frames"], section["frame"] // 2 + 1
    w, h = numbers(section["w"]).reshape(taps, rank, bins), numbers(section["h"]).reshape(rank, frames)
    models = np.zeros((rank, frames, bins))
    for tap in range(taps):
        models[:, tap:] += h[:, : frames - tap, None] * w[tap][:, None, :]
    # The sources are component 1, and 2 with 3.
    sources = np.stack([models[0], models[1] + models[2]]) ** 2
    strokes = array(page, "MIXER.mix([3]).mask").reshape(frames, bins)
    expected = (1 - strokes) * sources[0] / sources.sum(0)
    assert np.abs(array(page, "MIXER.mix([0]).mask").reshape(frames, bins) - expected).max() < 1e-3


# Frames of a power of two and others are transformed in different ways.
@pytest.mark.parametrize(("name", "size"), [("audio", 1024), ("audio-one", 1000)])
def test_the_transform_is_the_one_of_the_field(visit, name, size):
    page = visit(name)
    section = embedded(name, "section")
    assert section["frame"] == size
    frame, hop = section["frame"], section["hop"]
    padded = np.pad(numbers(section["samples"]), frame // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    for t in [0, 17, 100]:
        spectrum = np.abs(np.fft.rfft(padded[t * hop : t * hop + frame] * window))
        got = array(page, f"MIXER.magnitude.subarray({t} * MIXER.bins, {t + 1} * MIXER.bins)")
        assert np.allclose(got, spectrum, atol=1e-3)


def test_mute_and_solo_change_what_is_played(visit):
    page = visit("audio")
    everything = heard(page)
    row = page.locator("#components li")
    row.nth(0).get_by_role("button", name="Mute").click()
    settle(page)
    without = heard(page)
    assert strength(without, 440) < 0.2 * strength(everything, 440)
    assert strength(without, 660) == pytest.approx(strength(everything, 660), rel=0.1)
    assert page.locator("#heard").text_content() == "You hear components 2, 3."
    row.nth(1).get_by_role("button", name="Solo").click()
    settle(page)
    alone = heard(page)
    assert strength(alone, 990) < 0.2 * strength(everything, 990)
    assert strength(alone, 660) > 0.8 * strength(everything, 660)
    assert row.nth(2).get_attribute("class") == "silent"
    page.locator("#everything").click()
    settle(page)
    assert np.array_equal(heard(page), everything)
    assert page.locator("#heard").text_content() == "You hear everything."


def test_a_source_switches_all_its_components(visit):
    page = visit("audio")
    source = page.locator("#sources li").nth(1)
    source.get_by_role("button", name="Mute").press("Enter")
    settle(page)
    rows = page.locator("#components li")
    pressed = [rows.nth(c).get_by_role("button", name="Mute").get_attribute("aria-pressed") for c in range(3)]
    assert pressed == ["false", "true", "true"]
    assert page.locator("#heard").text_content() == "You hear component 1."
    page.locator("#sources li").nth(0).get_by_role("button", name="Mute").click()
    settle(page)
    assert page.locator("#heard").text_content() == "You hear nothing: everything is muted."
    assert np.abs(heard(page)).max() == 0


def test_the_spectrogram_shows_what_is_heard(visit):
    page = visit("audio")
    # Green grows with loudness.
    green = """(c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data
                 .filter((_, place) => place % 4 === 1).reduce((a, b) => a + b, 0)"""
    before = page.locator("#spectrogram").evaluate(green)
    page.locator("#components li").nth(0).get_by_role("button", name="Mute").click()
    settle(page)
    assert page.locator("#spectrogram").evaluate(green) < 0.9 * before


def test_play_pause_and_seek(visit):
    page = visit("audio")
    now = lambda: page.evaluate("PLAYER.time")  # noqa: E731
    box = page.locator(".timeline").first.bounding_box()
    middle = box["x"] + 58 + 0.5 * (box["width"] - 66)
    page.mouse.click(middle, box["y"] + 100)
    assert now() == pytest.approx(1.5, abs=0.02)
    assert page.locator("#time").text_content() == "0:01.5 / 0:03.0"
    page.locator("#play").click()
    wait(page, "PLAYER.time > 1.6")
    assert page.locator("#play").text_content() == "Pause"
    # Muting while it plays goes on from where it is.
    page.locator("#components li").nth(2).get_by_role("button", name="Mute").click()
    settle(page)
    assert page.evaluate("PLAYER.playing") and now() > 1.6
    page.locator("#play").press("Space")
    stopped = now()
    assert page.locator("#play").text_content() == "Play"
    page.locator(".position").focus()
    page.keyboard.press("ArrowLeft")
    assert now() == pytest.approx(stopped - 3 / 60, abs=1e-3)
    page.keyboard.press("End")
    assert now() == pytest.approx(3, abs=1e-3)
    page.locator("#play").click()
    assert now() < 1


def test_playing_ends_at_the_end(visit):
    page = visit("audio")
    page.evaluate("PLAYER.seek(2.8)")
    page.locator("#play").click()
    wait(page, "!PLAYER.playing")
    assert page.locator("#play").text_content() == "Play"
    assert page.locator("#time").text_content() == "0:03.0 / 0:03.0"


def test_the_mix_can_be_saved(visit):
    page = visit("audio")
    page.locator("#components li").nth(0).get_by_role("button", name="Solo").click()
    settle(page)
    with page.expect_download() as download:
        page.locator("#save").click()
    with wave.open(io.BytesIO(download.value.path().read_bytes())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert np.abs(samples - heard(page)).max() < 1e-4


def test_notes_lie_where_they_sound(visit):
    page = visit("audio")
    notes = embedded("audio", "section")["notes"]
    bars = page.locator(".sounding")
    assert bars.count() == len(notes)
    titles = bars.locator("title").all_text_contents()
    assert titles[0] == "component 1, A4, 0 to 0.300 s"
    assert any(title.startswith("component 3, no pitch") for title in titles)
    assert visit("audio-one").locator(".sounding").count() == 0


def test_sources_of_one_component_each_are_not_shown_twice(visit):
    assert embedded("audio-one", "section")["sources"] == [{"name": "low", "components": [0]}]
    assert visit("audio-one").locator("#sources").count() == 0
    assert visit("audio").locator("#sources li").count() == 2
