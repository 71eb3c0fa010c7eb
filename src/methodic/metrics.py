"""Scores of predictions, by task.

Shapes: N rows, C classes (2 for a binary task). Predictions of classes are probabilities [N, C],
predictions of numbers are [N, 1]; the truth is int [N] or float [N] (or [N, 1]).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from methodic.errors import InputError, unknown
from methodic.plan import Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A score, the tasks it fits and how it is shown.

    Args:
        name: as in ``--metric``.
        tasks: where it is defined.
        greater_is_better: True for scores, False for errors.
        function: (truth [N], prediction float64 [N, C]) → number; NaN where it is undefined.
        percent: shown as a percentage; differences are then percentage points.
    """

    name: str
    tasks: tuple[Task, ...]
    greater_is_better: bool
    function: Callable[[Array, Array], float]
    percent: bool = False

    def score(self, truth: Array, prediction: Array) -> float:
        """The score; NaN without rows, for predictions that aren't finite, or where undefined.

        Args:
            truth: classes int [N] or numbers [N] or [N, 1].
            prediction: probabilities [N, C] or numbers [N, 1].

        Example:
            >>> get_metric("accuracy", "binary").score(np.array([1, 0]), np.array([[0, 1], [0, 1]]))
            0.5
        """
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        if prediction.ndim != 2 or truth.size != len(prediction):
            raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} don't fit")
        if not len(prediction) or not np.isfinite(prediction).all():
            return math.nan
        with np.errstate(all="ignore"):  # overflow becomes inf, and that becomes NaN
            value = float(self.function(truth.reshape(-1), prediction.astype(np.float64)))
        return value if math.isfinite(value) else math.nan

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


def _accuracy(truth: Array, prediction: Array) -> float:
    return float(np.mean(prediction.argmax(axis=1) == truth))


def _balanced_accuracy(truth: Array, prediction: Array) -> float:
    """Mean recall of the classes that occur in ``truth``."""
    from sklearn.metrics import recall_score

    return float(
        recall_score(
            truth,
            prediction.argmax(axis=1),
            labels=np.unique(truth),
            average="macro",
            zero_division=0,
        )
    )


def _auc(truth: Array, prediction: Array) -> float:
    """Area under the ROC curve: of class 1, or each class against the rest, averaged.

    With more than two classes the mean is over those that occur in ``truth``, equally weighted: the
    curve of an absent class is undefined. With one class only, everything is: NaN.
    """
    from sklearn.metrics import roc_auc_score

    present = np.unique(truth)
    if len(present) < 2:
        return math.nan
    if prediction.shape[1] == 2:
        return float(roc_auc_score(truth, prediction[:, 1]))
    areas = [roc_auc_score(truth == c, prediction[:, c]) for c in present]
    return float(np.mean(areas))


def _log_loss(truth: Array, prediction: Array) -> float:
    """− mean log probability of the true class; a probability of 0 counts as 2.2e-16."""
    chosen = prediction[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0))))


def _f1(truth: Array, prediction: Array) -> float:
    """F1 of class 1; with more than two classes the mean over those in truth or prediction."""
    from sklearn.metrics import f1_score

    average = "binary" if prediction.shape[1] == 2 else "macro"
    return float(f1_score(truth, prediction.argmax(axis=1), average=average, zero_division=0))


def _rmse(truth: Array, prediction: Array) -> float:
    difference = prediction[:, 0] - truth
    return math.sqrt(np.mean(difference * difference))


def _mae(truth: Array, prediction: Array) -> float:
    return float(np.mean(np.abs(prediction[:, 0] - truth)))


def _r2(truth: Array, prediction: Array) -> float:
    """1 − residual ÷ total sum of squares; NaN where the truth doesn't vary."""
    from sklearn.metrics import r2_score

    if len(truth) < 2 or np.ptp(truth) == 0:
        return math.nan
    return float(r2_score(truth, prediction[:, 0]))


_CLASSES: Final[tuple[Task, ...]] = ("binary", "multiclass")
_NUMBERS: Final[tuple[Task, ...]] = ("regression",)

METRICS: Final = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("accuracy", _CLASSES, True, _accuracy, percent=True),
            Metric("balanced_accuracy", _CLASSES, True, _balanced_accuracy, percent=True),
            Metric("auc", _CLASSES, True, _auc),
            Metric("log_loss", _CLASSES, False, _log_loss),
            Metric("f1", _CLASSES, True, _f1),
            Metric("rmse", _NUMBERS, False, _rmse),
            Metric("mae", _NUMBERS, False, _mae),
            Metric("r2", _NUMBERS, True, _r2),
        )
    }
)
"""Every metric by name."""


def default_metric(task: Task) -> Metric:
    """Accuracy for classes, root mean squared error for numbers."""
    return METRICS["rmse" if task == "regression" else "accuracy"]


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
