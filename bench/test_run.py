"""Going on with a run that was ended. Needs only the standard library."""

import argparse
import json
import tempfile
import unittest
from datetime import datetime
from pathlib import Path

import config
import run

MACHINE = {"processor": "one", "cores": 2, "digest": "abc", "load": 0.1}
FRESH = {"comparisons": [{"name": "some", "seeds": 2}], "machine": MACHINE, "minutes": 0, "runs": []}


class Resume(unittest.TestCase):
    def begun(self, text):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "then.json")
            file.write_text(text, encoding="utf-8")
            arguments = argparse.Namespace(resume=file, quick=False, names=[])
            return run.begun(arguments, FRESH, datetime.now())[1]

    def test_goes_on(self):
        then = {**FRESH, "machine": {**MACHINE, "load": 0.5}, "minutes": 7, "runs": [{"seed": 0}]}
        self.assertEqual(self.begun(json.dumps(then)), then)

    def test_refuses_others(self):
        for change, part in [
            ({"machine": {**MACHINE, "digest": "abd"}}, "not the same digest"),
            ({"machine": {**MACHINE, "cores": 4}}, "not the same cores"),
            ({"comparisons": []}, "not the same comparisons"),
        ]:
            with self.assertRaisesRegex(config.ConfigError, part):
                self.begun(json.dumps({**FRESH, **change}))
        for text in ("", "[]", "{}", '{"machine": 3, "comparisons": []}'):
            with self.assertRaisesRegex(config.ConfigError, "then.json: not the results of a run"):
                self.begun(text)

    def test_makes_the_starts_that_are_missing(self):
        runner = run.Runner("program", "folder", [])
        made = []
        runner.start = lambda comparison, case, k, dtype, threads, seed, installed: (
            made.append((k, seed))
            or runner.runs.append(
                {
                    "comparison": comparison.name,
                    "data": case.data,
                    "k": k,
                    "dtype": dtype,
                    "threads": threads,
                    "seed": seed,
                }
            )
        )
        table = {
            "kind": "iteration",
            "title": "One",
            "loss": "frobenius",
            "dtype": ["f64"],
            "threads": [1],
            "seeds": 2,
            "peers": ["partwise:cd"],
            "iterations": 5,
            "seconds": 1.5,
            "cases": [{"data": "dense:30x20", "k": [3, 4]}],
        }
        comparison = config.parse("some.toml", "some", table)
        kept = []
        runner.comparison(comparison, None, lambda: kept.append(len(runner.runs)))
        self.assertEqual(made, [(3, 0), (3, 1), (4, 0), (4, 1)])
        self.assertEqual(kept, [1, 2, 3, 4])
        again = run.Runner("program", "folder", runner.runs[:3])
        again.start, made[:] = runner.start, []
        again.comparison(comparison, None, lambda: None)
        self.assertEqual(made, [(4, 1)])


if __name__ == "__main__":
    unittest.main()
