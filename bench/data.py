"""Matrices and starts as files that every peer reads: made once a run, from names of the catalogue."""

import os
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from catalogue import SETS, is_sparse, synthetic

ROOT = Path(__file__).resolve().parent.parent
FOLDER_VARIABLE = "PARTWISE_DATA"
NUMBER = {"f32": np.float32, "f64": np.float64}


def absent(name):
    """The file that a data set needs and that is not there, or None."""
    file = SETS.get(name, ("", ""))[0]
    folder = os.environ.get(FOLDER_VARIABLE)
    return None if not file or (folder and Path(folder, file).is_file()) else file


def save_matrix(name, dtype, folder):
    """Writes the data set in a precision; returns its file, and its shape, nonzeros and mean."""
    v = make(name)
    v = v.tocsr() if is_sparse(name) else np.ascontiguousarray(v)
    v = v.astype(NUMBER[dtype])
    path = Path(folder, f"{name.replace(':', '-')}-{dtype}").with_suffix(
        ".npz" if is_sparse(name) else ".npy"
    )
    if is_sparse(name):
        sparse.save_npz(path, v, compressed=False)
    else:
        np.save(path, v)
    nonzeros = v.nnz if is_sparse(name) else v.size
    return {"path": str(path), "shape": list(v.shape), "nonzeros": int(nonzeros), "mean": float(v.mean())}


def save_start(matrix, k, dtype, seed, folder):
    """Writes W and H drawn as scikit-learn's `init="random"` draws them: H first; returns their files."""
    rows, columns = matrix["shape"]
    scale = np.sqrt(matrix["mean"] / k)
    random = np.random.RandomState(seed)
    h = np.abs(scale * random.standard_normal((k, columns))).astype(NUMBER[dtype])
    w = np.abs(scale * random.standard_normal((rows, k))).astype(NUMBER[dtype])
    files = [str(Path(folder, f"{Path(matrix['path']).stem}-{k}-{seed}-{n}.npy")) for n in "wh"]
    np.save(files[0], w)
    np.save(files[1], h)
    return files


def load_matrix(path):
    """A matrix that `save_matrix` wrote: an array, or CSR."""
    return sparse.load_npz(path).tocsr() if str(path).endswith(".npz") else np.load(path)


def make(name):
    """The matrix of a name, before its precision is set."""
    size = synthetic(name)
    if size:
        return sparse_counts(*size) if is_sparse(name) else low_rank(*size[:2])
    file = SETS[name][0]
    path = Path(os.environ.get(FOLDER_VARIABLE, ""), file) if file else None
    return MAKERS[name](path)


def low_rank(rows, columns, rank=25, noise=0.1):
    """A product of sparse non-negative factors and noise, clipped at zero."""
    random = np.random.default_rng([rows, columns])
    w = random.exponential(size=(rows, rank)) * (random.random((rows, rank)) < 0.5)
    h = random.exponential(size=(rank, columns)) * (random.random((rank, columns)) < 0.5)
    v = w @ h
    v += noise * v.mean() * random.standard_normal((rows, columns))
    return np.maximum(v, 0, out=v)


def sparse_counts(rows, columns, nonzeros, topics=20):
    """Counts with about this many nonzeros: rows mix topics, topics prefer some columns, long tails."""
    random = np.random.default_rng([rows, columns, nonzeros])
    mixture = random.dirichlet(np.full(topics, 0.3), size=rows).cumsum(axis=1)
    places = np.array([], dtype=np.int64)
    while len(places) < nonzeros:
        row = random.integers(rows, size=nonzeros)
        topic = np.minimum((mixture[row] < random.random((nonzeros, 1))).sum(axis=1), topics - 1)
        column = (columns * random.random(nonzeros) ** 3).astype(np.int64)
        column = (column * (2 * topic + 1) + topic * columns // topics) % columns
        places = np.unique(np.concatenate([places, row * columns + column]))
    places = np.sort(random.choice(places, nonzeros, replace=False))
    counts = random.geometric(0.4, size=nonzeros).astype(np.float64)
    return sparse.csr_matrix((counts, (places // columns, places % columns)), shape=(rows, columns))


def grey(path):
    from PIL import Image

    return np.asarray(Image.open(path).convert("L"), dtype=np.float64) / 255


def digits(_):
    from sklearn.datasets import load_digits

    return load_digits().data


def tf_idf(path):
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer().fit_transform(sparse.load_npz(path))


def scaled(path, rows=None):
    return np.load(path)[:rows] / 255.0


def logarithm(path):
    return sparse.load_npz(path).astype(np.float64).log1p()


MAKERS = {
    "astronaut": lambda _: grey(ROOT / "assets/astronaut.png"),
    "digits": digits,
    "camera": grey,
    "cbcl": scaled,
    "olivetti": np.load,
    "mnist": lambda path: scaled(path, 3000),
    "samson": np.load,
    "news20": tf_idf,
    "pbmc3k": logarithm,
    "pbmc_facs": sparse.load_npz,
    "linux": logarithm,
}
assert MAKERS.keys() == SETS.keys()
