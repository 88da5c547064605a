"""The code of README and the pages that `make docs` shows and does not run: what a reader copies must work."""

import re
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp
from clusters import Dask, Ray, limited

ROOT = Path(__file__).parents[2]


def code(page):
    """The blocks of Python of a page that are not run where it is built."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_every_page_is_looked_at():
    pages = ["README.md", "python/README.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]
    ours = {page for page in pages if code(page)}
    assert ours == {
        "README.md",
        "python/README.md",
        "docs/python.md",
        "docs/rank.md",
        "docs/consensus.md",
        "docs/cluster.md",
    }


@pytest.fixture
def known(tmp_path, monkeypatch):
    """What the pages take as given: names, and a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    X = random.poisson(3 * random.rand(60, 4) @ random.rand(4, 36)).astype(float)
    np.savetxt("image.txt", X)
    return {
        "X": X,
        "ratings": sp.csr_array(X),
        "weights": random.rand(60),
        "variances": 1 + random.rand(60, 36),
        "blocks": [X[:40], X[40:]],
        "more": [X[:25]],
    }


@pytest.mark.parametrize("page", ["README.md", "python/README.md"])
def test_the_textbook_example(known, page):
    (block,) = code(page)
    exec(block, known)
    assert known["W"].shape == (60, 5) and known["H"].shape == (5, 36)


def test_coming_from_scikit_learn(known):
    textbook, missing, batches = code("docs/python.md")
    exec(textbook, known)
    assert known["H"].shape == (5, 36)
    exec(missing, known)
    assert known["guesses"].shape == (60, 36) and known["model"].components_.shape == (10, 36)
    exec(batches, known)
    assert known["model"].components_.shape == (20, 36)


def test_a_survey_of_ranks(known):
    (block,) = code("docs/rank.md")
    exec(block, known)
    assert known["survey"].rank in range(2, 31) and known["samples"].shape == (60,)
    assert known["model"].n_components_ in range(1, 21)


def test_a_consensus(known):
    (block,) = code("docs/consensus.md")
    exec(block, known)
    assert known["W"].shape[0] == 60 and known["lower"].shape == known["model"].components_.shape


def test_clusters(known, tmp_path):
    arrays, files, kubernetes, slurm, functions = code("docs/cluster.md")
    # What these need is not here.
    for block in (kubernetes, slurm):
        compile(block, "docs/cluster.md", "exec")
    X = known["X"]
    for name, stored in {"counts": np.tile(X, (4, 1)), "more": X[:20]}.items():
        da.to_zarr(da.from_array(stored, chunks=(60, 20)), tmp_path / f"{name}.zarr")
    for i in range(5):
        np.save(tmp_path / f"counts-{i}.npy", np.roll(X, i))
    files, functions = (
        block.replace("range(64)", "range(5)").replace("/shared", str(tmp_path)) for block in (files, functions)
    )
    with limited(300):
        with Dask.started() as cluster:
            scheduler = cluster.client.scheduler.address
            arrays = arrays.replace("tcp://scheduler:8786", scheduler).replace('zarr("', f'zarr("{tmp_path}/')
            exec(arrays, known)
            assert known["W"].compute().shape == (240, 20) and known["new"].compute().shape == (20, 20)
            exec(files, known)
            assert known["W"].compute().shape == (5 * 60, 20)
            known["client"].close()
        with Ray.started():
            exec(functions.replace('ray.init(address="auto")', "ray.is_initialized()"), known)
            assert len(known["W"]) == 5 and known["H"].shape == (20, 36) and known["new"].shape == (60, 20)
