"""Columns as numbers, for looking at them: a sample of rows, whatever their kinds.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import tidy
from methodic.data.predicted.labels import matrix

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

Array = npt.NDArray[Any]

CELLS = 600_000
"""So many cells are looked at, about; of wide tables fewer rows."""
MOST_ROWS = 20_000
FEWEST_ROWS = 1_000
MOST_TARGETS = 10
"""Of more targets or labels the first ones are looked at."""
_LONG = 40  # letters: longer texts are looked at by their length alone


@dataclass(frozen=True)
class View:
    """One column, of some rows.

    Args:
        name: of the column.
        values: float64 [N]: numbers, or codes of categories from 0; NaN where missing.
        words: the categories by code; None for numbers.
        of: the column that was looked at, where ``name`` says more than that.
    """

    name: str
    values: Array
    words: tuple[str, ...] | None = None
    of: str = ""

    @property
    def column(self) -> str:
        """The name that the column has in the table."""
        return self.of or self.name

    def part(self, rows: Array) -> View:
        """Some of its rows."""
        return View(self.name, self.values[rows], self.words, self.of)

    def show(self, value: float) -> str:
        """A value as people read it."""
        return f"{value:g}" if self.words is None else f"'{self.words[int(value)]}'"


def some(rows: int, columns: int) -> Array:
    """Row numbers of a sample, ascending: the same each time, from all over the table."""
    most = int(np.clip(CELLS // max(columns, 1), FEWEST_ROWS, MOST_ROWS))
    if rows <= most:
        return np.arange(rows)
    picked = np.random.Generator(np.random.Philox(0)).choice(rows, most, replace=False)
    return np.sort(picked)


def inputs(frame: pl.DataFrame, schema: Schema, like: Sequence[View] = ()) -> list[View]:
    """The input columns; an array as the mean and the deviation of each row's cells.

    Args:
        frame: the rows.
        schema: their columns.
        like: the same columns of other rows, which have decided whether texts count by their words
            or by their lengths.
    """
    long = {view.of for view in like if view.name == _length(view.of)} if like else None
    views: list[View] = []
    for column in schema.columns:
        if column.kind in ("array", "image"):
            views += _array(frame[column.name])
        else:
            cells = frame[column.name]
            by_length = None if long is None else column.name in long
            views.append(_plain(cells, column.kind in ("categorical", "text"), by_length))
    return views


def targets(frame: pl.DataFrame, schema: Schema) -> list[View]:
    """The targets: numbers, or codes of classes; of a multilabel task, a yes and no each."""
    if schema.task == "multilabel":
        has = matrix([frame[name] for name in schema.targets], schema)
        named = zip(schema.classes[:MOST_TARGETS], has.iter_columns(), strict=False)
        return [View(name, _floats(column), ("no", "yes")) for name, column in named]
    if schema.task == "regression":
        return [View(name, _floats(frame[name])) for name in schema.targets[:MOST_TARGETS]]
    code = {name: i for i, name in enumerate(schema.classes)}
    codes = frame[schema.target].replace_strict(code, default=None, return_dtype=_float())
    return [View(schema.target, _floats(codes), schema.classes)]


def _float() -> Any:
    import polars as pl

    return pl.Float64


def _floats(column: pl.Series) -> Array:
    """float64 [N], NaN where missing."""
    values = column.cast(_float(), strict=False).to_numpy()
    return values.astype(np.float64)


def _length(name: str) -> str:
    return f"{name} (its length)"


def _plain(column: pl.Series, words: bool, by_length: bool | None) -> View:
    import polars as pl

    cells = tidy(column, text=words)
    if cells.dtype.is_temporal():
        return View(column.name, _floats(cells.to_physical()))
    if not words and (cells.dtype.is_numeric() or cells.dtype == pl.Boolean):
        return View(column.name, _floats(cells))
    spelt = cells.cast(pl.String)
    lengths = spelt.str.len_chars()
    if by_length is None:
        by_length = float(lengths.mean() or 0) > _LONG  # type: ignore[arg-type]
    if by_length:
        return View(_length(column.name), _floats(lengths), of=column.name)
    known = spelt.drop_nulls().unique().sort().to_list()
    codes = spelt.cast(pl.Enum(known)).to_physical()
    return View(column.name, _floats(codes), tuple(known))


def _array(column: pl.Series) -> Iterator[View]:
    cells = column.to_numpy().reshape(len(column), -1)
    for what, values in (("mean", np.mean), ("deviation", np.std)):
        each: Array = np.asarray(values(cells, axis=1, dtype=np.float64))
        yield View(f"{column.name} ({what})", each, of=column.name)


def table(views: Sequence[View]) -> Array:
    """The columns side by side, float64 [N, columns]."""
    return np.stack([view.values for view in views], axis=1)


def codes(view: View, bins: int) -> tuple[Array, int]:
    """Each row's bin, int64 [N], and how many there are; missing values have one of their own.

    Few different values are a bin each; of numbers else as many rows each, of categories the
    commonest.
    """
    values = view.values
    missing = np.isnan(values)
    known, inverse, count = np.unique(values[~missing], return_inverse=True, return_counts=True)
    if len(known) > bins and view.words is None:
        edges = np.unique(np.quantile(values[~missing], np.linspace(0, 1, bins + 1)[1:-1]))
        inverse, size = np.searchsorted(edges, values[~missing], side="right"), len(edges) + 1
    elif len(known) > bins:
        rank = np.empty(len(known), dtype=np.int64)
        rank[np.argsort(-count, kind="stable")] = np.arange(len(known))
        inverse, size = np.minimum(rank[inverse], bins - 1), bins
    else:
        size = len(known)
    found = np.full(len(values), size, dtype=np.int64)
    found[~missing] = inverse
    return found, size + 1
