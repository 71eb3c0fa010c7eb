"""The methods that a run takes when nobody names any: by rules, and the same every time."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.schemas.schema import Column, Schema
from methodic.recipes import catalogue
from methodic.runs.plans.portfolio import (
    RULES,
    Facts,
    chosen,
    facts_of,
    image_shape,
    possible,
    size,
)

SMALL = Facts(rows=1_500, columns=60, categorical=0)
SIX = ("adam", "adamw_cosine", "gradient_descent", "momentum", "rmsprop", "sgd")


def names(facts: Facts, budget: float) -> set[str]:
    return set(chosen(replace(facts, seconds=budget)).names)


def test_every_rule_is_about_a_method_of_the_library() -> None:
    listed = [rule.recipe for rule in RULES]
    assert set(listed) <= set(catalogue.names())
    assert len(set(listed)) == len(listed)
    assert "single_sample_sgd" not in listed, "it is there to be tried, not to win"


def test_every_rule_takes_its_method_for_some_data() -> None:
    tables = [replace(SMALL, rows=n, categorical=c) for n in (100, 3_000, 15_000) for c in (0, 5)]
    pictures = [replace(SMALL, columns=1, image=image) for image in ((1, 28, 28), (3, 32, 32))]
    some = [replace(facts, own=own) for facts in (*tables, *pictures) for own in (False, True)]
    some += [replace(facts, unlabelled=2_000, taught=True) for facts in (*tables, *pictures)]
    taken = set().union(*(names(facts, budget) for facts in some for budget in (60.0, 1e6)))
    assert {rule.recipe for rule in RULES} == taken


def test_a_minute_takes_six() -> None:
    found = chosen(SMALL)
    assert found.names == SIX
    assert found == chosen(SMALL)
    assert "Methods for 1,500 rows and this budget: adam (works over" in found.notes[0]
    left = len(possible(SMALL)) - 6
    assert found.notes[1].startswith(f"{left} others of the library are left out")
    assert "--recipes all" in found.notes[1]


@pytest.mark.parametrize(
    ("rows", "budget", "count"),
    [
        (0, 60, 6),
        (1_500, 5, 6),
        (1_500, 119, 6),
        (1_500, 120, 8),
        (1_500, 300, 10),
        (20_000, 600, 12),
        (1_500, 1e6, 12),
        (20_001, 600, 10),
        (200_001, 600, 8),
        (10**9, 600, 6),
    ],
)
def test_how_many(rows: int, budget: float, count: int) -> None:
    assert size(rows, budget) == count


def test_more_time_takes_more_and_keeps_the_others() -> None:
    before: set[str] = set()
    for budget in (10.0, 60.0, 120.0, 300.0, 600.0):
        found = names(SMALL, budget)
        assert before <= found
        before = found


def test_the_data_decide() -> None:
    many = Facts(rows=100_000, columns=10, categorical=0)
    assert "gradient_descent" not in names(many, 60.0)
    assert "gradient_descent" in names(SMALL, 60.0)
    wide = Facts(rows=200, columns=60, categorical=0)
    assert "elastic_net" in names(wide, 600.0)
    assert "elastic_net" not in names(SMALL, 600.0)
    codes = Facts(rows=15_000, columns=10, categorical=5)
    plain = Facts(rows=15_000, columns=10, categorical=0)
    assert "adagrad" in names(codes, 600.0) - names(plain, 600.0)
    own = Facts(rows=15_000, columns=10, categorical=0, own=True)
    assert "realmlp" in names(plain, 600.0)
    assert "tabm" not in names(plain, 600.0), "its steps take too long"
    assert "tabm" in names(plain, 3600.0)
    assert not {"realmlp", "tabm", "elastic_net", "cocktail"} & names(own, 3600.0)


def test_facts_of_data(iris: DataSet) -> None:
    assert chosen(facts_of(iris, 60.0)).names == SIX
    frame = pl.DataFrame(
        {"a": ["x", "y", "z"] * 700, "b": range(2_100), "y": [1.5, 2.5, 0.5] * 700}
    )
    found = chosen(facts_of(load(frame, "y"), 6000.0))
    assert "adagrad" in found.names
    assert "2,100 rows" in found.notes[0]


def test_images_get_methods_of_their_own() -> None:
    colour = Facts(rows=60_000, columns=1, categorical=0, image=(3, 32, 32))
    assert names(colour, 60) == {"convnet", "quicknet", "sgd"}
    grey = replace(colour, image=(1, 28, 28))
    assert names(grey, 60) == {"convnet", "sgd", "adamw_cosine"}, "letters don't like mirrors"
    hours = names(colour, 7200.0)
    assert len(hours) == 5
    assert not hours & {"realmlp", "tabm", "cocktail", "elastic_net", "gradient_descent"}
    assert not names(replace(colour, own=True), 1e6) & {"convnet", "quicknet", "resnet"}
    assert not names(SMALL, 1e6) & {"convnet", "quicknet", "resnet"}


def test_what_images_are() -> None:
    column = Column(name="image", kind="image", shape=(3, 32, 32))
    schema = Schema(columns=(column,), target="y", task="multiclass", classes=("a", "b"))
    assert image_shape(schema) == (3, 32, 32)
    beside = Column(name="age", kind="numeric")
    assert image_shape(schema.model_copy(update={"columns": (column, beside)})) == ()
    assert image_shape(schema.model_copy(update={"columns": (beside,)})) == ()
    for shape, image in (((1, 8, 8), (1, 8, 8)), ((1, 7, 8), ()), ((4, 4, 1), ())):
        small = Column(name="array", kind="array", shape=shape)
        assert image_shape(schema.model_copy(update={"columns": (small,)})) == image, shape


def test_rows_without_a_target_bring_methods_that_read_them() -> None:
    some = replace(SMALL, unlabelled=5_000)
    found = chosen(some)
    assert {"joint_vicreg", "scarf", "fixmatch", "sgd", "adamw_cosine"} < set(found.names)
    assert "joint_autoencoder" in found.names
    assert "1,500 rows, 5,000 more without a target, and this budget" in found.notes[0]
    assert "fixmatch" not in names(replace(some, classes=False), 60.0)
    pictures = replace(some, image=(1, 28, 28), columns=1)
    assert {"convnet", "fixmatch", "joint_vicreg"} == names(pictures, 60.0)
    few = replace(SMALL, unlabelled=50)
    assert names(few, 60.0) == set(SIX), "so few rows are worth no method"
    assert "distillation" in names(replace(SMALL, taught=True), 60.0)


def test_facts_of_few_labels() -> None:
    frame = pl.DataFrame({"a": range(1_000), "y": ["u", "v"] * 500})
    found = facts_of(load(frame, "y", labels="5%"), 60.0)
    assert found.rows == 50
    assert found.unlabelled == 950
    blank = pl.DataFrame({"a": range(1_000), "y": [0.5, 1.25, 3.75, 8.5] * 125 + [None] * 500})
    found = facts_of(load(blank, "y"), 60.0)
    assert (found.rows, found.unlabelled, found.classes) == (500, 500, False)


UNLABELLED = {
    name
    for name in catalogue.names()
    if catalogue.reads_unlabelled(catalogue.get(name)) and name != "distillation"
}


def test_methods_that_the_data_can_train() -> None:
    everything = set(catalogue.names()) - UNLABELLED - {"distillation"}
    of_images = {"convnet", "quicknet", "resnet", "vit"}

    def missing(*image: int, **facts: object) -> set[str]:
        return everything - set(possible(replace(SMALL, image=image, **facts)))  # type: ignore[arg-type]

    assert missing() == of_images
    assert missing(classes=False) == of_images | {"supervised_contrastive"}
    assert missing(3, 32, 32) == set()
    assert missing(1, 8, 8) == {"quicknet"}
    assert missing(3, 30, 30) == {"vit"}, "its patches are 4 × 4"


def test_what_rows_without_a_target_make_possible() -> None:
    some = replace(SMALL, unlabelled=500)
    assert UNLABELLED - set(possible(SMALL)) == UNLABELLED
    assert set(possible(some)) >= UNLABELLED
    assert UNLABELLED - set(possible(replace(some, image=(1, 28, 28)))) == {"scarf"}
    assert UNLABELLED - set(possible(replace(some, categorical=2))) == {"gan"}
    assert UNLABELLED - set(possible(replace(some, classes=False))) == {"fixmatch", "pseudo_labels"}
    assert "distillation" in possible(replace(SMALL, taught=True))
