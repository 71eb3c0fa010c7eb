"""Training rows without a target: which ones a split has, and what they mean for its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methodic.data.dataset import DataSet
from methodic.data.images.arrays import hashable
from methodic.data.schemas.schema import Schema
from methodic.data.splits import Split
from methodic.data.unlabelled import stacked

if TYPE_CHECKING:
    import polars as pl

FEW = 50
"""With fewer validation rows than this, choosing by them is noisy."""


def rows(data: DataSet, cut: Split) -> pl.DataFrame | None:
    """The inputs of the rows that train without a target: first those whose targets are hidden.

    None where there are none.
    """
    names = [column.name for column in data.schema.columns]
    found = []
    if len(cut.hidden):
        found.append(data.frame[cut.hidden].select(names))
    if data.unlabelled is not None and len(cut.beside):
        found.append(data.unlabelled[cut.beside].select(names))
    return stacked(found) if found else None


def notes(
    schema: Schema, without: pl.DataFrame | None, test: pl.DataFrame, validation: int
) -> list[str]:
    """What a reader of the scores should know; nothing where all rows have a target.

    Args:
        schema: what the columns mean.
        without: inputs of the training rows without a target.
        test: the test rows.
        validation: how many validation rows there are.
    """
    if without is None:
        return []
    found = []
    same = equal(schema, without, test)
    if same:
        found.append(
            f"{same:,} of the {without.height:,} training rows without a target equal a test row "
            "in all inputs: they tell nothing of its target, but scores are about inputs that "
            "training has seen."
        )
    if validation < FEW:
        found.append(_noisy(schema, validation))
    return found


def _noisy(schema: Schema, validation: int) -> str:
    """What few validation rows mean."""
    error = f"a score of 80% has a standard error of {40 / validation**0.5:.0f} points there"
    if schema.task == "regression":
        error = f"a root mean squared error is off by about {100 / (2 * validation) ** 0.5:.0f}%"
    return (
        f"Choosing by {validation:,} validation rows is noisy: {error}, so which method, learning "
        "rate and step look best is partly luck. Claims rest on the test rows."
    )


def equal(schema: Schema, without: pl.DataFrame, test: pl.DataFrame) -> int:
    """How many rows of one table equal a row of the other in all inputs."""
    names = [column.name for column in schema.columns]
    both = hashable(stacked([without.select(names), test.select(names)])).hash_rows()
    known = both[without.height :].unique()
    return int(both[: without.height].is_in(known.implode()).sum())
