"""Files of rows as tables of some megabytes each, in the order of the file.

Reading again gives the same rows in the same order; where they are cut depends on the size that is
asked for, and on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.data.columns.cells import tidy
from methodic.data.columns.kinds import TEXT_NUMBERS, kind_of
from methodic.data.images import folders, idx, reading
from methodic.data.images.columns import form_of, image_column, located
from methodic.data.large import lines
from methodic.data.large.lines import LINES, damaged, line_bytes
from methodic.data.schemas.schema import Column, Dropped
from methodic.data.sources import places
from methodic.data.sources.places import suffix
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_HEAD = 1000  # the first rows, by which all are judged
_MOST = 2**18  # rows of a piece
_PACKED = 5  # times smaller are texts when they are packed
_COPIES = 3  # of the rows: as they were read, as numbers, encoded
_NUMBER, _OF_DATE = 4, 9  # bytes of a number; numbers that a date becomes


@dataclass(frozen=True)
class Pieces:
    """A source of rows.

    Args:
        name: for messages.
        cut: rows of a piece, columns to read as texts → the pieces, of about so many rows.
        count: the first rows → how many there are, estimated where only reading would tell.
        text: columns to read as texts even where they look like numbers.
        loose: each row names its cells, and needn't have all of them.
        said: what columns are by the user's word; None: left out.
    """

    name: str
    cut: Callable[[int, frozenset[str]], Iterator[pl.DataFrame]]
    count: Callable[[pl.DataFrame], int]
    text: frozenset[str] = frozenset()
    loose: bool = False
    said: Mapping[str, Column | None] = field(default_factory=dict)

    @cached_property
    def head(self) -> pl.DataFrame:
        """The first rows."""
        for frame in self.cut(_HEAD, self.text):
            return frame
        raise InputError(f"{self.name}: there are no rows", accepted="at least one row")

    @cached_property
    def row_bytes(self) -> float:
        """What a row takes as a table, with its image decoded."""
        return max(1.0, sum(map(self._cell_bytes, self.head)))

    def _cell_bytes(self, column: pl.Series) -> float:
        image = image_column(column)
        if image is None:
            return column.estimated_size() / self.head.height
        said = self.said.get(column.name)
        return math.prod(image.shape if said is None else said.shape or image.shape)

    @cached_property
    def made_bytes(self) -> int:
        """What the numbers of a row take that dates and texts become."""
        return _NUMBER * sum(map(self._numbers, self.head))

    def _numbers(self, column: pl.Series) -> int:
        if column.name in self.said:
            found: Column | Dropped | None = self.said[column.name]
        else:
            found = kind_of(column) if form_of(column) is None else None
        if isinstance(found, Column) and found.kind == "text":
            return found.numbers if column.name in self.said else max(n for _, n in TEXT_NUMBERS)
        return _OF_DATE if isinstance(found, Column) and found.kind == "date" else 0

    @property
    def need(self) -> int:
        """Bytes that all rows would take in memory, on their way to the encoded ones."""
        return int(self.count(self.head) * (self.row_bytes * _COPIES + self.made_bytes))

    def of_bytes(self, size: int) -> Iterator[pl.DataFrame]:
        """Pieces that take about ``size`` bytes each, with their images decoded.

        They have the columns of the first rows, in this order.

        Raises:
            InputError: the rows of another file have other ones.
        """
        for frame in self.cut(max(1, min(int(size / self.row_bytes), _MOST)), self.text):
            yield self._aligned(frame)

    def _aligned(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        names = self.head.columns
        if frame.columns == names:
            return frame
        lacking = [name for name in names if name not in frame.columns]
        more = [name for name in frame.columns if name not in names]
        # Where each row names its cells, a piece may have none of a name.
        if more or (lacking and not self.loose):
            found = [f"without '{each}'" for each in lacking] + [f"with '{each}'" for each in more]
            raise InputError(
                f"{self.name}: rows further down have other columns than the first ones",
                found=", ".join(found[:10]),
                accepted=", ".join(names[:30]),
                advice="Give files of the same columns; their order doesn't matter.",
            )
        empty = [pl.lit(None, pl.String).alias(name) for name in lacking]
        return frame.with_columns(*empty).select(names)


def pieces_of(source: str | Path) -> Pieces | None:
    """The rows of a file, of several (a pattern such as data/*.parquet) or of a folder of images.

    Returns:
        None for what can't be read in pieces: built-in data, IDX files, kinds of files that aren't
        known here. They are read whole.
    """
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file() and not places.is_pattern(str(source)):
        return None
    paths = places.files(path)
    kinds = {_kind(each) for each in paths}
    if len(kinds) != 1 or not (kind := kinds.pop()):
        return None
    import polars as pl

    read = {"parquet": _parquet, "arrow": _arrow, "text": lines.pieces}[kind]

    def cut(rows: int, text: frozenset[str]) -> Iterator[pl.DataFrame]:
        for each in paths:
            for frame in read(each, rows, text):
                tidied = [tidy(c, text=c.name in text, notation="") for c in frame]
                yield located(pl.DataFrame(tidied), each.parent)

    def count(head: pl.DataFrame) -> int:
        if kind == "parquet":
            return sum(_rows_of_parquet(each) for each in paths)
        if kind == "arrow":
            whole, line = sum(each.stat().st_size for each in paths), head.estimated_size()
            return int(whole * head.height / max(1, line))
        packed = _PACKED if paths[0].suffix.lower() in places.PACKED else 1
        return int(packed * sum(each.stat().st_size / line_bytes(each) for each in paths))

    return Pieces(str(source), cut, count, loose=suffix(paths[0]) in LINES)


def _kind(path: Path) -> str:
    """ "text", "parquet" or "arrow"; "" for what isn't read in pieces."""
    last = suffix(path)
    if last in places.TEXT or last in LINES:
        return "text"
    try:
        with path.open("rb") as file:
            start = file.read(6)
    except OSError:
        return ""  # reading it whole says what is wrong
    if start.startswith(b"PAR1"):
        return "parquet"
    return "arrow" if start == b"ARROW1" else ""


def _of_folder(path: Path) -> Pieces | None:
    """A folder of images by class: paths and labels, which are few bytes; pixels come later."""
    if idx.images_of(path) or next(folders.images_in(path), None) is None:
        return None
    return of_frame(str(path), reading.read(path).frame)


def of_frame(name: str, frame: pl.DataFrame) -> Pieces:
    """The rows of a table in memory, whose images may still be paths."""
    return Pieces(name, lambda rows, _: frame.iter_slices(rows), lambda _: frame.height)


def _parquet(path: Path, rows: int, _: frozenset[str]) -> Iterator[pl.DataFrame]:
    import polars as pl
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # Buffered ahead, the whole file would stay in memory.
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=rows):
                batch.validate(full=True)  # else bytes of a damaged file may pass for texts
                yield pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Parquet", error) from None


def _rows_of_parquet(path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Parquet", error) from None


def _arrow(path: Path, rows: int, _: frozenset[str]) -> Iterator[pl.DataFrame]:
    import polars as pl
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
            for i in range(file.num_record_batches):
                batch = file.get_batch(i)
                batch.validate(full=True)  # else an offset of a damaged file may lead out of it
                frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
                yield from frame.iter_slices(rows)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Arrow", error) from None
