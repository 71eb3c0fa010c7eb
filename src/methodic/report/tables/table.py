"""A table as a value: cells as people read them, and the same in full for programs."""

from __future__ import annotations

import csv as _csv
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers stand at the right."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Table:
    """A table for the page, for Markdown and for CSV.

    Args:
        key: name of its files, without their endings.
        title: what it holds, for who can't see it.
        columns: of ``rows``.
        rows: cells as they are read; the first of a row names it.
        fields: columns of the CSV.
        values: cells of the CSV, every number in full; None was not measured.
        tags: marks behind the name of each row, as "best".
        ranked: the rows have ranks, the first is the best.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    fields: tuple[str, ...]
    values: tuple[tuple[object, ...], ...]
    tags: tuple[tuple[str, ...], ...] = ()
    ranked: bool = False

    def __post_init__(self) -> None:
        """A table with a row of another length is a mistake of who made it."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.key}: {len(row)} cells in {len(self.columns)} columns")
        for value in self.values:
            if len(value) != len(self.fields):
                raise ValueError(f"{self.key}: {len(value)} values in {len(self.fields)} fields")

    def marks(self, i: int) -> tuple[str, ...]:
        """The tags of row ``i``."""
        return self.tags[i] if self.tags else ()


def markdown(table: Table) -> str:
    """The table in Markdown; bars and line ends in cells are escaped."""
    columns = (Column("#", number=True), *table.columns) if table.ranked else table.columns
    lines = [
        _line([column.title for column in columns]),
        _line(["---:" if column.number else "---" for column in columns]),
    ]
    for i, row in enumerate(table.rows):
        marks = table.marks(i)
        first = f"{row[0]} ({', '.join(marks)})" if marks else row[0]
        rank = [str(i + 1)] if table.ranked else []
        lines.append(_line([*rank, first, *row[1:]]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(_inline(cell) for cell in cells) + " |"


def _inline(cell: str) -> str:
    return " ".join(cell.replace("\\", "\\\\").replace("|", "\\|").splitlines())


def csv(table: Table) -> str:
    """The table as CSV (RFC 4180); empty cells were not measured."""
    out = io.StringIO()
    write = _csv.writer(out)
    write.writerow(table.fields)
    write.writerows(table.values)
    return out.getvalue()
