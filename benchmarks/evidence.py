"""Does a comparison cry wolf, does it find what is there, do its intervals hold what they say?

Identical methods under several names are compared by real runs (screening, fresh seeds, Holm); a
claimed difference is a false alarm. Beside it stand what others do with the same scores: no
correction for many pairs, testing the best on the scores that chose it, and taking the higher mean.
Power and coverage are measured on pools of scores of really trained networks.
"""

from __future__ import annotations

import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import _shared as shared
import _trials as trials
import numpy as np

from methodic.evidence.numbers.power import seeds_needed, upper_deviation
from methodic.evidence.numbers.statistics import ALPHA, holm, paired, t_interval
from methodic.report import page

GROUPS = 4  # methods of a confirmation
BASELINES = 3
SEEDS = 10
FURTHER = 200


def main() -> None:
    """Measure all, print the tables."""
    asked = shared.options(__doc__)
    report = shared.Report("evidence", "Evidence: false alarms, power, coverage", asked.quick)
    quick = asked.quick
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, trials.alone) as workers:
        _false_alarms(report, workers.map, 4 if quick else 100)
        _six(report, workers.map, 2 if quick else 100)
        names, count = ("digits", "breast_cancer", "diabetes"), 250 if quick else 2000
        pools = dict(
            zip(names, workers.map(trials.scores, [(n, 0, count) for n in names]), strict=True)
        )
    report.raw["pools"] = pools
    _chosen_by_the_same(report, pools["digits"], 200 if quick else 2000)
    _power(report, pools, 100 if quick else 1000)
    _coverage(report, pools, 100 if quick else 1000)
    _report_time(report, 5 if quick else 30)
    report.end(asked.save)


def _false_alarms(report: shared.Report, run: Callable[..., Any], count: int) -> None:
    """A recipe against itself, on two data sets; and once more in cross-validation."""
    rows = []
    for name, splits in (("digits", "one"), ("breast_cancer", "one"), ("breast_cancer", "cv")):
        found = list(run(trials.alike, [(name, 2, 1 + i, splits) for i in range(count)]))
        report.raw.setdefault("alike", {})[f"{name}, {splits}"] = found
        claimed = sum(each["claimed"] > 0 for each in found)
        rows.append([f"{name}, splits: {splits}", count, claimed, f"{claimed / count:.1%}"])
    both = sum(row[2] for row in rows[:2])
    rows.append(["both sets on one split", 2 * count, both, f"{both / (2 * count):.1%}"])
    report.say("\n### One recipe under two names: runs that claim a difference")
    report.table(["data", "comparisons", "claimed", "share"], rows)
    report.say(f"- wanted: at most 16 of 200; found {both} of {2 * count}")


def _six(report: shared.Report, run: Callable[..., Any], count: int) -> None:
    found = list(run(trials.alike, [("digits", 6, 1001 + i, "one") for i in range(count)]))
    report.raw["six"] = found
    kinds = {
        "methodic (fresh seeds, Holm)": "claimed",
        "the same tests without Holm": "without_holm",
    }
    rows = [
        [words, count, (n := sum(each[key] > 0 for each in found)), f"{n / count:.1%}"]
        for words, key in kinds.items()
    ]
    rows.append(["taking the higher mean", count, count, "100.0%"])
    report.say("\n### Six identical methods: runs that claim any difference")
    report.table(["how", "runs", "claim any", "share"], rows)
    report.say(f"- wanted: at most 10 of 100; found {rows[0][2]} of {count}")


def _chosen_by_the_same(report: shared.Report, pool: Sequence[float], draws: int) -> None:
    """The best of six identical methods, tested on the very scores that made it the best."""
    random = np.random.default_rng(0)
    alarms = {"with Holm": 0, "without": 0}
    for _ in range(draws):
        groups = random.permutation(pool)[: 6 * SEEDS].reshape(6, SEEDS)
        groups = groups[np.argsort(-groups.mean(1))]
        p = [paired(groups[0].tolist(), each.tolist())[1] for each in groups[1:]]
        alarms["with Holm"] += int(min(holm(p)) <= ALPHA)
        alarms["without"] += int(min(p) <= ALPHA)
    report.raw["same_scores"] = {"draws": draws, **alarms}
    shown = ", ".join(f"{k} {n / draws:.1%}" for k, n in alarms.items())
    report.say(
        f"- six identical methods, the best of them tested against the rest on the scores that "
        f"chose it (no fresh seeds), {draws} draws: false alarms {shown}"
    )


