"""Where data come from: CSV and Parquet files, and scikit-learn's bundled sets by name."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.data.builtin import builtin, builtin_names
from methodic.data.cells import MISSING, first, row_name, tidy
from methodic.errors import InputError, nearest

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MISSING", "builtin", "builtin_names", "read"]

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
ACCEPTED = "CSV (.csv, .tsv, .txt) or Parquet (.parquet, .pq)"

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 100
_BLOCK = 2**27  # bytes that the CSV parser sees at once; a row has to fit
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard",
    b"%PDF": "a PDF document",
}


def read(path: str | Path, *, text: Collection[str] = ()) -> pl.DataFrame:
    """Read a table.

    CSV: UTF-8, the first line names the columns, separated by comma, semicolon, tab or bar (found
    out from the file), quoted by double quotes. Empty lines don't count; between the rows of a
    single column they are missing values. Cells among `MISSING` are missing; columns of nothing but
    numbers become numbers.

    Args:
        path: a .csv, .tsv, .txt, .parquet or .pq file.
        text: columns of a CSV file to leave as texts even where all of them are numbers.

    Raises:
        InputError: anything that keeps the file from being read whole and exactly; with the line
            where there is one.
    """
    import polars as pl

    path = Path(path)
    content = _bytes(path)
    suffix = path.suffix.lower()
    if content[:4] == b"PAR1" or suffix in PARQUET:
        frame = _parquet(path, content)
    elif suffix in TEXT:
        frame = _csv(path, content)
    else:
        raise InputError(
            f"{path}: the name doesn't tell what kind of file this is",
            found=suffix or "no suffix",
            accepted=ACCEPTED,
        )
    if frame.height == 0:
        raise InputError(
            f"{path}: there are column names but no rows",
            found=", ".join(frame.columns[:10]),
            accepted="a line of column names, then one line per row",
        )
    return pl.DataFrame([tidy(column, text=column.name in text) for column in frame])


def _bytes(path: Path) -> bytes:
    """The file's content; what stands in the way is named."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _no_such_file(path) from None
    except IsADirectoryError:
        inside = sorted(each.name for each in path.iterdir() if each.suffix in TEXT + PARQUET)
        raise InputError(
            f"{path}: this is a folder, and a table is one file",
            accepted=ACCEPTED,
            advice=f"Did you mean '{path / inside[0]}'?" if inside else None,
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: the file can't be read",
            found=error.strerror or error,
            advice="Check that you may read it (ls -l), or copy it to where you may.",
        ) from None
    if not content.strip():
        raise InputError(
            f"{path}: the file is empty",
            found=f"{len(content)} bytes",
            accepted="a line of column names, then one line per row",
        )
    return content


def _no_such_file(path: Path) -> InputError:
    folder = path.parent
    names: dict[str, str] = {}
    if str(folder) == ".":
        names = {name: name for name in builtin_names()}
    try:
        files = [each for each in folder.iterdir() if each.suffix.lower() in TEXT + PARQUET]
        names |= {each.name: str(each) for each in sorted(files)}
        found = None
    except OSError:
        found = f"the folder '{folder}' isn't there either"
    guess = nearest(path.name, names)
    return InputError(
        f"{path}: no such file",
        found=found,
        accepted=f"{ACCEPTED}, or a built-in data set: {', '.join(builtin_names())}",
        advice=f"Did you mean '{names[guess]}'?" if guess else None,
    )


def _parquet(path: Path, content: bytes) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.DuplicateError as error:
        raise InputError(
            f"{path}: two columns have the same name",
            found=str(error).splitlines()[0],
            accepted="a different name for each column",
        ) from None
    # A panic of the reader's is no Exception, and damaged files do cause them.
    except (Exception, pl.exceptions.PanicException) as error:
        raise InputError(
            f"{path}: this Parquet file is damaged, or isn't one",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            accepted="a complete Parquet file",
            advice="Copy or write the file again.",
        ) from None


def _csv(path: Path, content: bytes) -> pl.DataFrame:
    import polars as pl
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    content = content.removeprefix(b"\xef\xbb\xbf")
    separator = _checked(path, content)
    names = _header(path, content, separator)
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
                delimiter=separator, newlines_in_values=True, ignore_empty_lines=len(names) > 1
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(_raw_names(content, separator), pa.string())
            ),
        ).rename_columns(names)
    except pa.ArrowInvalid as error:
        if re.search("cannot infer number of columns|Empty CSV", str(error)):
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        raise _ragged(path, content, separator, len(names), str(error)) from None
    frame = pl.DataFrame(pl.from_arrow(table))
    for name in frame.columns if separator != "," else ():
        _refuse_decimal_commas(path, frame[name])
    return frame


