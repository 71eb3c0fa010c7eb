"""Rows, and groups, on both sides of a split that the user made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from methodic.data.columns.cells import texts, tidy
from methodic.data.images.arrays import hashable
from methodic.diagnosis.findings import Finding
from methodic.diagnosis.views import Array

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

FEWEST = 3
SHARE = 0.01
"""Fewer test rows than these, that are in training too, are chance."""
_EASY = 0.1  # so many equal rows are expected where columns have few values
_COMMON = 0.05
_SAMPLE = 20_000
_EXAMPLES = 3


def duplicates(train: pl.DataFrame, test: pl.DataFrame, schema: Schema) -> list[Finding]:
    """Test rows that are equal to a training row in every input and target.

    Where columns have so few values that rows which have nothing to do with each other are often
    equal, equal rows say nothing, and nothing is found.

    Args:
        train, test: rows in the schema's columns; training includes what chooses (validation).
        schema: what the columns mean.
    """
    columns = [*(column.name for column in schema.columns), *schema.targets]
    train = train.select(columns)
    test = _like(test.select(columns), train)
    there, here = _hashes(train), _hashes(test)
    copied = np.flatnonzero(np.isin(here, there))
    share = len(copied) / max(len(here), 1)
    if len(copied) < FEWEST or share < SHARE:
        return []
    expected = _by_chance(train)
    if expected > _EASY * share:
        return []
    order = np.argsort(there, kind="stable")
    first = order[np.searchsorted(there[order], here[copied[:_EXAMPLES]])]
    pairs = ", ".join(
        f"test row {a + 1:,} is training row {b + 1:,}"
        for a, b in zip(copied[:_EXAMPLES].tolist(), first.tolist(), strict=True)
    )
    return [
        Finding(
            name="duplicates",
            what=f"{share:.1%} of your test rows ({len(copied):,} of {len(here):,}) are in the "
            "training rows too, with the same target.",
            evidence=(
                f"Equal in all {len(columns):,} columns: {pairs}.",
                "If rows had nothing to do with each other, "
                f"{expected:.2g} of the test rows would be expected to have an equal one.",
            ),
            advice="Scores on these rows show what was remembered. Take them out of one side, or "
            "leave --split out: rows drawn here at random never have an equal on the other side.",
            serious=share >= _COMMON,
            numbers={"rows": len(copied), "share": share, "expected share": expected},
        )
    ]


def _like(test: pl.DataFrame, train: pl.DataFrame) -> pl.DataFrame:
    """The same values in the same types, so that equal cells have equal hashes."""
    return test.cast(dict(train.schema), strict=False)  # type: ignore[arg-type]


def _hashes(frame: pl.DataFrame) -> Array:
    return hashable(frame).hash_rows().to_numpy()


def _by_chance(frame: pl.DataFrame) -> float:
    """The expected share of rows with an equal among so many others, if columns were independent:
    rows × the product, over columns, of the chance that two rows have the same value."""
    sample = (
        frame.head(0) if frame.height == 0 else frame.sample(min(frame.height, _SAMPLE), seed=0)
    )
    chance = float(frame.height)
    for column in sample.iter_columns():
        if column.dtype.is_nested():
            return 0.0  # arrays and images are never equal by chance
        counts = (
            column.alias("value").value_counts().get_column("count").to_numpy().astype(np.float64)
        )
        n = counts.sum()
        chance *= max(float((counts * (counts - 1)).sum() / (n * max(n - 1, 1))), 1 / n**2)
    return min(chance, 1.0)


def groups(train: pl.DataFrame, test: pl.DataFrame, schema: Schema) -> list[Finding]:
    """Groups of the user's that their own split has on both sides."""
    name = schema.group
    if name is None or name not in train.columns or name not in test.columns:
        return []
    import polars as pl

    there, here = (texts(tidy(side[name], text=True)).cast(pl.String) for side in (train, test))
    there = there.drop_nulls().unique()
    known = here.is_in(there.implode()).fill_null(False)
    rows = int(known.sum())
    if rows == 0:
        return []
    shared = here.filter(known).unique().sort()
    shown = ", ".join(f"'{value}'" for value in shared.head(5)) + (", …" if len(shared) > 5 else "")
    return [
        Finding(
            name="groups on both sides",
            what=f"{rows / len(here):.1%} of your test rows belong to a '{name}' that training "
            "knows.",
            evidence=(
                f"{len(shared):,} of {here.drop_nulls().n_unique():,} groups of the test rows have "
                f"training rows too: {shown}.",
            ),
            advice="The scores say how well new rows of known groups are predicted, not those of "
            f"new groups. Leave --split out and keep --group {name} to have groups kept apart.",
            serious=True,
            columns=(name,),
            numbers={"rows": rows, "share": rows / len(here), "groups": len(shared)},
        )
    ]
