"""What is searched for, in which studies, and what that costs."""

from __future__ import annotations

import pytest

from methodic.errors import InputError
from methodic.recipes.io import from_data
from methodic.recipes.types import Recipe
from methodic.runs.plans import hunting
from methodic.tuning import Search
from tests.runs.conftest import MOMENTUM, PLAIN


def shaped(**stage: object) -> Recipe:
    model = {"kind": "mlp", "width": {"choice": [8, 16, 32]}, "depth": {"integer": [1, 2]}}
    return from_data({"name": "shaped", "model": model, "stages": [stage]}, "shaped")


def test_halving_costs_what_its_rungs_cost() -> None:
    """27 settings: 27/9 + 9·(1/3 − 1/9) + 3·(1 − 1/3) whole trainings, of each method."""
    hunt = hunting.hunt(Search(strategy="halving", sampler="random"), 0, 2, 2, timed=False)
    assert hunt.trainings(27, [PLAIN]) == pytest.approx(3 + 2 + 2)
    assert hunt.trainings(27, [PLAIN, MOMENTUM]) == pytest.approx(14)
    full = hunting.hunt(Search(strategy="full"), 0, 2, 2, timed=False)
    assert full.trainings(27, [PLAIN]) == pytest.approx(27)
    both = hunting.hunt(Search(fields=("method",), strategy="full"), 0, 2, 2, timed=False)
    assert both.trainings(27, [PLAIN, MOMENTUM]) == pytest.approx(27)


def test_the_workers_are_divided_among_the_studies() -> None:
    assert hunting.hunt(Search(), 0, 2, 1, timed=False).plan.parts == 2
    assert hunting.hunt(Search(), 0, 2, 3, timed=False).plan.parts == 1
    assert hunting.hunt(Search(fields=("method",)), 0, 4, 3, timed=False).plan.parts == 4
    assert hunting.hunt(Search(), 0, 0, 1, timed=False).plan.parts == 1


def test_structures_are_counted() -> None:
    hunt = hunting.hunt(Search(), 0, 1, 1, timed=False)
    assert hunt.structures(64, [shaped()]) == 5
    assert hunt.structures(4, [shaped()]) == 3, "no more than settings"
    assert hunt.structures(64, [PLAIN]) == 0


def test_how_many_settings_are_left_to_the_budget() -> None:
    assert hunting.hunt(Search(), 0, 1, 1, timed=False).counts == (64, 32, 16, 8)
    assert hunting.hunt(Search(settings=5), 0, 1, 1, timed=False).counts == (5,)


def test_ranges_of_a_recipe_stay() -> None:
    (opened,) = hunting.opened([PLAIN], Search(fields=("lr", "width")))
    assert opened.stages[0].turns[0].optimizer.lr == PLAIN.stages[0].turns[0].optimizer.lr  # type: ignore[union-attr]
    assert "model.width" in opened.open


def test_nothing_to_search_for() -> None:
    bare = Recipe.model_validate({"name": "bare", "stages": [{"optimizer": {"kind": "adam"}}]})
    with pytest.raises(InputError, match="nothing to search for") as error:
        hunting.opened([bare], Search())
    assert "methodic recipes bare --space" in (error.value.advice or "")
    assert hunting.opened([bare, PLAIN], Search()) == [bare, PLAIN], "the other has some"
    with pytest.raises(InputError, match="no method of this run has such a field") as error:
        hunting.opened([PLAIN], Search(fields=("beta2",)))
    assert "lr" in (error.value.accepted or "")
    with pytest.raises(InputError, match="needs to know how many"):
        hunting.check(Search(sampler="grid"), [PLAIN])
    with pytest.raises(InputError, match="there is one"):
        hunting.check(Search(fields=("method",)), [PLAIN])


def test_rungs_lie_in_the_last_stage() -> None:
    """What comes before is paid for every setting."""
    entropy = [{"kind": "cross_entropy"}]
    rate = {"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}}
    staged = Recipe.model_validate(
        {
            "name": "staged",
            "stages": [
                {"name": "first", "share": 0.4, "objectives": entropy},
                {"name": "second", "share": 0.6, "objectives": entropy, "optimizer": rate},
            ],
        }
    )
    hunt = hunting.hunt(Search(strategy="halving", sampler="random"), 0, 2, 2, timed=False)
    assert hunt.trainings(27, [staged]) == pytest.approx(27 * 0.4 + 0.6 * 7)
