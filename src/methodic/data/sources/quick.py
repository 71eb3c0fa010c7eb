"""The fast reader of text files: polars with all threads, with types known from a sample.

It answers only where its result is what the slow reader would give. Polars takes what many files
have wrong: it fills lines that are too short with missing values, takes empty lines for rows, and
looks for quotes inside of cells. So the separators are counted where cells are missing, and where
there are quotes, each has to stand where a quoted cell begins or ends.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from methodic.data.columns.cells import MISSING
from methodic.data.sources.layout import Layout
from methodic.data.sources.places import Place
from methodic.data.sources.tidying import coded, repeats

if TYPE_CHECKING:
    import polars as pl

_BLOCKS = 8  # places of the file, beside its beginning, where the sample is taken
_BLOCK = (2**16, 2**18)  # bytes of one: more where the file is large, for its words repeat later
_QUOTE = 0x22
_ATTEMPTS = 4  # after so many columns that the sample didn't know well, all are read as texts


def quick(place: Place, layout: Layout, text: Collection[str]) -> pl.DataFrame | None:
    """The table, columns of numbers as numbers, all others as raw texts; None where unsure.

    Args:
        place: UTF-8 text.
        layout: its form.
        text: columns to read as texts.
    """
    if len(layout.names) == 1 or len(layout.separator.encode()) > 1:
        return None
    if layout.start >= place.size():
        return None
    sample, share = _sample(place, layout)
    schema, words = _types(sample, layout, text)
    again = [each.name for each in sample if repeats(each, share)]
    with ThreadPoolExecutor(1) as beside:
        regular = beside.submit(_regular, place, layout)
        frame = _read(place, layout, schema, words, again)
    if frame is None or not regular.result():
        return None
    if frame[:, -1].null_count() == 0:
        return frame
    return _without_empty_lines(frame, place, layout)


def _read(
    place: Place,
    layout: Layout,
    schema: dict[str, Any],
    words: dict[str, str],
    again: Sequence[str],
) -> pl.DataFrame | None:
    """What polars reads; None where it can't.

    Texts that repeat (``again``) are Categorical: each word is kept once, from the start. A column
    in which a cell is not what the sample promised is read again as texts.
    """
    import polars as pl

    for attempt in range(_ATTEMPTS + 1):
        try:
            scan = pl.scan_csv(
                place.source(),
                has_header=False,
                skip_lines=layout.lines,
                separator=layout.separator,
                schema=schema,
                null_values=words or None,
                glob=False,
            )
            known = (coded(name) for name in again if schema[name] == pl.String)
            return scan.with_columns(known).collect(engine="streaming")
        except pl.exceptions.ComputeError as error:
            named = re.search(r"as dtype .* \(column number (\d+)\)", str(error))
            name = layout.names[int(named[1]) - 1] if named else None
            if name is None or schema[name] == pl.String:
                return None
            # A column or two are read again; where the sample knew little, all of them are.
            texts = layout.names if attempt == _ATTEMPTS - 1 else (name,)
            schema = {**schema, **dict.fromkeys(texts, pl.String)}
            words = {name: word for name, word in words.items() if name not in texts}
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            return None
    return None


def _types(
    sample: Sequence[pl.Series], layout: Layout, text: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Each column's type in a sample of rows, and the word that means missing among its numbers."""
    import polars as pl

    schema: dict[str, Any] = dict.fromkeys(layout.names, pl.String)
    words: dict[str, str] = {}
    missing = pl.Series([each for each in MISSING if each]).implode()
    for column in sample:
        if column.name in text:
            continue
        gone = column.is_in(missing).fill_null(False)
        known = column.filter(~gone & column.is_not_null())
        for kind in (pl.Int64, pl.Float64):
            if len(known) and known.cast(kind, strict=False).null_count() == 0:
                found = column.filter(gone).unique().to_list()
                if len(found) < 2:  # polars knows one word a column
                    schema[column.name] = kind
                    if found:
                        words[column.name] = found[0]
                break
    return schema, words


