"""scikit-learn's face over a run: fit compares training methods, predict uses the best network."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from methodic import bundle, runs
from methodic.data.conform import conform_target
from methodic.data.dataset import load
from methodic.data.frames import as_frame, as_series
from methodic.evidence.leaderboard import Leaderboard
from methodic.recipes.types import Recipe


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    _task: str

    def __init__(
        self,
        budget: str | float = "60s",
        steps: int | None = None,
        recipes: Sequence[str | Path | Recipe] | None = None,
        metric: str | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.budget = budget
        self.steps = steps
        self.recipes = recipes
        self.metric = metric
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Compare training methods on the rows of X within the budget, and keep the best network.

        Args:
            X: [rows, columns], an array or a frame with numbers and categories.
            y: [rows].
        """
        data = load(X, y, task=self._task, name="data")
        folder = Path(tempfile.mkdtemp(prefix="methodic-"))
        try:
            out = folder / "run"
            if self.steps is not None:
                first = "adamw_cosine" if not self.recipes else self.recipes[0]
                done = runs.train_method(
                    data,
                    first,
                    steps=self.steps,
                    metric=self.metric,
                    seed=self.random_state,
                    out=out,
                )
            else:
                done = runs.run(
                    data,
                    budget=self.budget,
                    recipes=self.recipes,
                    metric=self.metric,
                    seed=self.random_state,
                    workers=self.n_jobs,
                    out=out,
                )
            self.leaderboard_: Leaderboard | None = done.leaderboard
            self.bundle_ = bundle.load(out)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.n_features_in_ = as_frame(X).width
        self._learn_classes(y)
        return self

    def _learn_classes(self, y: Any) -> None:
        """Regression has none."""

    def _outputs(self, X: Any) -> npt.NDArray[np.float64]:
        check_is_fitted(self, "bundle_")
        predicted = self.bundle_.predicted(as_frame(X))
        array: npt.NDArray[np.float64] = predicted.double().numpy()
        return array


class MethodicClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier that chooses its own training method.

    Args:
        budget: wall time of fit, as seconds or "60s", "2m".
        steps: instead of a budget: train one method (the first of ``recipes``, or adamw_cosine)
            for so many steps.
        recipes: methods to compare; default those of the library that fit the data and the budget.
        metric: see `methodic.metrics`; default accuracy.
        random_state: seed of everything.
        n_jobs: worker processes; default one for each core.

    Attributes:
        classes_: the classes, in the order of `predict_proba`'s columns.
        leaderboard_: the ranking of the methods.
        bundle_: the trained network.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> MethodicClassifier(steps=200).fit(X, y).score(X, y) > 0.9
        True
    """

    _task = "classification"

    def _learn_classes(self, y: Any) -> None:
        schema, values = self.bundle_.encoders.schema, np.asarray(y)
        names = conform_target(as_series(y, schema.target), schema)
        by_name = dict(zip(names, values, strict=True))
        self.classes_ = np.array([by_name[name] for name in schema.classes], dtype=values.dtype)

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Probability of each class: [rows, classes]."""
        return self._outputs(X)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each row."""
        likeliest = self._outputs(X).argmax(axis=1)
        chosen: npt.NDArray[Any] = self.classes_[likeliest]
        return chosen


class MethodicRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor that chooses its own training method; arguments as for `MethodicClassifier`."""

    _task = "regression"

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """The predicted number of each row."""
        return self._outputs(X)[:, 0]
