"""Quality at equal wall time: `methodic run` beside tuned trees and three other networks.

Six tables, each cut twice or more often at random (70/15/15, classes in proportion). Everybody gets
the same rows, cores and seconds: methodic as its budget, scikit-learn's two models as
a random search, RealMLP and TabM as many epochs as fit in (trial fits that find out how many are
free). Test scores only; validation rows are for whoever wants them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _shared as shared
import numpy as np
import tables

PEERS = ("HistGradientBoosting, searched", "sklearn MLP, searched", "RealMLP-TD", "TabM-D")
NETWORK, WINNER = "methodic, shipped network", "methodic, verdict's winner"
_TRIALS = {"quick": 6, "slow": 2}  # epochs of the second trial fit; the first one has one


@dataclass(frozen=True)
class Case:
    """A table and how it is scored; ``file`` is one of the package's, ``numeric`` its columns."""

    title: str
    target: str
    metric: str
    file: str | None = None
    numeric: tuple[str, ...] = ()

    @property
    def greater(self) -> bool:
        """Whether more is better."""
        return self.metric != "rmse"


CASES = (
    Case("Adult", "income", "auc", "adult"),
    Case("California housing", "MedHouseVal", "rmse", "california_housing"),
    Case("breast_cancer", "target", "auc"),
    Case("diabetes", "target", "rmse"),
    Case("digits", "target", "accuracy"),
    Case(
        "Clothing reviews, numbers",
        "Recommended IND",
        "auc",
        "WomensClothingE-CommerceReviews",
        ("Clothing ID", "Age", "Rating", "Positive Feedback Count"),
    ),
)


def measure(
    report: shared.Report,
    quick: bool,
    splits: int = 2,
    budget: int = 120,
    keep: bool = False,
    first: int = 0,
) -> None:
    """Print the scores of every table, and the mean ranks.

    Args:
        report: where it goes.
        quick: one split of the small tables.
        splits: how many.
        budget: seconds for everybody.
        keep: splits are kept in a file as soon as they are there, and read from it by the next
            call, so that ten may be measured in several goes.
        first: split; others may be measured at the same time by a process on other cores, in a
            folder of its own.
    """
    splits, budget = (1, 60) if quick else (splits, budget)
    cases = CASES[2:5] if quick else CASES
    cores = "a core" if shared.CORES == 1 else f"{shared.CORES} cores"
    report.say(f"\n### Quality in {budget} s on {cores}, {splits} splits")
    kept = shared.Kept(f"quality-{budget}s-{shared.CORES}cores", keep and not quick)
    found: dict[str, list[dict[str, Any]]] = {case.title: [] for case in cases}
    for seed in range(first, first + splits):
        for case in cases:
            name = f"{case.title}, split {seed}"
            found[case.title].append(kept.get(name, lambda c=case, s=seed: _measured(c, s, budget)))
            report.say(f"- {name}: there")
    report.raw["quality"] = found
    for case in cases:
        _print(report, case, found[case.title])
    scores = {
        title: [{name: each["score"] for name, each in one.items()} for one in results]
        for title, results in found.items()
    }
    _ranks(report, cases, scores)


