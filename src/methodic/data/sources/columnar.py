"""Parquet and Arrow files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.sources.places import Place

_NAMES = {"parquet": "Parquet", "arrow": "Arrow", "stream": "Arrow"}


def read_columns(place: Place, kind: str) -> pl.DataFrame:
    """A table from a file of columns.

    Args:
        place: the file.
        kind: "parquet", "arrow" or "stream" (Arrow without a table of contents).

    Raises:
        InputError: it is damaged, or two columns have the same name.
    """
    import polars as pl

    path = place.path
    try:
        return named(_arrow(place, kind) if kind != "parquet" else _parquet(place))
    except pl.exceptions.DuplicateError as error:
        raise InputError(
            f"{path}: two columns have the same name",
            found=str(error).splitlines()[0],
            accepted="a different name for each column",
        ) from None
    except InputError as error:
        raise InputError(
            f"{path}: {error.problem}", found=error.found, accepted=error.accepted
        ) from None
    # A panic of the reader's is no Exception, and damaged files do cause them.
    except (Exception, pl.exceptions.PanicException) as error:
        name = _NAMES[kind]
        raise InputError(
            f"{path}: this {name} file is damaged, or isn't one",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            accepted=f"a complete {name} file",
            advice="Copy or write the file again.",
        ) from None


def named(frame: pl.DataFrame) -> pl.DataFrame:
    """A column without a name is called unnamed_1, … by its position, as in CSV files."""
    called = {n: n or f"unnamed_{i}" for i, n in enumerate(frame.columns, start=1)}
    if len(set(called.values())) < len(called):
        raise InputError(
            "two columns have the same name",
            found=f"'{called['']}', and a column without a name in that place",
            accepted="a different name for each column",
        )
    return frame.rename(called)


def _parquet(place: Place) -> pl.DataFrame:
    import polars as pl

    if place.content is not None:
        return pl.read_parquet(io.BytesIO(place.content))
    return pl.scan_parquet(place.path, glob=False).collect()


def _arrow(place: Place, kind: str) -> pl.DataFrame:
    """By pyarrow, which checks that no offset of a damaged file leads out of it."""
    import polars as pl
    import pyarrow as pa

    source = pa.py_buffer(place.whole())
    opened = pa.ipc.open_stream(source) if kind == "stream" else pa.ipc.open_file(source)
    table = opened.read_all()
    table.validate(full=True)
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise pl.exceptions.DuplicateError(", ".join(f"'{name}'" for name in twice))
    return pl.DataFrame(pl.from_arrow(table))
