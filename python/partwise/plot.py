"""Pictures of a factorisation: components, convergence, reconstruction, and who holds how much of what.

Every function draws into the matplotlib Axes that it is given, or makes a figure of its own, and returns the Axes.
Components are given as a fitted estimator or as H itself. matplotlib is needed only when something is drawn.
"""

from collections.abc import Mapping

import numpy as np

SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"


def images(components, shape, *, axes=None, columns=None, names=None, cmap="magma"):
    """Draw each component as an image.

    Parameters
    ----------
    components : estimator or array-like of shape (n_components, n_features)
        A fitted estimator, or H.
    shape : (int, int)
        Rows and columns of an image; their product is n_features.
    axes : array-like of Axes, default=None
        Where to draw, one for each component.
    columns : int, default=None
        Images in a row of a new figure; by default 5, or as many as there are.
    names : sequence of str, default=None
        Titles; by default the components' numbers, counted from 0.
    cmap : str or Colormap, default="magma"
        The colours. Each image has a scale of its own, from zero to its largest value; one with entries below zero has
        blue for them and red for the others.

    Returns
    -------
    axes : ndarray of Axes
        One for each component.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from partwise import NMF, plot
    >>> model = NMF(6, random_state=0, max_iter=20, tol=0).fit(load_digits().data)
    >>> axes = plot.images(model, (8, 8), columns=3)
    >>> [ax.get_title() for ax in axes[:2]]
    ['component 0', 'component 1']
    """
    H = _components(components)
    if int(np.prod(shape)) != H.shape[1]:
        raise ValueError(f"shape = {tuple(shape)}: {int(np.prod(shape))} pixels, but {H.shape[1]} features")
    ratio = shape[0] / shape[1]
    axes = _grid(len(H), axes, columns, size=(1.5, 1.5 * ratio + 0.25))
    for ax, row, name in zip(axes, H, _names(names, len(H)), strict=True):
        ax.imshow(row.reshape(shape), **_scale(row, cmap), interpolation="nearest")
        ax.set_title(name, fontsize="small")
        ax.set_xticks([])
        ax.set_yticks([])
    return axes


def terms(components, feature_names, *, n_top=8, axes=None, columns=None, names=None, color="#31688e"):
    """Draw the largest entries of each component as bars beside their names: the top words of topics.

    Parameters
    ----------
    components : estimator or array-like of shape (n_components, n_features)
        A fitted estimator, or H.
    feature_names : sequence of str of length n_features
        What the features are called.
    n_top : int, default=8
        Entries of each component.
    axes : array-like of Axes, default=None
        Where to draw, one for each component.
    columns : int, default=None
        Components in a row of a new figure; by default 5, or as many as there are.
    names : sequence of str, default=None
        Titles; by default the components' numbers, counted from 0.
    color : colour, default="#31688e"
        Of the bars.

    Returns
    -------
    axes : ndarray of Axes
        One for each component.

    Examples
    --------
    >>> from partwise import plot
    >>> H = [[0.0, 3.0, 1.0, 2.0], [5.0, 0.0, 0.0, 1.0]]
    >>> axes = plot.terms(H, ["river", "ship", "harbour", "sail"], n_top=2, names=["sea", "land"])
    >>> [label.get_text() for label in axes[0].get_yticklabels()]
    ['ship', 'sail']
    """
    H = _components(components)
    feature_names = np.asarray(feature_names, dtype=object)
    if feature_names.shape != (H.shape[1],):
        raise ValueError(f"{feature_names.size} names; expected one for each of {H.shape[1]} features")
    n_top = min(n_top, H.shape[1])
    axes = _grid(len(H), axes, columns, size=(2.6, 0.22 * n_top + 0.5))
    for ax, row, name in zip(axes, H, _names(names, len(H)), strict=True):
        top = row.argsort(kind="stable")[::-1][:n_top]
        places = np.arange(n_top)
        largest = np.abs(row).max() or 1.0
        lengths = row[top] / largest
        ax.barh(places, lengths, color=color, height=0.75)
        ax.set_yticks(places, feature_names[top], fontsize="small")
        ax.set_ylim(n_top - 0.4, -0.6)
        ax.set_xlim(min(lengths.min(), 0), 0 if lengths.min() < 0 and lengths.max() <= 0 else 1)
        ax.set_xticks([])
        ax.set_title(name, fontsize="small")
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    return axes


