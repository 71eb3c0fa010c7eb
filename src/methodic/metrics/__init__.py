"""Scores of predictions, by task.

Shapes: N rows, C classes (2 for a binary task), B sets of weights. Predictions of classes are
probabilities [N, C], predictions of numbers are [N, 1]; the truth is int [N] or float [N] (or
[N, 1]). Every score is defined for weighted rows; without weights each row counts 1.
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
from methodic.metrics import labels, numbers, rankings
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
    """

    name: str
    tasks: tuple[Task, ...]
    greater_is_better: bool
    function: Callable[[Array, Array], Scorer]
    percent: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " "))

    def score(self, truth: Array, prediction: Array) -> float:
        """The score; NaN without rows, for predictions that aren't finite, or where undefined.

        Args:
            truth: classes int [N] or numbers [N] or [N, 1].
            prediction: probabilities [N, C] or numbers [N, 1].

        Example:
            >>> get_metric("accuracy", "binary").score(np.array([1, 0]), np.array([[0, 1], [0, 1]]))
            0.5
        """
        return float(self.scorer(truth, prediction)(np.ones((len(prediction), 1)))[0])

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
        if prediction.ndim != 2 or truth.size != len(prediction):
            raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} don't fit")
        if not len(prediction) or not np.isfinite(prediction).all():
            return lambda weights: np.full(weights.shape[1], np.nan)
        with np.errstate(all="ignore"):  # overflow becomes inf, and that becomes NaN
            inner = self.function(truth.reshape(-1), prediction.astype(np.float64))

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


_CLASSES: Final[tuple[Task, ...]] = ("binary", "multiclass")
_NUMBERS: Final[tuple[Task, ...]] = ("regression",)

METRICS: Final = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("accuracy", _CLASSES, True, labels.accuracy, percent=True),
            Metric("balanced_accuracy", _CLASSES, True, labels.balanced_accuracy, percent=True),
            Metric("auc", _CLASSES, True, rankings.auc, title="AUC"),
            Metric("average_precision", _CLASSES, True, rankings.average_precision),
            Metric("log_loss", _CLASSES, False, labels.log_loss),
            Metric("brier", _CLASSES, False, labels.brier, title="Brier score"),
            Metric("f1", _CLASSES, True, labels.f1, title="F1"),
            Metric("mcc", _CLASSES, True, labels.mcc, title="MCC"),
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


def default_metric(task: Task, counts: Sequence[int] | None = None) -> Metric:
    """Accuracy, or balanced accuracy where classes are imbalanced; RMSE for numbers.

    Where the commonest class has 80% of the rows or more, always guessing it is 80% accurate, and
    differences between methods drown in that. A rare class beside several common ones is no reason:
    its recall rests on few test rows, and would make the mean over the classes as noisy.

    Args:
        task: what is predicted.
        counts: training rows of each class; without them, classes count as balanced.

    Example:
        >>> default_metric("binary", [90, 10]).name, default_metric("binary", [60, 40]).name
        ('balanced_accuracy', 'accuracy')
    """
    if task == "regression":
        return METRICS["rmse"]
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
