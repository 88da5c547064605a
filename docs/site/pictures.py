"""Turns what the code of the pages draws, and the sounds it makes, into parts of the pages."""

import base64
import io
import re
import sys
from pathlib import Path

import matplotlib

INK = "#7f7e7d"
"""What is drawn in this colour takes the colour of the page's text: dark on light, light on dark."""


def on_config(config):
    """Makes this module importable for the pages, and sets how matplotlib draws for them."""
    sys.path.append(str(Path(__file__).parent))
    matplotlib.use("Agg")
    inked = (
        "text.color",
        "axes.edgecolor",
        "axes.labelcolor",
        "xtick.color",
        "ytick.color",
        "legend.labelcolor",
    )
    matplotlib.rcParams.update(dict.fromkeys(inked, INK))
    matplotlib.rcParams.update(
        {
            "axes.facecolor": "none",
            "figure.facecolor": "none",
            "image.composite_image": False,
            "legend.frameon": False,
            "savefig.facecolor": "none",
            "svg.fonttype": "none",
        }
    )
    return config


def picture(alt):
    """The current figure as an SVG in the page; `alt` says what is in it. Closes the figure."""
    import matplotlib.pyplot as plt

    file = io.StringIO()
    plt.savefig(file, format="svg", metadata={"Date": None})
    plt.close()
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])
    # Ids of a figure's groups say nothing and would come again with the next figure.
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(
        r'(<svg [^>]*?)width="[^"]*"',
        rf'\1role="img" aria-label="{alt}" style="width:{width:.0f}pt; --least:min(27rem, {width:.0f}pt)"',
        svg,
        count=1,
    )
    svg = re.sub(r'(<svg [^>]*?)height="[^"]*" ', r"\1", svg, count=1)
    return f'<div class="picture">{svg}</div>'


def player(sound, rate, name):
    """A sound in the page, as MP3 inside it."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="MP3", subtype="MPEG_LAYER_III")
    data = base64.b64encode(file.getvalue()).decode()
    audio = f'<audio controls src="data:audio/mpeg;base64,{data}"></audio>'
    return f'<figure class="sound"><figcaption>{name}</figcaption>{audio}</figure>'
