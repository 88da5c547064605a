"""What uses an NMF uses ours: pipelines, searches, frames, copies, threads, processes."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import partwise
from partwise import NMF, MiniBatchNMF

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

both = pytest.mark.parametrize("Estimator", [NMF, MiniBatchNMF])


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


def test_the_textbook_example(tmp_path):
    image = np.outer(np.arange(1.0, 41), np.arange(1.0, 31)) % 17
    np.savetxt(tmp_path / "image.txt", image)
    model = NMF(n_components=5, init="random", random_state=0)
    W = model.fit_transform(np.loadtxt(tmp_path / "image.txt"))
    H = model.components_
    assert W.shape == (40, 5) and H.shape == (5, 30)
    assert np.linalg.norm(image - W @ H) == pytest.approx(model.reconstruction_err_)


@both
def test_classifier_on_digits(Estimator, digits):
    X, y = digits
    model = make_pipeline(MinMaxScaler(), Estimator(16, random_state=0), LogisticRegression(C=100, max_iter=2000))
    assert model.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.85


def test_grid_search_over_components(digits):
    X, y = digits
    model = make_pipeline(NMF(random_state=0, max_iter=50), LogisticRegression(C=10, max_iter=500))
    search = GridSearchCV(model, {"nmf__n_components": [2, 12]}, cv=2, n_jobs=2).fit(X[:300], y[:300])
    assert search.best_params_ == {"nmf__n_components": 12}


@both
def test_topics_of_texts(Estimator):
    texts = [
        "the river flows past the old mill",
        "a mill by the river",
        "water of the river under the mill wheel",
        "ships sail from the harbour",
        "a sailor and ships in the harbour",
        "the harbour was full of ships",
    ]
    vectorizer = TfidfVectorizer(stop_words="english")
    pipeline = make_pipeline(vectorizer, Estimator(2, random_state=0, init="nndsvd"))
    W = pipeline.fit_transform(texts)
    topics = W.argmax(axis=1)
    assert set(topics[:3]) != set(topics[3:]) and len(set(topics)) == 2
    words = vectorizer.get_feature_names_out()
    top = {words[i] for row in pipeline[-1].components_ for i in row.argsort()[-2:]}
    assert {"river", "ships", "harbour"} <= top


def test_column_transformer_and_set_output(digits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(digits[0], columns=[f"pixel{i}" for i in range(64)])
    model = NMF(3, random_state=0).set_output(transform="pandas")
    W = model.fit_transform(frame)
    assert list(W.columns) == ["nmf0", "nmf1", "nmf2"] and W.index.equals(frame.index)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame.rename(columns={"pixel0": "other"}))
    columns = ColumnTransformer([("parts", NMF(3, random_state=0), list(frame.columns[:40]))], remainder="passthrough")
    assert columns.fit_transform(frame).shape == (len(frame), 27)


def test_polars_frame(digits):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(digits[0], schema=[f"pixel{i}" for i in range(64)])
    model = NMF(3, random_state=0).set_output(transform="polars")
    W = model.fit_transform(frame)
    assert W.columns == ["nmf0", "nmf1", "nmf2"]
    assert model.reconstruction_err_ == pytest.approx(
        NMF(3, random_state=0).fit(digits[0]).reconstruction_err_, rel=1e-2
    )
    assert list(model.feature_names_in_) == frame.columns


def test_matrix_of_anndata():
    anndata = pytest.importorskip("anndata")
    counts = sp.random(50, 30, density=0.3, format="csr", dtype=np.float32, random_state=0)
    adata = anndata.AnnData(X=counts)
    W = NMF(4, beta_loss="kullback-leibler", random_state=0).fit_transform(adata.X)
    assert W.shape == (50, 4) and W.dtype == np.float32


def test_librosa():
    librosa = pytest.importorskip("librosa")
    time = np.arange(22050) / 22050
    sound = np.where(time < 0.5, np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 880 * time))
    spectrogram = np.abs(librosa.stft(sound))
    components, activations = librosa.decompose.decompose(spectrogram, transformer=NMF(2, random_state=0), sort=True)
    peaks = librosa.fft_frequencies()[components.argmax(axis=0)]
    assert_allclose(peaks, [440, 880], atol=12)
    error = np.linalg.norm(spectrogram - components @ activations)
    assert error < 0.25 * np.linalg.norm(spectrogram)


@both
def test_clone_and_pickle(Estimator, digits):
    X, _ = digits
    model = Estimator(4, random_state=0, max_iter=20).fit(X)
    assert not hasattr(clone(model), "components_")
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.transform(X) == model.transform(X)).all()
    assert clone(model).get_params() == model.get_params()


def fitted_error(args):
    X, seed = args
    return NMF(4, random_state=seed, init="random", max_iter=30).fit(X).reconstruction_err_


def test_threads_of_python(digits):
    jobs = [(digits[0], seed) for seed in range(6)]
    expected = [fitted_error(job) for job in jobs]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(fitted_error, jobs)) == expected


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(backend, digits):
    joblib = pytest.importorskip("joblib")
    jobs = [(digits[0], seed) for seed in range(3)]
    expected = [fitted_error(job) for job in jobs]
    found = joblib.Parallel(2, backend=backend)(
        joblib.delayed(NMF(4, random_state=seed, init="random", max_iter=30).fit)(X) for X, seed in jobs
    )
    assert [model.reconstruction_err_ for model in found] == expected


OURS = {"sample_weight", "entry_weight", "fixed_W", "fixed_H"}
"""What NMF can be given beyond what scikit-learn's can."""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_fork_after_a_fit(digits):
    job = (np.tile(digits[0], (2, 1)), 0)
    expected = fitted_error(job)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(fitted_error, (job,)).get(timeout=60) == expected


def test_no_output_without_being_asked(digits, capfd):
    NMF(4, random_state=0, max_iter=20).fit(digits[0])
    MiniBatchNMF(4, random_state=0, max_iter=20).fit(digits[0])
    assert capfd.readouterr() == ("", "")


def test_imports_nothing_that_is_optional():
    code = "import sys, partwise; sys.exit(bool({'matplotlib', 'tqdm', 'polars'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_version():
    assert partwise.__version__.count(".") == 2


@both
def test_metadata_routing(Estimator, digits):
    import sklearn.decomposition

    X = digits[0][:100]
    with sklearn.config_context(enable_metadata_routing=True):
        theirs = getattr(sklearn.decomposition, Estimator.__name__)(3)
        requests = {
            method: {name: alias for name, alias in asked.items() if name not in OURS}
            for method, asked in Estimator(3).get_metadata_routing()._serialize().items()
        }
        assert {m: r for m, r in requests.items() if r} == theirs.get_metadata_routing()._serialize()
        pipeline = make_pipeline(MinMaxScaler(), Estimator(3, random_state=0))
        assert pipeline.fit_transform(X).shape == (100, 3)
        if Estimator is NMF:
            routed = make_pipeline(MinMaxScaler(), NMF(3, random_state=0).set_fit_request(sample_weight=True))
            weights = np.linspace(0, 1, 100)
            found = routed.fit(X, sample_weight=weights)[-1].components_
            direct = NMF(3, random_state=0).fit(MinMaxScaler().fit_transform(X), sample_weight=weights)
            np.testing.assert_array_equal(found, direct.components_)
