"""A random search over settings of scikit-learn's models, for as long as there is time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Space = Mapping[str, Callable[[np.random.Generator], Any]]


def _log(low: float, high: float) -> Callable[[np.random.Generator], float]:
    return lambda g: float(np.exp(g.uniform(np.log(low), np.log(high))))


def _one(*values: Any) -> Callable[[np.random.Generator], Any]:
    return lambda g: values[int(g.integers(len(values)))]


STOPPED = {"early_stopping": True, "max_iter": 1000}

SPACES: dict[str, tuple[dict[str, Any], Space]] = {
    # what the first trial has, and all others keep; what others draw
    "boosting": (
        STOPPED,
        {
            "learning_rate": _log(0.02, 0.3),
            "max_leaf_nodes": _one(7, 15, 31, 63, 127),
            "min_samples_leaf": _one(5, 10, 20, 50, 100),
            "l2_regularization": _one(0.0, 0.1, 1.0, 10.0),
            "max_features": _one(0.5, 0.75, 1.0),
        },
    ),
    "mlp": (
        {},
        {
            "hidden_layer_sizes": _one((100,), (256,), (128, 128), (256, 256), (64, 64, 64)),
            "learning_rate_init": _log(3e-4, 1e-2),
            "alpha": _log(1e-6, 1e-1),
            "batch_size": _one(32, 64, 128, 256),
        },
    ),
}


class Searched:
    """Fits settings one after the other on 85% of the rows; the rest choose the best.

    Args:
        made: settings → a model.
        space: see `SPACES`.
        seconds: of all fits together; the first one, with the library's defaults, is always made.
        seed: of the search.
    """

    def __init__(
        self, made: Callable[[dict[str, Any]], Any], space: Any, seconds: float, seed: int
    ) -> None:
        self._made, (self._kept, self._drawn) = made, space
        self._seconds, self._seed = seconds, seed
        self.tried = 0

    def fit(self, x: Any, y: Any) -> Searched:
        """Search; the best model of all is kept as it is."""
        from sklearn.model_selection import train_test_split

        stratify = y if len(np.unique(y)) <= 20 else None
        fit, kept, fit_y, kept_y = train_test_split(
            x, y, test_size=0.15, random_state=self._seed, stratify=stratify
        )
        generator = np.random.default_rng(self._seed)
        started, longest, best = time.perf_counter(), 0.0, -np.inf
        while self.tried == 0 or time.perf_counter() - started + longest < self._seconds:
            begun = time.perf_counter()
            drawn = {k: draw(generator) for k, draw in self._drawn.items()} if self.tried else {}
            model = self._made({**self._kept, **drawn})
            model.fit(fit, fit_y)
            score = self._score(model, kept, kept_y)
            if score > best:
                best, self._model = score, model
            self.tried += 1
            longest = max(longest, time.perf_counter() - begun)
        return self

    def _score(self, model: Any, x: Any, y: Any) -> float:
        """The likelihood of classes, R² of numbers: both are finer than what is compared."""
        if not hasattr(model, "predict_proba"):
            return float(model.score(x, y))
        from sklearn.metrics import log_loss

        return -float(log_loss(y, model.predict_proba(x), labels=model.classes_))

    @property
    def classes_(self) -> Any:
        """Of the best model."""
        return self._model.classes_

    def predict(self, x: Any) -> Any:
        """By the best model."""
        return self._model.predict(x)

    def predict_proba(self, x: Any) -> Any:
        """By the best model."""
        return self._model.predict_proba(x)
