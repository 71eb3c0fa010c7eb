"""What the command line shows: tables, and progress while a run is going.

rich is imported where it is used: the command line answers without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from methodic.evidence.leaderboard import Leaderboard
from methodic.evidence.sameness import Reproduction
from methodic.plan import Contender, Plan, Unit
from methodic.recipes.types import Recipe
from methodic.report import tables

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.table import Table

_WIDE = 110
"""From so many columns on, there is room for every number."""
_FIRST = 10
"""So many differences are shown; reproduction.json holds more."""


# --- tables -----------------------------------------------------------------------------------


def leaderboard_table(leaderboard: Leaderboard, width: int | None = None) -> Table:
    """The ranking.

    Args:
        leaderboard: what to show.
        width: of the terminal, in columns; by default what rich finds. Below 110 the intervals of
            the validation scores and the settings are left out.
    """
    from rich.console import Console
    from rich.text import Text

    wide = (Console().width if width is None else width) >= _WIDE
    metric = leaderboard.metric
    table = _table()
    table.add_column("#", justify="right", style="dim")
    table.add_column("method", overflow="fold", min_width=10)
    seeds = {row.test.n for row in leaderboard.rows if row.test and row.kind == "method"}
    shared = f"n = {next(iter(seeds))}" if len(seeds) == 1 else "n"
    table.add_column(f"{tables.title(metric)}, test\n({shared})", justify="right")
    table.add_column("validation" if wide else "valid.", justify="right")
    table.add_column("groups")
    if wide:
        table.add_column("setting", overflow="fold")
    table.add_column("one model" if wide else "time", justify="right")
    table.add_column("notes", overflow="fold")
    for rank, row in enumerate(leaderboard.rows, 1):
        test = tables.interval(row.test, metric)
        if row.test is not None and row.kind == "method" and len(seeds) > 1:
            test += f" ({row.test.n})"
        validation = tables.interval(row.validation, metric)
        if not wide and row.validation is not None:
            validation = tables.score(row.validation.mean, metric)
        cells = [str(rank), tables.name(row), test, validation, tables.groups(row)]
        cells += [tables.setting(row.setting)] if wide else []
        cells += [tables.seconds(row.seconds), ", ".join(tables.remarks(row, leaderboard))]
        style = "bold" if row.name == leaderboard.winner else "" if row.test else "dim"
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def facts_table(pairs: Iterable[tuple[str, str]]) -> Table:
    """Pairs of a word and its value, one below the other."""
    from rich.text import Text

    table = _table(header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for word, value in pairs:
        table.add_row(Text(word), Text(value))
    return table


def plan_table(plan: Plan) -> Table:
    """What would run: each method with its cost, then the choices that hold for all."""
    from rich.table import Table

    outer = Table.grid(padding=(0, 0, 1, 0))
    outer.add_column()
    outer.add_row(_methods(plan))
    outer.add_row(facts_table(_choices(plan)))
    return outer


def recipes_table(recipes: Sequence[Recipe]) -> Table:
    """The library: each method in a line or two."""
    from rich.text import Text

    table = _table()
    table.add_column("method", style="bold", overflow="fold")
    table.add_column("about", overflow="fold", ratio=1)
    table.add_column("use when", overflow="fold", ratio=1)
    for recipe in recipes:
        table.add_row(Text(recipe.name), Text(recipe.about), Text(recipe.use_when))
    return table


def reproduction_table(result: Reproduction) -> Table:
    """How many things of each kind came out the same."""
    from rich.text import Text

    table = _table()
    table.add_column("compared")
    for title in ("to the bit", "to tolerance", "different"):
        table.add_column(title, justify="right")
    for tally in result.tallies:
        counts = (tally.bit, tally.tolerance, tally.different)
        style = "bold" if tally.different else ""
        table.add_row(Text(tally.kind), *(Text(f"{n:,}") for n in counts), style=style)
    return table


def differences_table(result: Reproduction) -> Table:
    """The first things that didn't come out the same to the bit, by name, with both values."""
    from rich.text import Text

    table = _table()
    table.add_column("not the same to the bit", overflow="fold", ratio=1)
    for title in ("first", "again"):
        table.add_column(title, overflow="fold", max_width=24)
    for each in result.differences[:_FIRST]:
        table.add_row(
            *(Text(cell) for cell in (each.what, each.first, each.again)),
            style="bold" if each.grade == "different" else "",
        )
    return table


def _methods(plan: Plan) -> Table:
    from rich.text import Text

    table = _table()
    table.add_column("method", overflow="fold")
    for title in ("settings × seeds", "steps", "batch", "evaluations", "≈ time"):
        table.add_column(title, justify="right")
    for contender in plan.contenders:
        mine = [
            unit
            for unit in (*plan.screen, *plan.train)
            if any(member.recipe == contender.recipe.name for member in unit.members)
        ]
        members = [member for unit in mine for member in unit.members]
        settings = len({member.setting for member in members})
        seeds = len({member.seed for member in members})
        cells = [
            contender.recipe.name,
            f"{settings} × {seeds}",
            " + ".join(f"{n:,}" for n in contender.steps),
            " + ".join(f"{n:,}" for n in contender.batch),
            str(max((len(unit.evaluate) for unit in mine), default=0)),
            tables.seconds(_estimate(contender, mine)),
        ]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _estimate(contender: Contender, units: Sequence[Unit]) -> float:
    """Seconds of one worker for the units of a method, from the measured time of a step."""
    return sum(sum(unit.steps) for unit in units) * contender.milliseconds / 1000


def _choices(plan: Plan) -> list[tuple[str, str]]:
    pairs = [pair for pair in tables.plan_facts(plan) if pair[0] != "split"]
    work = [
        _estimate(contender, [u for u in plan.screen if u.members[0].recipe == name])
        for contender in plan.contenders
        if (name := contender.recipe.name)
    ]
    if plan.screen:
        workers = max(plan.machine.workers, 1)
        told = f"about {tables.seconds(sum(work) / workers)} for the screening"
        pairs.append(("time", f"{told}, on {tables.count(workers, 'worker')}"))
    if plan.baselines:
        kinds = ", ".join(each.kind.replace("_", " ") for each in plan.baselines)
        pairs.append(("baselines", kinds))
    return pairs


def _table(header: bool = True) -> Table:
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD if header else None,
        show_header=header,
        header_style="dim",
        pad_edge=not header,
        padding=(0, 1, 0, 0) if header else (0, 2, 0, 1),
    )


# --- progress ---------------------------------------------------------------------------------


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
            left = "" if budget is None else f"{tables.seconds(budget)} in all"
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
                left="" if remaining is None else f"{tables.seconds(round(remaining))} left",
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
