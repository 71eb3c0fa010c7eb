"""Rows per second of a trained model, beside scikit-learn's pipeline with its MLP.

One million rows of Adult (its own rows, drawn again and again), two hidden layers of 128 for both.
From a pandas frame in memory, and from file to file as a process of its own, with its peak memory.
Rounds are interleaved; probabilities of all classes are the job.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _shared as shared
import tables

ROWS = 1_000_000
HIDDEN = (128, 128)
_RECIPE = """\
name: two_layers
model: {kind: mlp, width: 128, depth: 2}
stages:
  - batch: 256
    optimizer: {kind: adam, lr: 0.001}
"""


def measure(report: shared.Report, quick: bool, rounds: int = 3) -> None:
    """Print rows per second of both, in memory and from file to file."""
    case = tables.CASES[0]
    path = tables.find(case)
    if path is None:
        report.say(f"\n**Predicting: skipped.** {case.file} is not at hand.")
        return
    rows = 20_000 if quick else ROWS
    report.say(f"\n### Predicting {rows:,} rows of Adult")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _prepare(path, case.target, rows, folder)
        memory = _in_memory(folder)
        seconds = shared.interleaved(memory, 1 if quick else rounds)
        _print(report, "from a pandas frame", seconds, rows, {})
        files, peaks = _from_files(folder)
        seconds = shared.interleaved(files, 1 if quick else rounds)
        _print(report, "from file to file, a process of its own", seconds, rows, peaks)


def _prepare(path: Path, target: str, rows: int, folder: Path) -> None:
    """Both models, and the rows to predict."""
    import pandas as pd
    import polars as pl

    table = folder / "adult.parquet"
    tables.copy(path, table, None)
    (folder / "two_layers.yaml").write_text(_RECIPE)
    command = ["train", str(table), "--target", target, "--steps", "400", "--quiet"]
    recipe = ["--recipe", str(folder / "two_layers.yaml"), "--out", str(folder / "run")]
    subprocess.run(
        [shared.METHODIC, *command, *recipe],
        check=True,
        stdout=subprocess.DEVNULL,
        env=shared.clean_environment(),
    )
    frame = pl.read_parquet(table)
    many = frame.drop(target).sample(rows, with_replacement=True, seed=0)
    many.write_parquet(folder / "rows.parquet")
    many.write_csv(folder / "rows.csv")
    model = _pipeline(pd.read_parquet(table), target)
    (folder / "pipeline.pkl").write_bytes(pickle.dumps(model))


def _pipeline(frame: Any, target: str) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    y = frame.pop(target)
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    network = MLPClassifier(HIDDEN, batch_size=256, max_iter=3, random_state=0)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three epochs: how good it is doesn't matter here
        return make_pipeline(encode, network).fit(frame, y)


def _in_memory(folder: Path) -> dict[str, Callable[[], float]]:
    import pandas as pd

    from methodic import bundle

    frame = pd.read_parquet(folder / "rows.parquet")
    loaded = bundle.load(folder / "run")
    model = pickle.loads((folder / "pipeline.pkl").read_bytes())

    def timed(predict: Callable[[Any], Any]) -> Callable[[], float]:
        def once() -> float:
            begun = time.perf_counter()
            predict(frame)
            return time.perf_counter() - begun

        return once

    return {
        "methodic: bundle.predict_frame": timed(loaded.predict_frame),
        "scikit-learn: pipeline.predict_proba": timed(model.predict_proba),
    }


_THEIRS = """
import pickle, sys
import pandas as pd
folder, kind = sys.argv[1:]
read = pd.read_csv if kind == "csv" else pd.read_parquet
model = pickle.loads(open(f"{folder}/pipeline.pkl", "rb").read())
rows = read(f"{folder}/rows.{kind}")
made = pd.DataFrame(model.predict_proba(rows), columns=model.classes_)
made.insert(0, "prediction", model.classes_[made.to_numpy().argmax(1)])
to = f"{folder}/theirs.{kind}"
made.to_csv(to, index=False) if kind == "csv" else made.to_parquet(to)
"""


def _from_files(folder: Path) -> tuple[dict[str, Callable[[], float]], dict[str, list[float]]]:
    """Two kinds of files for both; and the peak memory of each, filled as they run."""
    peaks: dict[str, list[float]] = {}

    def timed(name: str, command: list[str]) -> Callable[[], float]:
        def once() -> float:
            begun = time.perf_counter()
            peaks.setdefault(name, []).append(_peak(command))
            return time.perf_counter() - begun

        return once

    cases = {}
    for kind in ("csv", "parquet"):
        rows, out = str(folder / f"rows.{kind}"), str(folder / f"ours.{kind}")
        ours = [shared.METHODIC, "predict", str(folder / "run"), rows, "-o", out]
        theirs = [sys.executable, "-c", _THEIRS, str(folder), kind]
        cases[f"methodic predict, {kind}"] = timed(f"methodic predict, {kind}", ours)
        cases[f"pandas and scikit-learn, {kind}"] = timed(
            f"pandas and scikit-learn, {kind}", theirs
        )
    return cases, peaks


_WATCH = """
import json, resource, subprocess, sys
done = subprocess.run(json.loads(sys.argv[1]), stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def _peak(command: list[str]) -> float:
    """Run it; the most memory that it had, in MB."""
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, json.dumps(command)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=shared.clean_environment(),
    )
    return int(done.stdout) / 1024


def _print(
    report: shared.Report,
    what: str,
    seconds: dict[str, list[float]],
    rows: int,
    peaks: dict[str, list[float]],
) -> None:
    table = []
    for name, each in seconds.items():
        rates = [rows / second for second in each]
        row = [name, shared.mean_interval(rates, 0), f"{min(each):.2f}"]
        table.append([*row, f"{max(peaks[name]):.0f}"] if peaks else row)
    report.say(f"\n#### {what}")
    report.table(["", "rows/s", "best seconds", *(["peak MB"] if peaks else [])], table)
    report.raw.setdefault("predicting", {})[what] = {"seconds": seconds, "peaks": peaks}
