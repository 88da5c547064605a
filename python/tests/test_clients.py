"""What uses an NMF uses ours: pipelines, searches, frames, copies, threads, processes."""

import gzip
import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anndata
import joblib
import librosa
import numpy as np
import pandas as pd
import polars
import pytest
import scipy.sparse as sp
import sklearn.decomposition
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.exceptions import UnsetMetadataPassedError
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


@pytest.fixture(scope="module")
def descriptions():
    path = Path(__file__).parents[2] / "assets/descriptions.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


@pytest.mark.parametrize(
    ("ours", "theirs", "rel"),
    [
        ({"solver": "cd"}, {}, 1e-6),
        ({}, {}, None),
        ({"beta_loss": "kullback-leibler"}, {"beta_loss": "kullback-leibler", "solver": "mu"}, None),
    ],
    ids=["cd", "auto", "auto for kullback-leibler"],
)
def test_topics_of_descriptions(descriptions, ours, theirs, rel):
    def fitted(model):
        pipeline = make_pipeline(TfidfVectorizer(min_df=5, max_df=0.3, stop_words="english"), model)
        assert pipeline.fit_transform(descriptions).shape == (len(descriptions), 10)
        return pipeline

    found = fitted(NMF(10, random_state=0, **ours))
    expected = fitted(sklearn.decomposition.NMF(10, random_state=0, **theirs))
    error, known = found[-1].reconstruction_err_, expected[-1].reconstruction_err_
    if rel is None:
        assert error <= known * (1 + 1e-6)
    else:
        assert error == pytest.approx(known, rel=rel)
        assert_allclose(found.transform(descriptions[:50]), expected.transform(descriptions[:50]), atol=1e-4)
    # Half of the topics at least are topics of both.
    words = found[0].get_feature_names_out()
    leading, others = (
        [{words[i] for i in row.argsort()[-8:]} for row in pipeline[-1].components_] for pipeline in (found, expected)
    )
    assert sum(max(len(some & other) for other in others) >= 4 for some in leading) >= 5


def test_column_transformer_and_set_output(digits):
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
    frame = polars.DataFrame(digits[0], schema=[f"pixel{i}" for i in range(64)])
    model = NMF(3, random_state=0).set_output(transform="polars")
    W = model.fit_transform(frame)
    assert W.columns == ["nmf0", "nmf1", "nmf2"]
    assert list(model.feature_names_in_) == frame.columns
    by_columns = np.asfortranarray(digits[0])
    assert_array_equal(W.to_numpy(), NMF(3, random_state=0).fit_transform(by_columns))
    same_steps = [NMF(3, solver="cd", random_state=0).fit(X) for X in (frame, digits[0])]
    assert_allclose(same_steps[0].components_, same_steps[1].components_, rtol=1e-9, atol=1e-9)
    assert same_steps[0].reconstruction_err_ == pytest.approx(same_steps[1].reconstruction_err_, rel=1e-12)


COUNTS = np.random.default_rng(0).poisson(1.5, size=(50, 30))


@pytest.mark.parametrize(
    "X",
    [
        COUNTS,
        COUNTS.astype(np.float32),
        np.asfortranarray(COUNTS, dtype=np.float64),
        sp.csr_matrix(COUNTS),
        sp.csr_matrix(COUNTS, dtype=np.float32),
        sp.csc_matrix(COUNTS, dtype=np.int32),
    ],
    ids=["counts", "float32", "by columns", "sparse counts", "sparse float32", "sparse counts by columns"],
)
@both
def test_matrix_of_anndata(Estimator, X):
    model = Estimator(4, beta_loss="kullback-leibler", init="random", random_state=0, max_iter=20)
    adata = anndata.AnnData(X=X)
    rows, columns = np.arange(1, 50, 3), np.arange(0, 30, 2)
    for whole, part in ((adata, X), (adata[rows], X[rows]), (adata[5:40, columns], X[5:40][:, columns])):
        W = model.fit_transform(whole.X)
        assert W.dtype == (np.float32 if X.dtype == np.float32 else np.float64)
        assert type(W) is np.ndarray and type(model.components_) is np.ndarray
        assert_array_equal(W, model.fit_transform(part))
        assert_array_equal(model.transform(whole[:7].X), model.transform(part[:7]))
    adata.obsm["X_nmf"] = model.fit_transform(adata.X)
    assert adata[rows].obsm["X_nmf"].shape == (len(rows), 4)


def test_librosa():
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
            assert_array_equal(found, direct.components_)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def weighted(n_components=4, asked=True):
    """A classifier behind an NMF, both of which take the weights of samples; `asked` says whether NMF does."""
    nmf = NMF(n_components, init="random", random_state=0, max_iter=60)
    nmf = nmf if asked is None else nmf.set_fit_request(sample_weight=asked)
    classifier = LogisticRegression(max_iter=500).set_fit_request(sample_weight=True)
    return make_pipeline(nmf, classifier.set_score_request(sample_weight=True))


def by_hand(X, y, weights, n_components=4, asked=True):
    """The same without a pipeline."""
    nmf = NMF(n_components, init="random", random_state=0, max_iter=60)
    W = nmf.fit_transform(X, sample_weight=weights if asked else None)
    return nmf, LogisticRegression(max_iter=500).fit(W, y, sample_weight=weights)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("asked", [True, False])
def test_weights_go_through_a_pipeline_to_both_of_its_steps(digits, asked):
    X, y = digits[0][:150], digits[1][:150]
    weights = np.random.default_rng(0).random(150)
    pipeline = weighted(asked=asked).fit(X, y, sample_weight=weights)
    nmf, classifier = by_hand(X, y, weights, asked=asked)
    assert_array_equal(pipeline[0].components_, nmf.components_)
    assert_array_equal(pipeline[1].coef_, classifier.coef_)
    assert_array_equal(pipeline.predict(X), classifier.predict(nmf.transform(X)))


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_refused(digits):
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        weighted(asked=None).fit(digits[0][:50], digits[1][:50], sample_weight=np.ones(50))


@pytest.mark.usefixtures("routing")
def test_a_grid_search_hands_each_fold_its_weights(digits):
    X, y = digits[0][:150], digits[1][:150]
    weights = np.random.default_rng(0).random(150)
    folds = [(np.arange(0, 75), np.arange(75, 150)), (np.arange(75, 150), np.arange(0, 75))]
    search = GridSearchCV(weighted(), {"nmf__n_components": [2, 8]}, cv=folds)
    search.fit(X, y, sample_weight=weights)
    for fold, (train, test) in enumerate(folds):
        for place, n_components in enumerate([2, 8]):
            nmf, classifier = by_hand(X[train], y[train], weights[train], n_components)
            score = classifier.score(nmf.transform(X[test]), y[test], sample_weight=weights[test])
            assert search.cv_results_[f"split{fold}_test_score"][place] == pytest.approx(score)
    nmf, _ = by_hand(X, y, weights, search.best_params_["nmf__n_components"])
    assert_array_equal(search.best_estimator_[0].components_, nmf.components_)
