"""Honest rivals of another kind: a constant, a linear model, gradient boosting.

Shapes: N rows, D numeric columns, Dc categorical columns, C outputs (one per class, or 1 number).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from methodic.baselines.boosting import fit_boosting, seconds_per_iteration
from methodic.baselines.job import Array, Fitted, Job, Rows, calm, size
from methodic.baselines.linear import fit_linear
from methodic.metrics import Metric
from methodic.plan import BaselinePlan, Task

__all__ = ["BaselineResult", "Rows", "calm", "fit", "plan_baselines"]

_TREES = (10, 1000)  # fewest and most iterations of gradient boosting
_BEST = {
    "mae": ("median", 0.5),
    "medae": ("median", 0.5),
    "pinball_10": ("lower tenth", 0.1),
    "pinball_50": ("median", 0.5),
    "pinball_90": ("upper tenth", 0.9),
}
"""The quantile which a metric wants, where it isn't the mean."""


@dataclass(frozen=True)
class BaselineResult:
    """What a baseline measured.

    Args:
        validation: the metric's name → score, and "loss": log loss, or the mean squared error
            divided by the variance of the training target. NaN where undefined.
        predictions: of the test rows, [N, C]: probabilities of classes or labels, or numbers.
        seconds: fitting and predicting, tuning included.
        model: what was fitted.
    """

    validation: dict[str, float]
    predictions: Array
    seconds: float
    model: Fitted

    @property
    def about(self) -> str:
        """One line: which model, which settings."""
        return self.model.about


def plan_baselines(
    task: Task, rows: int, columns: int, classes: int, seconds: float
) -> tuple[BaselinePlan, ...]:
    """The baselines of a run: constant, linear, gradient boosting.

    The iterations of gradient boosting are what fits into ``seconds`` at the speed of a short fit
    on random numbers of this shape, measured here and now (fully grown trees, so it is rarely
    slower); between 10 and 1000.

    Args:
        task: of the data.
        rows: training rows.
        columns: numeric and categorical ones together.
        classes: of the target, labels, or predicted numbers.
        seconds: for gradient boosting, in one thread.
    """
    each = seconds_per_iteration(task, rows, max(columns, 1), classes)
    fewest, most = _TREES
    iterations = int(min(max(seconds / each, fewest), most))
    return (
        BaselinePlan(kind="constant"),
        BaselinePlan(kind="linear"),
        BaselinePlan(kind="gradient_boosting", iterations=iterations),
    )


def fit(
    plan: BaselinePlan,
    task: Task,
    train: Rows,
    validation: Rows,
    test: Rows,
    metric: Metric,
    classes: int,
    threads: int = 1,
) -> BaselineResult:
    """Fit one baseline, its settings chosen on validation rows; twice the same gives the same.

    Args:
        plan: which one.
        task: of the data.
        train, validation, test: rows; the test targets aren't read.
        metric: what is tuned for and reported.
        classes: C: classes, labels, or numbers.
        threads: at most so many.

    Raises:
        InputError: the training rows hold fewer than two classes.
    """
    job = Job(plan, task, train, validation, metric, classes)
    models = {"constant": _constant, "linear": fit_linear, "gradient_boosting": fit_boosting}
    start = time.perf_counter()
    with calm(threads):
        model = models[plan.kind](job)
        on_validation, on_test = model.predict(validation), model.predict(test)
    seconds = time.perf_counter() - start
    scores = {
        metric.name: job.score(on_validation),
        "loss": job.loss(on_validation),
    }
    return BaselineResult(scores, on_test, seconds, model)


def _constant(job: Job) -> Fitted:
    """The frequencies of classes or labels; or the one number that scores best, by the metric."""
    weight = job.train.weight
    if job.task == "multilabel":
        answer = np.average(job.y, axis=0, weights=weight)
        about = "always the labels that most rows have"
    elif job.task != "regression":
        total = len(job.y) if weight is None else weight.sum()
        answer = np.bincount(job.y, weight, minlength=job.classes) / total
        about = "always the most frequent class"
    else:
        name, share = _BEST.get(job.metric.name, ("mean", None))
        if share is None:
            answer = np.atleast_1d(np.average(job.y, axis=0, weights=weight))
        else:
            answer = _quantiles(job.y.reshape(len(job.y), -1), share, weight)
        about = f"always the {name} of the training rows"
    return Fitted(
        predict=lambda rows: np.tile(answer, (len(rows.target), 1)),
        about=about,
        bytes=size(answer),
        parameters=answer.size,
    )


def _quantiles(y: Array, share: float, weight: Array | None) -> Array:
    """Of each column of [N, T]."""
    if weight is None:
        return np.atleast_1d(np.quantile(y, share, axis=0, method="averaged_inverted_cdf"))
    columns = [np.quantile(c, share, method="inverted_cdf", weights=weight) for c in y.T]
    return np.array(columns)
