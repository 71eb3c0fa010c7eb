"""What the command line shows: tables, and what to read after the ranking.

rich is imported where it is used: the command line answers without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from methodic.evidence.ablation import Ablation
from methodic.evidence.leaderboard import Leaderboard
from methodic.evidence.sameness import Reproduction
from methodic.evidence.tuned import Tuned, early, tuned
from methodic.plan import Contender, Plan, Unit
from methodic.recipes.types import Recipe
from methodic.report import cells, facts, narrow
from methodic.report.progress import Progress as Progress
from methodic.report.progress import Quiet as Quiet
from methodic.report.tables import search
from methodic.tuning import SearchRecord

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 110
"""From so many columns on, there is room for every number."""
_MATTERED = 4
_ADVICE = 2
"""So many sentences of each kind stand below the ranking; the report has them all."""
_SEARCHED = 4
"""So many methods of a search."""
_FIRST = 10
"""So many differences are shown; reproduction.json holds more."""


# --- tables -----------------------------------------------------------------------------------


def leaderboard_table(leaderboard: Leaderboard, width: int | None = None) -> Table:
    """The ranking.

    Args:
        leaderboard: what to show.
        width: of the terminal, in columns; by default that of standard output. Below 110 the
            intervals of the validation scores and the settings are left out, and then what has no
            room.
    """
    room = narrow.room(width)
    table = narrow.empty()
    choices = [_ranking(leaderboard, wide=True)] if room >= _WIDE else []
    choices += [_ranking(leaderboard), _ranking(leaderboard, together=True)]
    styles = [
        "bold" if row.name == leaderboard.winner else "" if row.test else "dim"
        for row in leaderboard.rows
    ]
    narrow.fill(table, choices, room, spare=("valid.", "groups", "time"), styles=styles)
    return table


def _ranking(
    leaderboard: Leaderboard, *, wide: bool = False, together: bool = False
) -> list[narrow.Column]:
    """The columns of the ranking; the notes ``together`` with the names, or apart."""
    rows, metric = leaderboard.rows, leaderboard.metric
    seeds = {row.test.n for row in rows if row.test and row.kind == "method"}
    shared = f"n = {next(iter(seeds))}" if len(seeds) == 1 else "n"
    tests, validation = [], []
    for row in rows:
        test = cells.interval(row.test, metric)
        if row.test is not None and row.kind == "method" and len(seeds) > 1:
            test += f" ({row.test.n})"
        tests.append(test)
        whole = wide or row.validation is None
        score = None if row.validation is None else row.validation.mean
        validation.append(
            cells.interval(row.validation, metric) if whole else cells.score(score, metric)
        )
    names = [cells.name(row) for row in rows]
    notes = [", ".join(cells.remarks(row, leaderboard)) for row in rows]
    told = [f"{name} ({note})" if note else name for name, note in zip(names, notes, strict=True)]
    groups, settings = map(cells.groups, rows), (cells.setting(row.setting) for row in rows)
    place = narrow.Column(
        "#", [str(rank) for rank in range(1, len(rows) + 1)], number=True, style="dim"
    )
    facts = [
        narrow.Column(f"{cells.title(metric)}, test\n({shared})", tests, number=True),
        narrow.Column("validation" if wide else "valid.", validation, number=True),
        narrow.Column("groups", [*groups]),
        *([narrow.Column("setting", [*settings], folds=True)] if wide else []),
        narrow.Column(
            "one model" if wide else "time",
            [cells.seconds(row.seconds) for row in rows],
            number=True,
        ),
    ]
    if together:
        return [place, narrow.Column("method", told, folds=True), *facts]
    return [
        place,
        narrow.Column("method", names, folds=True),
        *facts,
        narrow.Column("notes", notes, folds=True),
    ]


def search_table(record: SearchRecord, width: int | None = None) -> Table:
    """What tuning did for the best methods, in a few lines; the report has all of it.

    ``width`` is that of the terminal, by default that of standard output.
    """
    from rich.table import Table

    found = tuned(record)
    shown = [each for each in found if each.best is not None][:_SEARCHED]
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    counts = search.columns(shown)
    # The last number of settings says most, then the first.
    fewer = [counts[:1] + counts[start:] for start in range(1, len(counts))]
    choices = [_tuning(shown, record.metric, some) for some in [*fewer, counts[-1:]]]
    narrow.fill(table, choices, narrow.room(width))
    captions = early(shown)
    if len(found) > len(shown):
        captions.append(f"{len(found) - len(shown)} more in the report")
    if captions:
        table.caption = "\n".join(captions)
        table.caption_justify = "left"
    return table


def _tuning(methods: Sequence[Tuned], metric: str, counts: Sequence[int]) -> list[narrow.Column]:
    """The columns of `search_table`: the best scores of so many settings each."""
    columns = {"untuned": [cells.score(each.untuned, metric) for each in methods]}
    for i, k in enumerate(counts):
        points = [each.after(k) for each in methods]
        scores = [cells.score(None if at is None else at.score, metric) for at in points]
        columns[f"best of {k}" if i == 0 else str(k)] = scores
    columns["better by"] = [search.gain(each, metric) for each in methods]
    return [
        narrow.Column("tuning", [each.name for each in methods], folds=True),
        *(narrow.Column(title, found, number=True) for title, found in columns.items()),
    ]


def findings(leaderboard: Leaderboard, ablation: Ablation | None = None) -> list[str]:
    """What to read after the ranking, in a few lines: what mattered, what to do with more budget.

    The report has all of both.
    """
    lines = []
    if ablation is not None and ablation.text:
        told = [*ablation.text[:_MATTERED]]
        more = len(ablation.text) - len(told)
        told += [f"{more} more in the report"] if more else []
        lines.append(f"What mattered in {ablation.recipe}: {'; '.join(told)}.")
    if leaderboard.advice:
        lines.append("With more budget: " + " ".join(leaderboard.advice[:_ADVICE]))
    return lines


def facts_table(pairs: Iterable[tuple[str, str]]) -> Table:
    """Pairs of a word and its value, one below the other."""
    from rich.text import Text

    table = narrow.empty(header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for word, value in pairs:
        table.add_row(Text(word), Text(value))
    return table


def plan_table(plan: Plan, width: int | None = None) -> Table:
    """What would run: each method with its cost, then the choices that hold for all.

    ``width`` is that of the terminal, by default that of standard output.
    """
    from rich.table import Table

    outer = Table.grid(padding=(0, 0, 1, 0))
    outer.add_column()
    outer.add_row(_methods(plan, narrow.room(width)))
    outer.add_row(facts_table(_choices(plan)))
    return outer


def recipes_table(recipes: Sequence[Recipe]) -> Table:
    """The library: each method in a line or two."""
    from rich.text import Text

    table = narrow.empty()
    table.add_column("method", style="bold", overflow="fold")
    table.add_column("about", overflow="fold", ratio=1)
    table.add_column("use when", overflow="fold", ratio=1)
    for recipe in recipes:
        table.add_row(Text(recipe.name), Text(recipe.about), Text(recipe.use_when))
    return table


def reproduction_table(result: Reproduction, width: int | None = None) -> Table:
    """How many things of each kind came out the same.

    ``width`` is that of the terminal, by default that of standard output.
    """
    tallies = result.tallies
    kinds = narrow.Column("compared", [each.kind for each in tallies], folds=True)
    numbers = (
        [getattr(each, name) for each in tallies] for name in ("bit", "tolerance", "different")
    )
    counts = [[f"{n:,}" for n in each] for each in numbers]
    choices = [
        [kinds, *(narrow.Column(*each, number=True) for each in zip(titles, counts, strict=True))]
        for titles in (("to the bit", "to tolerance", "different"), ("bit", "tol.", "diff."))
    ]
    table = narrow.empty()
    styles = ["bold" if each.different else "" for each in tallies]
    narrow.fill(table, choices, narrow.room(width), styles=styles)
    return table


def differences_table(result: Reproduction) -> Table:
    """The first things that didn't come out the same to the bit, by name, with both values."""
    from rich.text import Text

    table = narrow.empty()
    table.add_column("not the same to the bit", overflow="fold", ratio=1)
    for title in ("first", "again"):
        table.add_column(title, overflow="fold", max_width=24)
    for each in result.differences[:_FIRST]:
        table.add_row(
            *(Text(cell) for cell in (each.what, each.first, each.again)),
            style="bold" if each.grade == "different" else "",
        )
    return table