def spectra(components, x=None, *, ax=None, names=None, xlabel="feature", cmap=SEQUENTIAL):
    """Draw each component as a curve above the one before, all on one scale of features: spectra, notes.

    Parameters
    ----------
    components : estimator or array-like of shape (n_components, n_features)
        A fitted estimator, or H.
    x : array-like of length n_features, default=None
        Where the features lie: wavelengths, frequencies.
    ax : Axes, default=None
        Where to draw.
    names : sequence of str, default=None
        Labels; by default the components' numbers, counted from 0.
    xlabel : str, default="feature"
        What `x` is.
    cmap : str or Colormap, default="viridis"
        The colours, from the first component to the last. Each curve is scaled to its largest size; those of components
        with entries below zero rise and fall from the middle of their place.

    Returns
    -------
    ax : Axes

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import plot
    >>> wavelength = np.linspace(400, 700, 31)
    >>> H = np.exp(-(((wavelength - [[450], [550], [650]]) / 40) ** 2))
    >>> ax = plot.spectra(H, wavelength, xlabel="wavelength (nm)")
    >>> [float(line.get_xdata()[line.get_ydata().argmax()]) for line in ax.lines]
    [450.0, 550.0, 650.0]
    """
    H = _components(components)
    x = np.arange(H.shape[1]) if x is None else np.asarray(x)
    if x.shape != (H.shape[1],):
        raise ValueError(f"x has {x.size} places; expected one for each of {H.shape[1]} features")
    ax = _axes(ax, (6, 0.55 * len(H) + 1))
    colors = _colormap(cmap)(np.linspace(0.0, 0.85, len(H)))
    middle = 0.45 if H.min() < 0 else 0.0
    for i, (row, color) in enumerate(zip(H, colors, strict=True)):
        base = len(H) - 1 - i + middle
        curve = base + (0.9 - middle) * row / (np.abs(row).max() or 1.0)
        ax.fill_between(x, base, curve, color=color, alpha=0.35, linewidth=0)
        ax.plot(x, curve, color=color, linewidth=1.2)
    ax.set_yticks(np.arange(len(H))[::-1] + middle, _names(names, len(H)), fontsize="small")
    ax.set_xlim(x.min(), x.max())
    ax.set_ylim(-0.1, len(H))
    ax.set_xlabel(xlabel)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def convergence(models, *, ax=None, against="iteration", cmap=SEQUENTIAL):
    """Draw the objective over the iterations or seconds of fits.

    Parameters
    ----------
    models : estimator or dict of str to estimator
        One fitted `NMF`, or several by name.
    ax : Axes, default=None
        Where to draw.
    against : {"iteration", "seconds"}, default="iteration"
        What goes to the right.
    cmap : str or Colormap, default="viridis"
        The colours.

    Returns
    -------
    ax : Axes

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from partwise import NMF, plot
    >>> X = load_digits().data
    >>> models = {solver: NMF(6, solver=solver, random_state=0, max_iter=20, tol=0).fit(X) for solver in ("hals", "mu")}
    >>> ax = plot.convergence(models)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['hals', 'mu']
    """
    if against not in ("iteration", "seconds"):
        raise ValueError(f"against = {against!r}: expected 'iteration' or 'seconds'")
    several = isinstance(models, Mapping)
    models = models if several else {"": models}
    ax = _axes(ax, (5, 3.4))
    low, high = np.inf, 0.0
    colors = _colormap(cmap)(np.linspace(0.0, 0.8, len(models)))
    for (name, model), color in zip(models.items(), colors, strict=True):
        if not hasattr(model, "history_"):
            raise ValueError(
                f"{name or type(model).__name__} has no history: neither have loaded models, nor those of mini-batches"
            )
        # A start may lie powers of ten above, and not every solver looks at it.
        seen = model.history_["iteration"] > 0
        objective = model.history_["objective"][seen]
        ax.plot(model.history_[against][seen], objective, color=color, label=name, linewidth=1.6)
        low, high = min(low, objective.min()), max(high, objective.max())
    # Over less than a power of ten a logarithmic axis has hardly a tick.
    if low > 0 and high / low > 10:
        ax.set_yscale("log")
    ax.set_xlabel("iteration" if against == "iteration" else "seconds")
    ax.set_ylabel("objective")
    ax.margins(x=0.02)
    ax.spines[["top", "right"]].set_visible(False)
    if several:
        ax.legend(frameon=False)
    return ax


