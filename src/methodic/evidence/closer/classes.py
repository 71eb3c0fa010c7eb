"""Which classes a model gets right, and which it takes for which others.

Precision is the share of rows that were called by a class's name and belong to it; recall is the
share of its rows that were found; F1 is their harmonic mean. All three hang on the likeliest class
alone. The ROC and precision-recall curves look at the probabilities instead: at every threshold on
them, not only at the one in use. ROC areas don't depend on how frequent a class is,
precision-recall areas do, so the latter of two classes can't be compared. All numbers are of the
test rows, and those of a class with few rows are worth little: the table says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.metrics.columns import LIKELY
from methodic.plan import Value

Array = npt.NDArray[Any]

MOST_CLASSES = 40
"""Of more classes the table shows those with the most wrong rows, the others as one line."""
MOST_CURVES = 10
"""Of more classes curves are drawn for the most frequent ones."""
MOST_POINTS = 200
"""Points of a curve, at most."""


class ClassRow(Value):
    """One class; None where a number is undefined."""

    name: str
    rows: int  # of the test rows, by their true class
    precision: float | None  # None: never predicted
    recall: float | None  # None: no such row
    f1: float | None  # None: neither


class Curve(Value):
    """A curve through points (x, y), from left to right; empty where it is undefined."""

    name: str
    area: float | None
    x: tuple[float, ...]
    y: tuple[float, ...]


class Classes(Value):
    """A model seen class by class, or label by label; labels have no confusion matrix.

    Where there are more than `MOST_CLASSES`, the last row stands for all that aren't listed. Rows
    and columns of the confusion matrix are those of the table; it counts every test row once.
    """

    rows: tuple[ClassRow, ...]
    confusion: tuple[tuple[int, ...], ...]  # [true][predicted]
    roc: tuple[Curve, ...]  # false against true positive rate
    precision_recall: tuple[Curve, ...]  # recall against precision


def by_class(names: Sequence[str], truth: Array, prediction: Array) -> Classes:
    """Table, confusion matrix and curves of a classifier.

    A binary task has one curve, that of class 1. The area of a ROC curve is exact (all thresholds);
    that of a precision-recall curve is the average precision Σ (Rₙ − Rₙ₋₁) Pₙ, which doesn't
    interpolate. A class that no test row has, or that all have, has no curve.

    Args:
        names: of the C classes, C ≥ 2.
        truth: classes int [N], N ≥ 1.
        prediction: finite probabilities [N, C].
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    rows, confusion = _table(names, truth, prediction.argmax(axis=1))
    chosen = [1] if len(names) == 2 else _frequent(truth, len(names))
    sides = [(names[c], truth == c, prediction[:, c]) for c in chosen]
    return Classes(
        rows=rows,
        confusion=tuple(tuple(line) for line in confusion.tolist()),
        roc=tuple(_curve(*side, _roc) for side in sides),
        precision_recall=tuple(_curve(*side, _precision_recall) for side in sides),
    )


def by_label(names: Sequence[str], truth: Array, prediction: Array) -> Classes:
    """Table and curves of a model of several labels, each by itself; said from ½ on.

    Args:
        names: of the C labels, C ≥ 2.
        truth: int [N, C], 0 or 1, N ≥ 1.
        prediction: the finite probability of each label [N, C].
    """
    there, said = np.asarray(truth) == 1, np.asarray(prediction) >= LIKELY
    true, called, right = (each.sum(axis=0) for each in (there, said, there & said))
    rows = [
        ClassRow(
            name=names[c],
            rows=int(true[c]),
            precision=_share(right[c], called[c]),
            recall=_share(right[c], true[c]),
            f1=_share(2 * right[c], true[c] + called[c]),
        )
        for c in _shown(true + called - 2 * right)
    ]
    if len(rows) < len(names):
        name = f"{len(names) - len(rows):,} other labels"
        rest = int(true.sum()) - sum(row.rows for row in rows)
        rows.append(ClassRow(name=name, rows=rest, precision=None, recall=None, f1=None))
    frequent = np.sort(np.argsort(-true, kind="stable")[:MOST_CURVES]).tolist()
    sides = [(names[c], there[:, c], prediction[:, c]) for c in frequent]
    return Classes(
        rows=tuple(rows),
        confusion=(),
        roc=tuple(_curve(*side, _roc) for side in sides),
        precision_recall=tuple(_curve(*side, _precision_recall) for side in sides),
    )


def _table(
    names: Sequence[str], truth: Array, predicted: Array
) -> tuple[tuple[ClassRow, ...], Array]:
    count = len(names)
    true, called = (np.bincount(each, minlength=count) for each in (truth, predicted))
    right = np.bincount(truth[truth == predicted], minlength=count)
    shown = _shown(true + called - 2 * right)
    rows = [
        ClassRow(
            name=names[c],
            rows=int(true[c]),
            precision=_share(right[c], called[c]),
            recall=_share(right[c], true[c]),
            f1=_share(2 * right[c], true[c] + called[c]),
        )
        for c in shown
    ]
    lines = len(shown)
    if lines < count:
        rest = int(len(truth) - true[shown].sum())
        name = f"{count - lines:,} other classes"
        rows.append(ClassRow(name=name, rows=rest, precision=None, recall=None, f1=None))
        lines += 1
    place = np.full(count, lines - 1)
    place[shown] = np.arange(len(shown))
    cells = np.bincount(place[truth] * lines + place[predicted], minlength=lines * lines)
    return tuple(rows), cells.reshape(lines, lines)


def _shown(wrong: Array) -> Array:
    """The classes that are listed, in their own order; ``wrong`` counts rows by class."""
    if len(wrong) <= MOST_CLASSES:
        return np.arange(len(wrong))
    return np.sort(np.argsort(-wrong, kind="stable")[:MOST_CLASSES])


def _frequent(truth: Array, count: int) -> list[int]:
    rows = np.bincount(truth, minlength=count)
    return sorted(np.argsort(-rows, kind="stable")[:MOST_CURVES].tolist())


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _curve(
    name: str,
    positive: Array,
    probability: Array,
    function: Callable[[Array, Array], tuple[Array, Array, float]],
) -> Curve:
    if positive.all() or not positive.any():
        return Curve(name=name, area=None, x=(), y=())
    x, y, area = function(positive, probability)
    kept = _thinned(x, y)
    return Curve(
        name=name,
        area=area,
        x=tuple(np.round(x[kept], 5).tolist()),
        y=tuple(np.round(y[kept], 5).tolist()),
    )


def _roc(positive: Array, probability: Array) -> tuple[Array, Array, float]:
    from sklearn.metrics import auc, roc_curve

    x, y, _ = roc_curve(positive, probability)
    return x, y, float(auc(x, y))


def _precision_recall(positive: Array, probability: Array) -> tuple[Array, Array, float]:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, probability)
    area = float(average_precision_score(positive, probability))
    return recall[::-1], precision[::-1], area


def _thinned(x: Array, y: Array) -> Array:
    """Indices of at most `MOST_POINTS` points, evenly spread along the curve, both ends among them.

    Evenly along its length, since thresholds crowd where a curve is flat and say little there.
    """
    if len(x) <= MOST_POINTS:
        return np.arange(len(x))
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    marks = np.linspace(0.0, length[-1], MOST_POINTS)
    kept = np.searchsorted(length, marks).clip(max=len(x) - 1)
    kept[-1] = len(x) - 1  # a flat end would be cut off
    return np.unique(kept)
