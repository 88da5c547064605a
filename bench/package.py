"""Measures the Python package beside scikit-learn's classes, and on ratings, for docs/python.md:

    PARTWISE_DATA=FOLDER python bench/package.py [--quick] [--rounds 5] [--threads 1]

Runs in python/.venv (`make python`). Each pair is fitted in turns, with as many threads for BLAS as for the
engine; seconds are medians. The data are those of bench/catalogue.py; what FOLDER does not hold is left out.
Packages that factor a matrix with missing entries are tried where they can be imported: wNMF, surprise
(scikit-surprise), tensorly.
"""

import argparse
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import partwise
import scipy.sparse as sp
import sklearn.decomposition
import threadpoolctl
from data import FOLDER_VARIABLE, absent, make

# What is fitted: the data, the components, the loss.
FITS = [
    ("digits", 16, "frobenius"),
    ("olivetti", 40, "frobenius"),
    ("news20", 20, "frobenius"),
    ("pbmc_facs", 6, "kullback-leibler"),
]
BATCHES = [
    ("digits", 16, "frobenius"),
    ("olivetti", 40, "frobenius"),
    ("mnist", 20, "frobenius"),
    ("news20", 20, "frobenius"),
    ("digits", 16, "kullback-leibler"),
    ("mnist", 20, "kullback-leibler"),
    ("pbmc_facs", 6, "kullback-leibler"),
]
RANK = 10
STARS = (1.0, 5.0)


def seconds(work):
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def beside(name, k, loss, kind, rounds, threads):
    """A line of the table: a class of both packages, with defaults but the start, from the same seeds."""
    x = make(name)
    spent = {"scikit-learn": [], "partwise": []}
    ends = {"scikit-learn": [], "partwise": []}
    for seed in range(rounds):
        for package in spent:
            module = sklearn.decomposition if package == "scikit-learn" else partwise
            own = {"n_threads": threads} if package == "partwise" else {}
            if kind == "NMF" and loss != "frobenius" and package == "scikit-learn":
                own["solver"] = "mu"
            model = getattr(module, kind)(k, init="random", beta_loss=loss, random_state=seed, **own)
            took, model = seconds(lambda model=model: model.fit(x))
            spent[package].append(took)
            ends[package].append(model.reconstruction_err_)
    peer, ours = (statistics.median(spent[package]) for package in spent)
    lower = statistics.median(b / a - 1 for a, b in zip(ends["scikit-learn"], ends["partwise"], strict=True))
    form = "sparse" if sp.issparse(x) else "dense"
    print(
        f"| {kind} | {name}, {x.shape[0]} × {x.shape[1]} {form} | {k} | {loss} | {peer:.3f} s | {ours:.3f} s "
        f"| {peer / ours:.1f} | {lower:+.2%} |",
        flush=True,
    )


def guess_by_means(known, rows, columns):
    """The guesses of users, of items and of both: what a factorisation has to beat."""
    total = known.data.mean()
    stored = [np.maximum(known.getnnz(axis=axis), 1) for axis in (1, 0)]
    users, items = (
        np.where(known.getnnz(axis=axis) > 0, np.asarray(known.sum(axis=axis)).ravel() / count, total)
        for axis, count in zip((1, 0), stored, strict=True)
    )
    return {
        "mean of all": np.full(len(rows), total),
        "mean of the user": users[rows],
        "mean of the item": items[columns],
        "user + item - all": users[rows] + items[columns] - total,
    }


# Strength of the penalties: of 0.08 to 0.2, that by which a fit to four fifths of the known ratings
# tells the others best.
PENALTY = 0.14


def by_partwise(max_iter):
    def fit(known, seed, threads):
        model = partwise.NMF(
            RANK,
            init="random",
            zeros="missing",
            alpha_W=PENALTY,
            max_iter=max_iter,
            random_state=seed,
            n_threads=threads,
        )
        took, w = seconds(lambda: model.fit_transform(known))
        return took, w, model.components_

    return fit


def by_wnmf(known, seed, _):
    import wNMF

    mask = (known != 0).toarray().astype(float)
    model = wNMF.wNMF(RANK, random_state=seed, max_iter=200, verbose=0)
    took, model = seconds(lambda: model.fit(known.toarray(), mask))
    return took, model.U, model.V


