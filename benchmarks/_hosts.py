"""Processes that take part in a benchmark, rounds in which they take turns, and who else is busy.

A `Team` is one or several host processes (`_work.py`) that live as long as the benchmark, so that
all contestants can be timed in turns, warm. A round in which processes other than ours were busy is
done again.
"""

from __future__ import annotations

import copy
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import _shared as shared

QUIET = 0.15  # of all cores: more than that for other processes, and a round is void
_PATIENCE = 600  # seconds for one answer
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Team:
    """Host processes that do the same work at the same time.

    Args:
        size: how many.
        threads: of each; None leaves it to the libraries.
        environments: more variables: one set for all hosts, or one for each.
    """

    def __init__(
        self, size: int = 1, threads: int | None = 1, *environments: Mapping[str, str]
    ) -> None:
        self.started = time.perf_counter()
        # What the benchmark itself was started with must not decide about the contestants.
        kept = {
            name: value
            for name, value in shared.clean_environment().items()
            if not name.startswith(("OMP_", "MKL_", "XLA_", "TORCHINDUCTOR_", "KERAS_"))
        }
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe could fill up
        self.hosts = [
            subprocess.Popen(
                [shared.PYTHON, str(shared.HERE / "_work.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                env={**kept, **_threads(threads), **more},
            )
            for more in _for_each(environments or ({},), size)
        ]
        self.steps: dict[str, int] = {}
        """Of one call of `rate`."""
        self.units: dict[str, int] = {}

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for host in self.hosts:
            host.kill()
            host.communicate()
        self._said.close()

    def ask(self, each: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Send a request to each host at once; their answers, when all are there."""
        for host, request in zip(self.hosts, each, strict=True):
            assert host.stdin is not None
            host.stdin.write(json.dumps(request) + "\n")
            host.stdin.flush()
        return [self._answer(host) for host in self.hosts]

    def _answer(self, host: subprocess.Popen[str]) -> dict[str, Any]:
        assert host.stdout is not None
        if not select.select([host.stdout], [], [], _PATIENCE)[0]:
            raise RuntimeError(f"no answer within {_PATIENCE} s")
        line = host.stdout.readline()
        if not line:
            self._said.seek(0)
            raise RuntimeError(f"a host process died: {self._said.read().decode()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def make(self, key: str, kind: str, *options: Mapping[str, Any]) -> Made:
        """Let all hosts build a contestant and take one step.

        Args:
            key: its name from now on.
            kind: of `_work.MAKERS`.
            options: its arguments: one set for all hosts, or one for each.
        """
        each = _for_each(options, len(self.hosts))
        return self.make_each(kind, [(key, one) for one in each])

    def make_each(self, kind: str, wanted: Sequence[tuple[str, Mapping[str, Any]]]) -> Made:
        """The same, where each host builds another contestant: its key and its arguments."""
        answers = self.ask(
            [{"do": "make", "key": key, "kind": kind, "options": one} for key, one in wanted]
        )
        for (key, _), answer in zip(wanted, answers, strict=True):
            self.units[key] = answer["unit"]
        return Made(
            time.perf_counter() - self.started,
            sum(answer["done"] for answer in answers),
            [answer["seconds"] for answer in answers],
            [answer["peak"] for answer in answers],
        )

    def deviation(self, key: str) -> float | None:
        """How far a contestant is from what it should do; None if it doesn't train."""
        found: float | None = self.only(0).ask([{"do": "check", "key": key}])[0]["deviation"]
        return found

    def notes(self, key: str) -> dict[str, Any]:
        """What the first host has to tell about a contestant."""
        return self.only(0).ask([{"do": "notes", "key": key}])[0]

    def only(self, host: int) -> Team:
        """One of the hosts, as a team of its own; this team still ends it."""
        one = copy.copy(self)
        one.hosts, one.steps = [self.hosts[host]], {}
        return one

    def calibrate(self, key: str, seconds: float) -> None:
        """Find out how many steps take about so many seconds, in whole units of the contestant."""
        unit = self.units[key]
        steps = units = 1
        for _ in range(6):
            steps = units * unit
            start = time.perf_counter()
            self.run(key, steps)
            taken = time.perf_counter() - start
            if taken > seconds / 3:
                break
            units = max(units + 1, round(units * min(8, seconds / taken)))
        self.steps[key] = max(1, round(steps * seconds / taken / unit)) * unit

    def rate(self, key: str) -> float:
        """Member-steps per second of all hosts together, from the first request to the last answer.

        The contestant is a calibrated one.
        """
        start = time.perf_counter()
        done = self.run(key, self.steps[key])
        return done / (time.perf_counter() - start)

    def run(self, key: str, steps: int) -> int:
        """Let all hosts take so many steps; the member-steps done."""
        answers = self.ask([{"do": "run", "key": key, "steps": steps}] * len(self.hosts))
        return sum(answer["done"] for answer in answers)


@dataclass(frozen=True)
class Made:
    """What building a contestant took.

    Args:
        since_start: seconds since the processes were started.
        done: member-steps that were taken in that time.
        seconds, peaks: of each host: for this contestant alone; memory so far, in MB.
    """

    since_start: float
    done: int
    seconds: list[float]
    peaks: list[float]

    def start_up(self, rate: float) -> float:
        """Seconds until training begins, when it then goes on with ``rate``."""
        return max(0.0, self.since_start - self.done / rate)


def _for_each(given: Sequence[Mapping[str, Any]], size: int) -> list[Mapping[str, Any]]:
    return list(given) * size if len(given) == 1 else list(given)


def _threads(count: int | None) -> dict[str, str]:
    if count is None:
        return {}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")
    found = {name: str(count) for name in names}
    if count == 1:
        found["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return found


# --- who else is busy ---------------------------------------------------------------------------


class Watch:
    """The share of all cores that processes other than this one and its descendants used."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.busy, self.own = _busy(), _own()

    def others(self) -> float | None:
        """The share since the start; None where the system doesn't tell."""
        if self.busy is None:
            return None
        busy, seconds = _busy(), time.perf_counter() - self.start
        assert busy is not None
        foreign = (busy - self.busy) - (_own() - self.own)
        return max(0.0, foreign / (seconds * shared.CORES))


def _busy() -> float | None:
    """Seconds that all cores have worked, what the machine's owner took (steal) included."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    user, nice, system, _, _, irq, soft, steal = map(int, path.read_text().split()[1:9])
    return (user + nice + system + irq + soft + steal) / _TICKS


def _own() -> float:
    """Seconds that this process and its descendants have worked, ended ones included."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        spent[pid] = sum(map(int, fields[11:15]))  # own and waited-for children's, user and system
    own = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(spent.get(pid, 0) for pid in own) / _TICKS


# --- rounds -------------------------------------------------------------------------------------


@dataclass
class Rates:
    """What the rounds of a section measured.

    Args:
        each: case → a value for each quiet round, or for all rounds if none was quiet.
        void: no round was quiet.
    """

    each: dict[str, list[float]] = field(default_factory=dict)
    void: bool = False

    def best(self, name: str) -> float:
        """The largest."""
        return max(self.each[name])


def rounds(
    report: shared.Report,
    what: str,
    cases: Mapping[str, Callable[[], float]],
    count: int,
    extra: int,
) -> Rates:
    """Let all cases take turns until ``count`` rounds were quiet, at most ``extra`` more.

    Prints the machine's load before and after each round, and what others used of it.
    """
    quiet: dict[str, list[float]] = {name: [] for name in cases}
    all_of_them: dict[str, list[float]] = {name: [] for name in cases}
    kept = 0
    for number in range(count + extra):
        before, watch, measured = _load(), Watch(), {}
        # Backwards every other time, so that no case always follows the same.
        for name in list(cases) if number % 2 == 0 else list(reversed(cases)):
            measured[name] = cases[name]()
        others = watch.others()
        good = others is None or others <= QUIET
        share = "unknown" if others is None else f"{others:.0%}"
        report.say(
            f"- {what}, round {number + 1}: load {before} → {_load()}, others used {share}"
            + ("" if good else ": disturbed, not counted")
        )
        for name, value in measured.items():
            all_of_them[name].append(value)
            if good:
                quiet[name].append(value)
        kept += good
        if kept == count:
            break
    if not kept:
        report.say(f"- {what}: **void**, no round was quiet")
    return Rates(quiet if kept else all_of_them, not kept)


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
