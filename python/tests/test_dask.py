"""NMF on a Dask cluster: what Dask alone has. What is the same on all clusters is tested in test_cluster.py."""

import os
import re
import signal

import numpy as np
import pandas
import pytest
import scipy.sparse as sp
from clusters import ROWS, Dask, blocks, fitted_here, limited
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


@pytest.fixture(autouse=True)
def no_hang():
    with limited(120):
        yield


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


@pytest.mark.parametrize("width", [30, 7])
def test_sparse_blocks_of_an_array(cluster, width):
    parts = blocks(sparse=True)
    X = da.from_array(sp.vstack(parts).toarray(), chunks=(ROWS, width)).map_blocks(sp.csr_array)
    model = partwise.dask.NMF(3, max_iter=5, tol=0, random_state=0)
    W = cluster.here(model.fit_transform(X))
    expected_W, expected_H = fitted_here(model, parts)
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W, expected_W)
    np.testing.assert_array_equal(cluster.here(model.transform(X)), cluster.here(model.transform(parts)))


def test_partitions_of_a_frame(cluster):
    frames = pytest.importorskip("dask.dataframe")
    names = [f"gene {i}" for i in range(30)]
    parts = [pandas.DataFrame(part, columns=names) for part in blocks()[:3]]
    X = frames.from_delayed([dask.delayed(part) for part in parts], meta=parts[0][:0])
    model = partwise.dask.NMF(3, max_iter=5, tol=0, random_state=0)
    W = cluster.here(model.fit_transform(X))
    expected = clone(model).fit([part.to_numpy() for part in parts])
    np.testing.assert_allclose(model.components_, expected.components_, rtol=1e-9)
    assert model.feature_names_in_.tolist() == names
    assert W.shape == cluster.here(model.transform(X)).shape == (sum(ROWS[:3]), 3)
    swapped = [parts[0], parts[1][names[::-1]]]
    X = frames.from_delayed([dask.delayed(part) for part in swapped], meta=parts[0][:0], verify_meta=False)
    with pytest.raises(ValueError, match="partition 1 .*has the column 'gene 29' at 0, and partition 0 has 'gene 0'"):
        clone(model).fit(X)


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


def test_a_client_that_is_not_the_default_loses_all_workers(monkeypatch):
    monkeypatch.setattr(_cluster, "WAIT", 0.5)
    monkeypatch.setattr(distributed.client, "_global_clients", {})
    with (
        distributed.LocalCluster(n_workers=2, processes=False, dashboard_address=":0") as workers,
        distributed.Client(workers, set_as_default=False) as client,
    ):

        async def close():
            for worker in list(workers.workers.values()):
                await worker.close()

        model = partwise.dask.NMF(2, client=client, max_iter=3, tol=0, random_state=0)
        assert model.fit(blocks()).n_iter_ == 3
        model.set_params(callback=lambda info: workers.sync(close))
        address = re.escape(client.scheduler.address)
        with pytest.raises(RuntimeError, match=rf"the cluster {address} has no worker; waited 0\.5 s for one"):
            model.fit(blocks())


def test_a_worker_that_is_lost_at_the_beginning_is_not_missed(monkeypatch):
    parts = blocks()
    with Dask.started() as mortal:
        run, mortals = mortal.client.run, mortal.workers()

        def run_after_a_loss(function, **options):
            if len(mortals) == 3:
                os.kill(mortals.pop(), signal.SIGKILL)
            return run(function, **options)

        monkeypatch.setattr(mortal.client, "run", run_after_a_loss)
        model = partwise.dask.NMF(2, client=mortal.client, max_iter=3, tol=0, random_state=0).fit(parts)
    assert len(mortals) == 2
    np.testing.assert_array_equal(model.components_, fitted_here(model, parts)[1])


def test_workers_that_do_not_answer_are_asked_again(cluster, monkeypatch):
    run, silences = cluster.client.run, [OSError("no route")]

    def run_in_part(function, **options):
        answers = run(function, **options)
        return answers | {"tcp://far:1": silences.pop()} if silences else answers

    monkeypatch.setattr(cluster.client, "run", run_in_part)
    model = partwise.dask.NMF(2, max_iter=3, random_state=0)
    assert model.fit(blocks()).n_iter_ == 3 and not silences
    monkeypatch.setattr(_cluster, "WAIT", 0.3)
    silences += [OSError("no route")] * 100
    with pytest.raises(RuntimeError, match=r"worker tcp://far:1 does not answer; waited 0\.3 s: .*no route"):
        model.fit(blocks())


def test_workers_without_the_package_are_named(cluster, monkeypatch, tmp_path):
    (tmp_path / "with_the_client_only.py").write_text("def version(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import with_the_client_only

    monkeypatch.setattr(_cluster, "version", with_the_client_only.version)
    with pytest.raises(RuntimeError, match=r"worker tcp://\S+ cannot import partwise: .*with_the_client_only"):
        partwise.dask.NMF(2).fit(blocks())
