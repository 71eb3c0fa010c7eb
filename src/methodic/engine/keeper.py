"""The keeper of a training: saves it as it goes, off the hot path, and tells it when to stop.

Time decides when a checkpoint is written, so nothing in a training may depend on it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from methodic.engine import checkpoint
from methodic.engine.checkpoint import Standing, UnusableError
from methodic.errors import Interrupted
from methodic.files import fingerprint, make_folder

INTERVAL = 10.0
"""Seconds from the end of one checkpoint to the beginning of the next."""
_KEPT = 2
_TELLING = 1.0  # seconds


class Count:
    """Counts the steps of all members, and says in a file about once a second how many they are.

    For whoever watches; it may be wrong or fail, and nothing hangs on it.

    Args:
        path: of the file; None counts for nobody.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._steps = 0
        self._next = time.monotonic() + _TELLING

    def add(self, steps: int, now: float) -> None:
        """So many more by now."""
        self._steps += steps
        if now < self._next or self._path is None:
            return
        self._next = now + _TELLING
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(str(self._steps), encoding="utf-8")

    def end(self) -> None:
        """All is done."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


class Keeper:
    """Saves a training as it goes, lets it go on later, and tells it when to stop; `with` ends it.

    Writing happens in a thread, one checkpoint at a time; one that comes due meanwhile is left out.

    Args:
        folder: of this training's checkpoints.
        training: fingerprint of what is trained; checkpoints of anything else aren't used.
        asked: whether the process was asked to stop.
        interval: seconds between checkpoints; 0 writes one after the other.
        count: of the steps.
    """

    def __init__(
        self,
        folder: Path,
        training: str,
        asked: Callable[[], bool],
        interval: float = INTERVAL,
        count: Count | None = None,
    ) -> None:
        self.folder = folder
        self.training = training
        self.notes: list[str] = []
        """Sentences for the user: checkpoints that could not be used."""
        self.seconds = 0.0
        """What was spent on this training before this process took it up."""
        self.members = 1
        """How many train together, for the count of their steps."""
        self._count = count or Count()
        self._asked = asked
        self._interval = interval
        self._started = time.monotonic()
        self._next = self._started + interval
        self._kept: list[int] = []  # numbers of checkpoints known to be sound
        self._number = checkpoint.last(folder)
        self._writer: threading.Thread | None = None
        self._error: Exception | None = None
        self._parts: list[Keeper] = []

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, traceback: object) -> None:
        if kind is None or issubclass(kind, Exception):  # not for one who doesn't want to wait
            self._wait()
        if kind is None:
            self._complain()

    def load(self, device: torch.device) -> Standing | None:
        """The newest sound checkpoint of this training; None: begin at the start."""
        problems: list[str] = []
        standing: Standing | None = None
        for number in checkpoint.complete(self.folder):
            try:
                standing, self.seconds = checkpoint.read(self.folder, number, self.training, device)
            except UnusableError as problem:
                problems.append(f"checkpoint {number} can't be used ({problem})")
            else:
                self._kept = [number]
                break
        if problems:
            used = "began anew" if standing is None else "went on from the one before"
            self.notes.append(f"{self.folder.name}: {', '.join(problems)}; training {used}")
        return standing

    def part(self, name: str) -> Keeper:
        """The keeper of a part of this training; it is removed with this one."""
        training = fingerprint(self.training, name)
        keeper = Keeper(self.folder / name, training, self._asked, self._interval, self._count)
        self._parts.append(keeper)
        return keeper

    def due(self, steps: int = 0) -> bool:
        """Whether `keep` should be called now; asked after each step, and cheap enough for that.

        ``steps``: how many were taken since it was last asked, for their count.
        """
        now = time.monotonic()
        self._count.add(steps * self.members, now)
        if self._asked() or self._error is not None:
            return True
        return now >= self._next and not self._writing()

    def keep(self, standing: Standing) -> None:
        """Begin to write a checkpoint; when asked to stop, write it and stop.

        Raises:
            Interrupted: it is written, and the process was asked to stop.
            InputError: this one or the one before could not be written; older ones are unharmed.
        """
        self._complain()
        if self._asked():
            self._wait()
            self._complain()
            self._write(standing)
            raise Interrupted
        self._writer = threading.Thread(target=self._try, args=(standing,), daemon=True)
        self._writer.start()

    def remove(self) -> None:
        """Remove all checkpoints; the training is done."""
        self._wait()
        for part in self._parts:
            part.remove()
        checkpoint.clean(self.folder, ())
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()

    def _wait(self) -> None:
        if self._writer is not None:
            self._writer.join()

    def _complain(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _try(self, standing: Standing) -> None:
        try:
            self._write(standing)
        except Exception as error:  # it is raised where the training hears of it
            self._error = error
        self._next = time.monotonic() + self._interval

    def _write(self, standing: Standing) -> None:
        seconds = self.seconds + time.monotonic() - self._started
        self._number += 1
        make_folder(self.folder)
        try:
            checkpoint.save(self.folder, self._number, self.training, standing, seconds)
        except BaseException:
            checkpoint.clean(self.folder, checkpoint.complete(self.folder))  # half of one goes
            raise
        self._kept = [*self._kept, self._number][-_KEPT:]
        checkpoint.clean(self.folder, self._kept)
