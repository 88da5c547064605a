"""NMF on a Ray cluster of several nodes, one of which is lost with the blocks that are in its memory."""

import numpy as np
import pytest
from clusters import fitted_here, limited, ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import partwise.ray

cluster_utils = pytest.importorskip("ray.cluster_utils")


@pytest.fixture
def nodes():
    """The cluster, and its nodes but the first, which has no CPU. Ray notices within a second that one is lost."""
    checks = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200, "health_check_failure_threshold": 3}
    memory = {"object_store_memory": 100 * 2**20}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": checks, **memory}
    with limited(120):
        cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
        try:
            nodes = [cluster.add_node(num_cpus=1, **memory) for _ in range(2)]
            ray.init(address=cluster.address, log_to_driver=False)
            yield cluster, nodes
        finally:
            ray.shutdown()
            cluster.shutdown()


def test_a_lost_node_changes_no_bit_unless_its_blocks_have_no_source(nodes):
    cluster, workers = nodes

    # More than Ray sends along with answers, so that they lie with the nodes.
    def part(seed):
        return np.random.RandomState(seed).rand(20, 2000)

    def on(node, function):
        place = NodeAffinitySchedulingStrategy(workers[node].node_id, soft=True)
        return ray.remote(scheduling_strategy=place)(function)

    parts = [part(seed) for seed in range(4)]
    X = [on(seed % 2, part).remote(seed) for seed in range(4)]
    without_source = ray.get([on(seed % 2, lambda part: [ray.put(part)]).remote(parts[seed]) for seed in range(4)])
    lost = []

    def lose(info):
        if info.iteration == 3:
            lost.append(workers.pop())
            cluster.remove_node(lost[-1], allow_graceful=False)

    model = partwise.ray.NMF(3, max_iter=8, tol=0, random_state=1, callback=lose)
    W = np.concatenate(ray.get(model.fit_transform(X)))
    expected_W, expected_H = fitted_here(model, parts)
    assert len(lost) == 1 and model.n_iter_ == 8
    np.testing.assert_array_equal(model.components_, expected_H)
    np.testing.assert_array_equal(W, expected_W)
    with pytest.raises(RuntimeError, match=r"partition \d .counted from 0. of X was lost with its node, and no task"):
        model.fit([ref for (ref,) in without_source])
