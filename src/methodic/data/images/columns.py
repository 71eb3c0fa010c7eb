"""Columns of images: which ones are, and their pixels.

A cell is the bytes of a file, the path of one, or pixels already. Whatever it was, a data set keeps
images as bytes [C, H, W], decoded once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from methodic.data.images import arrays
from methodic.data.images.decoding import (
    ACCEPTED,
    RESIZED,
    SUFFIXES,
    Broken,
    header,
    is_encoded,
    is_file,
    resized,
    without_warnings,
)
from methodic.data.images.parallel import decode_all
from methodic.data.images.sizes import shape_of
from methodic.data.tally import NAMED, Seen, Tally
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Column, Schema

Form = Literal["pixels", "encoded", "paths"]

_PEEK = 20  # cells that are looked at to recognise a column
_SAMPLE = 1000  # images that are looked at to choose a size
_HOW = {"crop": "scaled and cut", "pad": "scaled and framed", "stretch": "stretched"}
_ANY = (3, 32, 32)


def form_of(series: pl.Series) -> Form | None:
    """What kind of images a column holds; None: none.

    Paths count where most cells look like one and one of the files is there; see `located`.
    """
    import polars as pl

    kind = series.dtype
    if isinstance(kind, pl.Array):
        bottom = kind.shape and arrays.layout(kind.shape)
        return "pixels" if bottom and _innermost(kind) == pl.UInt8 else None
    if kind == pl.Binary:
        return "encoded" if any(is_encoded(cell) for cell in _first(series)) else None
    if kind == pl.String:
        cells: list[str] = _first(series)
        likely = [cell for cell in cells if cell.lower().endswith(SUFFIXES)]
        if 2 * len(likely) > len(cells) and any(is_file(cell) for cell in likely):
            return "paths"
    return None


def located(frame: pl.DataFrame, folder: Path, notes: list[str] | None = None) -> pl.DataFrame:
    """The table with paths of images made absolute, and images unpacked from structures.

    Args:
        frame: as it was read.
        folder: what paths are relative to.
        notes: gets a line for each column of paths none of which leads to a file.
    """
    import polars as pl

    for series in frame:
        kind = series.dtype
        if isinstance(kind, pl.Struct) and ("bytes", pl.Binary) in dict(kind).items():
            # As Hugging Face stores them, with the file's name beside the bytes.
            frame = frame.with_columns(series.struct.field("bytes").alias(series.name))
        elif kind == pl.String and _look_like_paths(series):
            base = folder.resolve()
            cells = [None if cell is None else str(base / cell) for cell in series]
            there = pl.Series(series.name, cells, dtype=pl.String)
            if form_of(there) == "paths":
                frame = frame.with_columns(there)
            elif notes is not None:
                notes.append(f"column '{series.name}' names images that aren't in {base}")
    return frame


def image_column(series: pl.Series) -> Column | None:
    """What a schema says of this column if it holds images, its size chosen; None if it doesn't."""
    import polars as pl

    from methodic.data.schemas.schema import Column

    form = form_of(series)
    if form is None:
        return None
    if form == "pixels":
        assert isinstance(series.dtype, pl.Array)
        shape = arrays.layout(tuple(series.dtype.shape))
        assert shape is not None
        return Column(name=series.name, kind="image", shape=shape)
    known = series.drop_nulls()
    spread = np.unique(np.linspace(0, len(known) - 1, min(_SAMPLE, len(known))).astype(int))
    headers = []
    with without_warnings():
        for cell in known.gather(spread).to_list():
            try:
                headers.append(header(cell))
            except Broken:
                continue  # named when all are decoded
    # Where none can be opened, decoding them will name them all, at any size.
    shape = shape_of(headers) if headers else _ANY
    return Column(name=series.name, kind="image", shape=shape)


def policy(column: Column) -> str:
    """What size images get, and how, in words.

    Example:
        >>> from methodic.data.schemas.schema import Column
        >>> policy(Column(name="image", kind="image", shape=(3, 64, 96)))
        '96 × 64 pixels, 3 channels; others are scaled and cut to that'
    """
    channels, height, width = column.shape
    colour = "grey" if channels == 1 else f"{channels} channels"
    return f"{width} × {height} pixels, {colour}; others are {_HOW[column.resize]} to that"


def conformed(series: pl.Series, column: Column, where: str = "data") -> pl.Series:
    """Images as bytes of the shape that ``column`` asks for, decoded and resized where needed.

    Raises:
        InputError: the cells are no images, or some of them can't be read.
    """
    result = _pixels(series, column, where)
    if result.broken:
        raise _unreadable(_seen(result, series, where), where)
    return result.images


def decoded(
    frame: pl.DataFrame, schema: Schema, where: str, notes: list[str], skip_broken: bool = False
) -> pl.DataFrame:
    """The table with its images decoded.

    Args:
        frame: with images of any form in the schema's image columns.
        schema: names these columns, their shapes, and how to resize.
        where: the table's name, for messages.
        notes: gets what was done to the images.
        skip_broken: leave out rows whose image can't be read.

    Raises:
        InputError: images can't be read, and aren't to be skipped, or none can.
    """
    tally = Tally()
    frame = readable(frame, schema, where, tally, skip_broken)
    notes += tally.notes()
    return frame


