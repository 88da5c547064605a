"""The same start gives scikit-learn's answer: iterations, components, error."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.decomposition
from numpy.testing import assert_allclose

import partwise

pytestmark = pytest.mark.filterwarnings("ignore")

PENALTIES = [{}, {"alpha_W": 0.002, "l1_ratio": 0.5}, {"alpha_W": 0.0, "alpha_H": 0.001}]


def data(rows=60, cols=23, density=1.0, seed=0):
    random = np.random.RandomState(seed)
    X = random.gamma(0.7, size=(rows, 5)) @ random.gamma(0.7, size=(5, cols)) + 0.05 * random.gamma(
        1.0, size=(rows, cols)
    )
    if density < 1:
        X *= random.uniform(size=X.shape) < density
    return X


def assert_same(ours, theirs, X, tolerance=1e-5):
    W, expected = ours.fit_transform(X), theirs.fit_transform(X)
    assert ours.n_iter_ == theirs.n_iter_
    assert getattr(ours, "n_steps_", None) == getattr(theirs, "n_steps_", None)
    assert_allclose(ours.components_, theirs.components_, atol=tolerance * theirs.components_.max(), rtol=0)
    assert_allclose(W, expected, atol=tolerance * expected.max(), rtol=0)
    assert_allclose(ours.reconstruction_err_, theirs.reconstruction_err_, rtol=max(1e-6, tolerance / 10))
    assert W.dtype == expected.dtype
    assert ours.components_.dtype == theirs.components_.dtype
    if ours._beta() == 1 and ours.alpha_W * ours.l1_ratio > 0 and getattr(ours, "solver", "") == "mu":
        return  # With H held, scikit-learn adds the penalty anew in each iteration.
    new, expected = ours.transform(X[:20]), theirs.transform(X[:20])
    assert_allclose(new, expected, atol=10 * tolerance * expected.max(), rtol=0)


@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize("init", [None, "random", "nndsvd", "nndsvdar"])
@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sp.csr_array, sp.csc_matrix])
def test_cd(storage, init, penalty):
    X = storage(data(density=0.6))
    parameters = dict(n_components=4, init=init, solver="cd", random_state=3, max_iter=300, **penalty)
    assert_same(partwise.NMF(**parameters), sklearn.decomposition.NMF(**parameters), X)


@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("shape", [(60, 23), (23, 60)])
def test_cd_shuffled(storage, shape):
    X = storage(data(*shape, density=0.6))
    parameters = dict(n_components=4, init="random", solver="cd", random_state=3, max_iter=300, shuffle=True)
    ours, theirs = partwise.NMF(**parameters), sklearn.decomposition.NMF(**parameters)
    assert_same(ours, theirs, X)
    in_order = partwise.NMF(**{**parameters, "shuffle": False}).fit(X)
    assert abs(in_order.components_ - ours.components_).max() > 1e-4


@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler", "itakura-saito", 0.5, 1.5, 3])
def test_mu(beta_loss, penalty):
    X = data() + 0.01
    parameters = dict(n_components=4, init="random", solver="mu", beta_loss=beta_loss, random_state=3, **penalty)
    assert_same(partwise.NMF(**parameters), sklearn.decomposition.NMF(**parameters), X)


@pytest.mark.parametrize("beta_loss", [2, 1, 1.5])
def test_mu_sparse(beta_loss):
    X = sp.csr_array(data(density=0.4))
    parameters = dict(n_components=4, solver="mu", beta_loss=beta_loss, random_state=3)
    assert_same(partwise.NMF(**parameters), sklearn.decomposition.NMF(**parameters), X)


@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler", "itakura-saito", 0.5, 1.5, 3])
@pytest.mark.parametrize("fresh_restarts", [False, True])
def test_minibatch(beta_loss, fresh_restarts, penalty):
    X = data() + 0.01
    parameters = dict(n_components=4, batch_size=16, beta_loss=beta_loss, random_state=3, init="random", max_iter=30)
    parameters.update(fresh_restarts=fresh_restarts, **penalty)
    assert_same(partwise.MiniBatchNMF(**parameters), sklearn.decomposition.MiniBatchNMF(**parameters), X)


EACH = pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("NMF", {"solver": "cd"}),
        ("NMF", {"solver": "mu"}),
        ("NMF", {"solver": "mu", "beta_loss": 1}),
        ("MiniBatchNMF", {"batch_size": 16}),
    ],
    ids=["cd", "mu", "mu KL", "minibatch"],
)


@EACH
@pytest.mark.parametrize("n_components", [4, "auto"])
@pytest.mark.parametrize("penalty", PENALTIES[:1] + PENALTIES[2:], ids=["plain", "h"])
def test_given_starts(name, parameters, n_components, penalty):
    X, W, H = data(), data(60, 4, seed=1), data(4, 23, seed=2)
    parameters = dict(n_components=n_components, init="custom", max_iter=30, **parameters, **penalty)
    ours, theirs = getattr(partwise, name)(**parameters), getattr(sklearn.decomposition, name)(**parameters)
    # scikit-learn overwrites what it is given.
    found, expected = ours.fit_transform(X, W=W, H=H), theirs.fit_transform(X, W=W.copy(), H=H.copy())
    assert ours.n_iter_ == theirs.n_iter_
    assert_allclose(ours.components_, theirs.components_, atol=1e-5 * theirs.components_.max(), rtol=0)
    assert_allclose(found, expected, atol=1e-5 * expected.max(), rtol=0)
    assert_allclose(ours.reconstruction_err_, theirs.reconstruction_err_, rtol=1e-6)


@EACH
@pytest.mark.parametrize(
    ("shape", "n_components"),
    [((60, 23), None), ((60, 7), 9), ((12, 40), 4), ((12, 40), 15), ((12, 40), "auto")],
    ids=str,
)
def test_shapes(name, parameters, shape, n_components):
    parameters = dict(n_components=n_components, max_iter=20, random_state=3, **parameters)
    ours, theirs = getattr(partwise, name)(**parameters), getattr(sklearn.decomposition, name)(**parameters)
    assert_same(ours, theirs, data(*shape) + 0.01)
    k = shape[1] if n_components in (None, "auto") else n_components
    assert ours.n_components_ == theirs.n_components_ == k


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_the_function_with_held_components(solver, penalty, storage):
    X, H = storage(data(density=0.6)), data(4, 23, seed=2)
    parameters = dict(H=H, update_H=False, n_components=4, solver=solver, max_iter=100, **penalty)
    ours, theirs = (module.non_negative_factorization(X, **parameters) for module in (partwise, sklearn.decomposition))
    assert ours[2] == theirs[2]
    assert_allclose(ours[0], theirs[0], atol=1e-5 * theirs[0].max(), rtol=0)
    assert (ours[1] == H).all()


@pytest.mark.parametrize("storage", [np.asfortranarray, sp.csr_matrix, sp.csc_array])
@pytest.mark.parametrize("beta_loss", [2, 1, 1.5])
def test_minibatch_storages(storage, beta_loss):
    X = data(density=0.4)
    parameters = dict(n_components=4, batch_size=16, beta_loss=beta_loss, random_state=3, init="random", max_iter=40)
    ours, theirs = partwise.MiniBatchNMF(**parameters), sklearn.decomposition.MiniBatchNMF(**parameters)
    # scikit-learn's answers for CSC and a loss other than Frobenius are wrong: it pairs entries in two orders.
    ours.fit(storage(X))
    theirs.fit(X if storage is np.asfortranarray else sp.csr_array(X))
    assert ours.n_steps_ == theirs.n_steps_
    assert_allclose(ours.components_, theirs.components_, atol=1e-5 * theirs.components_.max(), rtol=0)
    assert_allclose(ours.reconstruction_err_, theirs.reconstruction_err_, rtol=1e-6)


@pytest.mark.parametrize(
    "limits", [{"tol": 0, "max_no_improvement": 3}, {"tol": 1e-2}, {"tol": 1e-2, "forget_factor": 0.2}]
)
def test_minibatch_stops_where_scikit_learn_stops(limits):
    parameters = dict(n_components=4, batch_size=16, random_state=1, init="nndsvdar", **limits)
    ours, theirs = partwise.MiniBatchNMF(**parameters), sklearn.decomposition.MiniBatchNMF(**parameters)
    assert_same(ours, theirs, data())
    assert theirs.n_iter_ < 200


@pytest.mark.parametrize("beta_loss", [2, 1, 0.5])
def test_partial_fit(beta_loss):
    X = data() + 0.01
    parameters = dict(n_components=4, beta_loss=beta_loss, random_state=5, init="random")
    ours, theirs = partwise.MiniBatchNMF(**parameters), sklearn.decomposition.MiniBatchNMF(**parameters)
    for start in (0, 20, 40, 0, 20):
        ours.partial_fit(X[start : start + 20])
        theirs.partial_fit(X[start : start + 20])
    assert ours.n_steps_ == theirs.n_steps_ == 5
    assert_allclose(ours.components_, theirs.components_, atol=1e-5, rtol=0)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float64, np.float32), (np.float32, np.int64)])
def test_partial_fit_keeps_the_first_dtype(dtypes, storage):
    X = np.ceil(10 * data())
    parameters = dict(n_components=4, random_state=5, init="random")
    ours, theirs = partwise.MiniBatchNMF(**parameters), sklearn.decomposition.MiniBatchNMF(**parameters)
    for dtype in dtypes:
        ours.partial_fit(storage(X.astype(dtype)))
        theirs.partial_fit(storage(X.astype(dtype)))
        assert ours.components_.dtype == theirs.components_.dtype == dtypes[0]
    assert_allclose(ours.components_, theirs.components_, atol=1e-3 * theirs.components_.max(), rtol=0)


@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_single_precision(solver):
    X = data().astype(np.float32)
    parameters = dict(n_components=4, init="random", solver=solver, random_state=3, max_iter=20, tol=0)
    ours, theirs = partwise.NMF(**parameters), sklearn.decomposition.NMF(**parameters)
    assert_same(ours, theirs, X, tolerance=2e-3)
    assert ours.components_.dtype == np.float32


def assert_refused_alike(call):
    """One call of ours and of scikit-learn's: the same exception. Ours may say where, behind its text."""
    raised = []
    for module in (partwise, sklearn.decomposition):
        with pytest.raises((ValueError, TypeError)) as caught:
            call(module)
        raised.append(caught.value)
    ours, theirs = raised
    assert type(ours) is type(theirs)
    assert str(ours).startswith(str(theirs))


