"""How a run and a ranking look in a notebook.

The fragment takes ink and paper from the notebook, whose theme it can't know: nothing in it has a
colour of its own but a middle grey, which suits light and dark.
"""

from __future__ import annotations

from methodic.evidence.leaderboard import Leaderboard
from methodic.report.blocks import text
from methodic.report.tables.comparison import ranking
from methodic.report.tables.table import Column, Table

_CELL = (
    "padding:.3em .8em;border:0;border-bottom:1px solid rgba(128,128,128,.35);"
    "background:transparent;white-space:nowrap"
)
_SOFT = "opacity:.7;font-weight:400"


def html(leaderboard: Leaderboard, where: str = "") -> str:
    """The verdict and the ranking as a fragment of HTML; every text in it is escaped.

    Args:
        leaderboard: what to show.
        where: a line below, as where the report lies.
    """
    below = f'<p style="{_SOFT};font-size:.9em">{text(where)}</p>' if where else ""
    return (
        f'<div style="color:inherit"><p style="max-width:50em">{text(leaderboard.verdict)}</p>'
        f"{_table(ranking(leaderboard))}{below}</div>"
    )


def unfinished(status: str, where: str) -> str:
    """What stands in a notebook for a run that has no ranking."""
    return f'<div style="color:inherit"><p>{text(status)}</p><p>{text(where)}</p></div>'


def _table(each: Table) -> str:
    head = "".join(
        f'<th style="{_CELL};{_SOFT};text-align:{_side(column)}">{text(column.title)}</th>'
        for column in each.columns
    )
    body = "".join(f"<tr>{_row(each, i)}</tr>" for i in range(len(each.rows)))
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:.5em 0;'
        'color:inherit;font-size:inherit;font-variant-numeric:tabular-nums">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(each: Table, i: int) -> str:
    weight = ";font-weight:600" if i == 0 else ""
    marks = "".join(f' <span style="{_SOFT}">({text(word)})</span>' for word in each.marks(i))
    rank = f'<span style="{_SOFT}">{i + 1}</span>&nbsp; '
    cells = [rank + text(each.rows[i][0]) + marks, *map(text, each.rows[i][1:])]
    return "".join(
        f'<td style="{_CELL}{weight if j < 2 else ""};text-align:{_side(column)}">{cell}</td>'
        for j, (column, cell) in enumerate(zip(each.columns, cells, strict=True))
    )


def _side(column: Column) -> str:
    return "right" if column.number else "left"
