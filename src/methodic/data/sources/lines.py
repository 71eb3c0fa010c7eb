"""JSON lines: an object a line; or one list of objects."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

from methodic.data.sources.places import Place
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_EXAMPLE = '{"age": 31, "city": "Rome"}'


def read_lines(place: Place) -> pl.DataFrame:
    """A table from JSON.

    Names of fields are names of columns; what a line lacks is missing. Fields of an object inside
    are columns of their own, called outer.inner.

    Raises:
        InputError: the line that is no object, or no JSON.
    """
    import polars as pl

    if place.head().startswith(codecs.BOM_UTF8):
        place = Place(place.path, place.whole().removeprefix(codecs.BOM_UTF8))
    listed = place.head().lstrip().startswith(b"[")
    try:
        if listed:
            frame = pl.read_json(place.whole(), infer_schema_length=None)
        else:
            frame = pl.read_ndjson(place.source(), infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _explained(place, str(error), listed=listed) from None
    try:
        while nested := [each.name for each in frame if isinstance(each.dtype, pl.Struct)]:
            frame = _flat(frame, nested[0])
    except pl.exceptions.DuplicateError as error:
        raise InputError(
            f"{place.path}: two columns have the same name",
            found=str(error).splitlines()[0],
            accepted="a different name for each field, those inside being called outer.inner",
        ) from None
    return frame


def _flat(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The fields of a nested column in its place."""
    import polars as pl

    columns: list[pl.Series] = []
    for column in frame:
        if column.name == name:
            columns += [each.alias(f"{name}.{each.name}") for each in column.struct.unnest()]
        else:
            columns.append(column)
    return pl.DataFrame(columns)


def _explained(place: Place, why: str, *, listed: bool) -> InputError:
    """The error for the first line that isn't as it has to be."""
    path = place.path
    if listed:
        try:
            found: Any = json.loads(place.whole())
        except (ValueError, RecursionError) as error:
            return _damaged(f"{path}: this JSON can't be read", str(error))
        odd = next((i for i, each in enumerate(found) if not isinstance(each, dict)), None)
        if odd is not None:
            return _damaged(f"{path}: item {odd + 1:,} is no object", str(found[odd])[:80])
        return _damaged(f"{path}: this JSON can't be read", why.splitlines()[0] if why else "")
    for number, line in enumerate(place.whole().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return _damaged(f"{path}: line {number:,} is not JSON", str(error))
        if not isinstance(found, dict):
            return _damaged(f"{path}: line {number:,} is no object", str(found)[:80])
    return _damaged(f"{path}: this JSON can't be read", why.splitlines()[0] if why else "")


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no value in JSON; null is one")


def _damaged(problem: str, found: str) -> InputError:
    return InputError(
        problem,
        found=found or None,
        accepted=f"an object in each line, such as {_EXAMPLE}, or one list of such objects",
    )
