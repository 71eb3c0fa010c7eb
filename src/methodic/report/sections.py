"""The parts of the page as HTML. Every text from outside passes through `text`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from methodic.evidence.leaderboard import Comparison, Leaderboard, Row
from methodic.plan import Contender
from methodic.recipes.io import to_yaml
from methodic.report import tables
from methodic.report.drawing import Figure
from methodic.report.folder import Folder, Tried, members


def text(value: object) -> str:
    """``value`` as text inside HTML, quotes included."""
    return html.escape(str(value))


# --- building blocks --------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers stand at the right."""

    title: str
    number: bool = False


def table(
    name: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], best: bool = False
) -> str:
    """A table in a box that scrolls by itself.

    Args:
        name: what the table is, for who can't see it.
        columns: their titles.
        rows: cells of ready HTML; the first of a row names it.
        best: the first row is set in bold.
    """
    head = "".join(
        f'<th scope="col"{_right(column)}>{text(column.title)}</th>' for column in columns
    )
    body = []
    for i, row in enumerate(rows):
        cells = "".join(
            f"<td{_right(column)}>{cell}</td>"
            for column, cell in zip(columns[1:], row[1:], strict=True)
        )
        mark = ' class="best"' if best and i == 0 else ""
        body.append(f'<tr{mark}><th scope="row">{row[0]}</th>{cells}</tr>')
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(name)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _right(column: Column) -> str:
    return ' class="n"' if column.number else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs of a word and its value."""
    rows = "".join(f"<dt>{text(word)}</dt><dd>{text(value)}</dd>" for word, value in pairs)
    return f'<dl class="facts">{rows}</dl>'


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{text(line)}</li>' for line in lines)}</ul>"


def details(summary: str, body: str, aside: str = "") -> str:
    """A part that opens on a click."""
    more = f' <span class="fine">{text(aside)}</span>' if aside else ""
    return f"<details><summary>{text(summary)}{more}</summary>{body}</details>"


def figure(each: Figure) -> str:
    """The place of a figure, with its words; the script at the end of the page fills it."""
    height = each.layout["height"]
    return (
        f'<figure><h3>{text(each.title)}</h3><div class="plot" id="{each.key}" role="img" '
        f'aria-label="{text(each.title)}. {text(each.caption)}" style="height:{height}px"></div>'
        f"<figcaption>{text(each.caption)}</figcaption></figure>"
    )


# --- the ranking ------------------------------------------------------------------------------


def ranking(leaderboard: Leaderboard) -> str:
    """The table of methods and baselines, and how to read it."""
    metric = tables.title(leaderboard.metric)
    columns = [
        Column("method"),
        Column(f"{metric}, test", number=True),
        Column("groups"),
        Column("validation", number=True),
        Column("setting"),
        Column("one model", number=True),
        Column("diverged", number=True),
    ]
    rows = [_ranked(rank, row, leaderboard) for rank, row in enumerate(leaderboard.rows, 1)]
    seeds = sorted({row.test.n for row in leaderboard.rows if row.test and row.test.n > 1})
    over = f" over {tables.spans(tuple(seeds))} fresh seeds" if seeds else ""
    return (
        table(f"Ranking by {metric}", columns, rows, best=True)
        + '<p class="fine">± is half the 95% interval (Student’s t) of the mean'
        + f"{over}; methods without a test score were not finalists. Rows that share a letter "
        "can’t be told apart: their difference is not significant at 5% after Holm’s correction "
        "over all pairs. “One model” is the time of training one.</p>"
    )


def _ranked(rank: int, row: Row, leaderboard: Leaderboard) -> list[str]:
    metric = leaderboard.metric
    tags = [word for word in tables.remarks(row, leaderboard) if "diverged" not in word]
    marks = "".join(
        f'<span class="tag{" best" if word == "best" else ""}">{text(word)}</span>' for word in tags
    )
    return [
        f'<span class="ranked"><span class="rank">{rank}</span>'
        f"<span>{text(tables.name(row))}{marks}</span></span>",
        text(tables.interval(row.test, metric)),
        text(tables.groups(row)),
        text(tables.interval(row.validation, metric)),
        text(tables.setting(row.setting)),
        text(tables.seconds(row.seconds)),
        text(tables.diverged(row)),
    ]


def comparisons(leaderboard: Leaderboard) -> str:
    """Every pair of confirmed rows."""
    columns = [
        Column("pair"),
        Column("difference", number=True),
        Column("95% interval", number=True),
        Column("p", number=True),
        Column("p after Holm", number=True),
    ]
    names = {row.name: tables.name(row) for row in leaderboard.rows}
    rows = [_compared(pair, leaderboard.metric, names) for pair in leaderboard.comparisons]
    return table("All pairs of confirmed methods", columns, rows)


def _compared(pair: Comparison, metric: str, names: Mapping[str, str]) -> list[str]:
    difference = pair.difference
    ends = tables.NOTHING
    if difference.low is not None and difference.high is not None:
        low, high = (tables.difference(x, metric) for x in (difference.low, difference.high))
        ends = f"{low} to {high}"
    cells = [
        f"{names[pair.first]} − {names[pair.second]}",
        tables.difference(difference.mean, metric),
        ends,
    ]
    return [text(each) for each in [*cells, f"{pair.p:.2g}", f"{pair.adjusted:.2g}"]]


# --- the screening, the training --------------------------------------------------------------


def screening(settings: Iterable[Tried], metric: str, name: str) -> str:
    """What the screening measured, one row per setting."""
    columns = [
        Column("method"),
        Column("setting"),
        Column(f"{tables.title(metric)}, validation", number=True),
        Column("seeds", number=True),
        Column("diverged", number=True),
    ]
    rows = [
        [
            text(each.method),
            text(tables.setting(each.numbers)),
            text(tables.score(each.mean, metric)),
            str(len(each.scores) + each.diverged),
            str(each.diverged),
        ]
        for each in settings
    ]
    return table(name, columns, rows)


def trained(folder: Folder) -> str:
    """The models of a run that trained one method, one row per seed."""
    metric = folder.plan.metric
    columns = [
        Column("model"),
        Column(f"{tables.title(metric)}, validation", number=True),
        Column("status"),
        Column("steps", number=True),
        Column("best step", number=True),
        Column("time", number=True),
    ]
    rows = [
        [
            text(f"{record.member.recipe}, seed {record.member.seed}"),
            text(tables.score(record.validation.get(metric), metric)),
            text(record.status + (f": {record.why}" if record.why else "")),
            f"{record.steps_taken:,}",
            f"{record.best_step:,}",
            text(tables.seconds(record.seconds)),
        ]
        for record, _ in members(folder.trained)
    ]
    return table("Trained models", columns, rows)


def baselines(folder: Folder) -> str:
    """The rivals of another kind, while there is no ranking to stand in."""
    metric = folder.plan.metric
    columns = [
        Column("baseline"),
        Column(f"{tables.title(metric)}, validation", number=True),
        Column("time", number=True),
        Column("about"),
    ]
    rows = [
        [
            text(each.kind.replace("_", " ")),
            text(tables.score(each.validation.get(metric), metric)),
            text(tables.seconds(each.seconds)),
            text(each.about),
        ]
        for each in folder.baselines
    ]
    return table("Baselines", columns, rows)


def recipe(contender: Contender, chosen: str) -> str:
    """One method: what it is, and all of its settings as YAML."""
    value = contender.recipe
    words = [("about", value.about), ("source", value.source)]
    words += [("use when", value.use_when), ("not when", value.not_when)]
    steps = " + ".join(f"{n:,}" for n in contender.steps)
    words += [("steps", steps), ("batch", " + ".join(f"{n:,}" for n in contender.batch))]
    document = to_yaml(value)
    body = facts(pair for pair in words if pair[1]) + f"<pre>{text(document)}</pre>"
    return details(value.name, body, aside=chosen)
