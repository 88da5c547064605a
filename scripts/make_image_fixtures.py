"""Makes the fixtures of the image figures' tests with scikit-image.

Run from the repository's root, with scikit-image and numpy installed:

    python scripts/make_image_fixtures.py

It writes crates/partwise-apps/tests/fixtures/image_figures.json. The pictures are small, random but
smooth, and drawn from a fixed seed, so a second run writes the same file.
"""

import json
from pathlib import Path

import numpy as np
import skimage
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

TARGET = Path("crates/partwise-apps/tests/fixtures/image_figures.json")

# name, height, width, colour, noise added to the second picture
CASES = [
    ("grey", 40, 23, False, 0.05),
    ("window exactly fits", 11, 11, False, 0.2),
    ("colour", 17, 16, True, 0.1),
    ("nearly equal", 13, 37, False, 1e-3),
    ("many strips of rows", 75, 12, False, 0.1),
]


def picture(random, height, width, colour):
    """A smooth picture in 0..1, height x width (x 3), in float32."""
    shape = (height, width, 3) if colour else (height, width)
    smooth = gaussian_filter(random.random(shape), sigma=(2, 2, 0)[: len(shape)])
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return smooth.astype(np.float32)


def side_by_side(samples):
    """The row-major matrix, the channels of a colour picture side by side, as a flat list."""
    if samples.ndim == 3:
        samples = np.concatenate([samples[:, :, c] for c in range(3)], axis=1)
    # Nine significant digits give back the same float32.
    return [float(f"{value:.9g}") for value in samples.ravel()]


def main():
    random = np.random.default_rng(20240817)
    cases = []
    for name, height, width, colour, noise in CASES:
        first = picture(random, height, width, colour)
        second = np.clip(first + noise * random.standard_normal(first.shape), 0, 1)
        second = second.astype(np.float32)
        wide_first, wide_second = first.astype(np.float64), second.astype(np.float64)
        cases.append(
            {
                "name": name,
                "height": height,
                "width": width,
                "colour": colour,
                "first": side_by_side(first),
                "second": side_by_side(second),
                "psnr_db": peak_signal_noise_ratio(wide_first, wide_second, data_range=1.0),
                "ssim": structural_similarity(
                    wide_first,
                    wide_second,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=1.0,
                    channel_axis=2 if colour else None,
                ),
            }
        )
    fixture = {"made_with": f"scikit-image {skimage.__version__}", "cases": cases}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
