"""Predictions of more rows than anybody wants in memory: tables come in pieces, answers leave.

A row's numbers don't depend on the piece that it comes in, so a file predicted here, a frame
predicted by `Bundle.predict_frame` and scikit-learn's face agree to the bit (with fewer than 8
units in a layer to rounding).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.bundle.model import Bundle
from methodic.data import images
from methodic.data.builtin import builtin, builtin_names
from methodic.data.images.columns import readable
from methodic.data.images.reading import FILE
from methodic.data.large.pieces import pieces_of
from methodic.data.schemas.schema import Schema
from methodic.data.sources import places, read
from methodic.data.tally import Tally
from methodic.errors import InputError, shifted

if TYPE_CHECKING:
    import polars as pl

WHOLE = 2**30
"""Text files of at most so many bytes are read at once, so that all cells of a column are read
alike; larger ones piece by piece. Parquet and Arrow know their types and always come in pieces."""

ROW = "row"
"""The column with the number of a row in its table, from 1: some of them may be left out."""

_NUMBER = "number of the row"
_TEXT = (*places.TEXT, *places.JSON, *places.PACKED)


class Predictions:
    """The predictions of all rows of a source, a table for each piece of it, made as they are asked
    for.

    Args:
        bundle: what predicts.
        source: a built-in name, a file, a pattern, a picture or a folder of pictures.
        skip_broken: leave out pictures that can't be read. Those that are left are told by their
            files, or in a table of pictures by their `ROW`.

    Attributes:
        rows: predicted so far.
        notes: what was left out, when all rows were read.
        unseen: column → rows so far whose category training never saw.

    Example:
        >>> made = Predictions(bundle, "rows.parquet")      # doctest: +SKIP
        >>> for table in made:                              # doctest: +SKIP
        ...     print(made.rows, table.columns)
    """

    def __init__(self, bundle: Bundle, source: str, skip_broken: bool = False) -> None:
        self.bundle = bundle
        self.source = source
        self.skip_broken = skip_broken
        self.rows = 0
        self.notes: list[str] = []
        self.unseen: Counter[str] = Counter()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        schema, tally = self.bundle.encoders.schema, Tally()
        numbered = self.skip_broken and bool(schema.named("image"))
        for piece in tables(self.source, self.bundle):
            frame = piece
            if numbered:
                frame = piece.with_row_index(_NUMBER, tally.before + 1)
                frame = readable(frame, schema, self.source, tally, skip_broken=True)
            if frame.height:
                yield self._predicted(frame, tally.before, numbered)
            tally.before += piece.height
        self.notes += tally.notes()
        if self.rows == 0:
            raise InputError(f"{self.source}: there are no rows to predict")

    def _predicted(self, frame: pl.DataFrame, before: int, numbered: bool) -> pl.DataFrame:
        """The predictions of some rows, of which ``before`` others were read."""
        try:
            made = self.bundle.predict_frame(frame, self.source)
            self.unseen.update(self.bundle.unseen(frame))
        except InputError as error:
            raise shifted(error, before) from None
        self.rows += frame.height
        if FILE in frame.columns and self.bundle.encoders.schema.named("image"):
            return made.insert_column(0, frame[FILE])
        if not numbered:
            return made
        name = ROW if ROW not in made.columns else _NUMBER
        return made.insert_column(0, frame[_NUMBER].alias(name))


def tables(source: str, bundle: Bundle) -> Iterator[pl.DataFrame]:
    """The rows of ``source`` as they stand there, at most ``bundle.block`` at a time.

    Raises:
        InputError: what can't be read.
    """
    schema = bundle.encoders.schema
    path = Path(source)
    small = path.is_file() and path.suffix.lower() in _TEXT and path.stat().st_size <= WHOLE
    if source not in builtin_names() and not schema.named("image") and not small:
        pieces = pieces_of(source)
        if pieces is not None:
            return pieces.cut(bundle.block, frozenset(_texts(schema)))
    return _rows(source, schema).iter_slices(bundle.block)


def _rows(source: str, schema: Schema) -> pl.DataFrame:
    """All rows at once; of images their names, which are few bytes."""
    if source in builtin_names():
        return builtin(source)[0]
    if schema.named("image"):
        return images.rows_of(Path(source), schema.named("image")[0], _texts(schema))
    return read(source, text=_texts(schema))


def table(source: str, schema: Schema) -> pl.DataFrame:
    """All rows of ``source`` at once, with what is to be predicted; of images the test rows, where
    the folder has some."""
    if schema.named("image") and images.holds_images(source):
        found = images.read(source)
        return found.frame if found.test is None else found.test
    return _rows(source, schema)


def _texts(schema: Schema) -> list[str]:
    """Columns whose cells stay as they are written, even where all of them look like numbers."""
    answers = [] if schema.task == "regression" else list(schema.targets)
    return [*schema.texts(), *answers]


def write(path: Path, frames: Iterable[pl.DataFrame], *, parquet: bool) -> None:
    """Write tables of the same columns one after the other into one file."""
    if parquet:
        _write_parquet(path, frames)
        return
    with path.open("wb") as file:
        for i, frame in enumerate(frames):
            frame.write_csv(file, include_header=i == 0)


def _write_parquet(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    from pyarrow import parquet

    writer = None
    try:
        for frame in frames:
            arrow = frame.to_arrow()
            writer = writer or parquet.ParquetWriter(path, arrow.schema, compression="zstd")
            writer.write_table(arrow)
    finally:
        if writer is not None:
            writer.close()
