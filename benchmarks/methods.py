"""All methods of the library on five tables, rules by their step times, RealMLP and TabM rivals.

1. Every method on digits, breast cancer, diabetes (built in), Adult and California housing: tuned
   on equal seconds by `methodic run --recipes all --finalists all --seeds 10`, ranked by test
   scores on fresh seeds. --minutes is the time for all five together; methods whose steps are too
   slow for their share are left out, and named.
2. Microseconds per step of each update rule beside its public counterpart (`_rules.py`).
3. The recipes realmlp and tabm beside pytabkit's RealMLP_TD and TabM_D, one fit each
   (`_tabular.py`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _shared as shared
import _tabular as tabular
import numpy as np
import tables

BOOTSTRAPS = 2000
PARTS = ("library", "rules", "tables")


@dataclass(frozen=True)
class Case:
    """A data set: what to call `methodic run` with."""

    title: str
    name: str
    metric: str
    target: str | None = None
    weight: float = 1.0  # share of the time, in equal parts: by the number of rows, about


CASES = (
    Case("digits", "digits", "accuracy"),
    Case("breast cancer", "breast_cancer", "accuracy"),
    Case("diabetes", "diabetes", "rmse"),
    Case("Adult", "adult", "auc", "income", weight=5.0),
    Case("California housing", "california_housing", "rmse", "MedHouseVal", weight=3.0),
)


def main() -> None:
    """Run the parts that were asked for and print a table for each."""

    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, default=25.0, help="for all five tables")
        parser.add_argument("--seeds", type=int, default=10, help="confirmed, of each method")
        parser.add_argument("--recipes", default="all", help="A,B,… instead of the whole library")
        parser.add_argument("--only", choices=PARTS)
        parser.add_argument("--rivals", type=int, default=180, help="seconds of a fit in part 3")
        parser.add_argument("--full", action="store_true", help="pytabkit's own number of epochs")

    asked = shared.options(__doc__, add)
    if asked.quick:
        asked.minutes, asked.seeds, asked.rivals = min(asked.minutes, 6.0), 2, 30
        asked.recipes = "sgd,adam,one_cycle" if asked.recipes == "all" else asked.recipes
    report = shared.Report(
        "methods" if asked.only is None else f"methods-{asked.only}",
        f"Methods: the library in {asked.minutes:g} minutes, {asked.seeds} seeds",
        asked.quick,
        ("scikit-learn", "pytabkit", "pytorch_optimizer"),
    )
    wanted = PARTS if asked.only is None else (asked.only,)
    with tempfile.TemporaryDirectory() as scratch:
        if "library" in wanted:
            _library(report, asked, Path(scratch))
        if "rules" in wanted:
            _rules(report, 0.05 if asked.quick else 0.8)
        if "tables" in wanted:
            _rivals(report, asked, Path(scratch))
    report.end(asked.save)


# --- every method on five tables --------------------------------------------------------------


def _library(report: shared.Report, asked: Any, scratch: Path) -> None:
    whole, found = sum(case.weight for case in CASES), {}
    for case in CASES:
        source = _source(case, scratch, asked.quick)
        if source is None:
            report.say(f"\n**{case.title}: skipped**, its file can't be had (see tables.py).")
            continue
        budget = round(60 * asked.minutes * case.weight / whole)
        folder = scratch / f"run-{case.name}"
        options = ["--target", case.target] if case.target else []
        options += ["--metric", case.metric, "--recipes", asked.recipes, "--finalists", "all"]
        options += ["--seeds", str(asked.seeds), "--splits", "one", "--budget", f"{budget}s"]
        try:
            run = shared.run_methodic([source, *options], folder)
        except RuntimeError as error:
            report.say(f"\n**{case.title}: methodic failed**: {error}")
            continue
        run["scores"] = _scores(folder, run)
        run["plan_notes"] = json.loads((folder / "plan.json").read_text())["notes"]
        found[case.name] = run
        _one_table(report, case, run, budget)
    report.raw["library"] = found
    if len(found) > 1:
        _ranks(report, found)


def _source(case: Case, scratch: Path, quick: bool) -> str | None:
    """What `methodic run` is to read: a built-in name, or a copy of a file."""
    if case.target is None:
        return case.name
    path = tables.find(next(each for each in tables.CASES if each.file == case.name))
    if path is None:
        return None
    table = scratch / f"{case.name}.parquet"
    tables.copy(path, table, tables.QUICK_ROWS if quick else None)
    return str(table)


def _scores(folder: Path, run: Mapping[str, Any]) -> dict[str, list[float]]:
    """Method or baseline → its test scores by seed."""
    known = json.loads((folder / "records" / "scores.json").read_text())
    kept = {name: [x for _, x in pairs if x is not None] for name, pairs in known.items()}
    return {name: values for name, values in kept.items() if values and name in run["confirmed"]}


def _one_table(report: shared.Report, case: Case, run: Mapping[str, Any], budget: int) -> None:
    scores, greater = run["scores"], case.metric != "rmse"
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    rows = [
        [name, shared.mean_interval(scores[name]), run["steps"].get(name, "–")]
        for name in sorted(means, key=lambda each: means[each], reverse=greater)
    ]
    report.say(f"\n### {case.title}, test {case.metric}, {budget} s in all")
    report.table(["method", case.metric, "steps of a screening"], rows)
    report.say(f"- {run['verdict']}")
    for note in run["plan_notes"]:
        if note.startswith(("Left out", "Equal budgets", "Not compiled")):
            report.say(f"- {note}")


def _ranks(report: shared.Report, found: Mapping[str, Any]) -> None:
    """Mean ranks over the data sets, with intervals over the seeds."""
    from methodic.evidence.ranks import ranks

    metric = {case.name: case.metric for case in CASES}
    errors = {
        name: {
            method: [x if metric[name] == "rmse" else 1 - x for x in values]
            for method, values in run["scores"].items()
        }
        for name, run in found.items()
    }
    common = sorted(set.intersection(*(set(each) for each in errors.values())) - {"constant"})
    if len(common) < 2:
        report.say("\n**No two methods were confirmed on all tables.**")
        return
    means = {n: {m: float(np.mean(each[m])) for m in common} for n, each in errors.items()}
    result = ranks(means, greater_is_better=False)
    spans = _spans({n: {m: each[m] for m in common} for n, each in errors.items()})
    rows = [
        [
            each.name,
            f"{each.mean_rank:.1f}",
            f"{spans[each.name][0]:.1f} – {spans[each.name][1]:.1f}",
            "".join(each.groups),
            " ".join(f"{rank:g}" for rank in each.ranks),
        ]
        for each in result.methods
    ]
    report.say(f"\n### Mean ranks of {len(common)} methods over {len(result.data)} tables")
    report.table(["method", "mean rank", "95% over seeds", "groups", ", ".join(result.data)], rows)
    report.say(
        f"- critical difference {result.critical_difference:.1f} (Nemenyi, 5%), Friedman p = "
        f"{result.friedman.p:.2g}; methods that share a letter can't be told apart"
    )
    for note in result.notes:
        report.say(f"- {note}")
    report.raw["ranks"] = {**result.model_dump(mode="json"), "intervals": spans}


def _spans(errors: Mapping[str, Mapping[str, list[float]]]) -> dict[str, tuple[float, float]]:
    """Method → the middle 95% of its mean rank when seeds are drawn again."""
    from scipy.stats import rankdata

    generator = np.random.default_rng(0)
    methods = list(next(iter(errors.values())))
    drawn = []
    for _ in range(BOOTSTRAPS):
        ranks = []
        for each in errors.values():
            means = [np.mean(generator.choice(each[m], len(each[m]))) for m in methods]
            ranks.append(rankdata(means))
        drawn.append(np.mean(ranks, axis=0))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    return {m: (float(a), float(b)) for m, a, b in zip(methods, low, high, strict=True)}


# --- rules by their step times ----------------------------------------------------------------


def _rules(report: shared.Report, seconds: float) -> None:
    report.say("\n### Microseconds per step, as torch.optim optimizers, one thread")
    code = (
        "import json, sys, torch; torch.set_num_threads(1); sys.path.insert(0, sys.argv[1]); "
        "import _rules; print(json.dumps(_rules.rows(float(sys.argv[2]))))"
    )
    command = [shared.PYTHON, "-c", code, str(shared.HERE), str(seconds)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=shared.clean_environment(), check=False
    )
    if done.returncode:
        report.say(f"**skipped**: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")
        return
    rows = json.loads(done.stdout)
    report.raw["rules"] = rows
    report.table(
        ["rule", "network", "ours", "theirs", "ratio", "counterpart"],
        [
            [
                r["rule"],
                r["net"],
                *(f"{r[which]:.0f}" for which in ("ours", "peer")),
                f"{r['ratio']:.2f}",
                r["peer name"],
            ]
            for r in rows
        ],
    )
    slower = [f"{r['rule']} ({r['net']}, {r['ratio']:.2f})" for r in rows if r["ratio"] > 1.0]
    report.say(f"- slower than the counterpart: {', '.join(slower) or 'none'}")


# --- RealMLP and TabM beside pytabkit's -------------------------------------------------------


def _rivals(report: shared.Report, asked: Any, scratch: Path) -> None:
    for case in (case for case in CASES if case.target is not None):
        source = _source(case, scratch, asked.quick)
        if source is None:
            report.say(f"\n**{case.title}: skipped**, its file can't be had (see tables.py).")
            continue
        folder = scratch / f"tabular-{case.name}"
        try:
            found = tabular.compared(
                source, case.target, case.metric, asked.rivals, asked.full, folder
            )
        except RuntimeError as error:
            report.say(f"\n**{case.title}: failed**: {error}")
            continue
        report.raw.setdefault("tables", {})[case.name] = found
        report.say(f"\n### {case.title}, test {case.metric}, ours in {asked.rivals} s")
        report.table(*tabular.table(found))


if __name__ == "__main__":
    sys.exit(main())
