"""The recipes realmlp and tabm beside pytabkit's RealMLP_TD and TabM_D, one fit each.

Ours get a budget, theirs twice that: as many epochs as fit in (their schedules follow the number of
epochs), or all of their own. Both see the same training, validation and test rows; the difference
of the scores has an interval by a paired bootstrap over test rows.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import _shared as shared
import numpy as np

PAIRS = (("realmlp", "RealMLP-TD", "realmlp"), ("tabm", "TabM-D", "tabm"))
_MOST_EPOCHS = 256
_RESAMPLINGS = 1000


def compared(
    source: str, target: str, metric: str, seconds: int, full: bool, folder: Path
) -> list[dict[str, Any]]:
    """One row for each pair: ours, theirs, and the difference.

    Args:
        source: a table's file.
        target, metric: of the table.
        seconds: of each of our fits.
        full: theirs with the epochs that they choose themselves.
        folder: for what the fits leave.
    """
    rows = folder / "rows"
    shared.write_split(source, target, 0, rows)
    found = []
    for recipe, title, peer in PAIRS:
        ours = _ours(source, target, metric, recipe, seconds, folder / recipe, rows)
        theirs = _theirs(peer, rows, target, metric, None if full else 2 * seconds)
        low, high = _difference(rows, target, metric, ours["predicted"], theirs["predicted"])
        found.append(
            {
                "recipe": recipe,
                "peer": title,
                "ours": {k: v for k, v in ours.items() if k != "predicted"},
                "theirs": {k: v for k, v in theirs.items() if k != "predicted"},
                "difference": [low, high],
            }
        )
    return found


def _ours(
    source: str, target: str, metric: str, recipe: str, seconds: int, out: Path, rows: Path
) -> dict[str, Any]:
    """One `methodic train`: its wall time with start-up, and its predictions of the test rows."""
    begun = time.perf_counter()
    command = ["train", source, "--recipe", recipe, "--target", target, "--metric", metric]
    _methodic(*command, "--budget", f"{seconds}s", "--out", str(out), "--quiet")
    wall = time.perf_counter() - begun
    card = json.loads((out / "model" / "bundle.json").read_text())["card"]
    plan = json.loads((out / "plan.json").read_text())
    table = out / "predictions.parquet"
    _methodic("predict", str(out), str(rows / "test.parquet"), "-o", str(table))
    method, machine = plan["contenders"][0], plan["machine"]
    epochs = sum(method["steps"]) * method["batch"][-1] / plan["data"]["rows"][0]
    return {
        "score": card["test"],
        "seconds": wall,
        "note": f"at most {epochs:.1f} epochs, {method['milliseconds']:.0f} ms a step, "
        f"{machine['threads']} threads, {machine['precision']}"
        + (", compiled" if machine["compiled"] else ""),
        "predicted": _answers(table, metric),
    }


def _methodic(*arguments: str) -> None:
    done = subprocess.run(
        [shared.METHODIC, *arguments],
        capture_output=True,
        text=True,
        env=shared.clean_environment(),
    )
    if done.returncode:
        raise RuntimeError(f"methodic {' '.join(arguments)}: {done.stderr}")


def _answers(table: Path, metric: str) -> Any:
    """Numbers [N, 1], or probabilities [N, C]."""
    import polars as pl

    frame = pl.read_parquet(table)
    chosen = [name for name in frame.columns if name.startswith("p_")]
    return frame.select(chosen if metric == "auc" else "prediction").to_numpy()


def _theirs(peer: str, rows: Path, target: str, metric: str, within: int | None) -> dict[str, Any]:
    """One fit, with as many epochs as fit into so many seconds, or with their own number."""

    def fit(**job: Any) -> dict[str, Any]:
        return shared.run_peer(peer, rows, target=target, metric=metric, seed=0, keep=True, **job)

    one, two = fit(epochs=1), fit(epochs=2)
    epoch = max(two["seconds"] - one["seconds"], 1e-3)
    epochs: dict[str, int] = {}
    if within is not None:
        fitting = int((within - one["seconds"]) / epoch) + 1
        epochs = {"epochs": max(1, min(_MOST_EPOCHS, fitting))}
    done = fit(**epochs)
    return {
        **done,
        "note": f"{done['note']}; an epoch takes {epoch:.1f} s",
        "epoch": epoch,
        "predicted": np.array(done["predicted"]),
    }


def _difference(
    rows: Path, target: str, metric: str, ours: Any, theirs: Any
) -> tuple[float, float]:
    """The middle 95% of ours − theirs when test rows are drawn again, the same for both."""
    import polars as pl

    from methodic.metrics import METRICS

    truth = pl.read_parquet(rows / "test.parquet")[target].to_numpy()
    if metric == "auc":
        truth = (truth == np.unique(truth)[1]).astype(np.int64)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), _RESAMPLINGS)
    scores = [
        METRICS[metric].weighted(truth, each.reshape(len(truth), -1), drawn.astype(np.float64))
        for each in (ours, theirs)
    ]
    low, high = np.quantile(scores[0] - scores[1], [0.025, 0.975])
    return float(low), float(high)


def table(found: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and cells."""
    header = ["model", "score", "wall seconds", "ours − theirs, 95% over test rows", "what"]
    cells = []
    for row in found:
        low, high = row["difference"]
        mine, peer = row["ours"], row["theirs"]
        span = f"{mine['score'] - peer['score']:+.4f} ({low:+.4f} to {high:+.4f})"
        for name, each, shown in (
            (f"methodic {row['recipe']}", mine, span),
            (f"pytabkit {row['peer']}", peer, "–"),
        ):
            cells.append(
                [name, f"{each['score']:.4f}", f"{each['seconds']:.0f}", shown, each["note"]]
            )
    return header, cells