def rank_survey(survey, *, axes=None, columns=None, color="#31688e", mark="#d95f02"):
    """Draw the curve of each method over the ranks, its repeats as dots, and the rank that it proposes.

    Parameters
    ----------
    survey : RankSurvey
        What `partwise.rank_survey` returned.
    axes : array-like of Axes, default=None
        Where to draw, one for each method.
    columns : int, default=None
        Methods in a row of a new figure; by default 2, or 1 where there is one.
    color : colour, default="#31688e"
        Of the curves.
    mark : colour, default="#d95f02"
        Of the proposed ranks. The survey's choice is a dashed line through all curves.

    Returns
    -------
    axes : ndarray of Axes
        One for each method, the one that decided first.

    Examples
    --------
    >>> import numpy as np
    >>> from partwise import plot, rank_survey
    >>> random = np.random.default_rng(0)
    >>> kinds = np.kron(np.eye(3), np.ones((10, 5)))
    >>> X = kinds * random.uniform(1, 2, kinds.shape) + random.uniform(0, 0.1, kinds.shape)
    >>> survey = rank_survey(X, range(1, 6), methods=["cv", "stability"], random_state=0)
    >>> axes = plot.rank_survey(survey)
    >>> [ax.get_title() for ax in axes]
    ['cv: 3', 'stability: 3']
    """
    from matplotlib.ticker import MaxNLocator

    curves = list(survey.curves.values())
    if not len(survey.ranks):
        raise ValueError("the survey has no rank: it was ended before the first was looked at")
    axes = _grid(len(curves), axes, columns or 2, size=(4.2, 2.5))
    for ax, curve in zip(axes, curves, strict=True):
        for repeats in curve.repeats.T:
            ax.plot(curve.ranks, repeats, "o", color=color, alpha=0.25, markersize=2.5, markeredgewidth=0)
        errors = None if np.isnan(curve.errors).all() else curve.errors
        ax.errorbar(curve.ranks, curve.values, yerr=errors, color=color, linewidth=1.6, elinewidth=1, capsize=2)
        title = f"{curve.method}: {'none' if curve.proposed is None else curve.proposed}"
        ax.set_title(title + (" (weak)" if curve.weak else ""), fontsize="small")
        if curve.proposed is not None:
            at = curve.values[curve.ranks == curve.proposed]
            ax.plot([curve.proposed], at, "o", color=mark, markersize=6, zorder=3)
        if survey.rank is not None:
            ax.axvline(survey.rank, color="0.5", linestyle="--", linewidth=1, zorder=0)
        ax.set_xlim(survey.ranks[0] - 0.5, survey.ranks[-1] + 0.5)
        ax.set_xlabel("rank", fontsize="small")
        ax.set_ylabel(curve.measure, fontsize="small")
        ax.tick_params(labelsize="small")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.spines[["top", "right"]].set_visible(False)
    return axes


def reconstruction(X, W, components, *, shape=None, sample=0, axes=None, cmap=SEQUENTIAL):
    """Draw X beside W H and their difference.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data.
    W : array-like of shape (n_samples, n_components)
        What `fit_transform` returned.
    components : estimator or array-like of shape (n_components, n_features)
        A fitted estimator, or H.
    shape : (int, int), default=None
        Draw one sample as an image of this shape; by default the whole matrix is the image.
    sample : int, default=0
        Which sample.
    axes : array-like of three Axes, default=None
        Where to draw.
    cmap : str or Colormap, default="viridis"
        The colours of X and W H, on one scale; where they have entries below zero these are blue, and the others red.

    Returns
    -------
    axes : ndarray of three Axes

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from partwise import NMF, plot
    >>> X = load_digits().data
    >>> model = NMF(16, random_state=0, max_iter=20, tol=0)
    >>> axes = plot.reconstruction(X, model.fit_transform(X), model, shape=(8, 8), sample=3)
    >>> [ax.get_title() for ax in axes[:2]]
    ['original', '16 components']
    """
    H, W = _components(components), np.asarray(W)
    if shape is not None:
        if int(np.prod(shape)) != H.shape[1]:
            raise ValueError(f"shape = {tuple(shape)}: {int(np.prod(shape))} pixels, but {H.shape[1]} features")
        X = X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)
        X, W = X[[sample]], W[[sample]]
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    Y = W @ H
    if shape is not None:
        X, Y = X.reshape(shape), Y.reshape(shape)
    ratio = min(max(X.shape[0] / X.shape[1], 0.4), 1.6)
    axes = _grid(3, axes, 3, size=(2.6, 2.6 * ratio + 0.4))
    # Of what is missing nothing is said.
    known = np.isfinite(X)
    most = np.abs(X - Y).max(initial=0.0, where=known) or 1.0
    relative = np.linalg.norm((X - Y)[known]) / (np.linalg.norm(X[known]) or 1.0)
    # A matrix of another form than a picture fills its Axes.
    look = {"interpolation": "nearest", "aspect": "equal" if shape is not None else "auto"}
    scales = (_scale(np.stack([X, Y]), cmap),) * 2 + ({"cmap": DIVERGING, "vmin": -most, "vmax": most},)
    titles = ("original", f"{len(H)} components", f"difference ({relative:.1%})")
    for ax, image, scale, title in zip(axes, (X, Y, X - Y), scales, titles, strict=True):
        drawn = ax.imshow(image, **scale, **look)
        ax.set_title(title, fontsize="small")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.figure.colorbar(drawn, ax=ax, fraction=0.046, pad=0.03).ax.tick_params(labelsize="x-small")
    return axes


