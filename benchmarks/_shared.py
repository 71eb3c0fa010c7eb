"""What all benchmarks share: options, machine facts, Markdown tables, fair timing, subprocesses."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
METHODIC = str(Path(sys.executable).with_name("methodic"))
DATA = Path(os.environ.get("METHODIC_DATA") or HERE.parent.parent / "shared" / "data")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

# Settings of other programs that would tune OpenBLAS to another processor.
_FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def options(about: str | None, add: Callable[[argparse.ArgumentParser], Any] | None = None) -> Any:
    """Parse the command line: --quick and --save, and what ``add`` adds."""
    parser = argparse.ArgumentParser(description=(about or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings: does it run?")
    parser.add_argument("--save", action="store_true", help="write results/<name>.json as well")
    if add is not None:
        add(parser)
    return parser.parse_args()


@dataclass
class Report:
    """Prints a benchmark as Markdown, and keeps its raw numbers.

    Args:
        name: of the benchmark; names the file in results/.
        title: the claim.
        quick: numbers of a quick run are marked as worthless.
        packages: whose versions matter, besides torch and numpy.
    """

    name: str
    title: str
    quick: bool
    packages: Sequence[str] = ()
    raw: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        versions = {each: _version(each) for each in ("methodic", "torch", "numpy", *self.packages)}
        self.facts = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "processor": _processor(),
            "cores": CORES,
            "python": platform.python_version(),
            "versions": versions,
            "load_before": _load(),
        }
        shown = ", ".join(f"{name} {version}" for name, version in versions.items())
        self.say(f"\n## {self.title}\n")
        self.say(f"- date: {self.facts['date']}")
        self.say(f"- machine: {self.facts['processor']}, {CORES} cores, {platform.system()}")
        self.say(f"- versions: Python {self.facts['python']}, {shown}")
        self.say(f"- load average before: {self.facts['load_before']}")
        if self.quick:
            self.say("- quick: small settings, **numbers mean nothing**")

    def say(self, text: str = "") -> None:
        """A line of Markdown."""
        print(text, flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A Markdown table; columns after the first are right-aligned."""
        self.say()
        self.say("| " + " | ".join(header) + " |")
        self.say("|---|" + "---:|" * (len(header) - 1))
        for row in rows:
            self.say("| " + " | ".join(str(cell) for cell in row) + " |")
        self.say()

    def end(self, save: bool) -> None:
        """The load at the end; the raw numbers into results/ if asked for."""
        self.facts["load_after"] = _load()
        self.say(f"- load average after: {self.facts['load_after']}")
        if save:
            folder = HERE / "results"
            folder.mkdir(exist_ok=True)
            path = folder / f"{self.name}.json"
            document = {"name": self.name, "quick": self.quick, **self.facts, "raw": self.raw}
            path.write_text(json.dumps(document, indent=1) + "\n")
            self.say(f"- raw numbers: {path.relative_to(HERE.parent)}")


class Kept:
    """Results in a file as soon as they are there, so that a long benchmark may go on later.

    Args:
        name: of the file in results/.
        wanted: otherwise nothing is read or written.
    """

    def __init__(self, name: str, wanted: bool) -> None:
        self._path = HERE / "results" / f"{name}.json" if wanted else None
        there = self._path is not None and self._path.exists()
        self._done = json.loads(self._path.read_text()) if self._path and there else {}

    def get(self, name: str, measure: Callable[[], Any]) -> Any:
        """The results of this name: of an earlier run, or of ``measure``."""
        if name not in self._done:
            results = measure()
            when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            self._done[name] = {"ended": when, "load": _load(), "results": results}
            if self._path is not None:
                self._path.parent.mkdir(exist_ok=True)
                self._path.write_text(json.dumps(self._done, indent=1) + "\n")
        return self._done[name]["results"]


def interleaved(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each case, one of each per round: a busy minute hits all of them alike.

    The order alternates between forwards and backwards, so that no case always follows the same.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        names = list(cases) if number % 2 == 0 else list(reversed(cases))
        for name in names:
            seconds[name].append(cases[name]())
    return seconds


def mean_interval(values: Sequence[float], digits: int = 4) -> str:
    """Mean ± half of the 95% t-interval, and n."""
    from methodic.evidence.numbers.statistics import t_interval

    interval = t_interval(values)
    half = "" if interval.high is None else f" ± {interval.high - interval.mean:.{digits}f}"
    return f"{interval.mean:.{digits}f}{half} (n = {interval.n})"


def clean_environment() -> dict[str, str]:
    """This process's environment without settings meant for other programs."""
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN}


def run_methodic(arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """`methodic run …` as a process of its own; its result, read from the run's folder.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    command = [METHODIC, "run", *arguments, "--out", str(folder), "--quiet"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stderr}")
    read = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("run", "plan")}
    board = json.loads((folder / "leaderboard.json").read_text())
    rows = {row["name"]: row for row in board["rows"]}
    card = json.loads((folder / "model" / "bundle.json").read_text())["card"]
    trained: dict[str, set[tuple[int, int]]] = {}
    for path in sorted((folder / "records").glob("screen-*.json")):
        for each in json.loads(path.read_text())["members"]:
            member = each["member"]
            trained.setdefault(member["recipe"], set()).add((member["setting"], member["seed"]))
    return {
        "seconds": seconds,
        "verdict_seconds": read["run"]["seconds"],
        "verdict": board["verdict"],
        "notes": board["notes"],
        "rows": read["plan"]["data"]["rows"],
        "winner": board["winner"],
        "winner_test": rows[board["winner"]]["test"],
        "shipped": board["shipped"],
        "shipped_test": card["test"],
        "confirmed": {n: row["test"] for n, row in rows.items() if row["test"]},
        "screened": {
            name: [len({setting for setting, _ in pairs}), len({seed for _, seed in pairs})]
            for name, pairs in trained.items()
        },
        "steps": {c["recipe"]["name"]: sum(c["steps"]) for c in read["plan"]["contenders"]},
    }


def run_peer(peer: str, folder: Path, **job: Any) -> dict[str, Any]:
    """Fit another library's model in a process of its own, which imports that library alone.

    Args:
        peer: a name in `_peers.PEERS`.
        folder: holds train, validation and test.parquet.
        job: target, metric, seed, keep (its predictions), and options of the peer.

    Returns:
        score, seconds (fit and predict), rows (fitted on), note, and predicted if kept.
    """
    document = {"peer": peer, "folder": str(folder), "threads": CORES, **job}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "result.json"
        command = [PYTHON, str(HERE / "_peers.py"), json.dumps(document), str(out)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(), cwd=scratch
        )
        if done.returncode:
            raise RuntimeError(f"{peer}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(out.read_text())
        return result


def write_split(source: Any, target: str | None, seed: int, folder: Path) -> str:
    """The rows that `methodic run --seed` uses, as three Parquet files; returns the target's name.

    Categories that are missing are spelt out, so that they are a category for every peer.
    """
    import polars as pl

    from methodic.data.loading import load
    from methodic.data.splits import split

    data = load(source, target)
    cut = split(data, seed)
    texts = data.schema.named("categorical")
    known = [data.frame[name].cast(pl.String).fill_null("?") for name in texts]
    frame = data.frame.with_columns(known)
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "validation", "test"):
        frame[getattr(cut, part)].write_parquet(folder / f"{part}.parquet")
    return data.schema.target


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _load() -> list[float]:
    return [round(each, 2) for each in os.getloadavg()] if hasattr(os, "getloadavg") else []
