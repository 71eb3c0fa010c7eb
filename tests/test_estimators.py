"""The estimators as scikit-learn's tools use them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from methodic.errors import InputError
from methodic.estimators import MethodicClassifier, MethodicRegressor
from methodic.recipes.types import Recipe

X, Y = load_iris(return_X_y=True)
SMALL = Recipe.model_validate(
    {
        "name": "small",
        "model": {"kind": "mlp", "width": 16, "depth": 1},
        "stages": [{"batch": 32, "optimizer": {"kind": "adam", "lr": 0.02}}],
    }
)


def classifier(**changes: Any) -> MethodicClassifier:
    return MethodicClassifier(**{"steps": 120, "recipes": [SMALL], **changes})


@pytest.fixture(scope="module")
def fitted() -> MethodicClassifier:
    return classifier().fit(X, Y)


def test_fit_and_predict(fitted: MethodicClassifier) -> None:
    proba, labels = fitted.predict_proba(X), fitted.predict(X)
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(1), 1.0, rtol=1e-5)
    assert labels.dtype == Y.dtype
    assert np.array_equal(labels, fitted.classes_[proba.argmax(1)])
    assert fitted.score(X, Y) == accuracy_score(Y, labels) > 0.9
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.n_features_in_ == 4
    assert fitted.leaderboard_ is not None


def test_parameters_and_clones(fitted: MethodicClassifier) -> None:
    parameters = fitted.get_params()
    assert parameters == {
        "budget": "60s",
        "steps": 120,
        "recipes": [SMALL],
        "metric": None,
        "random_state": 0,
        "n_jobs": None,
    }
    copy = clone(fitted)
    assert copy.get_params() == parameters
    with pytest.raises(NotFittedError):
        copy.predict(X)
    assert fitted.set_params(steps=120) is fitted


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["setosa", "versicolor", "virginica"])[Y],
        np.array(["b", "c", "a"], dtype=object)[Y],
        Y.astype(float),
        Y + 10,
        np.array([2, 10, -1])[Y],
        Y == 0,
    ],
    ids=["strings", "objects", "floats", "shifted", "numbers", "booleans"],
)
def test_classes_come_back_as_they_were_given(labels: np.ndarray[Any, Any]) -> None:
    model = classifier(steps=60).fit(X, labels)
    predicted = model.predict(X)
    assert set(predicted.tolist()) <= set(labels.tolist())
    assert set(model.classes_.tolist()) == set(labels.tolist())
    assert model.score(X, labels) > 0.8
    column = model.classes_.tolist().index(labels[0])
    assert model.predict_proba(X)[:10, column].mean() > 0.5


def test_pandas() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["colour"] = pd.Categorical(np.array(["red", "green", "blue"])[Y])
    names = pd.Series(np.array(["setosa", "versicolor", "virginica"])[Y], name="species")
    model = classifier(steps=60).fit(frame, names)
    assert model.score(frame, names) > 0.9
    assert model.n_features_in_ == 5
    mixed = frame[["colour", "d", "c", "b", "a"]]
    np.testing.assert_allclose(model.predict_proba(mixed), model.predict_proba(frame))
    with pytest.raises(InputError, match="'colour'"):
        model.predict(frame.drop(columns="colour"))


def test_the_same_state_gives_the_same_model(fitted: MethodicClassifier) -> None:
    again = clone(fitted).fit(X, Y)
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    other = clone(fitted).set_params(random_state=1).fit(X, Y)
    assert not np.array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_inside_of_scikit_learns_tools() -> None:
    pipeline = make_pipeline(StandardScaler(), classifier(steps=150))
    scores = cross_val_score(pipeline, X, Y, cv=2)
    assert scores.min() > 0.8


def test_regression() -> None:
    inputs, targets = make_regression(150, 3, noise=1.0, random_state=0)
    targets = targets + 500
    model = MethodicRegressor(steps=300, recipes=[SMALL]).fit(inputs, targets)
    predicted = model.predict(inputs)
    assert predicted.shape == (150,)
    assert model.score(inputs, targets) == pytest.approx(r2_score(targets, predicted))
    assert model.score(inputs, targets) > 0.9
    assert not hasattr(model, "classes_")


def test_whole_numbers_are_numbers_to_a_regressor() -> None:
    model = MethodicRegressor(steps=60, recipes=[SMALL]).fit(X, Y)
    assert model.score(X, Y) > 0.7


def test_nothing_is_left_behind(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    classifier(steps=5).fit(X, Y)
    with pytest.raises(InputError):
        classifier(steps=5, metric="rmse").fit(X, Y)
    assert not list(tmp_path.iterdir())


def test_no_warnings(fitted: MethodicClassifier) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repr(fitted)
        fitted._repr_html_()
