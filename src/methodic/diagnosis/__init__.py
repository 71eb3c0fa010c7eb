"""Leaks and lies in data: what makes scores look better, or say less, than they should.

Everything here reads rows and says something; nothing is changed. Findings are named, come with
their evidence in numbers and with advice. They are thresholds and tests, so a finding isn't proof,
and no finding is no certificate: a column that is only a little too good looks like a good column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from methodic.data import splits
from methodic.data.columns.conform import class_codes
from methodic.data.predicted.labels import matrix
from methodic.diagnosis import copies, counts, views
from methodic.diagnosis.alone import alone
from methodic.diagnosis.disguise import disguised
from methodic.diagnosis.findings import NAME, Finding, Findings
from methodic.diagnosis.shift import shifted
from methodic.diagnosis.views import Array

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.dataset import DataSet
    from methodic.data.schemas.schema import Schema
    from methodic.data.splits import Split

__all__ = ["NAME", "Finding", "Findings", "diagnose"]


def diagnose(data: DataSet, cut: Split | None = None, *, crossed: bool = False) -> Findings:
    """Look for leaks and lies in data.

    - The target in disguise: a copy, a monotone function, a renamed class, a sum of columns; and a
      column that alone predicts what all others can't. On training rows.
    - On a split of the user's own (a file, or a column of parts): equal rows and groups on both
      sides, and test rows that are unlike the training rows; the latter also where the test rows
      are the latest.
    - Classes, or labels, with too few rows to learn or to score, and those without a training row.

    At most 20,000 rows of a column are looked at, of wide tables fewer; equal rows and classes are
    counted in all.

    Args:
        data: what to look at.
        cut: its split; by default the one of seed 0.
        crossed: whether cross-validation tests all rows, so that classes can't be short of test
            rows.

    Raises:
        InputError: the data can't be split.

    Example:
        >>> from methodic.data.loading import load
        >>> diagnose(load("iris")).findings
        ()
    """
    cut = splits.split(data) if cut is None else cut
    schema = data.schema
    tested = data.frame if data.test is None else data.test
    train, test = data.frame[cut.train], tested[cut.test]
    sample = train[views.some(train.height, len(schema.columns))]
    columns, answers = views.inputs(sample, schema), views.targets(sample, schema)
    found = disguised(columns, answers)
    named = {name for each in found for name in each.columns}
    others = [view for view in columns if view.column not in named]
    found += alone(others, answers, less=bool(named))
    looked = ["a target in disguise", "a column that alone predicts the target"]
    passed = []
    if data.test is not None or schema.part is not None:
        known = data.frame[np.concatenate([cut.train, cut.validation])]
        found += copies.duplicates(known, test, schema) + copies.groups(known, test, schema)
        looked.append("training rows among your test rows")
    else:
        passed.append("training rows among the test rows: equal rows are never parted here")
    if data.test is not None or schema.part is not None or schema.time is not None:
        chosen = test[views.some(test.height, len(schema.columns))]
        sides = zip(answers, views.targets(chosen, schema), strict=True)
        found += shifted(columns, views.inputs(chosen, schema, columns), list(sides))
        looked.append("test rows unlike the training rows")
    else:
        passed.append("test rows unlike the training rows: they were drawn at random")
    if data.large is not None:
        passed.append(
            f"copies and classes among all rows: a sample of {data.frame.height:,} was looked at"
        )
    elif schema.classes:
        tallies = [
            _rows_of_classes(part, schema) for part in (train, data.frame[cut.validation], test)
        ]
        found += counts.unlearnt(schema.classes, *tallies)
        found += counts.strangers(data.strangers, schema.classes, test.height)
        found += counts.few(schema.classes, tallies[0], None if crossed else tallies[2])
        looked.append("classes with too few rows, or none, in training")
    return Findings(
        findings=tuple(sorted(found, key=lambda each: not each.serious)),
        looked_for=tuple(looked),
        not_looked_for=tuple(passed),
        split=splits.rule(data),
        rows=sample.height,
    )


def _rows_of_classes(frame: pl.DataFrame, schema: Schema) -> Array:
    """Rows of each class or label, int64 [C]."""
    if schema.task == "multilabel":
        has = matrix([frame[name] for name in schema.targets], schema)
        return has.sum().to_numpy().reshape(-1).astype(np.int64)
    codes = class_codes(frame[schema.target], schema).drop_nulls().to_numpy()
    return np.bincount(codes, minlength=len(schema.classes))