@pytest.mark.parametrize(
    "parameters",
    [
        {"X": 3.0},
        {"X": None},
        {"X": "data"},
        {"W": 2, "H": None},
        {"H": "factor"},
        {"update_H": 1},
        {"update_H": "yes"},
        {"update_H": None},
        {"tol": -1},
        {"max_iter": 0},
        {"alpha_H": -1},
        {"alpha_W": "same"},
        {"l1_ratio": 2},
        {"shuffle": 3},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_the_function_refuses_what_scikit_learn_refuses(parameters):
    assert_refused_alike(lambda module: module.non_negative_factorization(**{"X": data(), **parameters}))


NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]\d+)?")
VERBOSE = dict(n_components=4, init="random", random_state=3, verbose=1)


def assert_printed_alike(capsys, call):
    """What one call of ours and of scikit-learn's prints: the same lines, and numbers that agree, seconds aside."""
    printed = []
    for module in (partwise, sklearn.decomposition):
        capsys.readouterr()
        call(module)
        text = re.sub(r"[\d.]+ seconds", "seconds", capsys.readouterr().out)
        printed.append((NUMBER.sub("#", text).splitlines(), [float(number) for number in NUMBER.findall(text)]))
    (ours, found), (theirs, expected) = printed
    assert ours == theirs
    assert_allclose(found, expected, rtol=1e-5, atol=2e-6)
    return ours