def _methods(plan: Plan, room: int) -> Table:
    search, looks = plan.search, 0 if plan.confirm is None else plan.confirm.evaluations
    each = 0.0 if search is None else search.seconds / len(plan.contenders)
    rows = []
    for contender in plan.contenders:
        mine = [
            unit
            for unit in (*plan.screen, *plan.train)
            if any(member.recipe == contender.recipe.name for member in unit.members)
        ]
        members = [member for unit in mine for member in unit.members]
        settings = len({member.setting for member in members})
        seeds = len({member.seed for member in members})
        rows.append(
            (
                contender.recipe.name,
                f"{settings} × {seeds}" if search is None else f"{search.settings} × 1",
                " + ".join(f"{n:,}" for n in contender.steps),
                " + ".join(f"{n:,}" for n in contender.batch),
                str(max((len(unit.evaluate) for unit in mine), default=looks)),
                cells.seconds(_estimate(contender, mine) if search is None else each),
            )
        )
    titles = ("method", "settings × seeds", "steps", "batch", "evaluations", "≈ time")
    columns = [
        narrow.Column(title, [row[i] for row in rows], number=i > 0, folds=i == 0)
        for i, title in enumerate(titles)
    ]
    table = narrow.empty()
    narrow.fill(table, [columns], room, spare=("evaluations", "batch", "settings × seeds"))
    return table


def _estimate(contender: Contender, units: Sequence[Unit]) -> float:
    """Seconds of one worker for the units of a method, from the measured time of a step."""
    return sum(sum(unit.steps) for unit in units) * contender.milliseconds / 1000


def _choices(plan: Plan) -> list[tuple[str, str]]:
    pairs = [pair for pair in facts.plan_facts(plan) if pair[0] != "split"]
    work = [
        _estimate(contender, [u for u in plan.screen if u.members[0].recipe == name])
        for contender in plan.contenders
        if (name := contender.recipe.name)
    ]
    if plan.search is not None:
        work = [plan.search.seconds]
    if sum(work):
        workers = max(plan.machine.workers, 1)
        what = "screening" if plan.search is None else "search"
        told = f"about {cells.seconds(sum(work) / workers)} for the {what}"
        pairs.append(("time", f"{told}, on {cells.count(workers, 'worker')}"))
    if plan.baselines:
        kinds = ", ".join(each.kind.replace("_", " ") for each in plan.baselines)
        pairs.append(("baselines", kinds))
    return pairs
