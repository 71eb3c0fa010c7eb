"""Histogram gradient boosting, and how many trees a budget buys."""

from __future__ import annotations

import inspect
import time
from typing import Any

import numpy as np

from methodic.baselines.job import Array, Fitted, Job, Rows, calm, kinds, matrix, size
from methodic.baselines.several import Each, of_labels, of_numbers
from methodic.plan import Task

_PROBE_ROWS = (500, 2000)
_PROBE_TREES = (8, 32, 128)  # beside the first one
_MOST_CATEGORIES = 254  # histograms have 255 bins, and one is for missing values


def seconds_per_iteration(task: Task, rows: int, columns: int, classes: int) -> float:
    """Measured on random numbers: a cost per tree, and a cost that grows with the rows.

    Trees on random numbers are fully grown, so real ones are rarely slower.
    """
    trees = 1 if task == "binary" else classes
    few, many = (min(max(rows, 50), n) for n in _PROBE_ROWS)
    with calm(1):
        small = _probe(few, columns)
        slope = (_probe(many, columns) - small) / (many - few) if many > few else 0.0
    return trees * (small + max(slope, 0.0) * (rows - few))


def _probe(rows: int, columns: int) -> float:
    """Seconds of one more tree; of two fits the faster was disturbed less.

    A fit costs much before its first tree. What is added by a few trees may be less than what other
    programs add, so there are as many as add half of it.
    """
    random = np.random.default_rng(0)
    x, y = random.normal(size=(rows, columns)), random.normal(size=rows)

    def best(trees: int) -> float:
        model = _boosting("regression", trees, [], early_stopping=False)
        taken = []
        for _ in range(2):
            start = time.perf_counter()
            model.fit(x, y)
            taken.append(time.perf_counter() - start)
        return min(taken)

    alone, more, longer = best(1), 0, 0.0
    for more in _PROBE_TREES:
        longer = best(1 + more)
        if longer > 1.5 * alone:
            break
    return max((longer - alone) / more, 1e-5)


def fit_boosting(job: Job) -> Fitted:
    """Histogram gradient boosting, stopped early by the validation rows.

    A column of more than 254 categories is taken for numbers; an unseen category counts as missing.
    Each label, and each of several targets, has a model of its own.
    """
    job.need_classes()
    columns = _Histogram(job.train)
    x, x_validation = columns(job.train), columns(job.validation)
    y, y_validation = job.y, job.targets(job.validation)
    if job.task == "regression":
        y, y_validation = job.standardised(job.train), job.standardised(job.validation)

    def fitted(at: int, mine: Array) -> Any:
        validation = y_validation[:, at] if job.several else y_validation
        return _fitted(job, columns.categorical, x, mine, x_validation, validation)

    if not job.several:
        model = fitted(0, y)
    else:
        model = of_numbers(y, fitted) if job.task == "regression" else of_labels(y, fitted)
    models = model.fitted if isinstance(model, Each) else [model]
    taken = sorted({each.n_iter_ for each in models} or {0})
    rate = f", learning rate {models[0].learning_rate:g}" if models else ""
    about = (
        f"histogram gradient boosting, {' to '.join(map(str, {taken[0]: 0, taken[-1]: 0}))} "
        f"iterations of at most {job.plan.iterations}{rate}"
    )

    def predict(rows: Rows) -> Array:
        found = columns(rows)
        if job.task == "regression":
            several = isinstance(model, Each)
            return job.numbers(model.numbers(found) if several else model.predict(found))
        if isinstance(model, Each):
            return model.probabilities(found)
        return job.probabilities(model, found)

    return Fitted(predict, about, size(columns, model))


def _fitted(
    job: Job, categorical: list[int], x: Array, y: Array, x_validation: Array, y_validation: Array
) -> Any:
    """One model of one target, stopped early by the validation rows."""
    weight, theirs = job.train.weight, job.validation.weight
    if job.task != "regression":
        known = np.isin(y_validation, y)
        x_validation, y_validation = x_validation[known], y_validation[known]
        theirs = None if theirs is None else theirs[known]
    model = _boosting(job.task, job.plan.iterations, categorical, early_stopping=True)
    if "X_val" in inspect.signature(model.fit).parameters and len(y_validation):
        rest = {} if theirs is None else {"sample_weight_val": theirs}
        return model.fit(x, y, weight, X_val=x_validation, y_val=y_validation, **rest)
    # scikit-learn before 1.7 can only hold out some of the training rows, of each class.
    if job.task != "regression" and np.bincount(y)[np.unique(y)].min() < 2:
        model.set_params(early_stopping=False)
    return model.fit(x, y, weight)


def _boosting(task: Task, iterations: int, categorical: list[int], *, early_stopping: bool) -> Any:
    """Few trees need larger steps."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return kind(
        max_iter=max(iterations, 1),
        learning_rate=0.1 if iterations >= 300 else 0.2,
        categorical_features=categorical or None,
        early_stopping=early_stopping,
        random_state=0,
    )


class _Histogram:
    """The columns as histograms take them, by what the training rows hold.

    Columns without any number are left out; categories are counted from 0.
    """

    def __init__(self, train: Rows) -> None:
        x = matrix(train)
        numeric, categorical = kinds(train)
        self._codes = {i: np.unique(x[:, i]) for i in categorical}
        self._codes = {i: c for i, c in self._codes.items() if len(c) <= _MOST_CATEGORIES}
        filled: Array = np.asarray(np.isfinite(x).any(axis=0))
        self._kept = [i for i in numeric + categorical if filled[i]]
        self.categorical = [at for at, i in enumerate(self._kept) if i in self._codes]

    def __call__(self, rows: Rows) -> Array:
        x = matrix(rows)
        for i, codes in self._codes.items():
            at = np.searchsorted(codes, x[:, i]).clip(max=len(codes) - 1)
            x[:, i] = np.where(codes[at] == x[:, i], at, np.nan)
        return x[:, self._kept] if self._kept else np.zeros((len(x), 1))
