"""What a user should know about how columns are read: beside their kinds, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from methodic.data.columns.notations import COMMA, COMMA_PERCENT, NUMBERS, PERCENT
from methodic.data.schemas.schema import TRUTH, Column, Schema

LEFT_OUT = "left out"
"""What `remarks` calls a column without use."""

_SHOWN = 12  # columns of a kind that are told one by one
_NUMBERS = {
    COMMA: "numbers with a decimal comma",
    PERCENT: "numbers with a percent sign",
    COMMA_PERCENT: "numbers with a decimal comma and a percent sign",
}


def remarks(schema: Schema) -> Iterator[tuple[str, str]]:
    """What can't be seen in the table itself: (what, value).

    Example:
        >>> column = Column(name="sold", kind="date", notation="%d/%m/%Y")
        >>> schema = Schema(columns=(column,), target="y", task="regression", classes=())
        >>> list(remarks(schema))
        [('read as', 'sold: dates written as %d/%m/%Y')]
    """
    said = [f"{name}: {_NUMBERS[written]}" for name, written in schema.notations]
    said += [f"{column.name}: {how}" for column in schema.columns for how in _how(column)]
    for line in said[:_SHOWN]:
        yield "read as", line
    if len(said) > _SHOWN:
        yield "read as", f"and {len(said) - _SHOWN:,} more; 'methodic schema' shows all"
    for each in schema.dropped[:_SHOWN]:
        yield LEFT_OUT, f"{each.name}: {each.why}"
    if len(schema.dropped) > _SHOWN:
        more = len(schema.dropped) - _SHOWN
        yield LEFT_OUT, f"and {more:,} more columns; 'methodic schema' shows all"


def _how(column: Column) -> Iterator[str]:
    if column.notation == TRUTH:
        yield "yes and no, in several spellings"
    elif column.notation in NUMBERS:
        yield _NUMBERS[column.notation]
    elif column.notation:
        yield f"dates written as {column.notation}"
    if column.words:
        words = ", ".join(f"'{word}'" for word in column.words)
        what = "dates" if column.kind == "date" else "numbers"
        yield f"{what}; {words} count as missing"
    if column.kind == "text":
        yield f"free text, its words and letters hashed into {column.numbers} numbers"