def by_tensorly(known, seed, _):
    from tensorly.decomposition import non_negative_parafac

    mask = (known != 0).toarray().astype(float)
    took, (weights, (w, h)) = seconds(
        lambda: non_negative_parafac(
            known.toarray(), RANK, mask=mask, init="random", random_state=seed, n_iter_max=200
        )
    )
    return took, w * weights, h.T


def by_surprise(**parameters):
    def fit(known, seed, _):
        import pandas as pd
        import surprise

        ratings = known.tocoo()
        frame = pd.DataFrame({"user": ratings.row, "item": ratings.col, "rating": ratings.data})
        data = surprise.Dataset.load_from_df(frame, surprise.Reader(rating_scale=STARS))
        data = data.build_full_trainset()
        model = surprise.NMF(n_factors=RANK, random_state=seed, **parameters)
        took, model = seconds(lambda: model.fit(data))
        # What it knows nothing of it cannot say.
        w, h = np.zeros((known.shape[0], RANK)), np.zeros((RANK, known.shape[1]))
        for user in data.all_users():
            w[data.to_raw_uid(user)] = model.pu[user]
        for item in data.all_items():
            h[:, data.to_raw_iid(item)] = model.qi[item]
        return took, w, h

    return fit


# Surprise's penalty and epochs are those that told the held-out ratings best, of 0.06 to 0.2 and 25 to 100.
METHODS = {
    "partwise, 5 iterations": by_partwise(5),
    "partwise, to its own end": by_partwise(200),
    "surprise": by_surprise(),
    "surprise, reg 0.15, 100 epochs": by_surprise(reg_pu=0.15, reg_qi=0.15, n_epochs=100),
    "wNMF": by_wnmf,
    "tensorly": by_tensorly,
}


def ratings(folder, rounds, threads):
    """The held-out error of MovieLens 100k, the split u1, and what it takes."""
    known, held = (sp.load_npz(Path(folder, f"ml100k_u1_{part}.npz")).tocsr() for part in ("base", "test"))
    known, held = known.astype(float), held.tocoo()
    rows, columns = held.row, held.col

    def error(guesses):
        return float(np.sqrt(np.mean((np.clip(guesses, *STARS) - held.data) ** 2)))

    print(f"\nMovieLens 100k, u1: {known.nnz} ratings, {held.nnz} held out, k = {RANK}, {rounds} seeds\n")
    print("| | error, stars | seconds |\n|---|---|---|")
    for name, guesses in guess_by_means(known, rows, columns).items():
        print(f"| {name} | {error(guesses):.3f} | |")
    found = {name: [] for name in METHODS}
    for seed in range(rounds):
        for name, method in METHODS.items():
            try:
                took, w, h = method(known, seed, threads)
            except ImportError:
                continue
            found[name].append((error((w[rows] * h[:, columns].T).sum(axis=1)), took))
    for name, pairs in found.items():
        if pairs:
            errors, took = (statistics.median(values) for values in zip(*pairs, strict=True))
            print(f"| {name} | {errors:.3f} | {took:.3f} |", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--quick", action="store_true", help="one turn of the smallest, to try the script")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=5, help="how often each is fitted, from other seeds")
    asked = arguments.parse_args()
    rounds = 1 if asked.quick else asked.rounds
    warnings.simplefilter("ignore")
    print("partwise", partwise.__version__, "scikit-learn", sklearn.__version__, f"{asked.threads} threads\n")
    print("| class | data | k | loss | scikit-learn | partwise | ratio | objective's root |")
    print("|---|---|---|---|---|---|---|---|")
    with threadpoolctl.threadpool_limits(asked.threads):
        for kind, cases in [("NMF", FITS), ("MiniBatchNMF", BATCHES)]:
            for name, k, loss in cases[: 1 if asked.quick else None]:
                if absent(name) is None:
                    beside(name, k, loss, kind, rounds, asked.threads)
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder and Path(folder, "ml100k_u1_base.npz").is_file():
            ratings(folder, rounds, asked.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
