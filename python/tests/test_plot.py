"""Pictures: what is drawn, where, and with which labels."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits

from partwise import NMF, plot

matplotlib.use("Agg")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    X = load_digits().data[:300]
    model = NMF(6, random_state=0, max_iter=60)
    return X, model.fit_transform(X), model


def drawn(ax):
    """The picture in pixels: the same twice, and not empty."""
    ax.figure.canvas.draw()
    pixels = np.asarray(ax.figure.canvas.buffer_rgba())
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 20
    return pixels


def test_images(fitted):
    X, _, model = fitted
    axes = plot.images(model, (8, 8), columns=3)
    assert len(axes) == 6
    assert (axes[2].images[0].get_array() == model.components_[2].reshape(8, 8)).all()
    assert axes[0].get_title() == "component 0"
    drawn(axes[0])
    _, own = plt.subplots(2, 4)
    assert plot.images(model.components_, (8, 8), axes=own, names=list("abcdef"))[5] is own.ravel()[5]
    assert own[0, 1].get_title() == "b"
    with pytest.raises(ValueError, match="63 pixels, but 64 features"):
        plot.images(model, (7, 9))
    with pytest.raises(ValueError, match="2 axes; expected one for each of 6"):
        plot.images(model, (8, 8), axes=own.ravel()[:2])


def test_terms():
    H = np.array([[0.0, 3.0, 1.0, 2.0], [5.0, 0.0, 0.0, 1.0]])
    axes = plot.terms(H, ["river", "ship", "harbour", "sail"], n_top=2, names=["sea", "land"])
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["ship", "sail"]
    assert [label.get_text() for label in axes[1].get_yticklabels()] == ["river", "sail"]
    assert axes[0].patches[0].get_width() == 1.0
    drawn(axes[0])
    with pytest.raises(ValueError, match="2 names; expected one for each of 4 features"):
        plot.terms(H, ["a", "b"])


def test_spectra(fitted):
    _, _, model = fitted
    ax = plot.spectra(model, x=np.linspace(400, 700, 64), xlabel="wavelength (nm)")
    assert len(ax.lines) == 6 and ax.get_xlabel() == "wavelength (nm)"
    assert ax.lines[0].get_ydata().min() >= 5 and ax.lines[0].get_ydata().max() == pytest.approx(5.9)
    drawn(ax)
    _, own = plt.subplots()
    assert plot.spectra(np.zeros((2, 5)), ax=own) is own
    with pytest.raises(ValueError, match="3 places; expected one for each of 64"):
        plot.spectra(model, x=[1, 2, 3])


def test_convergence(fitted):
    X, _, model = fitted
    ax = plot.convergence(model)
    objective = model.history_["objective"][model.history_["iteration"] > 0]
    assert (ax.lines[0].get_ydata() == objective).all()
    ax = plot.convergence({"auto": model, "cd": NMF(6, solver="cd", random_state=0).fit(X)}, against="seconds")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["auto", "cd"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds", "objective")
    drawn(ax)
    with pytest.raises(ValueError, match="against = 'time'"):
        plot.convergence(model, against="time")


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_reconstruction(fitted, storage):
    X, W, model = fitted
    axes = plot.reconstruction(storage(X), W, model, shape=(8, 8), sample=7)
    images = [ax.images[0].get_array() for ax in axes]
    assert (images[0] == X[7].reshape(8, 8)).all()
    np.testing.assert_allclose(images[0] - images[1], images[2])
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim()
    low, high = axes[2].images[0].get_clim()
    assert low == -high
    drawn(axes[0])
    assert plot.reconstruction(storage(X), W, model)[0].images[0].get_array().shape == X.shape


def test_weights(fitted):
    _, W, _ = fitted
    ax = plot.weights(W)
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown.sum(axis=1), 1)
    assert (np.diff(shown.argmax(axis=1)) >= 0).all()
    drawn(ax)
    shown = plot.weights(W, share=False, names=list("abcdef")).images[0].get_array()
    assert sorted(shown.max(axis=1)) == sorted(W.max(axis=1))
    drawn(plot.weights(np.vstack([W, np.zeros(6)])))


def test_entries_below_zero_have_colours_and_places_of_their_own(fitted):
    X, _, _ = fitted
    centred = X - X.mean(axis=0)
    model = NMF(4, constraint="semi", random_state=0)
    W = model.fit_transform(centred)
    for ax in plot.images(model, (8, 8)):
        (image,) = ax.images
        low, high = image.get_clim()
        assert low == -high < 0 and image.get_cmap().name == plot.DIVERGING
    ax = plot.spectra(model)
    curves = [line.get_ydata() for line in ax.lines]
    assert all(curve.min() > 2.999 - i and curve.max() < 3.901 - i for i, curve in enumerate(curves))
    first, second, _ = plot.reconstruction(centred, W, model, shape=(8, 8), sample=3)
    assert first.images[0].get_clim() == second.images[0].get_clim()
    assert first.images[0].get_clim()[0] < 0
    drawn(ax)


def test_what_is_missing_is_left_out(fitted):
    X, W, model = fitted
    X = X.copy()
    X[0, :10] = np.nan
    axes = plot.reconstruction(X, W, model, shape=(8, 8))
    assert "nan" not in axes[2].get_title() and len(drawn(axes[2])) > 0
    frame = pd.DataFrame(fitted[0])
    axes = plot.reconstruction(frame, W, model, shape=(8, 8), sample=3)
    np.testing.assert_array_equal(axes[0].images[0].get_array(), fitted[0][3].reshape(8, 8))


def test_negative_weights_have_no_shares_and_negative_terms_bars_to_the_left():
    ax = plot.weights(np.array([[1.0, -2.0], [0.5, 1.0]]))
    assert ax.images[0].get_clim() == (-2.0, 2.0)
    axes = plot.terms(np.array([[-2.0, -1.0]]), ["a", "b"], n_top=2)
    assert [bar.get_width() for bar in axes[0].patches] == [-0.5, -1.0]


def test_a_model_without_a_history_is_refused(fitted, tmp_path):
    fitted[2].save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="has no history"):
        plot.convergence({"loaded": NMF.load(tmp_path / "m.npz")})
