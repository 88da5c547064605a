"""NMF on a Dask cluster: what Dask alone has. What is the same on all clusters is tested in test_cluster.py."""

import numpy as np
import pytest
from clusters import ROWS, Dask, blocks
from sklearn.base import clone

import partwise
import partwise.dask
from partwise import _cluster

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

import dask.array as da  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    with Dask.started() as cluster:
        yield cluster


def test_arrays_have_the_blocks_of_x(cluster):
    parts = blocks(np.float32)
    X = cluster.made_there(parts)
    model = partwise.dask.NMF(4, max_iter=5, tol=0, random_state=1)
    W = model.fit_transform(X)
    assert isinstance(W, da.Array) and W.shape == (sum(ROWS), 4) and W.dtype == np.float32
    assert W.chunks[0] == ROWS
    found = model.transform(X)
    assert isinstance(found, da.Array) and found.chunks[0] == ROWS
    assert model.inverse_transform(found).shape == (sum(ROWS), 30)
    with pytest.raises(ValueError, match="29 features"):
        model.transform(X[:, :29])


def test_whatever_holds_blocks(cluster):
    parts = blocks()
    made = cluster.made_there(parts)
    model = partwise.dask.NMF(3, max_iter=5, tol=0, random_state=0)
    expected = model.fit(made).components_
    whole = np.concatenate(parts)
    for X in [
        tuple(dask.delayed(part) for part in parts),
        [cluster.client.submit(np.copy, part) for part in parts],
        made.persist(),
        da.from_array(whole, chunks=(ROWS, 7)),
        [part[:, :] for part in np.split(whole.astype(np.float64, order="F"), np.cumsum(ROWS)[:-1])],
    ]:
        found = clone(model).fit(X).components_
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_tasks_have_names(cluster):
    # Kept by the scheduler while their results are.
    names = []
    see = lambda info: names.extend(  # noqa: E731
        cluster.client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.task_prefixes))
    )
    X = cluster.made_there(blocks())
    partwise.dask.NMF(2, max_iter=3, tol=0, random_state=0, callback=see).fit(X)
    assert {"partwise-block", "partwise-pass", "partwise-add-pass"} <= set(names)


def test_refusals(cluster):
    with pytest.raises(ValueError, match="3 dimensions"):
        partwise.dask.NMF(2).fit(da.ones((2, 2, 2)))
    with pytest.raises(TypeError, match="dask array"):
        partwise.dask.NMF(2).fit(np.ones((2, 2)))


def test_no_client_and_no_worker(monkeypatch):
    def none():
        raise ValueError("No clients found")

    with monkeypatch.context() as patch:
        patch.setattr(distributed, "get_client", none)
        with pytest.raises(ValueError, match=r"make a distributed\.Client first"):
            partwise.dask.NMF(2).fit(blocks())
    monkeypatch.setattr(_cluster, "WAIT", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as workers,
        distributed.Client(workers, set_as_default=False) as client,
        pytest.raises(RuntimeError, match="no worker"),
    ):
        partwise.dask.NMF(2, client=client).fit(blocks())
