"""Reading and encoding a large CSV file beside polars' own read.

50 columns of many kinds: whole numbers, prices, measurements, missing values, categories of few and
of many words, yes and no, a date, a moment, percents, short reviews with commas in quotes, and row
numbers. Each case is a process of its own, with its peak memory; rounds are interleaved, and the
file lies in the disk's cache. Imports don't count.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import _shared as shared

ROWS = 3_000_000  # 1 GB
GOAL_TIME, GOAL_MEMORY = 1.5, 3.0
_BLOCK = 250_000
_COLOURS = ("red", "blue", "green")
_WORDS = ("the", "fine", "coat", "red, warm", "fits", "badly", "so", "soft")
POLARS = "polars.read_csv"
DATES = "polars.read_csv, dates too"
OURS = "methodic: read, infer, encode"


def measure(report: shared.Report, quick: bool, rounds: int = 5) -> None:
    """Print seconds and memory of each, and whether the goals are met."""
    rows = 40_000 if quick else ROWS
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "mixed.csv"
        write(file, rows)
        size = file.stat().st_size
        report.say(f"\n### Reading {size / 1e9:.2f} GB of CSV: {rows:,} rows, 50 columns")
        found: dict[str, list[dict[str, float]]] = {POLARS: [], DATES: [], OURS: []}
        for number in range(1 if quick else rounds):
            names = list(found) if number % 2 == 0 else list(reversed(found))
            for name in names:
                found[name].append(_process(name, file))
    _print(report, found, size)


def _print(report: shared.Report, found: dict[str, list[dict[str, float]]], size: int) -> None:
    def middle(name: str, what: str) -> float:
        return statistics.median(each[what] for each in found[name])

    rows = []
    for name, each in found.items():
        seconds = [one["seconds"] for one in each]
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(each, found[POLARS], strict=True)]
        rows.append(
            [
                name,
                f"{middle(name, 'seconds'):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})",
                f"{statistics.median(ratios):.2f}×",
                f"{middle(name, 'processor'):.2f} s",
                f"{middle(name, 'peak') / 1e9:.2f} GB",
                f"{middle(name, 'peak') / size:.2f}×",
            ]
        )
    header = ["", "seconds", "of polars' read", "processor time", "peak memory", "of the file"]
    report.table(header, rows)
    parts = ", ".join(f"{part} {middle(OURS, part):.2f} s" for part in ("load", "fit", "encode"))
    report.say(f"- {OURS}: {parts}")
    pairs = zip(found[OURS], found[POLARS], strict=True)
    ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)
    memory = middle(OURS, "peak") / size
    report.say(f"- time: {ratio:.2f}× polars' read; wanted: at most {GOAL_TIME}×")
    report.say(f"- memory: {memory:.2f}× the file; wanted: under {GOAL_MEMORY}×")
    report.raw["reading"] = {"size": size, "cases": found, "time": ratio, "memory": memory}


def _process(name: str, file: Path) -> dict[str, float]:
    """One case in a process of its own."""
    done = subprocess.run(
        [shared.PYTHON, __file__, name, str(file)],
        capture_output=True,
        text=True,
        env=shared.clean_environment(),
    )
    if done.returncode:
        raise RuntimeError(f"{name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _case(name: str, file: str) -> dict[str, float]:
    import resource
    import time

    import polars as pl

    if name == OURS:
        import torch

        from methodic.data.encoding.encoders import Encoders
        from methodic.data.loading import load

        torch.set_num_threads(shared.CORES)
    marks = [time.perf_counter()]
    before = time.process_time()
    kept: list[Any] = []
    if name == OURS:
        data = load(file, "target")
        marks.append(time.perf_counter())
        encoders = Encoders.fit(data.frame, data.schema)
        marks.append(time.perf_counter())
        kept += [data, encoders.encode(data.frame), encoders.target(data.frame)]
    else:
        kept.append(pl.read_csv(file, try_parse_dates=name == DATES))
    marks.append(time.perf_counter())
    seconds = [b - a for a, b in itertools.pairwise(marks)]
    parts = dict(zip(("load", "fit", "encode"), seconds, strict=False)) if name == OURS else {}
    return {
        "seconds": marks[-1] - marks[0],
        "processor": time.process_time() - before,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0,
        **parts,
    }


def write(path: Path, rows: int) -> None:
    """A CSV file of 50 mixed columns, the same each time."""
    with path.open("wb") as file:
        for start in range(0, rows, _BLOCK):
            frame = _frame(start, min(_BLOCK, rows - start))
            frame.write_csv(file, include_header=start == 0)


def _frame(start: int, rows: int) -> Any:
    import numpy as np
    import polars as pl

    draw = np.random.default_rng(start)

    def chosen(words: list[str]) -> Any:
        return pl.Series(words).gather(draw.integers(0, len(words), rows))

    columns: dict[str, Any] = {}
    for i in range(10):
        columns[f"count_{i}"] = draw.integers(0, 10 ** (1 + i % 6), rows)
    for i in range(10):
        columns[f"price_{i}"] = np.round(draw.lognormal(3, 1, rows), 2)
    for i in range(8):
        columns[f"measure_{i}"] = np.round(draw.normal(0, 1, rows), 6)
    for i in range(4):
        values = pl.Series(np.round(draw.normal(50, 20, rows), 1))
        columns[f"sparse_{i}"] = values.set(pl.Series(draw.random(rows) < 0.1), None)
    for i in range(8):
        columns[f"kind_{i}"] = chosen([f"{c}{j}" for j in range(2**i) for c in _COLOURS])
    for i in range(2):
        columns[f"city_{i}"] = chosen([f"city {j:05d}" for j in range(20_000)])
    for i in range(2):
        columns[f"member_{i}"] = chosen(["yes", "no"])
    columns["day"] = pl.Series(draw.integers(15_000, 20_000, rows).astype("int32")).cast(pl.Date)
    moments = pl.Series(draw.integers(1.3e9, 1.7e9, rows)) * 1_000_000
    columns["moment"] = moments.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")
    shares = pl.Series(np.round(draw.random(rows) * 100, 1))
    columns["share"] = pl.select(pl.format("{}%", shares)).to_series()
    words = [chosen(list(_WORDS)) for _ in range(4)]
    columns["review"] = pl.select(pl.concat_str(words, separator=" ")).to_series()
    columns["order_id"] = np.arange(start, start + rows)
    columns["target"] = draw.integers(0, 2, rows)
    return pl.DataFrame(columns)


if __name__ == "__main__":
    print(json.dumps(_case(*sys.argv[1:])))
