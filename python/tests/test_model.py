"""Models in files, exchanged with the program."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from partwise import NMF, MiniBatchNMF

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def X():
    random = np.random.RandomState(0)
    return random.uniform(size=(30, 3)) @ random.uniform(size=(3, 12)) + 0.01


def program():
    """The command-line program: built already, or by cargo."""
    for profile in ("debug", "release"):
        path = REPOSITORY / "target" / profile / "partwise"
        if path.exists():
            return path
    if shutil.which("cargo") is None:
        pytest.skip("the program is not built, and there is no cargo to build it")
    command = ["cargo", "build", "--locked", "-p", "partwise-cli"]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return REPOSITORY / "target" / "debug" / "partwise"


@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler", 1.5])
def test_round_trip(X, tmp_path, beta_loss):
    model = NMF(3, beta_loss=beta_loss, alpha_W=1e-4, random_state=0)
    W = model.fit_transform(X)
    model.save(tmp_path / "model.npz", W)
    back = NMF.load(tmp_path / "model.npz")
    assert (back.components_ == model.components_).all()
    assert (back.transform(X) == model.transform(X)).all()
    assert back.reconstruction_err_ == model.reconstruction_err_ and back.n_iter_ == model.n_iter_
    assert (np.load(tmp_path / "model.npz")["w"] == W).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.npz"]
    model.save(tmp_path / "model.npz")
    assert np.load(tmp_path / "model.npz")["w"].shape == (0, 3)


def test_what_was_missing_stays_missing(X, tmp_path):
    X[0, 1] = np.nan
    model = NMF(3, missing_values=np.nan, random_state=0).fit(X)
    model.save(tmp_path / "model.npz")
    back = NMF.load(tmp_path / "model.npz")
    assert (back.transform(X) == model.transform(X)).all()
    np.save(tmp_path / "new.npy", X)
    command = [program(), "transform", "model.npz", "new.npy", "-o", "w.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert_allclose(np.load(tmp_path / "w.npy"), model.transform(X), rtol=1e-3, atol=1e-4)
    model = NMF(3, zeros="missing", random_state=0).fit(sp.csr_array(np.nan_to_num(X)))
    model.save(tmp_path / "model.npz")
    assert NMF.load(tmp_path / "model.npz").zeros == "missing"


@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler"])
def test_mini_batches_go_on_where_they_were_saved(X, tmp_path, beta_loss):
    model = MiniBatchNMF(3, batch_size=10, beta_loss=beta_loss, forget_factor=0.6, random_state=0)
    model.partial_fit(X[:20])
    model.save(tmp_path / "model.npz")
    back = MiniBatchNMF.load(tmp_path / "model.npz")
    assert back.get_params() == {**model.get_params(), "alpha_H": 0.0}
    assert (back.transform(X) == model.transform(X)).all()
    for one in (model, back):
        one.partial_fit(X[20:])
    assert (back.components_ == model.components_).all()
    assert back.n_steps_ == model.n_steps_ == 2
    W = model.fit_transform(X)
    model.save(tmp_path / "model.npz", W)
    back = MiniBatchNMF.load(tmp_path / "model.npz")
    assert back.n_iter_ == model.n_iter_ and back.reconstruction_err_ == model.reconstruction_err_
    assert (np.load(tmp_path / "model.npz", allow_pickle=False)["w"] == W).all()


def test_mini_batches_begin_at_a_model_of_another_kind(X, tmp_path):
    model = NMF(3, random_state=0).fit(X)
    model.save(tmp_path / "model.npz")
    batches = MiniBatchNMF.load(tmp_path / "model.npz")
    assert (batches.components_ == model.components_).all()
    batches.partial_fit(X)
    batches.save(tmp_path / "model.npz")
    np.save(tmp_path / "new.npy", X[:7])
    command = [program(), "transform", "model.npz", "new.npy", "-o", "w.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert_allclose(np.load(tmp_path / "w.npy") @ batches.components_, X[:7], rtol=0.2)
    assert NMF.load(tmp_path / "model.npz").transform(X[:7]).shape == (7, 3)
    with np.load(tmp_path / "model.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "model.npz", **{**arrays, "numerator": arrays["numerator"][:2]})
    with pytest.raises(ValueError, match="model.npz: numerator must be a non-negative matrix of the shape"):
        MiniBatchNMF.load(tmp_path / "model.npz")


def test_names_of_features(X, tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"wörd{i}" for i in range(12)])
    NMF(3, random_state=0).fit(frame).save(tmp_path / "model.npz")
    back = NMF.load(tmp_path / "model.npz")
    assert list(back.feature_names_in_) == list(frame.columns)
    assert back.transform(frame).shape == (30, 3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_program_reads_what_python_writes(X, tmp_path, dtype):
    X = X.astype(dtype)
    model = NMF(3, random_state=0, solver="cd", tol=1e-6, max_iter=1000).fit(X)
    for W in (None, model.transform(X)):
        model.save(tmp_path / "model.npz", W)
        np.save(tmp_path / "new.npy", X[:7])
        command = [program(), "transform", "model.npz", "new.npy", "-o", "w.npy"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        assert_allclose(np.load(tmp_path / "w.npy"), model.transform(X[:7]), rtol=1e-4, atol=1e-5)
        described = subprocess.run([program(), "info", "model.npz"], cwd=tmp_path, check=True, capture_output=True)
        assert b"frobenius" in described.stdout
    command = [program(), "reconstruct", "model.npz", "-o", "v.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert_allclose(np.load(tmp_path / "v.npy"), model.inverse_transform(model.transform(X)), rtol=1e-4)


def test_python_reads_what_the_program_writes(X, tmp_path):
    np.save(tmp_path / "v.npy", X)
    command = [program(), "fit", "v.npy", "-k", "3", "--loss", "kl", "--init", "random", "-o", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    model = NMF.load(tmp_path / "out" / "model.npz")
    assert model.beta_loss == "kullback-leibler" and model.init == "random"
    W = np.load(tmp_path / "out" / "model.npz")["w"]
    assert_allclose(W @ model.components_, X, rtol=0.3)
    assert_allclose(model.transform(X), W, atol=0.1 * W.max())


def test_refuses_what_is_no_model(X, tmp_path):
    path = tmp_path / "model.npz"
    NMF(3, random_state=0).fit(X).save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(str(arrays["meta"]))
    cases = {
        "no array 'meta'": {"h": arrays["h"]},
        "model.npz: meta is no JSON object": {**arrays, "meta": np.array("{")},
        "meta is no JSON object": {**arrays, "meta": np.array(json.dumps(list(meta)))},
        "meta has no 'tol'": {**arrays, "meta": np.array(json.dumps({k: v for k, v in meta.items() if k != "tol"}))},
        "h must be non-negative": {**arrays, "h": -arrays["h"]},
        "The 'solver' parameter": {**arrays, "meta": np.array(json.dumps({**meta, "solver": "none"}))},
        "2 names for 12 columns": {**arrays, "col_names": np.array(["a", "b"])},
        "is no model": {**arrays, "meta": np.array([{"a": 1}], dtype=object)},
    }
    for text, parts in cases.items():
        np.savez(path, **parts)
        with pytest.raises(ValueError, match=text):
            NMF.load(path)
    np.savez_compressed(path, **arrays)
    deflated = path.read_bytes()
    for damaged in (b"some text", b"", deflated[:200] + b"\xff" * 40 + deflated[240:], deflated[:200]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no model"):
            NMF.load(path)
    with pytest.raises(FileNotFoundError):
        NMF.load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match="No such folder.*nowhere"):
        NMF(2).fit(X).save(tmp_path / "nowhere" / "model.npz")


@pytest.mark.parametrize(
    ("hostile", "text"),
    [
        ({"loss": 5}, "meta has loss = 5; expected frobenius, "),
        ({"loss": None}, "meta has loss = None"),
        ({"loss": "none"}, "meta has loss = 'none'"),
        ({"loss": "beta=x"}, "meta has loss = 'beta=x'"),
        ({"seed": "a"}, "meta has seed = 'a'; expected a whole number"),
        ({"seed": -1}, "meta has seed = -1"),
        ({"seed": [1]}, r"meta has seed = \[1\]"),
        ({"tol": "small"}, "The 'tol' parameter of .* must be"),
        ({"max_iter": 0.5}, "The 'max_iter' parameter of .* must be"),
        ({"alpha_w": None}, "The 'alpha_W' parameter of .* must be"),
        ({"minibatch": 5}, "meta has minibatch = 5; expected an object"),
        ({"minibatch": {"rho": "a"}}, "meta has rho = 'a'; expected a number from 0 to 1"),
        ({"minibatch": {"steps": 0.5}}, "meta has steps = 0.5; expected a whole number"),
        ({"minibatch": {"batch_size": "all"}}, "The 'batch_size' parameter of MiniBatchNMF must be"),
    ],
    ids=str,
)
def test_refuses_a_meta_that_cannot_be(X, tmp_path, hostile, text):
    path = tmp_path / "model.npz"
    MiniBatchNMF(3, random_state=0).fit(X).save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(str(arrays["meta"])) | hostile
    np.savez(path, **{**arrays, "meta": np.array(json.dumps(meta))})
    for Estimator in (MiniBatchNMF,) if "minibatch" in hostile else (NMF, MiniBatchNMF):
        with pytest.raises(ValueError, match=rf"model\.npz: .*{text}"):
            Estimator.load(path)


def test_leaves_nothing_half_written(X, tmp_path, monkeypatch):
    model = NMF(3, random_state=0).fit(X)
    model.save(tmp_path / "model.npz")
    before = (tmp_path / "model.npz").read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        model.save(tmp_path / "model.npz")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.npz"]
    assert (tmp_path / "model.npz").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="has neither such modes nor such links")
def test_links_and_modes_are_kept(X, tmp_path, monkeypatch):
    model = NMF(3, random_state=0).fit(X)
    folder, link = tmp_path / "models", tmp_path / "model.npz"
    folder.mkdir()
    link.symlink_to(folder / "first.npz")
    usual = os.umask(0o027)
    try:
        # A mask is that of all threads.
        with monkeypatch.context() as patched:
            patched.delattr(os, "umask")
            model.save(link)
    finally:
        os.umask(usual)
    file = folder / "first.npz"
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    file.chmod(0o604)
    model.set_params(n_components=2).fit(X).save(link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o604
    assert NMF.load(link).n_components_ == 2
    assert [entry.name for entry in folder.iterdir()] == ["first.npz"]


@pytest.mark.skipif(sys.platform == "win32", reason="opens no folders")
def test_a_model_and_its_name_are_put_on_the_disk(X, tmp_path, monkeypatch):
    done = []

    def seen(name, owner, what):
        usual = getattr(owner, name)

        def see(*args):
            done.append((name, what(*args)))
            return usual(*args)

        monkeypatch.setattr(owner, name, see)

    model = NMF(3, random_state=0).fit(X)
    seen("fsync", os, lambda handle: os.fstat(handle).st_ino)
    seen("replace", Path, lambda file, target: file.stat().st_ino)
    model.save(tmp_path / "model.npz")
    file, folder = (tmp_path / "model.npz").stat().st_ino, tmp_path.stat().st_ino
    assert done == [("fsync", file), ("replace", file), ("fsync", folder)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no such pipes")
def test_a_pipe_is_written_directly(X, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    NMF(3, random_state=0).fit(X).save(tmp_path / "pipe")
    reader.join(10)
    (tmp_path / "model.npz").write_bytes(read[0])
    assert NMF.load(tmp_path / "model.npz").n_components_ == 3


def test_what_another_fit_left_is_not_saved(X, tmp_path):
    y = np.arange(len(X)) % 2
    model = NMF(3, constraint="labels", random_state=0, max_iter=5).fit(X, y)
    model.set_params(constraint=None, n_components=5).fit(X)
    assert not hasattr(model, "classes_") and not hasattr(model, "class_parts_")
    model.save(tmp_path / "m.npz")
    assert NMF.load(tmp_path / "m.npz").n_components_ == 5


def test_starts_and_seeds_of_others_are_no_obstacle(X, tmp_path):
    NMF(3, init="spa", random_state=0, max_iter=5).fit(X).save(tmp_path / "m.npz")
    assert MiniBatchNMF.load(tmp_path / "m.npz").init is None
    assert NMF.load(tmp_path / "m.npz").init == "spa"
    with np.load(tmp_path / "m.npz") as archive:
        arrays = dict(archive)
    meta = json.loads(str(arrays["meta"]))
    # The program takes seeds of 64 bits.
    arrays["meta"] = np.array(json.dumps(meta | {"seed": 2**40}))
    np.savez(tmp_path / "large.npz", **arrays)
    assert NMF.load(tmp_path / "large.npz").random_state is None
    model = MiniBatchNMF(3, forget_factor=np.float32(0.7), random_state=0).partial_fit(X)
    model.save(tmp_path / "b.npz")
    assert MiniBatchNMF.load(tmp_path / "b.npz").partial_fit(X).n_steps_ == 2