def weights(W, *, ax=None, names=None, share=True, cmap=SEQUENTIAL):
    """Draw W as a heat map, samples in order of the component that they hold most of, and of how much.

    Parameters
    ----------
    W : array-like of shape (n_samples, n_components)
        What `fit_transform` or `transform` returned.
    ax : Axes, default=None
        Where to draw.
    names : sequence of str, default=None
        Labels of the components; by default their numbers, counted from 0.
    share : bool, default=True
        Scale each sample to a sum of one, unless there are entries below zero.
    cmap : str or Colormap, default="viridis"
        The colours; entries below zero are blue, and the others red then.

    Returns
    -------
    ax : Axes

    Examples
    --------
    >>> from partwise import plot
    >>> ax = plot.weights([[0, 1], [3, 1], [2, 2], [0, 4]], names=["sea", "land"])
    >>> ax.images[0].get_array()[:, 0].tolist()
    [0.75, 0.5, 0.0, 0.0]
    """
    W = np.asarray(W, dtype=float)
    if W.ndim != 2:
        raise ValueError(f"W has {W.ndim} dimensions; expected 2")
    share = share and not (W < 0).any()
    if share:
        sums = W.sum(axis=1, keepdims=True)
        W = np.divide(W, sums, out=np.zeros_like(W), where=sums > 0)
    cluster = W.argmax(axis=1)
    order = np.lexsort((-W.max(axis=1), cluster))
    k = W.shape[1]
    ax = _axes(ax, (0.45 * k + 2, 4.5))
    drawn = ax.imshow(W[order], aspect="auto", interpolation="nearest", **_scale(W, cmap))
    for edge in np.cumsum(np.bincount(cluster, minlength=k))[:-1]:
        ax.axhline(edge - 0.5, color="white", linewidth=0.6)
    ax.set_xticks(np.arange(k), names if names is not None else np.arange(k), fontsize="small")
    ax.set_xlabel("component")
    ax.set_ylabel("samples, by largest component")
    ax.set_yticks([])
    label = "share of the sample" if share else "weight"
    ax.figure.colorbar(drawn, ax=ax, label=label)
    return ax


def _scale(values, cmap):
    """Colours from zero to the largest value, or around zero where some are below it."""
    most = np.nanmax(np.abs(values), initial=0.0) or 1.0
    if np.nanmin(values, initial=0.0) < 0:
        return {"cmap": DIVERGING, "vmin": -most, "vmax": most}
    return {"cmap": cmap, "vmin": 0, "vmax": most}


def _components(components):
    H = np.asarray(getattr(components, "components_", components))
    if H.ndim != 2:
        raise ValueError(f"components have {H.ndim} dimensions; expected 2: (n_components, n_features)")
    return H


def _names(names, count):
    if names is None:
        return [f"component {i}" for i in range(count)]
    if len(names) != count:
        raise ValueError(f"{len(names)} names; expected one for each of {count} components")
    return list(names)


def _colormap(cmap):
    import matplotlib

    return matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap


def _axes(ax, size):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _grid(count, axes, columns, size):
    """`count` Axes: those given, or a new figure's."""
    if axes is not None:
        axes = np.asarray(axes, dtype=object).ravel()
        if len(axes) < count:
            raise ValueError(f"{len(axes)} axes; expected one for each of {count} pictures")
        return axes[:count]
    import matplotlib.pyplot as plt

    columns = min(count, columns or 5)
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * size[0], rows * size[1]), squeeze=False, layout="constrained"
    )
    axes = axes.ravel()
    for ax in axes[count:]:
        ax.remove()
    return axes[:count]
