"""Logistic and ridge regression; labels have a logistic regression each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from methodic.baselines.job import Array, Fitted, Job, kinds, matrix, size
from methodic.baselines.several import Each, of_labels

_STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # C of the logistic regression, strongest penalty first
_PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)  # alpha of the ridge regression, likewise
_TUNING_VALUES = 4_000_000  # rows × columns on which the strength of the penalty is chosen
_WORK = 5e9  # multiplications of one logistic regression: a few seconds in one thread


def fit_linear(job: Job) -> Fitted:
    """Logistic or ridge regression on standardised numbers and one-hot categories.

    Missing numbers become the median of the training rows. The strength of the penalty is the best
    of a few on validation rows, chosen on a part of the training rows where these are many; equal
    scores take the stronger one.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

    job.need_classes()
    numeric, categorical = kinds(job.train)
    # Dividing by the largest number first keeps the squares of huge ones finite.
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), MaxAbsScaler(), StandardScaler()
    )
    encoder = ColumnTransformer(
        [
            ("numeric", numbers, numeric),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), categorical),
        ]
    )
    x = encoder.fit_transform(matrix(job.train))
    x_validation = encoder.transform(matrix(job.validation))
    part = _tuning_part(job, *x.shape)
    best, best_score, chosen = None, math.nan, 0.0
    for strength in _PENALTIES if job.task == "regression" else _STRENGTHS:
        model = _fitted_linear(job, strength, x[part], part)
        score = job.score(_linear_output(job, model, x_validation))
        if best is None or job.metric.better(score, best_score):
            best, best_score, chosen = model, score, strength
    if len(part) < len(job.y):
        best = _fitted_linear(job, chosen, x, np.arange(len(job.y)))
    if job.task == "regression":
        about = f"ridge regression, alpha = {chosen:g}"
    else:
        about = f"logistic regression, C = {chosen:g}"
        stopped = [m.max_iter for m in _models(best) if (m.n_iter_ >= m.max_iter).any()]
        if stopped:
            about += f", stopped after {stopped[0]} iterations"
    return Fitted(
        predict=lambda rows: _linear_output(job, best, encoder.transform(matrix(rows))),
        about=about,
        bytes=size(encoder, best),
        parameters=sum(np.size(m.coef_) + np.size(m.intercept_) for m in _models(best)),
    )


def _tuning_part(job: Job, rows: int, columns: int) -> Array:
    """Indices of the rows on which the penalty is chosen: all of them, unless they are many.

    Of each class there is a row at least: a rare one may not be among those drawn.
    """
    most = max(_TUNING_VALUES // columns, 1000)
    if rows <= most:
        return np.arange(rows)
    drawn = np.random.default_rng(0).permutation(rows)[:most]
    classes = job.task in ("binary", "multiclass")
    firsts = np.unique(job.y, return_index=True)[1] if classes else drawn[:0]
    return np.union1d(drawn, firsts)


def _fitted_linear(job: Job, strength: float, x: Any, rows: Array) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    weight = None if job.train.weight is None else job.train.weight[rows]
    if job.task == "regression":
        return Ridge(alpha=strength).fit(x, job.standardised(job.train)[rows], weight)
    size = x.nnz if hasattr(x, "nnz") else x.size
    iterations = int(np.clip(_WORK / (4.0 * max(size, 1) * job.classes), 20, 300))

    def fitted(_: int, y: Array) -> Any:
        return LogisticRegression(C=strength, max_iter=iterations).fit(x, y, weight)

    return of_labels(job.y[rows], fitted) if job.several else fitted(0, job.y[rows])


def _models(model: Any) -> list[Any]:
    """The models of all labels, or the only one."""
    return model.fitted if isinstance(model, Each) else [model]


def _linear_output(job: Job, model: Any, x: Any) -> Array:
    if job.task == "regression":
        return job.numbers(model.predict(x))
    return model.probabilities(x) if isinstance(model, Each) else job.probabilities(model, x)