def _sample(place: Place, layout: Layout) -> tuple[list[pl.Series], float]:
    """Rows from everywhere in the file, as texts, and which share of it they are.

    A row that was cut in a wrong place is harmless.
    """
    import polars as pl

    size = place.size() - layout.start
    block = min(max(_BLOCK[0], size // 64), _BLOCK[1])
    step = max(block, size // (_BLOCKS + 1))
    pieces = []
    for at in range(layout.start, place.size(), step):
        piece = place.part(at, at + block)
        begin = 0 if at == layout.start else piece.find(b"\n") + 1
        end = len(piece) if at + block >= place.size() else piece.rfind(b"\n") + 1
        pieces.append(piece[begin:end] if begin < end else b"")
    columns: list[pl.DataFrame] = []
    for piece in pieces:
        if not piece.strip():
            continue
        try:
            columns.append(
                pl.read_csv(
                    piece,
                    has_header=False,
                    separator=layout.separator,
                    schema=dict.fromkeys(layout.names, pl.String),
                    encoding="utf8-lossy",
                    truncate_ragged_lines=True,
                )
            )
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            continue
    return pl.concat(columns).get_columns() if columns else [], min(1.0, block / step)


def _without_empty_lines(frame: pl.DataFrame, place: Place, layout: Layout) -> pl.DataFrame | None:
    """The rows that aren't empty lines; None where a line has too few cells.

    Each line has as many separators as the header. An empty line lacks them all, which is more
    than any other line can.
    """
    import polars as pl

    gaps = len(layout.names) - 1
    inside_cells = sum(_inside(column, layout.separator) for column in frame)
    lacking = frame.height * gaps + inside_cells - _count(place, layout.start, layout.separator)
    if lacking == 0:
        return frame
    empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    return frame.filter(~empty) if lacking == int(empty.sum() or 0) * gaps else None


def _inside(column: pl.Series, separator: str) -> int:
    """How often the separator stands inside of a column's cells."""
    import polars as pl

    if not isinstance(column.dtype, pl.String | pl.Categorical):
        return 0
    counts = column.alias("word").value_counts(name="rows")
    times = counts["word"].cast(pl.String).str.count_matches(separator, literal=True)
    return int((times * counts["rows"]).sum())


def _count(place: Place, start: int, separator: str) -> int:
    import numpy as np

    code = ord(separator)
    blocks = (np.frombuffer(piece, dtype=np.uint8) for piece in place.pieces(start))
    return sum(int(np.count_nonzero(block == code)) for block in blocks)


def _regular(place: Place, layout: Layout) -> bool:
    """Whether each quote begins or ends a quoted cell, and nothing else speaks against polars.

    Quotes with an even number of others before them must follow a separator, a line's end or
    another quote; the others must stand in front of one.
    """
    import numpy as np

    borders = np.zeros(256, dtype=bool)
    borders[[ord(layout.separator), 0x0A, _QUOTE]] = True
    ends = borders.copy()
    ends[0x0D] = True
    count, before = 0, 0x0A  # quotes so far, and the byte before this piece
    open_end = False  # the last byte of the piece before was a quote that has to end a cell
    for piece in place.pieces(layout.start):
        if (open_end and not ends[piece[0]]) or 0 in piece or _lone_return(piece):
            return False
        open_end = False
        if _QUOTE in piece:
            block = np.frombuffer(piece, dtype=np.uint8)
            at = np.flatnonzero(block == _QUOTE)
            opening, closing = (at[::2], at[1::2]) if count % 2 == 0 else (at[1::2], at[::2])
            previous = np.where(opening > 0, block[opening - 1], before)
            if not borders[previous].all():
                return False
            inner = closing[closing < len(block) - 1]
            if not ends[block[inner + 1]].all():
                return False
            open_end = len(inner) < len(closing)
            count += len(at)
        before = piece[-1]
    # After the last separator of a file nothing is missing to polars.
    return count % 2 == 0 and before != ord(layout.separator)


def _lone_return(data: bytes | bytearray) -> bool:
    """Whether carriage returns end lines by themselves, as on old machines."""
    if b"\r" not in data:
        return False
    return data.count(b"\r") > data.count(b"\r\n") + data.endswith(b"\r")