def _checked(path: Path, content: bytes) -> str:
    """The separator, after the content was found to be text with closed quotes."""
    what = next((name for magic, name in _MAGIC.items() if content.startswith(magic)), None)
    if what or b"\0" in content:
        wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise InputError(
            f"{path}: this is not a text file",
            found=what or ("UTF-16 text" if wide else "bytes that no text contains"),
            accepted="CSV as UTF-8 text",
            advice="Save it as UTF-8." if wide else "Unpack it, or export the table as CSV.",
        )
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line} is not UTF-8 text",
            found=f"byte 0x{content[error.start]:02x} at position {error.start}",
            accepted="UTF-8",
            advice="Save the file with the encoding UTF-8 and try again.",
        ) from None
    separator = "\t" if path.suffix.lower() == ".tsv" else _sniff(content)
    if content.count(b'"') % 2:
        _refuse_open_quote(path, content, separator)
    return separator


def _rows(content: bytes, separator: str, *, strict: bool = False) -> Any:
    """Python's reader: slow, so it only sees samples, and files in which something is wrong."""
    stream = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace", newline="")
    return csv.reader(stream, delimiter=separator, strict=strict)


def _filled(rows: Any) -> Iterator[list[str]]:
    """Rows that aren't empty lines; one that can't be read ends them."""
    try:
        yield from (row for row in rows if row)
    except csv.Error:
        return


def _sniff(content: bytes) -> str:
    """The separator under which most of the first rows have as many cells as the header.

    Ties go to more columns; a single column needs no separator.
    """
    best, separator = (0.0, 1), ","
    for each in _SEPARATORS:
        widths = [len(row) for row in itertools.islice(_filled(_rows(content, each)), _SAMPLE_ROWS)]
        if not widths or widths[0] == 1:
            continue
        score = (widths.count(widths[0]) / len(widths), widths[0])
        if score > best:
            best, separator = score, each
    return separator


def _raw_names(content: bytes, separator: str) -> list[str]:
    return next(_filled(_rows(content, separator)), [])


def _header(path: Path, content: bytes, separator: str) -> list[str]:
    """The column names; an unnamed column is called unnamed_1, … by its position."""
    raw = [name.strip() for name in _raw_names(content, separator)]
    names = [name or f"unnamed_{i}" for i, name in enumerate(raw, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    decimals = [name for name in names if re.fullmatch(r"[+-]?\d+[.,]\d+", name)]
    if decimals or (twice and all(re.fullmatch(r"[+-]?\d+", name) for name in twice)):
        raise InputError(
            f"{path}: the first line holds numbers instead of column names",
            found=", ".join(names[:10]) + (", …" if len(names) > 10 else ""),
            accepted="a first line that names each column, each name once",
            advice="Add a line of column names on top.",
        )
    if twice:
        raise InputError(
            f"{path}: two columns have the same name",
            found=", ".join(f"'{name}'" for name in twice[:10]),
            accepted="a different name for each column",
            advice="Rename them in the first line.",
        )
    return names


def _ragged(path: Path, content: bytes, separator: str, width: int, why: str) -> InputError:
    """The error for the first line that has not as many cells as the header."""
    rows = _rows(content, separator)
    for row in _filled(rows):
        if len(row) != width:
            return InputError(
                f"{path}: line {rows.line_num} has {len(row)} cells, and the header has {width}",
                found=separator.join(row)[:80],
                accepted=f"{width} cells in every line, separated by {separator!r}",
                advice="Add or remove cells there; a cell that contains the separator needs"
                ' double quotes, as "a, b".',
            )
    return InputError(f"{path}: this CSV file can't be read", found=why.splitlines()[0])


def _refuse_open_quote(path: Path, content: bytes, separator: str) -> None:
    """A quote that is never closed would swallow the rest of the file into one cell."""
    rows, start = _rows(content, separator, strict=True), 1
    try:
        for _ in rows:
            start = rows.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error) or "field larger" in str(error):
            raise InputError(
                f"{path}: line {start} opens a double quote that is never closed",
                accepted='quotes in pairs; a quote inside of a quoted cell is written twice, ""',
            ) from None


def _refuse_decimal_commas(path: Path, column: pl.Series) -> None:
    """Numbers such as 3,5 would silently become categories."""
    cells = tidy(column).drop_nulls()
    if str(cells.dtype) != "String":
        return
    comma = cells.str.contains(r"^[+-]?\d+,\d+$")
    if bool((comma | cells.str.contains(r"^[+-]?\d+$")).all()) and comma.any():
        at = first(column.str.strip_chars().str.contains(r"^[+-]?\d+,\d+$")) or 0
        raise InputError(
            f"{path}: column '{column.name}' has numbers with a decimal comma in {row_name(at)}",
            found=f"'{column[at]}'",
            accepted="a decimal point, as 3.5",
            advice="Export the table with decimal points.",
        )
