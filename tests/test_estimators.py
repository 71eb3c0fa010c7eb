"""The estimators as scikit-learn's tools use them."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from methodic import bundle, cli
from methodic.data.parallel import processors
from methodic.errors import InputError
from methodic.estimators import MethodicClassifier, MethodicRegressor, _workers
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


def test_processes_are_counted_as_scikit_learn_counts_them() -> None:
    cores = processors()
    found = [_workers(n) for n in (None, 0, 3, -1, -2, -1 - cores, -5 - cores)]
    assert found == [None, 0, 3, None, max(1, cores - 1), 1, 1]


def test_pandas() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["colour"] = pd.Categorical(np.array(["red", "green", "blue"])[Y])
    names = pd.Series(np.array(["setosa", "versicolor", "virginica"])[Y], name="species")
    model = classifier(steps=60).fit(frame, names)
    assert model.score(frame, names) > 0.9
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d", "colour"]
    with pytest.raises(ValueError, match="same order"):  # as scikit-learn wants it
        model.predict(frame[["colour", "d", "c", "b", "a"]])
    with pytest.raises(ValueError, match="colour"):
        model.predict(frame.drop(columns="colour"))
    gaps = frame.copy()
    gaps.loc[3, "a"] = None
    assert model.predict_proba(gaps).shape == (150, 3)


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
    with pytest.raises(ValueError, match="rmse"):
        classifier(steps=5, metric="rmse").fit(X, Y)
    assert not list(tmp_path.iterdir())


def test_no_warnings(fitted: MethodicClassifier) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repr(fitted)
        fitted._repr_html_()


def test_bad_data_are_value_errors_that_teach() -> None:
    with pytest.raises(ValueError, match="one class") as caught:
        classifier().fit(X, np.zeros(150, dtype=int))
    assert isinstance(caught.value, InputError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, ValueError)
    assert str(again) == str(caught.value)
    with pytest.raises(ValueError, match="0 sample"):
        classifier().fit(X[:0], Y[:0])
    texts = pd.DataFrame({"a": ["x", "1", "y", "2"] * 20})
    with pytest.raises(ValueError, match="could not convert"):
        MethodicRegressor(steps=2).fit(texts, ["a"] * 80)


def test_columns_of_probabilities_follow_sorted_classes() -> None:
    labels = np.array(["9", "10", "2"])[Y]
    model = classifier(steps=60).fit(X, labels)
    assert model.classes_.tolist() == sorted(set(labels)) == ["10", "2", "9"]
    assert model.bundle_.encoders.schema.classes == ("2", "9", "10")
    likeliest = model.classes_[model.predict_proba(X).argmax(1)]
    assert likeliest.tolist() == model.predict(X).tolist()
    assert model.score(X, labels) > 0.8
    assert log_loss(labels, model.predict_proba(X)) < 1  # takes the columns as sorted


# --- weights ----------------------------------------------------------------------------------


def test_rows_of_weight_0_are_not_there() -> None:
    weight = np.ones(150)
    weight[::3] = 0
    kept = weight > 0
    with_zeros = classifier(steps=40).fit(X, Y, sample_weight=weight)
    without = classifier(steps=40).fit(X[kept], Y[kept])
    assert np.array_equal(with_zeros.predict_proba(X), without.predict_proba(X))


def test_equal_weights_change_nothing() -> None:
    plain = classifier(steps=40).fit(X, Y)
    weighed = classifier(steps=40).fit(X, Y, sample_weight=np.full(150, 0.25))
    assert np.array_equal(plain.predict_proba(X), weighed.predict_proba(X))


def test_weights_count() -> None:
    """Rows alike, labels at odds: the heavier ones win."""
    inputs = np.repeat(np.random.default_rng(0).normal(size=(60, 2)), 2, axis=0)
    labels = np.tile([0, 1], 60)
    for heavy in (0, 1):
        weight = np.where(labels == heavy, 9.0, 1.0)
        model = classifier(steps=200).fit(inputs, labels, sample_weight=weight)
        assert model.predict_proba(inputs)[:, heavy].mean() == pytest.approx(0.9, abs=0.06)
        assert (model.predict(inputs) == heavy).mean() > 0.95


@pytest.mark.parametrize("weight", [np.zeros(150), -np.ones(150), np.ones(149)])
def test_weights_that_are_none(weight: Any) -> None:
    with pytest.raises(ValueError, match=r"weight|consistent"):
        classifier().fit(X, Y, sample_weight=weight)


# --- few rows ---------------------------------------------------------------------------------


def test_few_rows_are_all_learnt() -> None:
    inputs, labels = X[::15], Y[::15]
    assert len(inputs) == 10
    model = classifier(steps=150).fit(inputs, labels)
    assert model.score(inputs, labels) == 1.0
    assert model.bundle_.card.data.rows == (10, 10, 10)
    with pytest.raises(ValueError, match="too few rows"):
        MethodicClassifier(budget="60s").fit(inputs, labels)


# --- other tools ------------------------------------------------------------------------------


def test_pickle(fitted: MethodicClassifier) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.get_params() == fitted.get_params()


def test_grid_search_in_a_pipeline_of_pandas_columns() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["colour"] = pd.Categorical(np.array(["red", "green", "blue"])[(Y + 1) % 3])
    columns = make_column_transformer((StandardScaler(), ["a", "b"]), remainder="passthrough")
    columns.set_output(transform="pandas")
    pipeline = make_pipeline(columns, classifier())
    grid = {"methodicclassifier__steps": [1, 100]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(frame, Y)
    assert search.best_params_ == {"methodicclassifier__steps": 100}
    assert search.best_score_ > 0.8
    inner = search.best_estimator_[-1]
    assert inner.feature_names_in_[0] == "standardscaler__a"
    assert inner.bundle_.encoders.schema.named("categorical") == ["remainder__colour"]


def test_random_states() -> None:
    def first(state: Any) -> Any:
        return classifier(steps=10, random_state=state).fit(X, Y).predict_proba(X)

    assert np.array_equal(first(np.random.RandomState(3)), first(np.random.RandomState(3)))
    assert not np.array_equal(first(None), first(None))


def test_a_row_s_numbers_do_not_depend_on_its_company(fitted: MethodicClassifier) -> None:
    whole = fitted.predict_proba(X)
    for rows in (slice(0, 1), slice(7, 9), slice(3, 64), slice(149, 150)):
        assert np.array_equal(fitted.predict_proba(X[rows]), whole[rows])


def test_the_bundle_gives_the_same_numbers(fitted: MethodicClassifier, tmp_path: Path) -> None:
    made = fitted.bundle_
    bundle.save(tmp_path / "model", made.card, made.encoders, made.networks)
    columns = [f"x{i}" for i in range(4)]
    pd.DataFrame(X, columns=columns).to_csv(tmp_path / "rows.csv", index=False)
    command = ["predict", str(tmp_path / "model"), str(tmp_path / "rows.csv")]
    with pytest.raises(SystemExit):
        cli.main([*command, "-o", str(tmp_path / "out.parquet")])
    written = pl.read_parquet(tmp_path / "out.parquet")
    framed = bundle.load(tmp_path / "model").predict_frame(X)
    assert written.equals(framed)
    assert np.array_equal(framed.drop("prediction").to_numpy(), fitted.predict_proba(X))


def test_classes_are_names_and_neither_missing_nor_numbers() -> None:
    labels = np.array(["None", "01", "1"])[Y]
    model = classifier(steps=60).fit(X, labels)
    assert model.classes_.tolist() == ["01", "1", "None"]
    assert set(model.predict(X).tolist()) <= set(labels.tolist())
    assert model.score(X, labels) > 0.8


# --- a fit that fails -------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [None, KeyboardInterrupt])
def test_a_refit_that_fails_leaves_the_first_one(
    stop: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = classifier(steps=5).fit(frame, Y)
    before, state = model.predict_proba(frame), dict(vars(model))
    if stop is None:
        model.set_params(metric="nonsense")
        with pytest.raises(ValueError, match="nonsense"):
            model.fit(X[:, :2], np.array(["x", "y", "z"])[Y])
        model.set_params(metric=None)
    else:

        def interrupted(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("methodic.runs.train_method", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X[:, :2], np.array(["x", "y", "z"])[Y])
    assert vars(model).keys() == state.keys()
    assert all(vars(model)[name] is value for name, value in state.items())
    assert np.array_equal(model.predict_proba(frame), before)
    assert set(model.predict(frame).tolist()) <= {0, 1, 2}


def test_a_first_fit_that_fails_leaves_nothing() -> None:
    model = classifier(steps=5, metric="nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        model.fit(X, Y)
    assert vars(model).keys() == model.get_params().keys()
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_refit_takes_nothing_over() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = classifier(steps=5).fit(frame, Y).fit(X[:, :3], Y == 1)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3
    assert model.classes_.tolist() == [False, True]
    assert model.predict(X[:, :3]).dtype == bool


# --- frames and arrays ------------------------------------------------------------------------

NAMED = pd.DataFrame(X, columns=["a", "b", "c", "d"])
KINDS = {
    "array": X,
    "lists": X.tolist(),
    "names": NAMED,
    "polars": pl.DataFrame(X, schema=["a", "b", "c", "d"]),
    "numbers": pd.DataFrame(X),
    "other numbers": pd.DataFrame(X, columns=[7, 3, 5, 1]),
}


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("fitted_on", KINDS)
def test_columns_without_names_are_told_by_their_place(fitted_on: str) -> None:
    """scikit-learn warns where only one side has names, and goes by position."""
    model = classifier(steps=20).fit(KINDS[fitted_on], Y)
    same = model.predict_proba(KINDS[fitted_on])
    for name, rows in KINDS.items():
        assert np.array_equal(model.predict_proba(rows), same), name
    assert list(KINDS["polars"].columns) == ["a", "b", "c", "d"], "the caller's frame"


def test_one_side_without_names_is_warned_of() -> None:
    model = classifier(steps=5).fit(NAMED, Y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    with pytest.warns(UserWarning, match="valid"), pytest.raises(ValueError, match="2 features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(NAMED.rename(columns={"a": "A"}))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_columns_of_several_kinds_are_told_by_their_place() -> None:
    frame = NAMED.assign(colour=np.array(["red", "green", "blue"])[Y], same=1)
    model = classifier(steps=20).fit(frame, Y)
    assert np.array_equal(model.predict_proba(frame.to_numpy()), model.predict_proba(frame))
