"""Models in files: the program's `model.npz`, without pickle.

An .npz of the arrays `w` (m × k) and `h` (k × n), `col_names` where features have names, and `meta`: a JSON text that
says how the model was made.
"""

import json
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from ._base import BETA
from ._partwise import __version__

NEEDED = ("loss", "solver", "seed", "tol", "max_iter", "alpha_w", "alpha_h", "l1_ratio")
"""What the program's `transform` asks of meta."""


def meta_of(model):
    """How a fitted NMF was made."""
    beta = model._beta()
    names = {value: name for name, value in BETA.items()}
    seed = model.random_state if isinstance(model.random_state, int | np.integer) else 0
    return {
        "version": __version__,
        "rank": int(model.n_components_),
        "loss": names.get(beta, f"beta={beta!r}"),
        "solver": model.solver_,
        "init": model.init,
        "objective": float(model.objective_),
        "iterations": int(model.n_iter_),
        "stop_reason": model.stop_reason_,
        "reconstruction_err": model.reconstruction_err_,
        "seed": int(seed),
        "tol": float(model.tol),
        "max_iter": int(model.max_iter),
        "alpha_w": float(model.alpha_W),
        "alpha_h": float(model.alpha_W if model.alpha_H == "same" else model.alpha_H),
        "l1_ratio": float(model.l1_ratio),
        **({"constraint": model._constraints()} if model._constraints() else {}),
    }


def write(path, model, W):
    """Writes a model whole or not at all."""
    H = model.components_
    arrays = {
        "w": np.ascontiguousarray(np.zeros((0, H.shape[0]), H.dtype) if W is None else W),
        "h": np.ascontiguousarray(H),
        "meta": np.array(json.dumps(meta_of(model))),
    }
    if hasattr(model, "feature_names_in_"):
        arrays["col_names"] = np.asarray(model.feature_names_in_, dtype=str)
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        # mkstemp makes a file for its owner alone.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path):
    """(H, meta, names of features or None) of a model; refuses anything else."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != "w"}
    except (zipfile.BadZipFile, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: is no model; expected an .npz with the arrays w, h and meta") from error
    missing = [name for name in ("h", "meta") if name not in arrays]
    if missing:
        raise ValueError(f"{path}: is no model; it has no array {missing[0]!r}")
    H = arrays["h"]
    if H.ndim != 2 or H.dtype not in (np.float32, np.float64) or not (np.isfinite(H).all() and (H >= 0).all()):
        raise ValueError(f"{path}: h must be a non-negative matrix of float32 or float64")
    try:
        meta = json.loads(str(arrays["meta"][()]))
        absent = [name for name in NEEDED if name not in meta]
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{path}: meta is no JSON object") from error
    if absent:
        raise ValueError(f"{path}: meta has no {absent[0]!r}")
    names = arrays.get("col_names")
    if names is not None and names.shape != (H.shape[1],):
        raise ValueError(f"{path}: {names.size} names for {H.shape[1]} columns")
    return np.ascontiguousarray(H), meta, names
