"""Wishes are checked before anything is measured."""

from __future__ import annotations

import polars as pl
import pytest

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError
from methodic.recipes import catalogue
from methodic.runs.plans import planning
from methodic.runs.plans.wishes import Wishes, check_seeds, methods, wish
from methodic.runs.rows import preparation


def make(data: DataSet, **arguments: object) -> Wishes:
    known = {"recipes": ["adam"], "metric": None, "budget": "30s", "seed": 0, "device": "cpu"}
    known |= {"threads": None, "command": "", **arguments}
    return wish(data, **known)  # type: ignore[arg-type]


def test_words_become_values(iris: DataSet) -> None:
    found = make(iris, equal="steps", splits="cv", metric="log_loss")
    assert (found.equal, found.splits, found.metric, found.budget) == (
        "steps",
        "cv",
        "log_loss",
        30.0,
    )
    assert make(iris).splits is None
    assert make(iris, detect="2%").detect == pytest.approx(0.02)
    assert make(iris, detect=0.02).detect == 0.02


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"equal": "second"}, "second"),
        ({"splits": "cross"}, "cross"),
        ({"detect": "0"}, "nothing that could be detected"),
        ({"detect": "-1%"}, "nothing that could be detected"),
        ({"detect": "much"}, "not a number"),
        ({"detect": "200%"}, "nothing that could be detected"),
        ({"detect": "1%", "seeds": 5}, "--seeds 5"),
        ({"detect": "1%", "splits": "cv"}, "--splits cv"),
        ({"detect": "1%", "metric": "log_loss"}, "not in units of log_loss"),
        ({"metric": "rmse"}, "doesn't fit"),
        ({"metric": "acuracy"}, "accuracy"),
        ({"seeds": 0}, "--seeds"),
        ({"workers": -2}, "--workers: no number of worker processes"),
        ({"threads": 100_000}, "--threads: no number of threads"),
        ({"finalists": "0"}, "accepted: a whole number, at least 1, or all"),
        ({"finalists": "some"}, "--finalists"),
        ({"finalists": True}, "--finalists"),
        ({"finalists": 2.5}, "--finalists"),
        ({"recipes": "adan_w"}, "there is no recipe 'adan_w'"),
        ({"recipes": []}, "no recipe"),
        ({"recipes": ["adam", "adam"]}, "same name"),
    ],
)
def test_what_does_not_fit(iris: DataSet, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as told:
        make(iris, **wrong)
    assert words in str(told.value)


def test_own_test_rows_are_not_cross_validated(iris: DataSet) -> None:
    own = DataSet(iris.name, None, iris.frame, iris.schema, iris.frame[:30])
    with pytest.raises(InputError, match="you gave your own"):
        make(own, splits="cv")
    assert make(own).splits is None


def test_unequal_classes_change_the_default_metric() -> None:
    frame = pl.DataFrame({"a": range(200), "y": ["rare"] * 10 + ["common"] * 190})
    assert make(load(frame, "y")).metric == "balanced_accuracy"
    even = pl.DataFrame({"a": range(200), "y": ["one", "two"] * 100})
    assert make(load(even, "y")).metric == "accuracy"
    assert make(load(frame, "y"), metric="accuracy").metric == "accuracy"


def test_the_methods(iris: DataSet) -> None:
    assert [each.name for each in methods("all")] == list(catalogue.names())
    assert [each.name for each in methods(["sgd"])] == ["sgd"]
    named, fitting, everything = (make(iris, recipes=each) for each in (["sgd"], None, "all"))
    assert (named.named, fitting.named, everything.named) == (True, False, False)
    assert len(named.recipes) < len(fitting.recipes) < len(everything.recipes)
    assert "sgd (the plain reference)" in fitting.notes[0]
    assert not named.notes


def test_a_network_of_one_s_own_is_trained_by_methods_only(iris: DataSet) -> None:
    own = make(iris, recipes=None, budget="1h", module=True)
    assert {each.model.kind for each in own.recipes} == {"auto"}


@pytest.mark.parametrize(("typed", "found"), [(None, None), ("all", "all"), ("3", 3), (5, 5)])
def test_finalists(iris: DataSet, typed: object, found: object) -> None:
    assert make(iris, finalists=typed).finalists == found


def test_seeds_have_limits() -> None:
    check_seeds(0, 1)
    with pytest.raises(InputError, match="--seed must"):
        check_seeds(-1, None)
    with pytest.raises(InputError, match="10,000"):
        check_seeds(0, 10_001)


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"time": "day"}, "later than its test rows"), ({"split": "part"}, "'part' names them")],
)
def test_cross_validation_is_refused_where_it_would_be_wrong(said: dict, reason: str) -> None:
    frame = pl.DataFrame(
        {"a": [i * 0.5 for i in range(60)], "day": range(60), "y": [0, 1] * 30}
    ).with_columns(part=pl.Series(["train", "train", "test"] * 20))
    data = load(frame, "y", **said)
    with pytest.raises(InputError, match=reason) as caught:
        make(data, splits="cv")
    assert caught.value.advice == "Ask for --splits one."
    assert make(data).splits is None
    assert make(load(frame, "y", group="day"), splits="cv").splits == "cv"


@pytest.mark.parametrize(
    ("said", "splits"),
    [({}, "cv"), ({"group": "who"}, "cv"), ({"time": "day"}, "one"), ({"split": "30%"}, "one")],
)
def test_few_rows_are_crossed_only_where_that_is_right(said: dict, splits: str) -> None:
    frame = pl.DataFrame(
        {
            "a": [i * 0.5 for i in range(120)],
            "day": range(120),
            "who": [i % 30 for i in range(120)],
            "y": [0, 1] * 60,
        }
    )
    data = load(frame, "y", **said)
    assert planning.splitting(data, make(data), preparation.prepare(data, 0)) == splits


def test_a_method_that_is_taught_needs_a_teacher(iris: DataSet) -> None:
    with pytest.raises(InputError, match="recipe distillation learns from a trained network") as no:
        make(iris, recipes=["adam", "distillation"])
    assert "--teacher" in str(no.value.accepted)
    assert "distillation" not in {each.name for each in make(iris, recipes="all").recipes}