def _measured(case: Case, seed: int, budget: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        return _split(case, seed, budget, Path(scratch))


def _split(case: Case, seed: int, budget: int, folder: Path) -> dict[str, Any]:
    """Everybody on one split: name → score, seconds, note."""
    rows = folder / "rows"
    shared.write_split(_source(case, folder), case.target, seed, rows)
    found = _methodic(case, rows, seed, budget, folder / "run")

    def peer(name: str, **job: Any) -> dict[str, Any]:
        return shared.run_peer(name, rows, target=case.target, metric=case.metric, seed=seed, **job)

    # Starting up and predicting are part of the time, as for methodic.
    for title, family in zip(PEERS, ("boosting", "mlp"), strict=False):
        found[title] = peer("searched", family=family, search_seconds=0.95 * budget)
    for title, name in zip(PEERS[2:], ("realmlp", "tabm"), strict=True):
        short = peer(name, epochs=1)["seconds"]
        tried = _TRIALS["quick" if short < budget / 8 else "slow"]
        epoch = max((peer(name, epochs=tried)["seconds"] - short) / (tried - 1), 1e-3)
        most = 256 if name == "realmlp" else 10_000  # TabM stops early by itself
        fitting = int((0.95 * budget - short) / epoch)
        found[title] = peer(name, epochs=max(1, min(most, fitting)))
    return found


def _source(case: Case, folder: Path) -> str:
    """A built-in name, or a plain file with the columns that are used."""
    if case.file is None:
        return case.title
    path = tables.find(tables.Case(case.title, case.file, case.target, case.metric, case.greater))
    if path is None:
        raise RuntimeError(f"{case.file} is not at hand, and can't be fetched")
    copied = folder / "table.parquet"
    tables.copy(path, copied, None)
    if case.numeric:
        import polars as pl

        frame = pl.read_parquet(copied).select(*case.numeric, case.target)
        frame.write_parquet(copied)
    return str(copied)


def _methodic(case: Case, rows: Path, seed: int, budget: int, out: Path) -> dict[str, Any]:
    """`methodic run` on training and validation rows, with these test rows as the user's own."""
    import polars as pl

    fit = rows / "fit.parquet"
    parts = [pl.read_parquet(rows / f"{part}.parquet") for part in ("train", "validation")]
    pl.concat(parts).write_parquet(fit)
    test = str(rows / "test.parquet")
    begun = time.perf_counter()
    run = shared.run_methodic(
        [
            *(str(fit), "--target", case.target, "--split", test, "--metric", case.metric),
            *("--seed", str(seed), "--budget", f"{budget}s"),
            *(("--task", "regression") if case.metric == "rmse" else ()),
        ],
        out,
    )
    seconds = time.perf_counter() - begun
    command = [shared.METHODIC, "evaluate", str(out), test, "--metric", case.metric, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=shared.clean_environment()
    )
    score = json.loads(done.stdout)["scores"][case.metric]
    shipped, winner = run["shipped"], run["winner"]
    return {
        NETWORK: {"score": score, "seconds": seconds, "note": shipped},
        WINNER: {
            "score": score if winner == shipped else run["winner_test"]["mean"],
            "seconds": seconds,
            "note": winner,
        },
    }


def _print(report: shared.Report, case: Case, found: Sequence[Mapping[str, Any]]) -> None:
    means = {name: float(np.mean([one[name]["score"] for one in found])) for name in found[0]}
    rows = [
        [
            name,
            shared.mean_interval([one[name]["score"] for one in found]),
            shared.mean_interval([one[name]["seconds"] for one in found], 0),
            "; ".join(sorted({one[name]["note"] for one in found})),
        ]
        for name in sorted(means, key=lambda each: means[each], reverse=case.greater)
    ]
    report.say(f"\n#### {case.title}, test {case.metric}")
    report.table(["", case.metric, "seconds", "what"], rows)


def _ranks(
    report: shared.Report, cases: Sequence[Case], scores: Mapping[str, list[dict[str, float]]]
) -> None:
    """Mean rank over the tables, once for each split; the winner's row is no rival of its own."""
    names = [name for name in scores[cases[0].title][0] if name != WINNER]
    per_split: dict[str, list[float]] = {name: [] for name in names}
    for split in range(len(scores[cases[0].title])):
        ranks = []
        for case in cases:
            values = np.array([scores[case.title][split][name] for name in names])
            order = -values if case.greater else values
            better = (order[None] < order[:, None]).sum(1)
            ties = (order[None] == order[:, None]).sum(1)
            ranks.append(better + (ties + 1) / 2)
        for name, rank in zip(names, np.mean(ranks, axis=0), strict=True):
            per_split[name].append(float(rank))
    report.raw["quality ranks"] = per_split
    report.say("\n#### Mean rank over the tables; intervals over splits")
    ordered = sorted(names, key=lambda each: float(np.mean(per_split[each])))
    report.table(["", "mean rank"], [[n, shared.mean_interval(per_split[n], 2)] for n in ordered])
