"""Settings of a search that can't be built, and what settings cost."""

from __future__ import annotations

from typing import Any

import pytest

from methodic.errors import InputError
from methodic.recipes import io, spaces
from methodic.recipes.types import Recipe
from methodic.runs.plans.candidates import buildable, dear, parameters
from methodic.runs.rows.preparation import Prepared
from methodic.search.study import Study
from methodic.tuning import SearchPlan
from tests.runs.conftest import PLAIN


def space(model: dict[str, Any], **stage: Any) -> Recipe:
    one = {"batch": 32, "objectives": [{"kind": "cross_entropy"}], **stage}
    return io.from_data({"name": "a", "model": model, "stages": [one]}, "a")


def anything(recipe: Recipe) -> None:
    """Nothing is refused."""


MLP = {"kind": "mlp", "depth": 1}


def test_numbers_cost_nothing_more(prepared: Prepared) -> None:
    assert dear([PLAIN], prepared, anything) == 1.0


def test_wide_networks_and_small_batches_are_dear(prepared: Prepared) -> None:
    wide = space({**MLP, "width": {"choice": [8, 4096]}})
    small = space({**MLP, "width": 8}, batch={"choice": [64, 2]})
    both = [dear([each], prepared, anything) for each in (wide, small)]
    assert both[0] > 1.2
    assert 8 < both[1] < 24, "half of them take 32 times as many steps"
    assert dear([wide, small], prepared, anything) == pytest.approx(sum(both) / 2)


def test_parameters(prepared: Prepared) -> None:
    assert parameters(space({**MLP, "width": 8}), prepared) == 4 * 8 + 8 + 8 * 3 + 3


def patches(*sides: int) -> Recipe:
    return space({"kind": "vit", "patch": {"choice": list(sides)}, "width": 24, "depth": 1})


def test_what_only_the_build_refuses(prepared: Prepared) -> None:
    fits = buildable(prepared, None)
    fits(spaces.concrete(space({**MLP, "width": 8}), {}))
    images = patches(2, 4)
    for side in (2, 4):
        with pytest.raises(InputError):
            fits(spaces.concrete(images, {"model.patch": side}))
    with pytest.raises(InputError):
        dear([images], prepared, fits)


def test_a_space_of_which_nothing_can_be_built_says_why(prepared: Prepared) -> None:
    def fits(recipe: Recipe) -> None:
        raise InputError("thirteen")

    nothing = space({**MLP, "width": {"choice": list(range(1, 101))}})
    for each in (space({**MLP, "width": {"choice": [8, 13]}}), nothing):
        with pytest.raises(InputError, match="thirteen"):
            dear([each], prepared, fits)


def test_a_study_leaves_out_what_can_not_be_built() -> None:
    def fits(recipe: Recipe) -> None:
        if recipe.model.width == 13:  # type: ignore[union-attr]
            raise InputError("thirteen")

    recipe = space({**MLP, "width": {"choice": [8, 13, 16]}})
    plan = SearchPlan(sampler="random", settings=3, strategy="full")
    study = Study("a", [recipe], plan, steps={"a": 10}, greater_is_better=True, fits=fits)
    assert sorted(job.setting["model.width"] for job in study.ask(9)) == [8, 16]


def test_a_search_with_a_clock_asks_for_few_at_a_time() -> None:
    for timed, count in ((False, 64), (True, 16)):
        plan = SearchPlan(sampler="random", settings=64, strategy="halving", timed=timed)
        study = Study("plain", [PLAIN], plan, steps={"plain": 90}, greater_is_better=True)
        assert len(study.ask(99)) == count
        assert study.cost == pytest.approx(64 / 9 + 21 * 2 / 9 + 7 * 6 / 9)
