"""CIFAR-10 from Parquet with less memory than it needs, beside the same training in memory.

Each case is a process of its own: it loads the data, trains the small convolutional net once, and
says how long training waited for rows, how much memory it took at its peak beyond a training on
other data, and the test accuracy. Rounds are interleaved.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import _shared as shared

LIMIT = 60_000_000  # bytes; the images alone are 184 MB
STEPS = 1000  # of 128 images: three epochs
GOAL = 0.05
CASES = {"in memory": 0, "read piece by piece": LIMIT}


def measure(report: shared.Report, quick: bool, rounds: int = 5) -> None:
    """Print waits, memory and accuracy of both, and whether the goal is met."""
    train = shared.DATA / "cifar10-train.parquet"
    if not train.exists():
        report.say(f"\n### CIFAR-10 piece by piece: {train} isn't there")
        return
    steps, size = (20 if quick else STEPS), LIMIT / 1e6
    report.say(f"\n### CIFAR-10 with {size:.0f} MB: {steps} steps of the recipe convnet")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    for number in range(1 if quick else rounds):
        names = list(CASES) if number % 2 == 0 else list(reversed(CASES))
        for name in names:
            found[name].append(_process(CASES[name], steps, number))

    def middle(name: str, what: str) -> float:
        return statistics.median(each[what] for each in found[name])

    rows = [
        [
            name,
            f"{middle(name, 'prepare'):.1f} s",
            f"{middle(name, 'seconds'):.1f} s",
            f"{max(each['waited'] / each['seconds'] for each in found[name]):.2%}",
            f"{middle(name, 'peak') / 1e6:.0f} MB",
            f"{middle(name, 'accuracy'):.2%}",
        ]
        for name in CASES
    ]
    head = [
        "",
        "load and encode",
        "training",
        "waits, at most",
        "peak memory more",
        "test accuracy",
    ]
    report.table(head, rows)
    share = max(each["waited"] / each["seconds"] for each in found["read piece by piece"])
    report.say(f"- waits: {share:.2%} of the training; wanted: under {GOAL:.0%}")
    report.raw["streaming"] = {"cases": found, "waits": share}


def _process(memory: int, steps: int, seed: int) -> dict[str, float]:
    done = subprocess.run(
        [shared.PYTHON, __file__, str(memory), str(steps), str(seed)],
        capture_output=True,
        text=True,
        env=shared.clean_environment(),
    )
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _case(memory: int, steps: int, seed: int) -> dict[str, float]:
    import resource
    import time

    import methodic as mt

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    with tempfile.TemporaryDirectory() as folder:
        # What all training takes, libraries included, doesn't count.
        mt.train_method(mt.load("digits"), "sgd", steps=3, out=Path(folder) / "other")
        before, start = peak(), time.perf_counter()
        data = mt.load(
            shared.DATA / "cifar10-train.parquet",
            "label",
            test=shared.DATA / "cifar10-test.parquet",
            memory=memory or None,
        )
        run = Path(folder) / "run"
        options = {"seed": seed, "threads": shared.CORES, "out": run}
        mt.train_method(data, "convnet", steps=steps, **options)
        whole = time.perf_counter() - start
        record = json.loads(next((run / "records").glob("train-*.json")).read_text())
        board = json.loads((run / "leaderboard.json").read_text())
    test = next(row["test"]["mean"] for row in board["rows"] if row["name"] == "convnet")
    return {
        "prepare": whole - record["seconds"],
        "seconds": record["seconds"],
        "waited": record["waited"],
        "peak": peak() - before,
        "accuracy": test,
    }


if __name__ == "__main__":
    print(json.dumps(_case(*map(int, sys.argv[1:]))))
