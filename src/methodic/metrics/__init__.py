"""Scores of predictions, by task.

Shapes: N rows, C classes (2 for a binary task) or labels, T targets, B sets of weights. Predictions
of classes and labels are probabilities [N, C], predictions of numbers [N, T]; the truth is int [N],
of labels int [N, C], or float [N] (or [N, T]). Every score is defined for weighted rows; without
weights each row counts 1. Of several labels or targets a score is the mean over them, unless it
says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from methodic.errors import InputError, unknown
from methodic.metrics import columns, labels, numbers, rankings
from methodic.metrics.weighing import Array, Scorer
from methodic.plan import Task


@dataclass(frozen=True)
class Metric:
    """A score, the tasks it fits and how it is shown.

    Args:
        name: as in ``--metric``.
        tasks: where it is defined.
        greater_is_better: True for scores, False for errors. The best possible score is 1, the
            smallest possible error 0.
        function: (truth [N], prediction float64 [N, C]) → the score as a function of the rows'
            weights float64 [N, B], which returns [B]; NaN where it is undefined.
        percent: shown as a percentage; differences are then percentage points.
        title: for people; by default the name in words.
        of_labels: the same for truth int [N, C] and a probability for each label, where that isn't
            the mean over the labels.
    """

    name: str
    tasks: tuple[Task, ...]
    greater_is_better: bool
    function: Callable[[Array, Array], Scorer]
    percent: bool = False
    title: str = ""
    of_labels: Callable[[Array, Array], Scorer] | None = None

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " "))

    def score(self, truth: Array, prediction: Array, weights: Array | None = None) -> float:
        """The score; NaN without rows, for predictions that aren't finite, or where undefined.

        Args:
            truth: classes int [N], labels int [N, C], or numbers [N] or [N, T].
            prediction: probabilities [N, C] or numbers [N, T].
            weights: of the rows [N], finite and at least 0; none: all count alike.

        Example:
            >>> get_metric("accuracy", "binary").score(np.array([1, 0]), np.array([[0, 1], [0, 1]]))
            0.5
        """
        rows = np.ones((len(prediction), 1)) if weights is None else weights.reshape(-1, 1)
        return float(self.scorer(truth, prediction)(rows)[0])

    def weighted(self, truth: Array, prediction: Array, weights: Array) -> Array:
        """The scores under several sets of weights; float64 [B].

        Weights that are whole numbers count rows: the score is that of the rows repeated so often,
        and a row of weight 0 isn't there.

        Args:
            truth, prediction: as for `score`.
            weights: [B, N], finite and at least 0.

        Example:
            >>> accuracy, said = get_metric("accuracy", "binary"), np.array([[0, 1], [0, 1]])
            >>> accuracy.weighted(np.array([1, 0]), said, np.array([[3.0, 1.0]])).tolist()
            [0.75]
        """
        weights = np.asarray(weights, dtype=np.float64)
        if weights.ndim != 2 or weights.shape[1] != len(prediction):
            raise ValueError(f"weights must be [B, {len(prediction)}], found {weights.shape}")
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError("weights must be finite and at least 0")
        return self.scorer(truth, prediction)(np.ascontiguousarray(weights.T))

    def scorer(self, truth: Array, prediction: Array) -> Scorer:
        """The score as a function of the rows' weights; what doesn't depend on them is prepared.

        Args:
            truth, prediction: as for `score`.

        Returns:
            weights float64 [N, B], finite and at least 0, → scores [B].
        """
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        several = truth.ndim == 2 and truth.shape[1] > 1
        fits = truth.shape == prediction.shape if several else truth.size == len(prediction)
        if prediction.ndim != 2 or not fits:
            raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} don't fit")
        if not len(prediction) or not np.isfinite(prediction).all():
            return lambda weights: np.full(weights.shape[1], np.nan)
        with np.errstate(all="ignore"):  # overflow becomes inf, and that becomes NaN
            prediction = prediction.astype(np.float64)
            if not several:
                inner = self.function(truth.reshape(-1), prediction)
            elif "regression" in self.tasks:
                inner = columns.mean_over_targets(self.function, truth, prediction)
            elif self.of_labels is not None:
                inner = self.of_labels(truth, prediction)
            else:
                inner = columns.mean_over_labels(self.function, truth, prediction)

        def score(weights: Array) -> Array:
            with np.errstate(all="ignore"):
                values = inner(weights)
            return np.where(np.isfinite(values), values, np.nan)

        return score

    def better(self, a: float, b: float) -> bool:
        """Whether score ``a`` is strictly better than ``b``; any number is better than NaN."""
        if math.isnan(a) or math.isnan(b):
            return math.isnan(b) and not math.isnan(a)
        return a > b if self.greater_is_better else a < b

    def format(self, x: float | None) -> str:
        """A score for people: "97.3%", or four significant digits; "–" for none."""
        if x is None or not math.isfinite(x):
            return "–"
        return f"{100 * x:.1f}%" if self.percent else _digits(x, 4)

    def format_difference(self, x: float) -> str:
        """The size of a difference of two scores: "0.42 points", or two significant digits."""
        if not math.isfinite(x):
            return "–"
        return f"{_digits(100 * abs(x), 2)} points" if self.percent else _digits(abs(x), 2)


def _digits(x: float, significant: int) -> str:
    """``x`` with so many significant digits, without an exponent unless it is tiny."""
    if x == 0:
        return "0"
    if abs(x) < 1e-4:
        return f"{x:.{significant - 1}e}"
    # Rounding may carry into a new digit (9.996 → 10.00), so the exponent is read afterwards.
    exponent = int(f"{x:.{significant - 1}e}".partition("e")[2])
    return f"{x:.{max(significant - 1 - exponent, 0)}f}"


_ONE: Final[tuple[Task, ...]] = ("binary", "multiclass")
_CLASSES: Final[tuple[Task, ...]] = (*_ONE, "multilabel")
_LABELS: Final[tuple[Task, ...]] = ("multilabel",)
_NUMBERS: Final[tuple[Task, ...]] = ("regression",)

METRICS: Final = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("accuracy", _ONE, True, labels.accuracy, percent=True),
            Metric("balanced_accuracy", _CLASSES, True, labels.balanced_accuracy, percent=True),
            Metric("auc", _CLASSES, True, rankings.auc, title="AUC"),
            Metric("average_precision", _CLASSES, True, rankings.average_precision),
            Metric("log_loss", _CLASSES, False, labels.log_loss),
            Metric("brier", _CLASSES, False, labels.brier, title="Brier score"),
            Metric("f1", _CLASSES, True, labels.f1, title="F1"),
            Metric("mcc", _CLASSES, True, labels.mcc, title="MCC"),
            Metric(
                "micro_f1",
                _LABELS,
                True,
                labels.f1,
                title="F1 over all labels",
                of_labels=columns.micro_f1,
            ),
            Metric(
                "exact_match",
                _LABELS,
                True,
                labels.accuracy,
                percent=True,
                title="all labels right",
                of_labels=columns.all_right,
            ),
            Metric("label_accuracy", _LABELS, True, labels.accuracy, percent=True),
            Metric("rmse", _NUMBERS, False, numbers.rmse, title="RMSE"),
            Metric("mae", _NUMBERS, False, numbers.mae, title="MAE"),
            Metric("medae", _NUMBERS, False, numbers.medae, title="median absolute error"),
            Metric("r2", _NUMBERS, True, numbers.r2, title="R²"),
            *(
                Metric(
                    f"pinball_{percent}",
                    _NUMBERS,
                    False,
                    partial(numbers.pinball, percent / 100),
                    title=f"pinball loss at {percent}%",
                )
                for percent in (10, 50, 90)
            ),
        )
    }
)
"""Every metric by name."""

IMBALANCED = 0.8
"""Classes are imbalanced where the commonest one has at least this share of the rows."""


def default_metric(task: Task, counts: Sequence[float] | None = None, targets: int = 1) -> Metric:
    """Accuracy, or balanced accuracy where classes are imbalanced; RMSE for numbers.

    Where the commonest class has 80% of the rows or more, always guessing it is 80% accurate, and
    differences between methods drown in that. A rare class beside several common ones is no reason:
    its recall rests on few test rows, and would make the mean over the classes as noisy. For labels
    it is average precision: most labels are rare, and a threshold on their probabilities would
    decide the score. For several numbers it is R², which their units don't touch.

    Args:
        task: what is predicted.
        counts: training rows of each class; without them, classes count as balanced.
        targets: how many numbers are predicted.

    Example:
        >>> default_metric("binary", [90, 10]).name, default_metric("binary", [60, 40]).name
        ('balanced_accuracy', 'accuracy')
    """
    if task == "regression":
        return METRICS["rmse" if targets == 1 else "r2"]
    if task == "multilabel":
        return METRICS["average_precision"]
    skewed = counts is not None and sum(counts) > 0 and max(counts) >= IMBALANCED * sum(counts)
    return METRICS["balanced_accuracy" if skewed else "accuracy"]


def get_metric(name: str, task: Task) -> Metric:
    """The metric called ``name``.

    Raises:
        InputError: there is no such metric, or it doesn't fit the task.
    """
    fitting = [metric.name for metric in METRICS.values() if task in metric.tasks]
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    if name not in fitting:
        raise InputError(
            f"the metric '{name}' doesn't fit a {task} task",
            accepted=", ".join(fitting),
            advice="Choose one of these, or state the task (--task).",
        )
    return METRICS[name]
