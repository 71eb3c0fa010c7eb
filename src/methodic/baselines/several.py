"""One model for each label or target, where a kind of model predicts one thing only.

Shapes: N rows, C labels or targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from methodic.baselines.job import Array


class Each:
    """Models side by side, or a probability where all training rows agreed on a label.

    Args:
        models: of each label or target; a float in place of a model is its answer for every row.
    """

    def __init__(self, models: list[Any]) -> None:
        self.models = models

    def probabilities(self, x: Any) -> Array:
        """Of each label, [N, C]."""
        return self._stacked(x, lambda model: model.predict_proba(x)[:, 1])

    def numbers(self, x: Any) -> Array:
        """Of each target, [N, C]."""
        return self._stacked(x, lambda model: model.predict(x))

    def _stacked(self, x: Any, answer: Callable[[Any], Array]) -> Array:
        columns = [
            np.full(x.shape[0], model) if isinstance(model, float) else answer(model)
            for model in self.models
        ]
        return np.stack(columns, axis=1)

    @property
    def fitted(self) -> list[Any]:
        """The models that are more than a number."""
        return [model for model in self.models if not isinstance(model, float)]


def of_labels(y: Array, fit: Callable[[int, Array], Any]) -> Each:
    """A model for each label.

    Args:
        y: labels int [N, C], 0 or 1.
        fit: (which label, its column) → a fitted classifier.
    """
    models: list[Any] = []
    for i, column in enumerate(y.T):
        same = column.min() == column.max()
        models.append(float(column[0]) if same else fit(i, column))
    return Each(models)


def of_numbers(y: Array, fit: Callable[[int, Array], Any]) -> Each:
    """A model for each target, of y [N, T]; ``fit`` as in `of_labels`, of a regression."""
    return Each([fit(i, column) for i, column in enumerate(y.T)])
