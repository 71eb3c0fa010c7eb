"""What was read off a table, column by column: to show, and to save as schema.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from methodic.data.dataset import DataSet
from methodic.data.encoding import dates
from methodic.data.encoding.categories import BUCKETS, MANY, MOST
from methodic.data.schemas.document import DROP, quoted
from methodic.data.schemas.schema import Column

if TYPE_CHECKING:
    import polars as pl

_LONGEST = 60  # letters of a remark's list of values
_SHOWN = 4  # categories


@dataclass(frozen=True)
class Seen:
    """One column of a table.

    Args:
        name: of the column.
        use: its kind, "target", what it says about rows, or "left out".
        values: what its cells hold; for one that is left out, why.
        missing: cells without a value, in the training table.
        becomes: what enters the network.
    """

    name: str
    use: str
    values: str
    missing: int = 0
    becomes: str = ""


def overview(data: DataSet) -> tuple[Seen, ...]:
    """All columns of the training table: targets, what says something about rows, inputs, others.

    Example:
        >>> from methodic.data.loading import load
        >>> overview(load("iris"))[1].use
        'numeric'
    """
    schema, frame = data.schema, data.frame
    found = [Seen(name, "target", _values(frame[name])) for name in schema.targets]
    roles = {"weight": schema.weight, "group": schema.group, "time": schema.time}
    roles["part"] = schema.part
    for role, name in roles.items():
        if name is not None and name in frame.columns:
            found.append(Seen(name, role, _values(frame[name]), frame[name].null_count()))
    for column in schema.columns:
        cells = frame[column.name]
        values = _shape(column) if column.shape else _values(cells)
        missing = cells.null_count()
        found.append(Seen(column.name, column.kind, values, missing, _becomes(column, cells)))
    found += [Seen(each.name, "left out", each.why) for each in schema.dropped]
    return tuple(found)


def _shape(column: Column) -> str:
    sizes = " × ".join(map(str, column.shape))
    return f"{sizes} (channels, height, width)" if column.kind == "image" else sizes


def _values(cells: pl.Series) -> str:
    known = cells.drop_nulls()
    if not len(known):
        return "none"
    if known.dtype.is_numeric():
        low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
        return f"{low:g} to {high:g}"
    if known.dtype.is_temporal():
        return f"{_moment(known.min())} to {_moment(known.max())}"
    counts = known.cast(str).alias("word").value_counts(name="rows")
    counts = counts.sort("rows", "word", descending=[True, False])
    shown = ", ".join(" ".join(word.split()) for word in counts["word"].head(_SHOWN))
    shown = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
    return f"{counts.height:,} different: {shown}" + (", …" if counts.height > _SHOWN else "")


def _moment(value: object) -> str:
    return str(value).removesuffix(" 00:00:00").removeprefix("1970-01-01 ")


def _becomes(column: Column, cells: pl.Series) -> str:
    """What a column turns into, in words."""
    if column.kind == "numeric":
        words = ", ".join(f"'{word}'" for word in column.words)
        return f"a number; missing where it is {words}" if words else "a number"
    if column.kind == "date":
        names = [name.removeprefix(" (").removesuffix(")") for name in dates.fit(cells).names("")]
        return f"{len(names)} numbers: {'; '.join(names)}" if len(names) > 1 else "a number of days"
    if column.kind == "text":
        return f"{column.numbers} numbers: hashed words and letters"
    if column.kind == "categorical":
        return _coded(cells.n_unique() - (cells.null_count() > 0))
    return "pixels" if column.kind == "image" else "numbers"


def _coded(different: int) -> str:
    if different <= MANY:
        return "a category"
    if different <= MOST:
        return "a category; rare ones share a code"
    return f"a category; beyond the {MOST:,} most frequent hashed into {BUCKETS:,} codes"


def to_yaml(data: DataSet) -> str:
    """The schema of a data set as a schema.yaml that `document.read` takes.

    Example:
        >>> from methodic.data.loading import load
        >>> print(to_yaml(load("iris")).splitlines()[3])
        target: target
    """
    return "\n".join(_lines(data)) + "\n"


def _lines(data: DataSet) -> Iterator[str]:
    schema, seen = data.schema, {each.name: each for each in overview(data)}
    title = " ".join(data.name.split())
    yield f"# What was read off {title} ({data.frame.height:,} rows). Edit it, and give it back by"
    yield "# --schema FILE. A column is numeric, categorical, date, text, array or image; drop"
    yield "# leaves it out. A column that isn't named here is inferred."
    targets = [quoted(name) for name in schema.targets]
    yield f"target: {targets[0] if len(targets) == 1 else '[' + ', '.join(targets) + ']'}"
    yield f"task: {schema.task}"
    roles = {"weight": schema.weight, "group": schema.group, "time": schema.time}
    for role, name in {**roles, "split": schema.part or data.reading.split}.items():
        if name is not None:
            yield f"{role}: {quoted(name)}"
    yield "columns:"
    written = [(column.name, _kind(column)) for column in schema.columns]
    written += [(each.name, DROP) for each in schema.dropped]
    width = max(len(quoted(name)) + len(kind) for name, kind in written) + 2
    for name, kind in written:
        line = f"{quoted(name)}: {kind}"
        remark = seen[name].values
        gone = f"; {seen[name].missing:,} missing" if seen[name].missing else ""
        yield f"  {line:<{min(width, 48)}}  # {_plain(remark + gone)}"


def _kind(column: Column) -> str:
    """A column's kind as YAML, with what else is said of it."""
    options = []
    if column.words:
        options.append(f"words: [{', '.join(map(quoted, column.words))}]")
    if column.notation:
        options.append(f"notation: {quoted(column.notation)}")
    if column.kind == "text":
        options.append(f"numbers: {column.numbers}")
    if column.kind == "image":
        options.append(f"shape: [{', '.join(map(str, column.shape))}]")
        options.append(f"resize: {column.resize}")
    return f"{{{', '.join(['kind: ' + column.kind, *options])}}}" if options else column.kind


def _plain(remark: str) -> str:
    """A remark that can't end its line."""
    return "".join(each if each.isprintable() else " " for each in remark)