@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize(
    ("limits", "last"),
    [
        ({"tol": 1e-2}, "Converged at iteration #"),
        ({"max_iter": 5}, "violation: #"),
        ({"tol": 0, "max_iter": 5}, "violation: #"),
    ],
    ids=str,
)
def test_cd_prints_scikit_learns_lines(limits, last, penalty, capsys):
    parameters = {"solver": "cd", **VERBOSE, **limits, **penalty}
    assert assert_printed_alike(capsys, lambda module: module.NMF(**parameters).fit(data()))[-1] == last


@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize("beta_loss", [2, 1, 0.5])
@pytest.mark.parametrize(
    ("limits", "last"),
    [
        ({"tol": 1e-2}, "Epoch # reached after seconds, error: #"),
        ({"max_iter": 20}, "Epoch # reached after seconds, error: #"),
        ({"max_iter": 13}, "Epoch # reached after seconds."),
        ({"tol": 0, "max_iter": 20}, "Epoch # reached after seconds."),
    ],
    ids=str,
)
def test_mu_prints_scikit_learns_lines(limits, last, beta_loss, penalty, capsys):
    parameters = {"solver": "mu", "beta_loss": beta_loss, **VERBOSE, **limits, **penalty}
    assert assert_printed_alike(capsys, lambda module: module.NMF(**parameters).fit(data() + 0.01))[-1] == last


