"""NMF on a Ray cluster: what Ray alone has. What is the same on all clusters is tested in test_cluster.py."""

import functools
import os
import sys

import numpy as np
import pandas
import pytest
from clusters import ONE, Ray, blocks, limited
from sklearn.base import clone

import partwise
import partwise.ray
from partwise import _cluster
from partwise.ray import _shared_out

ray = pytest.importorskip("ray")
data = pytest.importorskip("ray.data")


@pytest.fixture(scope="module")
def cluster():
    with Ray.started() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_hang():
    with limited(120):
        yield


def test_whatever_holds_blocks(cluster):
    parts = blocks()[:3]
    copy = ray.remote(lambda part: part.copy())
    table = [{f"gene {i:02}": part[:, i] for i in range(part.shape[1])} for part in parts]
    model = partwise.ray.NMF(3, max_iter=5, tol=0, random_state=0, **ONE)
    expected = model.fit([part.copy for part in parts]).components_
    expected_rows = cluster.here(model.transform(parts))
    for X in [
        [ray.put(parts[0]), copy.remote(parts[1]), parts[2]],
        tuple(copy.remote(part) for part in parts),
        data.from_numpy(parts),
        data.from_pandas([pandas.DataFrame(columns) for columns in table]),
    ]:
        found = clone(model)
        W = found.fit_transform(X)
        assert [rows.shape for rows in ray.get(W)] == [(len(part), 3) for part in parts]
        np.testing.assert_array_equal(found.components_, expected)
        np.testing.assert_array_equal(cluster.here(found.transform(X)), expected_rows)
    assert list(found.feature_names_in_) == list(table[0])
    words = data.from_items([{"word": "a", "count": 1.0}, {"word": "b", "count": 2.0}])
    with pytest.raises(TypeError, match="column 'word' of X holds"):
        clone(model).fit(words)


def test_columns_of_a_dataset_keep_their_order(cluster):
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [5.0, 1.0, 2.0]})
    model = partwise.ray.NMF(1, max_iter=3, random_state=0, **ONE)
    with pytest.raises(ValueError, match="partition 1 .*has the column 'b' at 0, and partition 0 has 'a'"):
        model.fit(data.from_pandas([frame, frame[["b", "a"]]]))
    model.fit(data.from_pandas([frame, frame]))
    with pytest.raises(ValueError, match="must be in the same order"):
        cluster.here(model.transform(data.from_pandas([frame[["b", "a"]]])))
    rows = data.from_items([{"pair": np.array([1.0, 2.0]), "single": float(i)} for i in range(4)])
    assert model.fit(rows).feature_names_in_.tolist() == ["pair[0]", "pair[1]", "single"]


def test_more_threads_than_a_node_has_processors(cluster):
    parts = blocks()[:2]
    model = partwise.ray.NMF(2, max_iter=3, tol=0, random_state=0, n_threads=8).fit(parts)
    assert cluster.here(model.transform(parts)).shape == (sum(map(len, parts)), 2)


def test_what_a_function_raises_comes_back(cluster):
    def missing():
        raise FileNotFoundError("no such part")

    with pytest.raises(FileNotFoundError, match="no such part"):
        partwise.ray.NMF(2).fit([missing])
    with pytest.raises(FileNotFoundError, match="no such part"):
        cluster.here(partwise.ray.NMF(2, max_iter=3, random_state=0).fit([np.eye(3)]).transform([missing]))


def test_a_block_that_ends_its_worker_is_given_up(cluster, monkeypatch):
    def fatal():
        os._exit(1)

    class Impatient:
        options = functools.partial(partwise.ray._Holder.options, max_task_retries=1)

    monkeypatch.setattr(partwise.ray, "_Holder", Impatient)
    with pytest.raises(RuntimeError, match="lost more than .* times over the same question"):
        partwise.ray.NMF(2).fit([fatal])


def test_partitions_are_where_their_blocks_are():
    assert _shared_out([("b",), ("b",), ("a",), ("c", "a")], ["a", "b"]) == [[2, 3], [0, 1]]
    # None gets more than its share.
    assert _shared_out([("b",)] * 4, ["a", "b"]) == [[2, 3], [0, 1]]
    assert _shared_out([()] * 5, ["a", "b", "a", "b"]) == [[0, 1], [2, 3], [4], []]
    assert _shared_out([("z",), ("b",)], ["a", "b", "c"]) == [[0], [1], []]


def test_a_fit_without_a_node_ends(cluster, monkeypatch):
    held = partwise.ray._Partitions.__new__(partwise.ray._Partitions)
    never = ray.remote(num_cpus=1000)(lambda: 1).remote()
    soon = ray.put(2)
    monkeypatch.setattr(_cluster, "WAIT", 0.2)
    assert held._gather([(None, soon)]) == [2]
    monkeypatch.setattr(ray, "nodes", lambda: [{"NodeID": "head", "Alive": True, "Resources": {}}])
    with pytest.raises(RuntimeError, match="no worker"):
        held._gather([(None, soon), (None, never)])
    ray.cancel(never, force=True)


def test_no_cluster_and_no_room(cluster, monkeypatch, tmp_path):
    model = partwise.ray.NMF(2)
    with monkeypatch.context() as patch:
        patch.setattr(ray, "is_initialized", lambda: False)
        with pytest.raises(ValueError, match=r"call ray\.init first"):
            model.fit(blocks())
    monkeypatch.setattr(_cluster, "WAIT", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(ray, "nodes", lambda: [{"NodeID": "head", "Alive": True, "Resources": {}}])
        with pytest.raises(RuntimeError, match="no worker"):
            model.fit(blocks())
    # An actor that has its node needs no free CPU to begin, only time.
    monkeypatch.setattr(_cluster, "WAIT", 0)

    @ray.remote(num_cpus=3)
    class Greedy:
        def begun(self):
            return True

    greedy = Greedy.remote()
    assert ray.get(greedy.begun.remote())
    try:
        with pytest.raises(RuntimeError, match="3 of 3 actors did not begin.* 3 CPUs 0 are free"):
            model.fit(blocks())
    finally:
        ray.kill(greedy)


def test_workers_without_the_package_are_named(cluster, monkeypatch, tmp_path):
    (tmp_path / "only_here.py").write_text("class Holder:\n    def __init__(self, n_threads): pass\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    import only_here

    only_here.Holder.version = lambda self: None
    monkeypatch.setattr(partwise.ray, "_Holder", ray.remote(only_here.Holder))
    with pytest.raises(RuntimeError, match="worker of node .* cannot import partwise: .*only_here"):
        partwise.ray.NMF(2).fit(blocks())
