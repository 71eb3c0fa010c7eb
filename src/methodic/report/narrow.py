"""Tables in terminals of any width: numbers stay whole, and what has no room is left out, and said.

rich by itself cuts numbers ("96.…") and lets whole columns vanish.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from methodic.report.tables import table as pages

WORD = 12
"""Columns that fold need room for so many letters of a word; longer words are parted."""


@dataclass(frozen=True)
class Column:
    """A column and its cells.

    Args:
        title: above it; folded between words where that saves room.
        cells: one a row.
        number: they stand on the right.
        folds: they may take several lines; else they stay whole.
        style: of rich.
    """

    title: str
    cells: Sequence[str]
    number: bool = False
    folds: bool = False
    style: str = ""


def drawn(table: pages.Table, width: int | None = None) -> Table:
    """A table of the report for the terminal.

    Names and words fold; where that isn't enough, numbers behind the first one are left out, the
    last column first.

    Args:
        table: what to show.
        width: of the terminal, in columns; by default that of standard output.
    """
    columns = [
        Column(
            each.title, [row[i] for row in table.rows], number=each.number, folds=not each.number
        )
        for i, each in enumerate(table.columns)
    ]
    numbers = [each.title for each in columns if each.number]
    styles = ["bold" if table.ranked and i == 0 else "" for i in range(len(table.rows))]
    shown = empty()
    fill(shown, [columns], room(width), spare=numbers[:0:-1], styles=styles)
    return shown


def empty(header: bool = True) -> Table:
    """A table without columns, as all in the terminal look."""
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD if header else None,
        show_header=header,
        header_style="dim",
        pad_edge=not header,
        padding=(0, 1, 0, 0) if header else (0, 2, 0, 1),
    )


def room(width: int | None = None) -> int:
    """Columns of standard output, if nobody gives a ``width``: the terminal's, in a file 120."""
    from rich.console import Console

    if width is not None:
        return width
    # rich takes 80 where there is no terminal, and would leave things out of a file.
    return Console().width if sys.stdout.isatty() or "COLUMNS" in os.environ else 120


def fill(
    table: Table,
    choices: Sequence[Sequence[Column]],
    room: int,
    *,
    spare: Sequence[str] = (),
    beside: int = 2,
    styles: Sequence[str] = (),
) -> None:
    """Fill ``table`` with the first of the choices that fits into ``room``.

    Where none does, it is the last one without as many of ``spare`` as it takes, which the table's
    caption says.

    Args:
        table: an empty one.
        choices: columns that could be shown, the best ones first.
        room: of the terminal, in columns.
        spare: titles of columns of the last choice, the first to go first.
        beside: what the table itself takes for each column: lines and padding.
        styles: of the rows; default plain.
    """
    from rich.text import Text

    fewer = [
        [each for each in choices[-1] if each.title not in spare[:count]]
        for count in range(1, len(spare) + 1)
    ]
    shown = _fitting([*choices, *fewer], room, beside)
    for each in shown:
        table.add_column(
            each.title,
            justify="right" if each.number else "left",
            style=each.style,
            overflow="fold",
            no_wrap=not each.folds,
        )
    rows = list(zip(*(each.cells for each in shown), strict=True))
    for row, style in zip(rows, styles or [""] * len(rows), strict=True):
        table.add_row(*map(Text, row), style=style)
    gone = spare[: max(0, len(choices[-1]) - len(shown))]
    if gone:
        table.caption = "No room for: " + ", ".join(gone)
        table.caption_justify = "left"


def _fitting(choices: Sequence[Sequence[Column]], room: int, beside: int) -> Sequence[Column]:
    made: Sequence[Column] = ()
    for columns in choices:
        for made in (columns, [replace(each, title=_folded(each)) for each in columns]):
            if sum(_least(each) + beside for each in made) <= room:
                return made
    return made


def _folded(column: Column) -> str:
    """The title in lines no longer than the cells, but for single words."""
    lines = column.title.split("\n")
    words = [len(word) for word in column.title.split()]
    width = max([_cells(column), *words, 1])
    return "\n".join("\n".join(textwrap.wrap(line, width)) for line in lines)


def _least(column: Column) -> int:
    """The room that a column needs."""
    return max(_cells(column), *map(len, column.title.split("\n")))


def _cells(column: Column) -> int:
    from rich.cells import cell_len

    if not column.folds:
        return max(map(cell_len, column.cells), default=0)
    words = (word for cell in column.cells for word in cell.split())
    return min(max(map(cell_len, words), default=0), WORD)
