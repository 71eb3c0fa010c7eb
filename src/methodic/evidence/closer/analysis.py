"""A model beyond one number: every score, its classes or residuals, calibration, its worst slices.

All of it is about *one* model, the one that is kept, on the test rows; nothing was chosen by these
numbers, but they are many, and the best-looking of them is no finding. The interval is a bootstrap
over test rows: how much the score of this very model would change with other rows of the same kind.
It is not about training again; that is what the intervals over seeds in the ranking are for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.evidence.closer.calibration import Calibration, best_temperature, calibrate
from methodic.evidence.closer.classes import MOST_CLASSES, Classes, by_class, by_label
from methodic.evidence.closer.residuals import Residuals, residuals
from methodic.evidence.closer.slices import Column, Slice, worst_slices
from methodic.evidence.numbers import bootstrap
from methodic.evidence.numbers.statistics import Interval
from methodic.metrics import METRICS, Metric
from methodic.metrics.columns import LIKELY
from methodic.plan import Task, Value

Array = npt.NDArray[Any]


class Target(Value):
    """One of several targets: its scores, and its residuals in its own units."""

    name: str
    scores: dict[str, float | None]  # by every metric; None: undefined
    residuals: Residuals | None


class Analysis(Value):
    """What the test rows say about one model; RUN/analysis.json.

    Parts that don't fit the task, or that these rows can't tell, are None; ``notes`` says why.
    """

    model: str
    rows: int  # of the test part
    scores: dict[str, float | None]  # by every metric that fits the task; None: undefined
    interval: Interval | None  # of the run's metric, by bootstrap over test rows
    classes: Classes | None
    calibration: Calibration | None
    residuals: Residuals | None
    slices: tuple[Slice, ...]  # worse than the rest, worst first
    tried: int  # slices
    notes: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()  # each by itself, where several numbers are predicted


def analyse(
    model: str,
    task: Task,
    classes: Sequence[str],
    metric: Metric,
    truth: Array,
    prediction: Array,
    validation_truth: Array,
    validation_prediction: Array,
    columns: Sequence[Column],
    target: str = "target",
    others: Sequence[str] = (),
    weights: Array | None = None,
    groups: Array | None = None,
) -> Analysis:
    """Analyse one model's predictions.

    Args:
        model: its name.
        task: of the data.
        classes: names of the C classes or labels; none for numbers.
        metric: the run's.
        truth: of the test rows: classes int [N], labels int [N, C], or numbers [N] or [N, T];
            N ≥ 1.
        prediction: probabilities [N, C], or numbers [N, T].
        validation_truth, validation_prediction: the same of the validation rows, which calibrate.
        columns: of the test rows, for slices; may be none.
        target: the name of the target, for slices by class.
        others: names of further targets.
        weights: of the test rows [N], for scores and their interval; all else counts rows.
        groups: of the test rows [N], for the interval; see `bootstrap.over_rows`.

    Returns:
        The analysis. Where predictions aren't finite, it holds a note and nothing else.
    """
    truth, prediction = _flat(truth), np.asarray(prediction)
    bare = Analysis(
        model=model,
        rows=len(truth),
        scores={each.name: None for each in METRICS.values() if task in each.tasks},
        interval=None,
        classes=None,
        calibration=None,
        residuals=None,
        slices=(),
        tried=0,
    )
    if broken := int((~np.isfinite(prediction).all(axis=1)).sum()):
        note = f"{_rows(broken)} of {len(truth):,} predicted without a finite number: no analysis."
        return bare.model_copy(update={"notes": (note,)})
    scores = {
        name: _finite(METRICS[name].score(truth, prediction, weights)) for name in bare.scores
    }
    interval = None
    if scores[metric.name] is not None:
        interval = bootstrap.over_rows(
            metric, truth, prediction[None], weights=weights, groups=groups
        )
    found = bare.model_copy(update={"scores": scores, "interval": interval})
    rest = _flat(validation_truth), np.asarray(validation_prediction)
    if task == "multilabel":
        made = _of_labels(found, truth, prediction, *rest, columns, classes)
    elif task == "regression" and others:
        names = (target, *others)
        made = _of_targets(found, truth, prediction, *rest, columns, names, weights)
    elif task == "regression":
        made = _of_numbers(found, truth, prediction, *rest, columns)
    else:
        own = Column(target, truth, tuple(classes))
        made = _of_classes(found, truth, prediction, *rest, [*columns, own], classes)
    if weights is None:
        return made
    return made.model_copy(update={"notes": (*made.notes, _WEIGHED)})


_WEIGHED = (
    "Scores and their interval count rows by their weights; classes, calibration, residuals and "
    "slices count each row once."
)


def _flat(truth: Array) -> Array:
    """[N], of labels and several targets [N, C]."""
    truth = np.asarray(truth)
    return truth if truth.ndim == 2 and truth.shape[1] > 1 else truth.reshape(-1)


def _of_labels(
    found: Analysis,
    truth: Array,
    prediction: Array,
    validation_truth: Array,
    validation_prediction: Array,
    columns: Sequence[Column],
    labels: Sequence[str],
) -> Analysis:
    """Each label by itself; calibration is of all of them together."""
    notes = []
    absent = [name for name, there in zip(labels, truth.max(axis=0), strict=True) if not there]
    if absent:
        shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
        these = "this label" if len(absent) == 1 else f"these {len(absent):,} labels"
        notes.append(f"No test row has {these}: {shown}.")
    if len(labels) > MOST_CLASSES:
        notes.append(
            f"Listed are the {MOST_CLASSES} of {len(labels):,} labels with the most wrong rows."
        )
    calibration = None
    if not np.isfinite(validation_prediction).all():
        notes.append("Validation predictions aren't all finite: no calibration.")
    else:
        sides = _yes_no(truth, prediction), _yes_no(validation_truth, validation_prediction)
        calibration = calibrate(*sides[0], *sides[1])
    wrong = ((prediction >= LIKELY) != (truth == 1)).any(axis=1).astype(np.float64)
    own = [Column(n, truth[:, c], ("no", "yes")) for c, n in enumerate(labels[:MOST_CLASSES])]
    slices, tried = worst_slices([*columns, *own], wrong, squared=False)
    return found.model_copy(
        update={
            "classes": by_label(labels, truth, prediction),
            "calibration": calibration,
            "slices": slices,
            "tried": tried,
            "notes": tuple(notes),
        }
    )


def _yes_no(truth: Array, prediction: Array) -> tuple[Array, Array]:
    """Every label of every row as a row of two classes: [N · C] and [N · C, 2]."""
    yes = prediction.reshape(-1).astype(np.float64)
    return truth.reshape(-1), np.stack([1 - yes, yes], axis=1)


def _of_targets(
    found: Analysis,
    truth: Array,
    prediction: Array,
    validation_truth: Array,
    validation_prediction: Array,
    columns: Sequence[Column],
    names: Sequence[str],
    weights: Array | None,
) -> Analysis:
    """Each target by itself; slices by the mean of their squared errors, in deviations."""
    targets = []
    for t, name in enumerate(names):
        guess = prediction[:, t : t + 1]
        scores = {
            each: _finite(METRICS[each].score(truth[:, t], guess, weights)) for each in found.scores
        }
        validation = validation_truth[:, t], validation_prediction[:, t]
        about = residuals(truth[:, t], guess[:, 0], *validation)
        targets.append(Target(name=name, scores=scores, residuals=about))
    with np.errstate(all="ignore"):
        deviations = truth.std(axis=0)
        errors = (truth - prediction) / np.where(deviations > 0, deviations, 1.0)
        losses = (errors * errors).mean(axis=1)
    fine = bool(np.isfinite(losses).all())
    slices, tried = worst_slices(columns, losses, squared=True) if fine else ((), 0)
    return found.model_copy(update={"targets": tuple(targets), "slices": slices, "tried": tried})


def _of_classes(
    found: Analysis,
    truth: Array,
    prediction: Array,
    validation_truth: Array,
    validation_prediction: Array,
    columns: Sequence[Column],
    classes: Sequence[str],
) -> Analysis:
    notes = []
    absent = [name for c, name in enumerate(classes) if not (truth == c).any()]
    if absent:
        shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
        notes.append(f"No test row is of {_classes(len(absent))}: {shown}.")
    if len(classes) > MOST_CLASSES:
        notes.append(
            f"Listed are the {MOST_CLASSES} of {len(classes):,} classes with the most wrong rows."
        )
    calibration = None
    if not np.isfinite(validation_prediction).all():
        notes.append("Validation predictions aren't all finite: no calibration.")
    else:
        validation = validation_truth, validation_prediction
        calibration = calibrate(truth, prediction, *validation)
        if best_temperature(*validation) is None:
            notes.append("The validation rows don't tell a temperature; it is left at 1.")
    wrong = (prediction.argmax(axis=1) != truth).astype(np.float64)
    slices, tried = worst_slices(columns, wrong, squared=False)
    return found.model_copy(
        update={
            "classes": by_class(classes, truth, prediction),
            "calibration": calibration,
            "slices": slices,
            "tried": tried,
            "notes": tuple(notes),
        }
    )


def _of_numbers(
    found: Analysis,
    truth: Array,
    prediction: Array,
    validation_truth: Array,
    validation_prediction: Array,
    columns: Sequence[Column],
) -> Analysis:
    predicted, notes = prediction[:, 0], []
    about = residuals(truth, predicted, validation_truth, validation_prediction.reshape(-1))
    if about is None:
        notes.append("Residuals are too large for their squares to be finite: none are shown.")
    elif about.half_width is None:
        notes.append(
            f"No interval for new rows: it takes more than {_rows(len(validation_truth))} of "
            "validation, with finite predictions."
        )
    with np.errstate(over="ignore"):
        losses = (truth - predicted) ** 2
    slices, tried = worst_slices(columns, losses, squared=True) if about else ((), 0)
    return found.model_copy(
        update={"residuals": about, "slices": slices, "tried": tried, "notes": tuple(notes)}
    )


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _rows(n: int) -> str:
    return f"{n:,} row{'' if n == 1 else 's'}"


def _classes(n: int) -> str:
    return "this class" if n == 1 else f"these {n:,} classes"
