"""Files of rows as tables of some megabytes each, in the order of the file.

Reading again gives the same rows in the same order; where they are cut depends on the size that is
asked for, and on nothing else.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

from methodic.data.columns.cells import tidy
from methodic.data.images import folders, idx, reading
from methodic.data.images.columns import image_column, located
from methodic.data.large import cutting
from methodic.data.sources import places
from methodic.data.sources.layout import layout
from methodic.data.sources.places import suffix
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_LINES = (".jsonl", ".ndjson")
_HEAD = 1000  # the first rows, by which all are judged
_MOST = 2**18  # rows of a piece
_PEEK = 2**18  # bytes of a text file, by which the length of its lines is judged
_PACKED = 5  # times smaller are texts when they are packed
_COPIES = 3  # of the rows: as they were read, as numbers, encoded
_LONG = 2**26  # bytes up to the end of the line of names
_LINE = b"\n"
_NUMBERED = re.compile(r"\b(line|row) (\d[\d,]*)")
_LISTED = re.compile(r"^ *(row) (\d[\d,]*)(?=: )", re.MULTILINE)  # broken images, one a line


@dataclass(frozen=True)
class Pieces:
    """A source of rows.

    Args:
        name: for messages.
        cut: rows of a piece, columns to read as texts → the pieces, of about so many rows.
        count: the first rows → how many there are, estimated where only reading would tell.
        text: columns to read as texts even where they look like numbers.
        loose: each row names its cells, and needn't have all of them.
    """

    name: str
    cut: Callable[[int, frozenset[str]], Iterator[pl.DataFrame]]
    count: Callable[[pl.DataFrame], int]
    text: frozenset[str] = frozenset()
    loose: bool = False

    @cached_property
    def head(self) -> pl.DataFrame:
        """The first rows."""
        for frame in self.cut(_HEAD, self.text):
            return frame
        raise InputError(f"{self.name}: there are no rows", accepted="at least one row")

    @cached_property
    def row_bytes(self) -> float:
        """What a row takes as a table, with its image decoded."""
        images = [(column, image_column(column)) for column in self.head]
        sizes = [
            column.estimated_size() / self.head.height if image is None else math.prod(image.shape)
            for column, image in images
        ]
        return max(1.0, sum(sizes))

    @property
    def need(self) -> int:
        """Bytes that all rows would take in memory, on their way to the encoded ones."""
        return int(self.count(self.head) * self.row_bytes * _COPIES)

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

    read = {"parquet": _parquet, "arrow": _arrow, "text": _text}[kind]

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
        return int(packed * sum(each.stat().st_size / _line_bytes(each) for each in paths))

    return Pieces(str(source), cut, count, loose=suffix(paths[0]) in _LINES)


def shifted(error: InputError, rows: int, what: str = "row") -> InputError:
    """The same error about a table that begins ``rows`` rows (or lines) later."""

    def later(found: re.Match[str]) -> str:
        if found[1] != what:
            return found[0]
        start = found[0].removesuffix(found[2])
        return f"{start}{int(found[2].replace(',', '')) + rows:,}"

    return InputError(
        _NUMBERED.sub(later, error.problem),
        found=None if error.found is None else _LISTED.sub(later, error.found),
        accepted=error.accepted,
        advice=error.advice,
    )


def _kind(path: Path) -> str:
    """ "text", "parquet" or "arrow"; "" for what isn't read in pieces."""
    last = suffix(path)
    if last in places.TEXT or last in _LINES:
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
        raise _damaged(path, "Parquet", error) from None


def _rows_of_parquet(path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Parquet", error) from None


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
        raise _damaged(path, "Arrow", error) from None


def _damaged(path: Path, kind: str, error: Exception) -> InputError:
    return InputError(
        f"{path}: this {kind} file is damaged, or isn't one",
        found=str(error).splitlines()[0] if str(error) else type(error).__name__,
        accepted=f"a complete {kind} file",
        advice="Copy or write the file again.",
    )


def _text(path: Path, rows: int, text: frozenset[str]) -> Iterator[pl.DataFrame]:
    """Lines of a text file: each piece is read as a small file of its own, by the usual rules."""
    from methodic.data.sources import read

    plain = Path(path.stem) if path.suffix.lower() in places.PACKED else path
    header, separator = _header(path, lines=plain.suffix.lower() in _LINES)
    with _opened(path) as file, tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / plain.name
        _first(file, len(header))
        lines, before = header.count(_LINE), 0
        size = int(rows * _line_bytes(path)) + 1
        for block in cutting.blocks(file, size, path, separator, lines):
            if block.strip():
                small.write_bytes(header + block)
                try:
                    yield read(small, text=text)
                except InputError as error:
                    found = shifted(error, before, "line")
                    found.problem = found.problem.replace(str(small), str(path))
                    raise found from None
            before += block.count(_LINE)


def _header(path: Path, *, lines: bool) -> tuple[bytes, str | None]:
    """What stands before the rows of a text file, and what parts their cells, if anything does."""
    with _opened(path) as file:
        start = _first(file, _PEEK + 1)
        while not lines and _LINE not in start.strip() and len(start) < _LONG:
            more = _first(file, _PEEK)
            if not more:
                break
            start += more
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{path}: UTF-16 text can't be read in pieces",
            accepted="UTF-8",
            advice="Save it as UTF-8, or give it more --memory.",
        )
    if lines or not start.strip():
        return b"", None
    found = layout(places.Place(path, start))
    header = start[: found.start]
    return header if header.endswith((_LINE, b"\r")) else header + _LINE, found.separator


def _first(file: IO[bytes], count: int) -> bytes:
    """The next bytes, fewer only where the file ends; unpacked ones come as they like."""
    found = b""
    while len(found) < count and (more := file.read(count - len(found))):
        found += more
    return found


def _line_bytes(path: Path) -> float:
    """Bytes of a line, on average over the first ones."""
    with _opened(path) as file:
        start = file.read(_PEEK)
    return max(1.0, len(start) / max(1, start.count(_LINE)))


def _opened(path: Path) -> IO[bytes]:
    import pyarrow as pa

    try:
        return pa.input_stream(str(path), compression="detect", buffer_size=2**20)  # type: ignore[no-any-return]
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "text", error) from None
