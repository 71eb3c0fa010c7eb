"""scikit-learn's face over a run: fit compares training methods, predict uses the best network.

What scikit-learn expects of an estimator is kept, tag by tag (`sklearn.utils.estimator_checks`);
tests/test_estimators_contract.py runs all of it, and lists what can't hold.
"""

from __future__ import annotations

import contextlib
import copy
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from methodic import bundle, runs
from methodic.data.columns.conform import conform_target
from methodic.data.dataset import DataSet
from methodic.data.frames import as_frame, as_series
from methodic.data.loading import load
from methodic.data.parallel import processors
from methodic.errors import InputError
from methodic.evidence.leaderboard import Leaderboard
from methodic.recipes.types import Recipe

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

FEW = 50
"""With fewer rows, training for a number of steps holds none of them out."""


class BadDataError(InputError, ValueError):
    """Data that can't be used, as the ValueError that scikit-learn's tools expect."""

    def __reduce__(self) -> tuple[object, ...]:
        return (_bad, (self.problem, self.found, self.accepted, self.advice))


def _bad(problem: str, found: Any, accepted: Any, advice: str | None) -> BadDataError:
    return BadDataError(problem, found=found, accepted=accepted, advice=advice)


@contextlib.contextmanager
def _as_value_errors() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise _bad(error.problem, error.found, error.accepted, error.advice) from None


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    _task: str

    def __init__(
        self,
        budget: str | float = "60s",
        steps: int | None = None,
        recipes: Sequence[str | Path | Recipe] | None = None,
        metric: str | None = None,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.budget = budget
        self.steps = steps
        self.recipes = recipes
        self.metric = metric
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # a missing value
        tags.input_tags.string = True  # a category
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Compare training methods on the rows of X within the budget, and keep the best network.

        Args:
            X: [rows, columns], an array or a frame with numbers and categories; NaN is missing.
            y: [rows].
            sample_weight: how much each row counts, [rows], at least 0; None: all alike.

        Raises:
            ValueError: data that can't be used; says what to change. A fit that fails or is
                stopped leaves the estimator as it was.
        """
        # Names of new classes must never stand beside the old network, so a copy learns them all.
        fitted = copy.copy(self)
        with _as_value_errors():
            fitted._learn(X, y, sample_weight)
        self.__dict__ = fitted.__dict__
        return self

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> None:
        """Set all that `fit` sets, one after the other."""
        rows = self._rows(X, reset=True)
        self._columns = rows.columns
        answers = self._answers(y)
        check_consistent_length(rows, answers)
        rows, answers, weight = _weighted(rows, answers, sample_weight)
        self._check(answers)
        data = self._data(rows, answers, weight)
        self._learn_classes(answers, data.schema)
        self._train(data)

    def _rows(self, X: Any, *, reset: bool) -> pl.DataFrame:
        """X as a frame, after everything that scikit-learn would have said about it."""
        seen = X
        if not (hasattr(X, "columns") and hasattr(X, "shape")):
            if hasattr(X, "toarray"):
                raise InputError(
                    "sparse matrices can't be used", advice="Pass X.toarray(), dense rows."
                )
            seen = check_array(
                X,
                dtype=None,
                allow_nd=True,  # images
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
                estimator=self,
            )
            # Lists of numbers and texts became texts; each column has a kind of its own.
            X = X if seen.dtype.kind in "USO" else seen
        validate_data(self, seen, reset=reset, skip_check_array=True)
        rows = as_frame(X)
        # Names of both sides are the same by now, and in the same order. Where a side has none, the
        # place of a column says which one it is, as scikit-learn has warned.
        if not reset and rows.width == len(self._columns):
            rows = rows.clone()  # the caller's own frame keeps its names
            rows.columns = self._columns
        return rows

    def _answers(self, y: Any) -> npt.NDArray[Any]:
        """The target, one value a row; both kinds add their own rules."""
        if y is None:
            raise InputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None",
                advice="fit(X, y)",
            )
        answers: npt.NDArray[Any] = column_or_1d(y, warn=True)
        assert_all_finite(answers, input_name="y")
        return answers

    def _data(
        self, rows: pl.DataFrame, answers: npt.NDArray[Any], weight: npt.NDArray[Any] | None
    ) -> DataSet:
        """The rows as a data set; a few rows are training, validation and test rows at once."""
        import polars as pl

        weighed = split = None
        if weight is not None:
            weighed = _new("weight", rows)
            rows = rows.with_columns(pl.Series(weighed, weight))
        if self.steps is not None and rows.height < FEW:
            split = _new("part", rows)
            parts = ("train", "validation", "test")
            rows = pl.concat([rows.with_columns(pl.lit(part).alias(split)) for part in parts])
            answers = np.tile(answers, len(parts))
        return load(rows, answers, task=self._task, weight=weighed, split=split, name="data")

    def _train(self, data: DataSet) -> None:
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
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
                    seed=int(seed),
                    out=out,
                )
            else:
                done = runs.run(
                    data,
                    budget=self.budget,
                    recipes=self.recipes,
                    metric=self.metric,
                    seed=int(seed),
                    workers=_workers(self.n_jobs),
                    out=out,
                )
            self.leaderboard_: Leaderboard | None = done.leaderboard
            self.bundle_ = bundle.load(out)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _check(self, answers: npt.NDArray[Any]) -> None:
        """Classes have to differ among the rows that count."""

    def _learn_classes(self, answers: npt.NDArray[Any], schema: Schema) -> None:
        """Regression has none."""

    def _outputs(self, X: Any) -> npt.NDArray[Any]:
        check_is_fitted(self, "bundle_")
        with _as_value_errors():
            predicted = self.bundle_.predicted(self._rows(X, reset=False))
        array: npt.NDArray[Any] = predicted.numpy()
        return array


def _new(name: str, rows: pl.DataFrame) -> str:
    """A column name that the rows don't have."""
    while name in rows.columns:
        name = f"_{name}"
    return name


def _weighted(
    rows: pl.DataFrame, answers: npt.NDArray[Any], sample_weight: Any
) -> tuple[pl.DataFrame, npt.NDArray[Any], npt.NDArray[np.float64] | None]:
    """Rows with a weight above 0, and their weights; None where all count alike."""
    if sample_weight is None:
        return rows, answers, None
    weight = _check_sample_weight(
        sample_weight, rows, dtype=np.float64, ensure_non_negative=True, copy=True
    )
    counted = weight > 0
    if not counted.any():
        raise InputError(
            "all sample weights are zero", accepted="numbers, at least one of them above 0"
        )
    rows, answers, weight = rows.filter(counted), answers[counted], weight[counted]
    return rows, answers, None if (weight == weight[0]).all() else weight


def _workers(n_jobs: int | None) -> int | None:
    """Processes by scikit-learn's counting: −1 is one for each core, −2 one less; None: chosen."""
    if n_jobs is None or n_jobs >= 0:
        return n_jobs
    return None if n_jobs == -1 else max(1, processors() + 1 + n_jobs)


class MethodicClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier that chooses its own training method.

    Args:
        budget: wall time of fit, as seconds or "60s", "2m".
        steps: instead of a budget: train one method (the first of ``recipes``, or adamw_cosine)
            for so many steps. 15% of the rows choose the step whose weights are kept, and 15%
            test them; with fewer than `FEW` rows, all of them do all three.
        recipes: methods to compare; default those of the library that fit the data and the budget.
        metric: see `methodic.metrics`; default by the task.
        random_state: seed of everything; None: another one for each fit.
        n_jobs: worker processes of a budget's run; default one for each core.

    Attributes:
        classes_: the classes, sorted, in the order of `predict_proba`'s columns.
        leaderboard_: the ranking of the methods.
        bundle_: the trained network.
        n_features_in_, feature_names_in_: of X; names where all of them are texts.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> MethodicClassifier(steps=200).fit(X, y).score(X, y) > 0.9
        True
    """

    _task = "classification"

    def _answers(self, y: Any) -> npt.NDArray[Any]:
        answers = super()._answers(y)
        check_classification_targets(answers)
        return answers

    def _check(self, answers: npt.NDArray[Any]) -> None:
        if (answers == answers[0]).all():
            raise InputError(
                "y has only one class, so there is nothing to tell apart",
                found=answers[0],
                accepted="at least two classes",
            )

    def _learn_classes(self, answers: npt.NDArray[Any], schema: Schema) -> None:
        self.classes_ = np.unique(answers)
        names = conform_target(as_series(self.classes_, schema.target), schema)
        # scikit-learn's tools take columns to be in the order of sorted classes; ours sorts "10"
        # behind "9".
        self._order = [schema.classes.index(name) for name in names]

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Probability of each class, the very numbers of the bundle: [rows, classes]."""
        probabilities: npt.NDArray[np.float32] = self._outputs(X)[:, self._order]
        return probabilities

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        chosen: npt.NDArray[Any] = self.classes_[likeliest]
        return chosen


class MethodicRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor that chooses its own training method; arguments as for `MethodicClassifier`."""

    _task = "regression"

    def _answers(self, y: Any) -> npt.NDArray[Any]:
        answers = super()._answers(y)
        if answers.dtype.kind in "OUS":
            try:
                return answers.astype(np.float64)
            except (TypeError, ValueError) as error:
                raise InputError("y must be numbers", found=error) from None
        return answers

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """The predicted number of each row."""
        predicted: npt.NDArray[np.float64] = self._outputs(X)[:, 0]
        return predicted
