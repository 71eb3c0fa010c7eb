"""What a schema.yaml says, applied to a table; what doesn't fit is named by its line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from methodic.data.columns.cells import meaning, tidy
from methodic.data.columns.conform import as_kind
from methodic.data.columns.notations import notation
from methodic.data.schemas.document import Document
from methodic.data.schemas.schema import Column, Schema
from methodic.errors import InputError, unknown
from methodic.plan import Reading

if TYPE_CHECKING:
    import polars as pl

NOTHING = Document("")
"""What is said without a file."""


def check_names(said: Document, frame: pl.DataFrame, where: str) -> None:
    """Refuse names that the table doesn't have.

    Args:
        said: the file.
        frame: the table as it was read.
        where: its name.

    Raises:
        InputError: with the line and the nearest name.
    """
    places = [(f"columns.{name}", name) for name in said.columns]
    places += [("target", name) for name in said.targets]
    places += [(role, name) for role, name in said.roles.items() if role != "split"]
    for place, name in places:
        if name not in frame.columns:
            raise unknown(f"column of {where}", name, frame.columns, said.at(place))


def kinds(
    said: Document, frame: pl.DataFrame, targets: Sequence[str], reading: Reading
) -> dict[str, Column | None]:
    """The columns of the file, with their shapes; None for those that are left out.

    Args:
        said: the file.
        frame: the table as it was read.
        targets: columns to predict.
        reading: names those that say something about rows.

    Raises:
        InputError: a column is no input, or holds no arrays or images.
    """
    taken = {*targets, reading.weight, reading.group, reading.time, reading.split}
    for name, wanted in said.columns.items():
        if name in taken and wanted is not None:
            raise InputError(
                f"{said.at(f'columns.{name}')}: '{name}' can't be an input, for it is the target "
                "or says something about rows",
                advice="Leave this line out.",
            )
    return {name: _column(said, frame[name]) for name in said.columns}


def _column(said: Document, series: pl.Series) -> Column | None:
    from methodic.data.images.columns import image_column

    wanted = said.columns[series.name]
    if wanted is None or wanted.kind in ("categorical", "text"):
        return wanted
    if wanted.kind in ("numeric", "date"):
        return _written(wanted, series)
    if wanted.kind == "image":
        found = image_column(series)
        shape = None if found is None else (wanted.shape or found.shape)
    else:
        shape = getattr(series.dtype, "shape", None)
    if not shape:
        raise InputError(
            f"{said.at(f'columns.{series.name}')}: column '{series.name}' holds no {wanted.kind}s",
            found=series.dtype,
            advice="Write another kind, or leave the line out to have it inferred.",
        )
    return wanted.model_copy(update={"shape": tuple(shape)})


def _written(wanted: Column, series: pl.Series) -> Column:
    """The column with the notation of its texts, where the file leaves it out."""
    import polars as pl

    if series.dtype != pl.String or wanted.notation:
        return wanted
    cells = tidy(series, text=True).drop_nulls().unique().sort()
    cells = cells.filter(~cells.is_in(list(wanted.words)))
    if meaning(cells, "").dtype != pl.String:
        return wanted
    return wanted.model_copy(update={"notation": notation(cells) or ""})


def explain(
    error: InputError, said: Document, frame: pl.DataFrame, schema: Schema, where: str
) -> InputError:
    """The error of a column that can't be what the file says, with its line; others as they are.

    Args:
        error: what reading the table in the schema's kinds raised.
        said: the file.
        frame: the table as it was read.
        schema: what became of it.
        where: the table's name.
    """
    for each in schema.columns:
        if each.name not in said.columns or each.kind in ("array", "image"):
            continue
        try:
            as_kind(frame[each.name], each, where)
        except InputError as own:
            advice = "Write another kind, or drop."
            if each.kind in ("numeric", "date"):
                advice = f"Name such cells, as {{kind: {each.kind}, words: [unknown]}}; or {advice}"
            return InputError(
                f"{said.at(f'columns.{each.name}')} says {each.kind}; {own.problem}",
                found=own.found,
                accepted=own.accepted,
                advice=advice,
            )
    return error
