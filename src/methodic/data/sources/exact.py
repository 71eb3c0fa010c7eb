"""The slow reader of text files: exact in every case, and able to say what is wrong where."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.data.sources.layout import Layout, filled, rows
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_BLOCK = 2**27  # bytes that the parser sees at once; a row has to fit


def exact(path: Path, content: bytes, layout: Layout) -> pl.DataFrame:
    """The table as texts.

    Args:
        path: the file's name, for messages.
        content: all of it, UTF-8.
        layout: its form.

    Raises:
        InputError: a line with more or fewer cells than the header, an open quote, bytes that no
            text has.
    """
    import polars as pl
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    at = content.find(b"\0")
    if at >= 0:
        raise InputError(
            f"{path}: line {content.count(10, 0, at) + 1} has a byte that no text contains",
            found=f"0x00 at position {at}",
            accepted="CSV as text, encoded as UTF-8",
            advice="Write or copy the file again.",
        )
    content = content[layout.offset :]
    if content.count(b'"') % 2:
        _refuse_open_quote(path, content, layout.separator)
    names = layout.names
    if len(names) == 1:
        content = content.strip(b"\r\n") + b"\n"
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(content),
            # One thread: only then does an error know its row.
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=min(len(content) + 1, _BLOCK)
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=layout.separator,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(layout.raw, pa.string())
            ),
        ).rename_columns(list(names))
    except pa.ArrowInvalid as error:
        if re.search("cannot infer number of columns|Empty CSV", str(error)):
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        raise _ragged(path, content, layout, str(error)) from None
    return pl.DataFrame(pl.from_arrow(table))


def _ragged(path: Path, content: bytes, layout: Layout, why: str) -> InputError:
    """The error for the first line that has not as many cells as the header."""
    read, width = rows(content, layout.separator), len(layout.names)
    before = layout.lines - content.count(b"\n", 0, layout.start - layout.offset)
    for row in filled(read):
        if len(row) != width:
            line = read.line_num + before
            return InputError(
                f"{path}: line {line} has {len(row)} cells, and the header has {width}",
                found=layout.separator.join(row)[:80],
                accepted=f"{width} cells in every line, separated by {layout.separator!r}",
                advice="Add or remove cells there; a cell that contains the separator needs"
                ' double quotes, as "a, b".',
            )
    return InputError(
        f"{path}: this CSV file can't be read",
        found=why.splitlines()[0],
        accepted=f"{width} cells in every line, separated by {layout.separator!r}",
    )


def _refuse_open_quote(path: Path, content: bytes, separator: str) -> None:
    """A quote that is never closed would swallow the rest of the file into one cell."""
    read, start = rows(content, separator, strict=True), 1
    try:
        for _ in read:
            start = read.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error) or "field larger" in str(error):
            raise InputError(
                f"{path}: line {start} opens a double quote that is never closed",
                accepted='quotes in pairs; a quote inside of a quoted cell is written twice, ""',
            ) from None
