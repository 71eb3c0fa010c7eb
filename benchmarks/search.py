"""Searches: wall time and score beside Optuna and scikit-learn, bookkeeping, samplers that learn.

1. The same space, number of settings and halving schedule on digits, Adult and California housing,
   for networks of two hidden layers: `methodic run` until RUN/search.json stands, with all that
   comes before it (start-up, reading, measuring, compiling from an empty cache, baselines);
   Optuna's settings with a loop in plain PyTorch and halving by hand (`_search_optuna.py`);
   scikit-learn's HalvingRandomSearchCV (`_search_sklearn.py`). Everybody has all cores and is a
   process of its own; our time ends with that file, where the run is killed, since what follows is
   no search, and theirs with their process. Scores are the best validation scores of the last
   rung, of the last weights, on the same rows.
2. Bookkeeping: what a study adds to a candidate beside what its sampler costs in bare Optuna.
3. TPE and Gaussian processes against random settings: as many settings, paired seeds.

With --save, what is done is kept in results/search-runs.json, and done again by deleting it.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import _search_runs as runs
import _shared as shared
import numpy as np
from _bench import Goal
from _bookkeeping import SAMPLERS, overhead

PARTS = ("peers", "bookkeeping", "samplers")
PEERS = {"optuna": "Optuna + PyTorch", "sklearn": "HalvingRandomSearchCV"}
WIDTHS = {64: 3.0, 128: 1.3}
"""Width of the network → how many times faster than both peers it is meant to be."""
LEARNING = ("tpe", "gp")
WITHIN = 0.5  # milliseconds of bookkeeping for each candidate


def main() -> None:
    """Run the parts that were asked for and print a table for each."""

    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--seeds", type=int, default=10, help="0 … N−1")
        parser.add_argument("--settings", type=int, default=64)
        parser.add_argument("--only", choices=PARTS)
        parser.add_argument("--data", choices=[case.name for case in runs.CASES])
        parser.add_argument("--width", type=int, choices=list(WIDTHS))

    asked = shared.options(__doc__, add)
    if asked.quick:
        asked.seeds, asked.settings = 1, 9
    report = shared.Report(
        "search" if asked.only is None else f"search-{asked.only}",
        f"Search: {asked.settings} settings, {asked.seeds} seeds",
        asked.quick,
        ("optuna", "scikit-learn"),
    )
    kept = shared.Kept("search-runs", asked.save and not asked.quick)
    goals: list[Goal] = []
    for part in PARTS if asked.only is None else (asked.only,):
        _SECTIONS[part](report, asked, kept, goals)
    if goals:
        report.say("\n### Claims")
        report.table(["claim", "wanted", "measured", "holds"], [goal.row() for goal in goals])
        report.raw["goals"] = [goal.row() for goal in goals]
    report.end(asked.save)


def _cases(asked: Any) -> list[runs.Case]:
    return [case for case in runs.CASES if asked.data in (None, case.name)]


# --- beside two libraries ---------------------------------------------------------------------


def _peers(report: shared.Report, asked: Any, kept: shared.Kept, goals: list[Goal]) -> None:
    report.say("\n### Wall time of a search, whole processes, and its best validation score")
    rows: list[list[str]] = []
    worse: list[str] = []
    for case in _cases(asked):
        for width, wanted in WIDTHS.items():
            if asked.width in (None, width):
                found = [_round(case, width, seed, asked, kept) for seed in range(asked.seeds)]
                found = [each for each in found if each is not None]
                if not found:
                    report.say(f"\n**{case.title}: skipped**, its file can't be had (tables.py).")
                    break
                report.raw.setdefault("peers", {})[f"{case.name}-{width}"] = found
                rows += _compared(case, width, found)
                goals += _claims(case, width, wanted, found)
                worse += _worse(case, width, found)
    names = ["data, width", "", "seconds", "times ours", "best validation", "ours − theirs"]
    report.table(names, rows)
    report.say("\n".join(worse) or "- no score is worse than a peer's at 95%, over paired seeds")


def _round(
    case: runs.Case, width: int, seed: int, asked: Any, kept: shared.Kept
) -> dict[str, Any] | None:
    """Everybody once on one split; who begins changes from seed to seed."""

    def measure() -> dict[str, Any] | None:
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            source = runs.copied(case, scratch, asked.quick)
            if source is None:
                return None
            rows = scratch / "rows"
            target = shared.write_split(source, case.target, seed, rows)
            job = {
                **{"folder": str(rows), "target": target, "metric": case.metric, "seed": seed},
                **{"width": width, "settings": asked.settings, "jobs": shared.CORES},
                "epochs": 9 if asked.quick else case.epochs,
            }
            order = ["methodic", *PEERS]
            order = order[seed % 3 :] + order[: seed % 3]
            return {
                who: runs.halved(case, source, job, scratch)
                if who == "methodic"
                else runs.peer(who, job)
                for who in order
            }

    found: dict[str, Any] | None = kept.get(f"{case.name}-{width}-{asked.settings}-{seed}", measure)
    return found


def _compared(case: runs.Case, width: int, found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    ours = [each["methodic"] for each in found]
    rows = [
        [
            f"{case.title}, {width}",
            f"methodic ({ours[0]['steps']} steps)",
            shared.mean_interval([each["seconds"] for each in ours], 1),
            "",
            shared.mean_interval([each["score"] for each in ours]),
            "",
        ]
    ]
    for which, title in PEERS.items():
        theirs = [each[which] for each in found]
        gains = [a["score"] - b["score"] for a, b in zip(ours, theirs, strict=True)]
        rows.append(
            [
                "",
                f"{title} ({theirs[0]['steps']} steps)",
                shared.mean_interval([each["seconds"] for each in theirs], 1),
                _times(found, which)[1],
                shared.mean_interval([each["score"] for each in theirs]),
                shared.mean_interval(gains),
            ]
        )
    return rows


def _times(found: Sequence[Mapping[str, Any]], which: str) -> tuple[float, str]:
    """How many times as long a peer took: the geometric mean over seeds, and its 95% interval."""
    from methodic.evidence.numbers.statistics import t_interval

    span = t_interval(
        [float(np.log(x[which]["seconds"] / x["methodic"]["seconds"])) for x in found]
    )
    mean = float(np.exp(span.mean))
    if span.low is None or span.high is None:
        return mean, f"{mean:.1f}×"
    return mean, f"{mean:.1f}× ({np.exp(span.low):.1f} to {np.exp(span.high):.1f})"


def _claims(
    case: runs.Case, width: int, wanted: float, found: Sequence[Mapping[str, Any]]
) -> list[Goal]:
    """Faster than both; whether the scores are as good stands in `_worse`."""
    what = f"{case.title}, width {width}"
    goals = []
    for which, title in PEERS.items():
        goals.append(Goal(f"{what}: {title}", wanted, _times(found, which)[0], void=False))
    return goals


def _worse(case: runs.Case, width: int, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """In words, where the interval of the paired differences is all on the worse side."""
    from methodic.evidence.numbers.statistics import t_interval

    lines = []
    for which, title in PEERS.items():
        gains = t_interval(
            [case.sign * (each["methodic"]["score"] - each[which]["score"]) for each in found]
        )
        if gains.high is not None and gains.high < 0:
            lines.append(f"- **{case.title}, width {width}: our scores are worse than {title}'s**")
    return lines


# --- bookkeeping ------------------------------------------------------------------------------


def _bookkeeping(report: shared.Report, asked: Any, _: shared.Kept, goals: list[Goal]) -> None:
    count = 100 if asked.quick else 1000
    report.say(f"\n### Milliseconds for each of {count} trivial candidates, one thread")
    rows = []
    for sampler in SAMPLERS:
        found = overhead(sampler, count, rounds=1 if asked.quick else 3)
        report.raw.setdefault("bookkeeping", {})[sampler] = found
        above = found["ours"] - found["bare"]
        rows.append([sampler, *(f"{found[who]:.3f}" for who in ("ours", "bare")), f"{above:+.3f}"])
        claim = f"bookkeeping, {sampler}: share of {WITHIN} ms a candidate"
        goals.append(Goal(claim, 1.0, above / WITHIN, void=asked.quick, at_most=True))
    report.table(["sampler", "a study", "bare Optuna", "above"], rows)


# --- samplers that learn ----------------------------------------------------------------------


def _samplers(report: shared.Report, asked: Any, kept: shared.Kept, _: list[Goal]) -> None:
    report.say(
        f"\n### Settings that learn from results against random ones: {asked.settings} settings, "
        "all trained to the end, four numbers"
    )
    rows = []
    for case in _cases(asked):
        done = {
            which: [_sampled(case, which, seed, asked, kept) for seed in range(asked.seeds)]
            for which in ("random", *LEARNING)
        }
        if any(each is None for found in done.values() for each in found):
            report.say(f"\n**{case.title}: skipped**, its file can't be had (tables.py).")
            continue
        report.raw.setdefault("samplers", {})[case.name] = done
        rows += _learnt(case, done)
    names = ["data", "settings", "best validation", "less random", "test", "less random", "seconds"]
    report.table(names, rows)


def _sampled(
    case: runs.Case, sampler: str, seed: int, asked: Any, kept: shared.Kept
) -> dict[str, Any] | None:
    def measure() -> dict[str, Any] | None:
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            source = runs.copied(case, scratch, asked.quick)
            if source is None:
                return None
            shared.write_split(source, case.target, seed, scratch / "rows")
            epochs = 3 if asked.quick else case.epochs // 3
            return runs.sampled(case, source, sampler, seed, epochs, asked.settings, scratch)

    found: dict[str, Any] | None = kept.get(
        f"{case.name}-{sampler}-{asked.settings}-{seed}", measure
    )
    return found


def _learnt(case: runs.Case, done: Mapping[str, Sequence[Any]]) -> list[list[str]]:
    rows = []
    for which, found in done.items():
        cells = [case.title if which == "random" else "", which]
        for field in ("score", "test"):
            values = [each[field] for each in found]
            gains = [x - y[field] for x, y in zip(values, done["random"], strict=True)]
            cells += [
                shared.mean_interval(values),
                "" if which == "random" else shared.mean_interval(gains),
            ]
        rows.append([*cells, shared.mean_interval([each["seconds"] for each in found], 0)])
    return rows


_SECTIONS = {"peers": _peers, "bookkeeping": _bookkeeping, "samplers": _samplers}

if __name__ == "__main__":
    sys.exit(main())
