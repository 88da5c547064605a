"""Models in files: the program's `model.npz`, without pickle.

An .npz of the arrays `w` (m × k) and `h` (k × n), `col_names` where features have names, and `meta`: a JSON text that
says how the model was made. One whose components are mixtures of samples has `c` (k × m), with H = C X; one that tells
classes `b` (k × classes) and their names, `classes`; one of mini-batches the statistics behind H, `numerator` and
`denominator`.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from ._arrays import DTYPES
from ._base import BETA
from ._partwise import __version__

NEEDED = ("loss", "solver", "seed", "tol", "max_iter", "alpha_w", "alpha_h", "l1_ratio")
"""What the program's `transform` asks of meta."""

FIGURES = {
    "objective": "objective_",
    "iterations": "n_iter_",
    "stop_reason": "stop_reason_",
    "reconstruction_err": "reconstruction_err_",
    "relative_error": "relative_error_",
    "residual": "residual_",
}
"""What is told of the fit: names in meta, and of attributes. Those that an estimator has are kept."""


class ModelFile:
    """`save` and `load` of an estimator with components."""

    def save(self, path, W=None):
        """Write the fitted model as the program's model.npz, whole or not at all.

        ``partwise transform`` finds new samples in it, ``partwise info`` describes it, `load` reads it.

        Parameters
        ----------
        path : path-like
            The file, replaced if it is there, with the mode that it had. A link is followed.
        W : array-like of shape (n_samples, n_components), default=None
            What `fit_transform` returned, to be kept beside the components.
        """
        check_is_fitted(self)
        H = self.components_
        k = H.shape[0]
        if W is not None:
            W = check_array(W, dtype=DTYPES)
            if W.shape[1] != k:
                raise ValueError(f"W has {W.shape[1]} columns; expected one for each of the {k} components")
        arrays = {
            "w": np.ascontiguousarray(np.zeros((0, k), H.dtype) if W is None else W),
            "h": np.ascontiguousarray(H),
            "meta": np.array(json.dumps(_meta_of(self) | self._own_meta())),
            **self._own_arrays(),
        }
        if hasattr(self, "feature_names_in_"):
            arrays["col_names"] = np.asarray(self.feature_names_in_, dtype=str)
        _write(path, arrays)

    @classmethod
    def load(cls, path):
        """Read a model that `save` or the program has written.

        Parameters
        ----------
        path : path-like
            The file. Its W, if there is one, is ``numpy.load(path)["w"]``.

        Returns
        -------
        model : estimator
            A fitted estimator of this class, ready to transform.
        """
        arrays, meta = _read(path)
        try:
            return cls._of(arrays, meta)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def _of(cls, arrays, meta):
        """The model that a file says."""
        H, names, init = arrays["h"], arrays.get("col_names"), meta.get("init")
        model = cls(
            n_components=H.shape[0],
            # What another estimator began with may be none of this one's.
            init=init if cls._parameter_constraints["init"][0].is_satisfied_by(init) else None,
            beta_loss=_loss_of(meta),
            tol=meta["tol"],
            max_iter=meta["max_iter"],
            random_state=_seed_of(meta),
            alpha_W=meta["alpha_w"],
            alpha_H=meta["alpha_h"],
            l1_ratio=meta["l1_ratio"],
            **cls._own_parameters(meta),
        )
        model._validate_params()
        if model._signed() != "H" and (H < 0).any():
            raise ValueError("h must be non-negative: its model has no constraint that allows any sign")
        model.components_ = H
        model.n_components_ = model._n_components = H.shape[0]
        model.n_features_in_ = H.shape[1]
        if names is not None:
            model.feature_names_in_ = names.astype(object)
        for name, attribute in FIGURES.items():
            if name in meta:
                setattr(model, attribute, meta[name])
        model._take(arrays, meta)
        return model

    def _own_meta(self):
        """What meta holds of this estimator alone; the solver that finds new samples is always there."""
        raise NotImplementedError

    def _own_arrays(self):
        """Further arrays."""
        return {}

    @classmethod
    def _own_parameters(cls, meta):
        """The parameters of this estimator alone, from meta."""
        raise NotImplementedError

    def _take(self, arrays, meta):
        """Takes what else was kept of the fit."""


def _loss_of(meta):
    loss = meta["loss"]
    try:
        return loss if loss in BETA else float(loss.removeprefix("beta="))
    except (ValueError, TypeError, AttributeError):
        legal = f"expected {', '.join(BETA)}, or beta= and a number"
        raise ValueError(f"meta has loss = {loss!r}; {legal}") from None


def _seed_of(meta):
    seed = meta["seed"]
    if not (seed is None or isinstance(seed, int) and seed >= 0):
        raise ValueError(f"meta has seed = {seed!r}; expected a whole number of zero or more, or null")
    # Of the program; scikit-learn takes no larger one.
    return seed if seed is None or seed < 2**32 else None


def _meta_of(model):
    """How a fitted model was made, as far as all estimators say it alike."""
    options = model._options(model.n_components_)
    beta = options["beta_loss"]
    names = {value: name for name, value in BETA.items()}
    seed = model.random_state if isinstance(model.random_state, int | np.integer) else 0
    figures = {name: getattr(model, attribute, None) for name, attribute in FIGURES.items()}
    return {
        "version": __version__,
        "rank": options["n_components"],
        "loss": names.get(beta, f"beta={beta!r}"),
        "init": model.init,
        **{name: value for name, value in figures.items() if value is not None},
        "seed": int(seed),
        "tol": options["tol"],
        "max_iter": options["max_iter"],
        "alpha_w": options["alpha_W"],
        "alpha_h": options["alpha_H"],
        "l1_ratio": options["l1_ratio"],
    }


def _write(path, arrays):
    """Writes arrays whole or not at all. Devices and pipes are written directly."""
    path = Path(path)
    direct = path.exists() and not path.is_file()
    with path.open("wb") if direct else replaced(path) as file:
        np.savez(file, **arrays)


@contextlib.contextmanager
def replaced(path, name=None):
    """A file beside the one that a path leads to, which takes its place and its mode once it is whole. Until then it
    has a name of its own, or the one that is given: what is killed again and again then leaves one file at most.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "No such folder to write into", str(path.parent))
    temporary = path.with_name(name or f".partwise-{secrets.token_hex(8)}")
    try:
        with temporary.open("wb" if name else "xb") as file:
            if path.exists():
                shutil.copymode(path, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    # Not every system opens folders.
    with contextlib.suppress(OSError):
        _sync_folder(path.parent)


def _sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path):
    """The arrays of a model but W, and what its meta says; refuses anything else."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != "w"}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: is no model; expected an .npz with the arrays w, h and meta") from error
    missing = [name for name in ("h", "meta") if name not in arrays]
    if missing:
        raise ValueError(f"{path}: is no model; it has no array {missing[0]!r}")
    H = arrays["h"] = np.ascontiguousarray(arrays["h"])
    if H.ndim != 2 or H.dtype not in (np.float32, np.float64) or not np.isfinite(H).all():
        raise ValueError(f"{path}: h must be a matrix of finite float32 or float64")
    try:
        meta = json.loads(str(arrays["meta"][()]))
        if not isinstance(meta, dict):
            raise TypeError(meta)
        absent = [name for name in NEEDED if name not in meta]
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{path}: meta is no JSON object") from error
    if absent:
        raise ValueError(f"{path}: meta has no {absent[0]!r}")
    names = arrays.get("col_names")
    if names is not None and names.shape != (H.shape[1],):
        raise ValueError(f"{path}: {names.size} names for {H.shape[1]} columns")
    return arrays, meta
