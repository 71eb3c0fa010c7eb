"""Logistic and ridge regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from methodic.baselines.job import Array, Fitted, Job, kinds, matrix, size

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
    part = _tuning_part(*x.shape)
    best, best_score, chosen = None, math.nan, 0.0
    for strength in _PENALTIES if job.task == "regression" else _STRENGTHS:
        model = _fitted_linear(job, strength, x[part], part)
        score = job.metric.score(job.validation.target, _linear_output(job, model, x_validation))
        if best is None or job.metric.better(score, best_score):
            best, best_score, chosen = model, score, strength
    if len(part) < len(job.y):
        best = _fitted_linear(job, chosen, x, np.arange(len(job.y)))
    if job.task == "regression":
        about = f"ridge regression, alpha = {chosen:g}"
    else:
        about = f"logistic regression, C = {chosen:g}"
        if best is not None and (best.n_iter_ >= best.max_iter).any():
            about += f", stopped after {best.max_iter} iterations"
    return Fitted(
        predict=lambda rows: _linear_output(job, best, encoder.transform(matrix(rows))),
        about=about,
        bytes=size(encoder, best),
        parameters=0 if best is None else np.size(best.coef_) + np.size(best.intercept_),
    )


def _tuning_part(rows: int, columns: int) -> Array:
    """Indices of the rows on which the penalty is chosen: all of them, unless they are many."""
    most = max(_TUNING_VALUES // columns, 1000)
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).permutation(rows)[:most])


def _fitted_linear(job: Job, strength: float, x: Any, rows: Array) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if job.task == "regression":
        return Ridge(alpha=strength).fit(x, job.standardised(job.train)[rows])
    size = x.nnz if hasattr(x, "nnz") else x.size
    iterations = int(np.clip(_WORK / (4.0 * max(size, 1) * job.classes), 20, 300))
    return LogisticRegression(C=strength, max_iter=iterations).fit(x, job.y[rows])


def _linear_output(job: Job, model: Any, x: Any) -> Array:
    if job.task == "regression":
        return job.numbers(model.predict(x))
    return job.probabilities(model, x)
