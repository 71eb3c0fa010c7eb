"""Commands in a process with bounded memory and time: whatever happens there, the test goes on."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

SECONDS = 30
"""No command on a small file may compute longer."""

PATIENCE = 300
"""Seconds by the clock, in which other processes may be at work as well."""

MEMORY = 3 * 2**30
"""Bytes of address space that commands may take beyond what importing everything takes."""


@dataclass(frozen=True)
class Answer:
    """How a command ended: its exit code, and what it wrote to standard error."""

    code: int
    said: str


class Bounded:
    """A worker that is started when it is needed, and again when a command has killed it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, arguments: Sequence[str]) -> Answer:
        """Run one command.

        Raises:
            AssertionError: it took too long, or the process died (out of memory, a crash).
        """
        process = self._process or self._started()
        answer = self._ask(process, list(arguments))
        return Answer(answer["code"], answer["said"])

    def warm(self, arguments: Sequence[str]) -> None:
        """Run a good command, which loads everything; from then on memory is limited."""
        answer = self(arguments)
        assert answer.code == 0, answer.said
        assert self._process is not None
        self._send(self._process, MEMORY)

    def ended(self, arguments: Sequence[str]) -> Answer:
        """Run a command on damaged input, which must end in a result or in a clear error."""
        answer = self(arguments)
        assert answer.code in (0, 2), f"exit code {answer.code}: {answer.said}"
        assert "Traceback" not in answer.said
        assert "fault of Methodic" not in answer.said
        assert answer.code == 0 or answer.said.strip(), "exit code 2 without a word"
        return answer

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"},
            )
        return self._process

    def _send(self, process: subprocess.Popen[str], job: Any) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()

    def _ask(self, process: subprocess.Popen[str], arguments: list[str]) -> dict[str, Any]:
        assert process.stdout is not None
        self._send(process, arguments)
        ready = _answered(process)
        line = process.stdout.readline() if ready else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.close()
        how = f"took longer than {SECONDS} s" if not ready else "killed its process"
        end = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
        raise AssertionError(f"methodic {' '.join(arguments)}: {how}\n{end}")


def _answered(process: subprocess.Popen[str]) -> bool:
    """Whether there is something to read before the time is up."""
    begun, spent = time.monotonic(), _computed(process)
    while time.monotonic() - begun < PATIENCE and _computed(process) - spent < SECONDS:
        ready, _, _ = select.select([process.stdout], [], [], 1.0)
        if ready:
            return True
    return False


def _computed(process: subprocess.Popen[str]) -> float:
    """Seconds that all threads of a process have computed."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)
