"""The first look at data that are larger than their memory: how many rows, a sample of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methodic.data.builtin import builtin_names
from methodic.data.columns.conform import are_numbers
from methodic.data.images.columns import form_of
from methodic.data.large.keys import KEY, Digests, Keyed, hashes
from methodic.data.large.pieces import Pieces, of_frame, pieces_of
from methodic.data.large.sample import Kinds, Sample
from methodic.data.opening import Table, opened
from methodic.data.room import usual
from methodic.data.schemas.schema import infer
from methodic.data.sizes import readable
from methodic.data.sources import places
from methodic.data.tally import Tally
from methodic.errors import InputError, shifted

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Column, Schema
    from methodic.plan import Reading

Ready = Callable[["pl.DataFrame", "Schema", Tally], "pl.DataFrame"]
"""Rows as they were read → those that can be used, in the columns and kinds of the schema; it is
counted what becomes of the others."""

MOST, LEAST = 200_000, 2_000
"""Rows of a sample. All quantiles of 200,000 rows are within 0.4% of their ranks 99 times in 100,
by the bound √(ln(2/0.01)/2n) (Dvoretzky, Kiefer and Wolfowitz 1956; Massart 1990)."""
SHARE = 16
"""A piece takes this part of the memory, a sample twice as much."""

_SWOLLEN = 50  # times smaller than in memory may a file be
_MANY = 5_000  # images; fewer of them fit, whatever their sides


@dataclass(frozen=True, eq=False)
class Large:
    """Rows that are read piece by piece, again and again.

    Args:
        pieces: where they come from.
        limit: bytes that they may take.
        keyed: what makes a row's key.
        rows: how many, those that can't be used included.
        digests: column → a hash of its values.
        sample: some of them, from the whole file and in its order, as they were read, with `KEY`.
        ready: makes rows usable; set when the schema is known.
        test: the user's own test rows.
    """

    pieces: Pieces
    limit: int
    keyed: Keyed
    rows: int
    digests: Mapping[str, str]
    sample: pl.DataFrame
    ready: Ready | None = None
    test: Large | None = None

    def frames(self, schema: Schema, tally: Tally | None = None) -> Iterator[pl.DataFrame]:
        """All usable rows, piece by piece, with `KEY` in the place of the group.

        Args:
            schema: the columns that are wanted.
            tally: counts what becomes of the other rows, for whoever goes through to the end.

        Raises:
            InputError: a cell that the sample made no one expect; the row is numbered in the file.
        """
        assert self.ready is not None, "the schema comes first"
        tally = Tally() if tally is None else tally
        for frame in self._pieces():
            try:
                yield self.ready(self.keyed.added(frame), keyed(schema), tally)
            except InputError as error:
                raise shifted(error, tally.before) from None
            tally.before += frame.height

    def usable(self, schema: Schema) -> pl.DataFrame:
        """The sample, in the same form."""
        assert self.ready is not None, "the schema comes first"
        return self.ready(self.sample, keyed(schema), Tally())

    def known(self, schema: Schema, ready: Ready, test: Ready) -> Large:
        """The same rows, now that the schema is known.

        Args:
            schema: categories that look like numbers, and what only a notation tells, are read as
                texts from now on.
            ready: see `Ready`.
            test: likewise, for the user's own test rows.
        """
        # Numbers among words have one key however they are read; dates among words don't.
        makes_key = {*self.keyed.columns, self.keyed.group} - set(schema.named("numeric"))
        text = set(schema.texts()) | (self.pieces.text & makes_key)
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
    source: Any,
    test: Any,
    reading: Reading,
    targets: Callable[[Table], tuple[str, ...]],
    text: Collection[str] = (),
    said: Mapping[str, Column | None] | None = None,
) -> Table | None:
    """A sample of a source that doesn't fit into its memory, after a look at all of its rows.

    Args:
        source, test: as for `loading.load`.
        reading: what the user says about the data.
        targets: the first rows → the columns to predict.
        text: columns to read as texts even where they look like numbers.
        said: what columns are by the user's word; None: left out.

    Returns:
        None where it fits, or can only be read whole; of a folder of images the whole table then,
        which is there by now.

    Raises:
        InputError: it can't be read.
    """
    if not isinstance(source, str | Path) or str(source) in builtin_names():
        return None
    limit = usual() if reading.memory is None else reading.memory
    said = said or {}
    if reading.memory is None and _surely_fits(Path(source), limit):
        return None
    if Path(source).is_dir():
        table = opened(source)
        if any(form_of(column) == "pixels" for column in table.frame):
            return table  # IDX files, which are in memory by now
        sized = any(column is not None and column.shape for column in said.values())
        if reading.memory is None and not sized and table.frame.height < _MANY:
            return table
        pieces = replace(of_frame(str(source), table.frame), said=said)
    else:
        found = pieces_of(source)
        if found is None:
            return None
        pieces, table = replace(found, text=frozenset(text), said=said), None
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
        tested = tested and replace(tested, text=frozenset(text))
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
    """One pass over all rows; see `survey`.

    What is text in the first rows is read as text in all: pieces can't be stacked in which decimal
    commas are texts here and thousands there. Where that shows in later pieces only, there is a
    second pass.
    """
    import polars as pl

    strings = {column.name for column in pieces.head if column.dtype == pl.String}
    pieces = replace(pieces, text=pieces.text | strings)
    keyed = _keyed(pieces.head, reading, targets, pieces.name)
    digests = Digests()
    most = min(MOST, max(LEAST, int(2 * limit / SHARE / pieces.row_bytes)))
    sample, kinds = Sample(most, targets), Kinds()
    for frame in pieces.of_bytes(limit // SHARE):
        kinds.add(frame)
        if kinds.mixed() - pieces.text:
            continue
        cells = {column.name: hashes(column) for column in frame}
        digests.add(cells)
        sample.add(keyed.added(frame, cells))
    mixed = kinds.mixed() - pieces.text
    if mixed:
        again = replace(pieces, text=pieces.text | mixed)
        return surveyed(again, reading, targets, limit)
    if not digests.rows:
        raise InputError(f"{pieces.name}: there are no rows", accepted="at least one row")
    return Large(pieces, limit, keyed, digests.rows, digests.of_columns(), sample.rows())


def keyed(schema: Schema) -> Schema:
    """A schema whose rows carry their keys: in place of the group, which they are made of."""
    return schema.model_copy(update={"group": KEY})


def _keyed(head: pl.DataFrame, reading: Reading, targets: tuple[str, ...], where: str) -> Keyed:
    """What makes a row's key: its group; or all columns that will be of use.

    Row numbers and the like, which the first rows show, don't count: they would make rows different
    that are equal for a network. What is the same in the first rows of a sorted file may differ
    further down, and counts.
    """
    group = reading.group if reading.group in head.columns else None
    try:
        schema = infer(head, targets, reading, where)
    except InputError:  # the first rows of a sorted file may have one class only
        unused = {*reading.drop, reading.group}
        return Keyed(tuple(name for name in head.columns if name not in unused), group)
    same = [each.name for each in schema.dropped if each.name not in reading.drop]
    same = [name for name in same if head[name].n_unique() <= head.height / 2]
    return Keyed((*(column.name for column in schema.columns), *same, *targets), group)