@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_transforms_print_scikit_learns_lines(solver, capsys):
    parameters = {"solver": solver, **VERBOSE, "verbose": 0}
    models = {module: module.NMF(**parameters).fit(data()) for module in (partwise, sklearn.decomposition)}
    assert assert_printed_alike(capsys, lambda module: models[module].set_params(verbose=1).transform(data()[:20]))


@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "both", "h"])
@pytest.mark.parametrize(
    ("limits", "last"),
    [
        ({"tol": 1e-2, "max_no_improvement": None}, "Converged (small H change) at step #/#"),
        (
            {"tol": 0, "max_no_improvement": 3},
            "Converged (lack of improvement in objective function) at step #/#",
        ),
        ({"tol": 0, "max_iter": 2}, "Minibatch step #/#: mean batch cost: #, ewa cost: #"),
    ],
    ids=["small change", "no improvement", "limit"],
)
def test_minibatch_prints_scikit_learns_lines(limits, last, penalty, capsys):
    parameters = {"batch_size": 16, **VERBOSE, **limits, **penalty}
    assert assert_printed_alike(capsys, lambda module: module.MiniBatchNMF(**parameters).fit(data()))[-1] == last


W, H = data(60, 4), data(4, 23)
STARTS = {
    "rows of W": {"W": W[1:], "H": H},
    "columns of W": {"W": W[:, 1:], "H": H},
    "rows of H": {"W": W, "H": H[1:]},
    "columns of H": {"W": W, "H": H[:, 1:]},
    "shape before dtype": {"W": W[1:], "H": H.astype(np.float32)},
    "H before W": {"W": W[1:], "H": -H},
    "negative W": {"W": -W, "H": H},
    "negative H": {"W": W, "H": -H},
    "zeros in W": {"W": 0 * W, "H": H},
    "zeros in H": {"W": W, "H": 0 * H},
    "dtype of W": {"W": W.astype(np.float32), "H": H},
    "dtype of H": {"W": W, "H": H.astype(np.float32)},
    "integers": {"W": np.ceil(W).astype(int), "H": H},
    "text": {"W": W, "H": H.astype(str)},
    "complex": {"W": W, "H": H * 1j},
    "1-d": {"W": W, "H": H[0]},
    "3-d": {"W": W[None], "H": H},
    "sparse": {"W": W, "H": sp.csr_array(H)},
    "scalar": {"W": 3.0, "H": H},
}


