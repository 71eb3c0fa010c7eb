"""The first look at data that are larger than their memory: how many rows, a sample of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from methodic.data.builtin import builtin_names
from methodic.data.columns.cells import texts, tidy
from methodic.data.columns.conform import are_numbers
from methodic.data.images.columns import form_of
from methodic.data.large.keys import KEY, Digests, Keys, hashes, keys, mixed
from methodic.data.large.pieces import Pieces, of_frame, pieces_of, shifted
from methodic.data.opening import Table, opened
from methodic.data.room import usual
from methodic.data.schemas.schema import infer
from methodic.data.sizes import readable
from methodic.data.sources import places
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema
    from methodic.plan import Reading

Ready = Callable[["pl.DataFrame", "Schema"], "pl.DataFrame"]
"""Rows as they were read → those that can be used, in the columns and kinds of the schema."""

MOST, LEAST = 200_000, 2_000
"""Rows of a sample. All quantiles of 200,000 rows are within 0.4% of their ranks 99 times in 100,
by the bound √(ln(2/0.01)/2n) (Dvoretzky, Kiefer and Wolfowitz 1956; Massart 1990)."""
SHARE = 16
"""A piece takes this part of the memory, a sample twice as much."""

_SWOLLEN = 50  # times smaller than in memory may a file be
_MANY = 5_000  # images; fewer of them fit, whatever their sides
_ROW, _LOT = "number of the row", "lot of the row"
_VALUES = 1000  # different targets; with more of them it is no classification
_EACH = 2  # rows of each class that a sample has for sure


@dataclass(frozen=True, eq=False)
class Large:
    """Rows that are read piece by piece, again and again.

    Args:
        pieces: where they come from.
        limit: bytes that they may take.
        keyed: columns that make a row's key.
        rows: how many, those that can't be used included.
        digests: column → a hash of its values.
        sample: some of them, from the whole file and in its order, as they were read, with `KEY`.
        ready: makes rows usable; set when the schema is known.
        test: the user's own test rows.
    """

    pieces: Pieces
    limit: int
    keyed: tuple[str, ...]
    rows: int
    digests: Mapping[str, str]
    sample: pl.DataFrame
    ready: Ready | None = None
    test: Large | None = None

    def frames(self, schema: Schema) -> Iterator[pl.DataFrame]:
        """All usable rows, piece by piece, with `KEY` in the place of the group.

        Args:
            schema: the columns that are wanted.

        Raises:
            InputError: a cell that the sample made no one expect; the row is numbered in the file.
        """
        assert self.ready is not None, "the schema comes first"
        before = 0
        for frame in self._pieces():
            try:
                yield self.ready(with_keys(frame, self.keyed), keyed(schema))
            except InputError as error:
                raise shifted(error, before) from None
            before += frame.height

    def usable(self, schema: Schema) -> pl.DataFrame:
        """The sample, in the same form."""
        assert self.ready is not None, "the schema comes first"
        return self.ready(self.sample, keyed(schema))

    def known(self, schema: Schema, ready: Ready, test: Ready) -> Large:
        """The same rows, now that the schema is known.

        Args:
            schema: categories that look like numbers are read as texts from now on.
            ready: see `Ready`.
            test: likewise, for the user's own test rows.
        """
        text = {column.name for column in schema.columns if column.kind in ("categorical", "text")}
        if schema.task != "regression" and not are_numbers(schema.classes):
            text |= set(schema.targets)
        pieces = replace(self.pieces, text=frozenset(text))
        own = self.test and self.test.known(schema, test, test)
        return replace(self, pieces=pieces, ready=ready, test=own)

    def all_digests(self) -> dict[str, str]:
        """Column → a hash of its values; of the user's own test rows as "test: column"."""
        test = {} if self.test is None else self.test.digests
        return {**self.digests, **{f"test: {name}": each for name, each in test.items()}}

    def _pieces(self) -> Iterator[pl.DataFrame]:
        return self.pieces.of_bytes(self.limit // SHARE)


def sampled(
    source: Any, test: Any, reading: Reading, targets: Callable[[Table], tuple[str, ...]]
) -> Table | None:
    """A sample of a source that doesn't fit into its memory, after a look at all of its rows.

    Args:
        source, test: as for `loading.load`.
        reading: what the user says about the data.
        targets: the first rows → the columns to predict.

    Returns:
        None where it fits, or can only be read whole; of a folder of images the whole table then,
        which is there by now.

    Raises:
        InputError: it can't be read.
    """
    if not isinstance(source, str | Path) or str(source) in builtin_names():
        return None
    limit = usual() if reading.memory is None else reading.memory
    if reading.memory is None and _surely_fits(Path(source), limit):
        return None
    if Path(source).is_dir():
        table = opened(source)
        if any(form_of(column) == "pixels" for column in table.frame):
            return table  # IDX files, which are in memory by now
        if reading.memory is None and table.frame.height < _MANY:
            return table
        pieces = of_frame(str(source), table.frame)
    else:
        found = pieces_of(source)
        if found is None:
            return None
        pieces, table = found, None
    try:
        fits = pieces.need <= limit
    except InputError:
        if reading.memory is not None:
            raise
        return table  # nobody asked for pieces; reading it whole may be possible, or says why not
    if fits:
        return table
    if table is None:
        table = Table(pieces.head, name=str(source), where=str(Path(source).resolve()))
    names = targets(table)
    own = table.test if table.test is not None else test
    tested = None
    if isinstance(own, str | Path):
        tested = pieces_of(own)
    elif table.test is not None:
        tested = of_frame(f"test rows of {source}", table.test)
    seen = surveyed(pieces, reading, names, limit)
    if tested is not None and tested.need > limit / SHARE:
        seen = replace(seen, test=surveyed(tested, reading, names, limit))
    kind = "the memory for it" if reading.memory is not None else "half of the free memory"
    about = (
        f"larger than {kind} ({readable(limit)}), so rows are read piece by piece: columns are "
        f"judged, and encoders and baselines learn, by a sample of {seen.sample.height:,} rows or "
        "less"
    )
    return replace(
        table,
        frame=seen.sample.drop(KEY),
        test=table.test if seen.test is None else seen.test.sample.drop(KEY),
        notes=(*table.notes, f"{source}: {about}"),
        large=seen,
    )


def fits(source: Path, limit: int) -> bool:
    """Whether the rows of a table fit into so many bytes; True where only reading would tell."""
    if _surely_fits(source, limit):
        return True
    found = pieces_of(source)
    try:
        return found is None or found.need <= limit
    except InputError:
        return True  # reading it whole says what is wrong


def _surely_fits(source: Path, limit: int) -> bool:
    """Whether files are so small that there's no need to look into them."""
    if source.is_dir() or not (source.is_file() or places.is_pattern(str(source))):
        return not source.is_dir()  # names of no file: whoever reads them says so
    return _SWOLLEN * sum(each.stat().st_size for each in places.files(source)) <= limit


def surveyed(pieces: Pieces, reading: Reading, targets: tuple[str, ...], limit: int) -> Large:
    """One pass over all rows; see `survey`."""
    keyed = _keyed(pieces.head, reading, targets, pieces.name)
    digests = Digests()
    most = min(MOST, max(LEAST, int(2 * limit / SHARE / pieces.row_bytes)))
    sample = _Sample(most, targets)
    for frame in pieces.of_bytes(limit // SHARE):
        cells = {column.name: hashes(column) for column in frame}
        digests.add(cells)
        sample.add(with_keys(frame, keyed, cells))
    if not digests.rows:
        raise InputError(f"{pieces.name}: there are no rows", accepted="at least one row")
    return Large(pieces, limit, keyed, digests.rows, digests.of_columns(), sample.rows())


def with_keys(
    frame: pl.DataFrame, columns: tuple[str, ...], cells: Mapping[str, Keys] | None = None
) -> pl.DataFrame:
    """The rows with a column of their keys, which ``columns`` make.

    Args:
        cells: their `hashes`, where they are known already.
    """
    import polars as pl

    cells = cells or {name: hashes(frame[name]) for name in columns}
    return frame.with_columns(pl.Series(KEY, keys(cells, columns)))


def keyed(schema: Schema) -> Schema:
    """A schema whose rows carry their keys: in place of the group, which they are made of."""
    return schema.model_copy(update={"group": KEY})


def _keyed(
    head: pl.DataFrame, reading: Reading, targets: tuple[str, ...], where: str
) -> tuple[str, ...]:
    """The columns that make a row's key: its group; or all that will be of use.

    Row numbers and the like, which the first rows show, don't count: they would make rows different
    that are equal for a network.
    """
    if reading.group is not None and reading.group in head.columns:
        return (reading.group,)
    try:
        schema = infer(head, targets, reading, where)
    except InputError:  # the first rows of a sorted file may have one class only
        return tuple(name for name in head.columns if name not in reading.drop)
    return (*(column.name for column in schema.columns), *targets)


class _Sample:
    """Rows drawn at random, each as likely as any other, and the first ones of each class.

    Each row draws a lot, a function of its number; those with the smallest lots are kept.
    """

    def __init__(self, most: int, targets: tuple[str, ...]) -> None:
        self._most = most
        self._targets = targets
        self._kept: list[pl.DataFrame] = []
        self._rare: list[pl.DataFrame] = []
        self._seen: dict[str, int] = {}
        self._below: int | None = None
        self._rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """The next rows of the file."""
        import polars as pl

        number = np.arange(self._rows, self._rows + frame.height, dtype=np.uint64)
        self._rows += frame.height
        frame = frame.with_columns(pl.Series(_ROW, number), pl.Series(_LOT, mixed(number)))
        self._keep_rare(frame)
        if self._below is not None:
            frame = frame.filter(pl.col(_LOT) <= self._below)
        self._kept.append(frame)
        if sum(each.height for each in self._kept) > 2 * self._most:
            self._thin()

    def rows(self) -> pl.DataFrame:
        """The sample, in the order of the file."""
        import polars as pl

        self._thin()
        everyone = pl.concat([*self._kept, *self._rare], how="vertical_relaxed")
        return everyone.unique(_ROW, keep="first").sort(_ROW).drop(_ROW, _LOT)

    def _thin(self) -> None:
        import polars as pl

        all_kept = pl.concat(self._kept, how="vertical_relaxed").sort(_LOT).head(self._most)
        self._kept = [all_kept]
        if all_kept.height == self._most:
            self._below = int(all_kept[_LOT][-1])

    def _keep_rare(self, frame: pl.DataFrame) -> None:
        """A class that the sample doesn't have would be unknown to the schema."""
        import polars as pl

        if len(self._targets) != 1 or len(self._seen) > _VALUES:
            return
        answer = texts(tidy(frame[self._targets[0]])).cast(pl.String).alias("class")
        first = answer.to_frame().with_row_index("at").drop_nulls().group_by("class").head(_EACH)
        places = []
        for name, at in first.select("class", "at").sort("at").iter_rows():
            if self._seen.get(name, 0) < _EACH:
                self._seen[name] = self._seen.get(name, 0) + 1
                places.append(at)
        if places:
            self._rare.append(frame[places])
        if len(self._seen) > _VALUES:
            self._rare = []
