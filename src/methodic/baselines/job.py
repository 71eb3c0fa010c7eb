"""What every baseline is given: rows, and a job that knows the task, the target and the judge.

Shapes: N rows, D numeric and Dc categorical columns, T targets, C outputs: classes, labels or T.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import dumps
from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.errors import InputError
from methodic.metrics import METRICS, Metric
from methodic.plan import BaselinePlan, Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Rows as they were read, before any encoder.

    Args:
        numeric: float [N, D], NaN where missing; None without such columns.
        categorical: codes int [N, Dc], each column with its own; a code that isn't among the
            training rows is unseen.
        target: classes int [N], labels int [N, C], or numbers [N] or [N, T].
        weight: of each row [N], above 0; none: all count alike.
    """

    numeric: Array | None
    categorical: Array | None
    target: Array
    weight: Array | None = None


Predict = Callable[[Rows], Array]
"""Rows → probabilities or numbers [N, C]."""


@dataclass(frozen=True)
class Fitted:
    """A fitted baseline.

    Args:
        predict: for rows like those of training.
        about: one line: which model, which settings.
        bytes: that the model takes.
        parameters: numbers that were fitted; 0 where the word has no meaning.
    """

    predict: Predict
    about: str
    bytes: int
    parameters: int = 0


def size(*parts: object) -> int:
    """Bytes of what predicts, pickled: written to be counted, and never read."""
    return len(dumps(parts))


@contextmanager
def calm(threads: int) -> Iterator[None]:
    """At most so many threads, and no warnings: the ones that matter are told in ``about``."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class Job:
    """What is to be fitted, on what, and how it is judged."""

    def __init__(
        self,
        plan: BaselinePlan,
        task: Task,
        train: Rows,
        validation: Rows,
        metric: Metric,
        classes: int,
    ) -> None:
        self.plan, self.task, self.metric, self.classes = plan, task, metric, classes
        self.train, self.validation = train, validation
        self.y = self.targets(train)
        self.center: Array = np.zeros(())
        self.spread: Array = np.ones(())
        if task == "regression":
            self.center, spread = np.asarray(self.y.mean(axis=0)), self.y.std(axis=0)
            self.spread = np.where(spread == 0, 1.0, spread)

    @property
    def several(self) -> bool:
        """There are several targets, or labels."""
        return self.y.ndim == 2

    @staticmethod
    def targets(rows: Rows) -> Array:
        """[N], of labels and several targets [N, C]."""
        wide = rows.target.ndim == 2 and rows.target.shape[1] > 1
        return rows.target if wide else rows.target.reshape(-1)

    def score(self, prediction: Array) -> float:
        """The metric of a prediction of the validation rows."""
        return self.metric.score(self.validation.target, prediction, self.validation.weight)

    def need_classes(self) -> None:
        if self.task in ("binary", "multiclass") and len(np.unique(self.y)) < 2:
            raise InputError(
                "the training rows hold one class only", accepted="at least two classes"
            )

    def standardised(self, rows: Rows) -> Array:
        """The targets of a regression, on the scale of the training rows: [N] or [N, T]."""
        scaled: Array = (self.targets(rows) - self.center) / self.spread
        return scaled

    def numbers(self, standardised: Array) -> Array:
        """Predictions [N, T] in the units of the targets."""
        wide = standardised if self.several else standardised.reshape(-1, 1)
        values: Array = wide.astype(np.float64) * self.spread + self.center
        return values

    def probabilities(self, model: Any, x: Any) -> Array:
        """Probabilities [N, C]; 0 for classes that the training rows don't hold."""
        found = np.zeros((x.shape[0], self.classes))
        found[:, model.classes_] = model.predict_proba(x)
        return found

    def loss(self, prediction: Array) -> float:
        """What networks are told as their loss, too, on validation rows."""
        validation = self.validation
        if self.task != "regression":
            return METRICS["log_loss"].score(validation.target, prediction, validation.weight)
        truth = self.targets(validation).reshape(len(prediction), -1)
        errors = [
            METRICS["rmse"].score(truth[:, t], prediction[:, t : t + 1], validation.weight)
            for t in range(truth.shape[1])
        ]
        spreads = np.atleast_1d(self.spread).tolist()
        squares = [(error / spread) ** 2 for error, spread in zip(errors, spreads, strict=True)]
        return float(sum(squares) / len(squares))


def matrix(rows: Rows) -> Array:
    """All columns as float64 [N, D + Dc]; a column of zeros where there are none."""
    parts = [part for part in (rows.numeric, rows.categorical) if part is not None]
    if not sum(part.shape[1] for part in parts):
        parts = [np.zeros((len(rows.target), 1))]
    return np.concatenate([part.astype(np.float64) for part in parts], axis=1)


def kinds(rows: Rows) -> tuple[list[int], list[int]]:
    """Which columns of `matrix` are numeric, and which are categorical."""
    categorical = 0 if rows.categorical is None else rows.categorical.shape[1]
    numeric = matrix(rows).shape[1] - categorical
    return list(range(numeric)), list(range(numeric, numeric + categorical))