def readable(
    frame: pl.DataFrame, schema: Schema, where: str, tally: Tally, skip_broken: bool = False
) -> pl.DataFrame:
    """`decoded` for a piece of a table: ``tally`` counts what was done to the images.

    That none can be read, and so nothing is left, it says when the whole table was seen.
    """
    import polars as pl

    for column in schema.columns:
        if column.kind != "image" or column.name not in frame.columns:
            continue
        series = frame[column.name]
        result = _pixels(series, column, where)
        if result.broken and not skip_broken:
            raise _unreadable(_seen(result, series, where), where)
        tally.add(
            f"images of {column.name}",
            partial(_judged, column=column, where=where),
            len(series),
            len(result.broken),
            kinds=result.remarks,
            names=_listed(result, series, where, tally.before),
        )
        frame = frame.with_columns(result.images)
        if result.broken:
            keep = np.ones(len(series), dtype=bool)
            keep[list(result.broken)] = False
            frame = frame.filter(pl.Series(keep))
    return frame


@dataclass(frozen=True)
class _Result:
    images: pl.Series
    broken: dict[int, str]  # row → why
    remarks: Counter[str]


def _pixels(series: pl.Series, column: Column, where: str) -> _Result:
    import polars as pl

    if series.dtype == pl.Array(pl.UInt8, column.shape) and not series.null_count():
        return _Result(series, {}, Counter())
    if isinstance(series.dtype, pl.Struct):
        series = located(series.to_frame(), Path()).to_series()
    if isinstance(series.dtype, pl.Array):
        return _from_arrays(series, column, where)
    if series.dtype not in (pl.Binary, pl.String):
        raise InputError(
            f"{where}: column '{series.name}' holds no images, and the training data's did",
            found=str(series.dtype),
            accepted="paths or bytes of image files, or arrays of UInt8",
        )
    found = decode_all(series, column.shape, column.resize)
    return _Result(arrays.column_of(found.pixels, series.name), found.broken, found.remarks)


def _from_arrays(series: pl.Series, column: Column, where: str) -> _Result:
    import polars as pl

    if _innermost(series.dtype) != pl.UInt8:
        raise InputError(
            f"{where}: column '{series.name}' holds arrays that aren't images",
            found=str(series.dtype),
            accepted="UInt8, from 0 (dark) to 255",
            advice="Multiply numbers from 0 to 1 by 255 and round them.",
        )
    known = series.drop_nulls().to_numpy()
    pixels = arrays.channels_first(known, f"{where}: column '{series.name}'")
    remarks: Counter[str] = Counter()
    if pixels.shape[1:] != column.shape:
        remarks[RESIZED] = len(pixels)
    if pixels.shape[1:] != column.shape or series.null_count():
        placed = np.zeros((len(series), *column.shape), dtype=np.uint8)
        for row, each in zip(series.is_not_null().arg_true(), pixels, strict=True):
            placed[row] = resized(each, column.shape, column.resize)
        pixels = placed
    broken = dict.fromkeys(series.is_null().arg_true().to_list(), "no image")
    return _Result(arrays.column_of(pixels, series.name), broken, remarks)


def _first(series: pl.Series) -> list[Any]:
    return series.drop_nulls().head(_PEEK).to_list()


def _look_like_paths(series: pl.Series) -> bool:
    cells = _first(series)
    return 2 * sum(str(cell).lower().endswith(SUFFIXES) for cell in cells) > len(cells)


def _innermost(kind: pl.DataType) -> pl.DataType:
    import polars as pl

    while isinstance(kind, pl.Array):
        kind = kind.inner  # type: ignore[assignment]
    return kind


def _judged(seen: Seen, column: Column, where: str) -> Iterator[str]:
    """What it means that so many images are broken, and what was done to the others."""
    if seen.count == seen.rows > 0:
        raise _unreadable(seen, where)
    if seen.count:
        listed = "; ".join(_shortened(seen))
        some = f"{seen.count:,} of {seen.rows:,}"
        yield f"{where}: {some} images can't be read and are left out: {listed}"
    for what, count in sorted(seen.kinds.items()):
        more = ""
        if what == RESIZED:
            _, height, width = column.shape
            more = f" than {width} × {height}, {_HOW[column.resize]} to that"
        shown = "all images are" if count == seen.rows else f"{count:,} of {seen.rows:,} images are"
        yield f"{where}: {shown} {what}{more}"


def _seen(result: _Result, series: pl.Series, where: str) -> Seen:
    return Seen(len(result.broken), len(series), names=_listed(result, series, where))


def _unreadable(seen: Seen, where: str) -> InputError:
    return InputError(
        f"{where}: {seen.count:,} of {seen.rows:,} images can't be read",
        found="\n    ".join(_shortened(seen)),
        accepted=ACCEPTED,
        advice=None
        if seen.count == seen.rows
        else "Repair them, or leave them out: --skip-broken.",
    )


def _shortened(seen: Seen) -> list[str]:
    more = seen.count - len(seen.names)
    return [*seen.names, *([f"and {more:,} more"] if more else [])]


def _listed(result: _Result, series: pl.Series, where: str, before: int = 0) -> list[str]:
    """The first broken images, and what is wrong with them."""
    rows = sorted(result.broken)[:NAMED]
    return [f"{_name(series, row, where, before)}: {result.broken[row]}" for row in rows]


def _name(series: pl.Series, row: int, where: str, before: int) -> str:
    """How a message names an image: its file, or its row in a table of which these are a piece."""
    import polars as pl

    cell: str | None = series[row] if series.dtype == pl.String else None
    if cell is None:
        return f"row {before + row + 1:,}"
    beside = Path(where).resolve()
    base = next((each for each in (beside, beside.parent) if each in Path(cell).parents), None)
    return cell if base is None else str(Path(cell).relative_to(base))