OF_H = ("rows of H", "columns of H", "negative H", "zeros in H", "dtype of H", "text", "complex", "1-d", "sparse")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("NMF", {"solver": "cd"}), ("NMF", {"solver": "mu"}), ("MiniBatchNMF", {})],
    ids=["cd", "mu", "minibatch"],
)
@pytest.mark.parametrize("case", STARTS)
def test_starts_are_refused_as_scikit_learn_refuses_them(case, name, parameters):
    parameters = {"n_components": 4, "init": "custom", **parameters}
    assert_refused_alike(lambda module: getattr(module, name)(**parameters).fit(data(), **STARTS[case]))


@pytest.mark.parametrize("case", OF_H)
def test_held_factors_are_refused_as_scikit_learn_refuses_them(case):
    held = {"H": STARTS[case]["H"], "update_H": False, "n_components": 4, "solver": "cd"}
    assert_refused_alike(lambda module: module.non_negative_factorization(data(), **held))


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array, sp.csc_array])
def test_negative_data_are_refused_as_scikit_learn_refuses_them(make):
    X, negative = make(data()), data()
    negative[3, 2] = -1
    negative = make(negative)
    assert_refused_alike(lambda module: module.NMF(3).fit(negative))
    assert_refused_alike(lambda module: module.NMF(3, init="random").fit(negative))
    assert_refused_alike(lambda module: module.NMF(3).fit(X).transform(negative))
    assert_refused_alike(lambda module: module.MiniBatchNMF(3).fit(negative))
    assert_refused_alike(lambda module: module.MiniBatchNMF(3).partial_fit(negative))
    assert_refused_alike(lambda module: module.MiniBatchNMF(4, init="custom").fit(negative, W=W, H=-H))
    # Which scikit-learn takes.
    place = r"X\[3, 2\] = -1; expected zero or more"
    for text, call in {
        "NMF initialization": lambda: partwise.NMF(3).fit(negative),
        "X in NMF": lambda: partwise.NMF(3).fit(X).transform(negative),
        "X in MiniBatchNMF": lambda: partwise.MiniBatchNMF(3).fit(X).transform(negative),
        r"MiniBatchNMF \(input X\)": lambda: partwise.MiniBatchNMF(3).partial_fit(X).partial_fit(negative),
        r"NMF \(input X\)": lambda: partwise.NMF(4, init="custom").fit(negative, W=W, H=H),
    }.items():
        with pytest.raises(ValueError, match=rf"Negative values in data passed to {text}\. {place}"):
            call()


@pytest.mark.parametrize("beta_loss", ["itakura-saito", -1.5])
def test_zeros_are_refused_as_scikit_learn_refuses_them(beta_loss):
    X = data(density=0.5)
    assert_refused_alike(lambda module: module.NMF(3, solver="mu", beta_loss=beta_loss).fit(X))
    assert_refused_alike(lambda module: module.MiniBatchNMF(3, beta_loss=beta_loss).fit(X))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_change_nothing(n_threads):
    X = data(rows=3000)
    one = partwise.NMF(4, random_state=0, n_threads=1, max_iter=20, tol=0).fit(X)
    other = partwise.NMF(4, random_state=0, n_threads=n_threads, max_iter=20, tol=0).fit(X)
    assert (one.components_ == other.components_).all()
    one = partwise.MiniBatchNMF(4, random_state=0, n_threads=1, max_iter=5).fit(X)
    other = partwise.MiniBatchNMF(4, random_state=0, n_threads=n_threads, max_iter=5).fit(X)
    assert (one.components_ == other.components_).all()
