"""What the command line shows while a run goes on.

rich is imported where it is used: the command line answers without it.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from methodic.report import cells

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress


class Quiet:
    """What a run tells while it goes on; here, to nobody. `Progress` shows it."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the screen as it was, whatever happened."""

    def start(self, total_units: int, budget: float | None) -> None:
        """So many units of work lie ahead, at most; ``budget`` in seconds to the verdict."""

    def phase(self, name: str) -> None:
        """What begins now: "planning", "screening", "confirmation", "verdict", "training"."""

    def update(
        self,
        done_units: int,
        rate: float,
        leader: str | None,
        remaining: float | None,
        memory: int | None = None,
    ) -> None:
        """How far the run is.

        Args:
            done_units: of those announced.
            rate: steps of single models per second.
            leader: the method that leads so far.
            remaining: seconds to the verdict, about.
            memory: bytes that the workers take.
        """

    def say(self, text: str) -> None:
        """Something the user should know, now."""


class Progress(Quiet):
    """Progress on standard error: a live line on a terminal, one line per phase elsewhere.

    The live line needs ``with``, so that the terminal is given back at the end; without it, or
    without a terminal, phases are printed as plain lines.

    Example:
        >>> with Progress() as progress:    # doctest: +SKIP
        ...     progress.phase("planning")
    """

    def __init__(self, console: Console | None = None) -> None:
        self._given = console
        self._bar: RichProgress | None = None
        self._phase = ""

    def __enter__(self) -> Self:
        console = self._console()
        if console.is_terminal:
            self._bar = _bar(console)
            self._bar.add_task("starting", total=None, rate="", memory="", leader="", left="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def start(self, total_units: int, budget: float | None) -> None:
        if self._bar is not None:
            left = "" if budget is None else f"{cells.seconds(budget)} in all"
            self._bar.update(self._bar.task_ids[0], total=total_units, left=left)

    def phase(self, name: str) -> None:
        if name == self._phase:
            return
        self._phase = name
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=name)
        else:
            self.say(f"{name} …")

    def update(
        self,
        done_units: int,
        rate: float,
        leader: str | None,
        remaining: float | None,
        memory: int | None = None,
    ) -> None:
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0],
                completed=done_units,
                rate=f"{_thousands(rate)} steps/s",
                leader="" if leader is None else f"{_short(leader)} leads",
                memory="" if memory is None else _bytes(memory),
                left="" if remaining is None else f"{cells.seconds(round(remaining))} left",
            )

    def say(self, text: str) -> None:
        console = self._bar.console if self._bar is not None else self._console()
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _console(self) -> Console:
        from rich.console import Console

        return self._given or Console(stderr=True)


def _bar(console: Console) -> RichProgress:
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=4),
        MofNCompleteColumn(),
        *(
            TextColumn("{task.fields[" + field + "]}", style="dim", markup=False)
            for field in ("rate", "memory", "left", "leader")
        ),
        console=console,
        transient=True,
    )


def _thousands(rate: float) -> str:
    return f"{rate / 1000:.1f}k" if rate >= 1000 else f"{rate:.0f}"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _short(name: str) -> str:
    return name if len(name) <= 14 else name[:13] + "…"
