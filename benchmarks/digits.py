"""`methodic run digits --budget 60s`: time to the verdict and accuracy, over splits.

Each split is a process of its own, followed by scikit-learn's models on the same rows; these get
training and validation rows together. "winner" is the mean test accuracy of the verdict's winner
over its confirmation seeds; "shipped" is that of the very network in RUN/model.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import _shared as shared

PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sklearn MLP": ("mlp", {}),
    "sklearn MLP, early stopping": ("mlp", {"early_stopping": True}),
    "sklearn HistGradientBoosting": ("boosting", {}),
}


def main() -> None:
    """Run all splits and print the table."""

    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--splits", type=int, default=10, help="seeds 0 … N−1")
        parser.add_argument("--budget", default="60s", help="of each run")

    asked = shared.options(__doc__, add)
    splits = 1 if asked.quick else asked.splits
    report = shared.Report(
        "digits",
        f"digits: ranking and model in {asked.budget}, {splits} splits",
        asked.quick,
        ("scikit-learn",),
    )
    runs: list[dict[str, Any]] = []
    peers: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
    for seed in range(splits):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            arguments = ["digits", "--budget", asked.budget, "--seed", str(seed)]
            runs.append(shared.run_methodic(arguments, folder / "run"))
            target = shared.write_split("digits", None, seed, folder / "rows")
            for name, (peer, job) in PEERS.items():
                result = shared.run_peer(
                    peer, folder / "rows", target=target, metric="accuracy", seed=seed, **job
                )
                peers[name].append(result)
    report.raw = {"runs": runs, "peers": peers}
    _print_splits(report, runs, peers)
    _print_summary(report, runs, peers)
    report.end(asked.save)


def _print_splits(
    report: shared.Report, runs: list[dict[str, Any]], peers: dict[str, list[dict[str, Any]]]
) -> None:
    rows = []
    for seed, run in enumerate(runs):
        screened = run["screened"].values()
        rows.append(
            [
                seed,
                f"{run['seconds']:.1f} s",
                run["winner"],
                f"{run['winner_test']['mean']:.4f}",
                run["shipped"],
                f"{run['shipped_test']:.4f}",
                " to ".join(sorted({f"{settings} × {seeds}" for settings, seeds in screened})),
                min(each["n"] for name, each in run["confirmed"].items() if name in run["steps"]),
                *(f"{results[seed]['score']:.4f}" for results in peers.values()),
            ]
        )
    report.table(
        [
            "split",
            "wall time",
            "winner",
            "its mean",
            "shipped",
            "its test",
            "settings × seeds per method",
            "confirmation seeds",
            *PEERS,
        ],
        rows,
    )
    for seed, run in enumerate(runs):
        for note in run["notes"]:
            report.say(f"- split {seed}: {note}")


def _print_summary(
    report: shared.Report, runs: list[dict[str, Any]], peers: dict[str, list[dict[str, Any]]]
) -> None:
    shipped = [run["shipped_test"] for run in runs]
    winner = [run["winner_test"]["mean"] for run in runs]
    walls = [run["seconds"] for run in runs]
    verdicts = [run["verdict_seconds"] for run in runs]
    rows = [
        [
            "methodic, shipped network",
            shared.mean_interval(shipped),
            shared.mean_interval(walls, 1),
        ],
        ["methodic, verdict's winner", shared.mean_interval(winner), ""],
    ]
    for name, results in peers.items():
        scores = [each["score"] for each in results]
        seconds = [each["seconds"] for each in results]
        rows.append([name, shared.mean_interval(scores), shared.mean_interval(seconds, 1)])
    report.table(["over the splits", "test accuracy, mean ± 95%", "seconds, mean ± 95%"], rows)
    report.say(
        f"- slowest run: {max(walls):.1f} s as a whole process, verdict after "
        f"{max(verdicts):.1f} s; methodic compares {len(runs[0]['screened'])} methods in this "
        "time, the others fit one model"
    )
    methods = [counts for run in runs for counts in run["screened"].values()]
    report.say(
        f"- fewest settings × seeds of a method: {min(c[0] for c in methods)} × "
        f"{min(c[1] for c in methods)}"
    )


if __name__ == "__main__":
    main()
