"""What all methods get the same of, and how many seeds fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from methodic import build
from methodic.data.loading import load
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.plan import Plan
from methodic.recipes import catalogue, spaces
from methodic.recipes.types import Recipe
from methodic.runs.machine.speed import (
    EPOCHS,
    Speed,
    Survey,
    Timed,
    cap,
    steps_of_equal,
    too_short,
)
from methodic.runs.plans import sizing
from methodic.runs.rows.preparation import Prepared, prepare
from tests.runs.conftest import FULL, MACHINE, MOMENTUM, PLAIN, MakePlan, recipe

SPEEDS = {"plain": (0.01, 0.0), "momentum": (0.02, 0.0), "full": (0.04, 0.0)}


def used(plan: Plan, per_step: dict[str, float]) -> list[float]:
    return [sum(c.steps) * per_step[c.recipe.name] for c in plan.contenders]


def seconds(plan: Plan) -> float:
    return sum(used(plan, {name: step for name, (step, _) in SPEEDS.items()}))


@pytest.mark.parametrize("equal", ["steps", "samples", "flops"])
def test_equal_amounts(make_plan: MakePlan, equal: str) -> None:
    plan = make_plan(PLAIN, MOMENTUM, FULL, step=SPEEDS, equal=equal)
    rows = {c.recipe.name: c.batch[0] for c in plan.contenders}
    assert rows == {"plain": 32, "momentum": 32, "full": plan.data.rows[0]}
    per_step = dict.fromkeys(SPEEDS, 1.0) if equal == "steps" else rows
    amounts = used(plan, per_step)
    assert max(amounts) - min(amounts) <= max(per_step.values())
    assert plan.equal == equal
    assert any("as asked" in note for note in plan.notes)
    # All together take as long as with equal seconds.
    assert seconds(plan) == pytest.approx(
        seconds(make_plan(PLAIN, MOMENTUM, FULL, step=SPEEDS)), rel=0.05
    )


def test_flops_count_the_network(make_plan: MakePlan) -> None:
    wide = recipe("wide")
    wide = wide.model_copy(update={"model": wide.model.model_copy(update={"width": 80})})
    plan = make_plan(PLAIN, wide, step=0.01, equal="flops")
    plain, large = (sum(c.steps) for c in plan.contenders)
    # 4·(4·8) + 6·(8·3) operations against ten times as many.
    assert plain / large == pytest.approx(10, rel=0.02)


def test_rows_beside_a_batch_are_samples_too(make_plan: MakePlan) -> None:
    both = [{"kind": "cross_entropy"}, {"kind": "vicreg"}]
    beside = recipe("beside", unlabelled=64, objectives=both)
    plan = make_plan(PLAIN, beside, step=0.01, equal="samples")
    plain, more = (sum(each.steps) for each in plan.contenders)
    assert plain / more == pytest.approx(3, rel=0.02)  # 32 rows against 32 + 64


def test_stages_count_by_their_share_of_the_steps() -> None:
    stages = [{"name": "a", "share": 0.25, "rows": "all"}, {"name": "b", "share": 0.75}]
    both = recipe("both").model_dump()
    both["stages"] = [{**both["stages"][0], **each} for each in stages]
    method = Timed(Recipe.model_validate(both), (256, 64), Speed(0.01, 0.0))
    wanted = sizing.Wanted([method.recipe], lambda: 1.0, equal="samples")
    assert wanted.units([method]) == [0.25 * 256 + 0.75 * 64]


def test_few_labelled_rows_are_no_full_batch() -> None:
    """A step that reads other rows beside all of the labelled ones has more to see than those."""
    alone = Timed(PLAIN, (57,), Speed(0.01, 0.0))
    beside = replace(alone, epoch=200.0)
    assert alone.full(57)
    assert not beside.full(57)
    short = too_short([alone, beside], [[5], [5]], 57, epochs=1.0, least=30.0)
    assert [name for name, _ in short] == ["plain"]
    assert cap([beside], 57) == pytest.approx(EPOCHS * 200 * 0.01)


@pytest.fixture(scope="module")
def mixed() -> Prepared:
    """Rows of numbers and two columns of categories, half of them without a target."""
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "x": draw.normal(size=200),
            "a": draw.choice(["p", "q", "r"], 200),
            "b": draw.choice(["u", "v"], 200),
            "y": [["yes", "no"][i % 2] if i < 120 else None for i in range(200)],
        }
    )
    return prepare(load(frame, target="y"), 0)


@pytest.mark.parametrize(
    "name",
    [name for name in catalogue.names() if not catalogue.needs_teacher(catalogue.get(name))],
)
def test_every_method_of_the_library_is_counted(mixed: Prepared, name: str) -> None:
    chosen = catalogue.get(name)
    if catalogue.takes_images(chosen) or name in ("gan", "adversarial_autoencoder"):
        pytest.skip("not for tables with categories")
    rows = mixed.counts[0]
    resolved = spaces.mapped(chosen, lambda each: build.resolve(each, "binary", rows, mixed.inputs))
    survey = Survey(cast(Pool, None), Path(), rows, "accuracy", MACHINE)
    found = sizing.flops(survey, resolved, mixed)
    assert len(found) == len(chosen.stages)
    assert min(found) > 0


def test_evaluations_are_paid_from_the_same_time() -> None:
    method = Timed(PLAIN, (32,), Speed(0.01, 0.1))
    free = steps_of_equal([method, method], [1.0, 1.0], 10.0, 0, 100)
    paid = steps_of_equal([method, method], [1.0, 1.0], 10.0, 20, 100)
    assert free == [[1000], [1000]]
    assert paid == [[800], [800]]


def test_a_recipe_that_stops_by_itself_gets_no_more() -> None:
    short = recipe("short", stop={"steps": 5})
    methods = [Timed(each, (32,), Speed(0.01, 0.0)) for each in (PLAIN, short)]
    assert steps_of_equal(methods, [1.0, 1.0], 1.0, 0, 100) == [[100], [5]]


def test_cross_validation_trains_one_seed_at_a_time(make_plan: MakePlan) -> None:
    one = make_plan(PLAIN, MOMENTUM, step=0.05)
    plan = make_plan(PLAIN, MOMENTUM, step=0.05, splits="cv")
    assert one.confirm is not None
    assert plan.confirm is not None
    assert (one.confirm.splits, one.confirm.block) == ("one", sizing.BLOCK)
    assert (plan.confirm.splits, plan.confirm.block, plan.confirm.folds) == ("cv", 1, 5)
    # Cohorts of one and of five cost the same on this machine, so less training fits.
    assert sum(plan.contenders[0].confirm_steps) < sum(one.contenders[0].confirm_steps)
    assert any("other data of this kind" in note for note in plan.notes)


def test_detecting_leaves_the_number_of_seeds_open(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, MOMENTUM, step=0.05, detect=0.01)
    assert plan.confirm is not None
    assert plan.confirm.detect == 0.01
    assert len(plan.confirm.seeds) == sizing.MOST_DETECTING
    assert any("power of 80%" in note for note in plan.notes)


def test_small_data_are_cross_validated(make_plan: MakePlan) -> None:
    """Iris has 22 test rows; with one seed or a wish to detect, there is one split."""
    assert make_plan(PLAIN, splits=None).confirm.splits == "cv"  # type: ignore[union-attr]
    for wish in ({"seeds": 1}, {"detect": 0.1}):
        assert make_plan(PLAIN, splits=None, **wish).confirm.splits == "one"  # type: ignore[union-attr]


def test_one_seed_is_said(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, MOMENTUM, seeds=1)
    assert any("Only one seed" in note and "no interval" in note for note in plan.notes)


def test_too_small_a_budget_is_an_error_in_every_equality(make_plan: MakePlan) -> None:
    for equal in ("seconds", "steps", "samples", "flops"):
        with pytest.raises(InputError, match="too small"):
            make_plan(PLAIN, MOMENTUM, step=2.0, budget=20.0, equal=equal)