def _power(report: shared.Report, pools: dict[str, list[float]], draws: int) -> None:
    """A planted difference of one pilot deviation, at the seeds that the pilot asks for."""
    random = np.random.default_rng(1)
    tests = GROUPS * (GROUPS - 1) // 2 + GROUPS * BASELINES
    rows = []
    for name, pool in pools.items():
        found, seeds = 0, []
        for _ in range(draws):
            drawn = random.permutation(pool)
            pilots = drawn[: GROUPS * SEEDS].reshape(GROUPS, SEEDS)
            planted = float(np.sqrt(pilots.var(axis=1, ddof=1).mean()))
            bound = math.sqrt(2) * upper_deviation(pilots.tolist())
            n = max(SEEDS, seeds_needed(planted, bound, ALPHA / tests, most=200))
            more = drawn[GROUPS * SEEDS :]
            first = np.r_[pilots[0], more[: n - SEEDS]] + planted
            second = np.r_[pilots[1], more[n - SEEDS : 2 * (n - SEEDS)]]
            difference, p = paired(first.tolist(), second.tolist())
            found += int(difference.mean > 0 and p <= ALPHA / tests)
            seeds.append(n)
        rows.append([name, draws, f"{np.mean(seeds):.1f}", f"{found / draws:.1%}"])
        report.raw.setdefault("power", {})[name] = {"draws": draws, "found": int(found)}
    report.say("\n### A planted difference of one pilot deviation: how often it is found")
    report.table(["scores of", "draws", "seeds of each, mean", "found (wanted ≥ 80%)"], rows)
    report.say(f"- at the strictest of Holm's levels over {tests} tests, with the pilot's seeds")


def _coverage(report: shared.Report, pools: dict[str, list[float]], draws: int) -> None:
    """Does a printed interval hold the mean over further seeds?"""
    random = np.random.default_rng(2)
    rows = []
    for name, pool in pools.items():
        inside = {3: [0, 0], SEEDS: [0, 0]}
        for _ in range(draws):
            drawn = random.permutation(pool)
            truth = drawn[-FURTHER:].mean()
            for n, hits in inside.items():
                few = drawn[:n]
                interval = t_interval(few.tolist())
                assert interval.low is not None
                assert interval.high is not None
                hits[0] += int(interval.low <= truth <= interval.high)
                again = random.choice(few, (400, n)).mean(1)
                low, high = np.quantile(again, [0.025, 0.975])
                hits[1] += int(low <= truth <= high)
        report.raw.setdefault("coverage", {})[name] = {"draws": draws, "inside": inside}
        for n, hits in inside.items():
            rows.append([f"{name}, {n} seeds", draws, *(f"{hit / draws:.1%}" for hit in hits)])
    report.say("\n### 95% intervals that hold the mean over 200 further seeds")
    header = ["scores of", "draws", "methodic (Student's t), wanted 92–98%", "percentile bootstrap"]
    report.table(header, rows)


def _report_time(report: shared.Report, methods: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        trials.large_run(folder, methods)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            path = page.write(folder)
            seconds.append(time.perf_counter() - start)
        size = path.stat().st_size / 1e6
    report.raw["report"] = {"methods": methods, "seconds": seconds, "megabytes": size}
    report.say("\n### The report")
    report.say(
        f"\n- {methods} methods × {SEEDS} seeds: written in {min(seconds):.2f} s (best of 3; "
        f"first {seconds[0]:.2f} s; wanted < 5 s), {size:.1f} MB"
    )


if __name__ == "__main__":
    main()
