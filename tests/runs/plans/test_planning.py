"""Plans for imaginary machines: equal seconds, caps, budgets that are too small, seeds."""

from __future__ import annotations

import re
from concurrent.futures import Future
from itertools import chain, repeat
from typing import Any

import pytest

from methodic.asking import Asked
from methodic.data.dataset import DataSet
from methodic.errors import InputError
from methodic.evidence import design
from methodic.plan import Plan
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe
from methodic.runs.machine import choosing
from methodic.runs.plans import planning, sizing
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import FULL, LR, MOMENTUM, PLAIN, MakePlan, recipe


def steps(plan: Plan) -> dict[str, int]:
    return {contender.recipe.name: sum(contender.steps) for contender in plan.contenders}


def planned_seconds(plan: Plan) -> float:
    """Of all units of one worker, at the measured speeds."""
    assert plan.confirm is not None
    blocks = -(-len(plan.confirm.seeds) // plan.confirm.block)
    finalists = min(len(plan.contenders), plan.confirm.finalists + 1)
    cohorts = [sum(c.steps) * c.milliseconds / 1000 for c in plan.contenders]
    return 3 * sum(cohorts) + blocks * finalists * plan.confirm.scale * max(cohorts)


def test_equal_seconds(make_plan: MakePlan) -> None:
    """A step that takes four times as long happens a quarter as often."""
    speeds = {"plain": (0.01, 0.0), "momentum": (0.02, 0.0), "full": (0.04, 0.0)}
    plan = make_plan(PLAIN, MOMENTUM, FULL, step=speeds)
    found = steps(plan)
    for name, (step, _) in speeds.items():
        assert found[name] * step == pytest.approx(found["plain"] * 0.01, abs=step)
    assert [c.milliseconds for c in plan.contenders] == [10.0, 20.0, 40.0]
    assert {unit.steps for unit in plan.screen} == {(n,) for n in found.values()}


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("seeds", [None, 5, 12])
def test_the_plan_fits_the_budget_and_uses_it(
    make_plan: MakePlan, workers: int, seeds: int | None
) -> None:
    plan = make_plan(PLAIN, MOMENTUM, FULL, step=0.05, workers=workers, seeds=seeds, elapsed=5.0)
    seconds = planned_seconds(plan) / max(workers, 1)
    assert 0.6 * 55 < seconds < 55 - 3


def test_evaluations_cost_time_too(make_plan: MakePlan) -> None:
    free = steps(make_plan(PLAIN, MOMENTUM, step=0.05))["plain"]
    for evaluation, looks in ((0.01, 20), (0.1, None), (10.0, 4)):
        speeds = {"plain": (0.05, evaluation), "momentum": (0.05, 0.0)}
        plan = make_plan(PLAIN, MOMENTUM, step=speeds)
        assert plan.confirm is not None
        count = plan.confirm.evaluations
        assert looks in (None, count)
        assert 4 <= count <= 20
        assert all(len(unit.evaluate) == count for unit in plan.screen)
        left = max(free - count * evaluation / 0.05, free / 2)
        assert steps(plan)["plain"] == pytest.approx(left, abs=1)


def test_narrow_cohorts_are_priced_as_narrow(make_plan: MakePlan) -> None:
    """Three settings cost less than five; confirmation's cohorts of five take their own time."""
    many = [recipe(name) for name in "abcdef"]

    def affine(width: int) -> tuple[float, float]:
        return 0.05 * (width + 1), 0.0

    plan = make_plan(*many, step={each.name: affine for each in many})
    assert plan.confirm is not None
    assert [len(c.settings) for c in plan.contenders] == [3] * 6
    screening = sum(sum(unit.steps) * affine(3)[0] for unit in plan.screen)
    blocks = len(plan.confirm.seeds) // plan.confirm.block
    confirmed = blocks * (plan.confirm.finalists + 1)
    confirming = confirmed * sum(plan.contenders[0].confirm_steps) * affine(5)[0]
    assert 0.8 < (screening + confirming) / (57 * planning.SLACK - 60 * 0.08) <= 1.0
    assert confirming / confirmed == pytest.approx(screening / 18 * plan.confirm.scale, rel=0.1)
    assert plan.contenders[0].confirm_steps[0] == pytest.approx(
        3 * plan.contenders[0].steps[0], rel=0.2
    ), "three times as long a training"


def test_time_that_is_gone_is_gone(make_plan: MakePlan) -> None:
    assert steps(make_plan(PLAIN, elapsed=30.0))["plain"] < steps(make_plan(PLAIN))["plain"]


def test_measuring_takes_its_time(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    def planned(seconds: float) -> int:
        clock = chain([0.0], repeat(seconds))
        monkeypatch.setattr(planning.time, "monotonic", lambda: next(clock))
        return steps(make_plan(PLAIN))["plain"]

    assert planned(30.0) < planned(1.0)


def test_what_is_too_slow_is_left_out_unless_it_was_named(make_plan: MakePlan) -> None:
    speeds = {"plain": (0.01, 0.0), "momentum": (0.01, 0.0), "full": (20.0, 0.0)}
    plan = make_plan(PLAIN, MOMENTUM, FULL, step=speeds, named=False)
    assert set(steps(plan)) == {"plain", "momentum"}
    assert "Left out: full, too slow for this budget." in plan.notes
    assert not any("full" in unit.id for unit in plan.screen)
    with pytest.raises(InputError, match="too small"):
        make_plan(PLAIN, MOMENTUM, FULL, step=speeds, named=True)
    with pytest.raises(InputError, match="too small"):
        make_plan(FULL, step=speeds, named=False)


def test_methods_that_are_all_a_little_too_slow_do_not_all_leave(make_plan: MakePlan) -> None:
    """Each that leaves gives its time to the others; the slowest leaves first."""
    for step in (0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24):
        slower = {"plain": (step, 0.0), "momentum": (step, 0.0), "full": (step * 1.2, 0.0)}
        try:
            make_plan(PLAIN, MOMENTUM, FULL, step=slower)
        except InputError:
            break
    else:
        pytest.fail("some speed is too slow for three")
    plan = make_plan(PLAIN, MOMENTUM, FULL, step=slower, named=False)
    assert len(steps(plan)) == 2
    assert any(note.endswith("too slow for this budget.") for note in plan.notes)


def test_confirmation_trains_longer_when_time_is_short(make_plan: MakePlan) -> None:
    short, long = make_plan(PLAIN, step=0.1), make_plan(PLAIN, step=1e-4)
    assert short.confirm is not None
    assert long.confirm is not None
    assert short.confirm.scale == 3.0
    assert long.confirm.scale == pytest.approx(1.0)


def test_training_has_a_cap_and_the_rest_goes_into_seeds(make_plan: MakePlan) -> None:
    speeds = {"plain": (1e-4, 0.0), "momentum": (2e-4, 0.0), "full": (1e-3, 0.0)}
    plan = make_plan(PLAIN, MOMENTUM, FULL, step=speeds, budget=600.0)
    # 2000 steps of the slowest mini-batch method; 200 epochs of 90 rows would be fewer.
    assert steps(plan) == {"plain": 4000, "momentum": 2000, "full": 400}
    assert plan.confirm is not None
    assert len(plan.confirm.seeds) == sizing.MOST_SEEDS
    assert any("training ends there" in note for note in plan.notes)
    assert not any("training ends there" in note for note in make_plan(PLAIN, step=0.1).notes)


def test_a_recipe_s_own_end(make_plan: MakePlan, prepared: Prepared) -> None:
    by_steps = recipe("short", stop={"steps": 7})
    by_epochs = recipe("epochs", stop={"epochs": 3})
    found = steps(make_plan(by_steps, by_epochs, PLAIN, step=0.05))
    assert found["short"] == 7
    assert found["epochs"] == 3 * prepared.counts[0] // 32
    assert found["plain"] > 20


def test_stages_share_the_steps(make_plan: MakePlan) -> None:
    raw = PLAIN.model_dump(mode="json")
    (stage,) = raw["stages"]
    raw["stages"] = [{**stage, "name": "a", "share": 0.25}, {**stage, "name": "b", "share": 0.75}]
    (contender,) = make_plan(Recipe.model_validate(raw)).contenders
    assert contender.steps[1] == pytest.approx(3 * contender.steps[0], abs=3)


@pytest.mark.parametrize(
    ("budget", "elapsed", "evaluation"),
    [(12.0, 0.0, 0.0), (25.0, 0.0, 0.0), (12.0, 40.0, 0.0), (30.0, 10.0, 0.3), (25.0, 0.0, 5.0)],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_budget_that_is_too_small_comes_with_one_that_is_not(
    make_plan: MakePlan, budget: float, elapsed: float, evaluation: float, workers: int
) -> None:
    speeds = dict.fromkeys(("plain", "momentum", "full"), (0.5 * workers, evaluation))

    def attempt(seconds: float) -> Plan:
        return make_plan(
            PLAIN,
            MOMENTUM,
            FULL,
            step=speeds,
            budget=seconds,
            elapsed=elapsed,
            workers=workers,
        )

    with pytest.raises(InputError, match="too small to compare 3 methods") as caught:
        attempt(budget)
    found = re.search(r"--budget (\d+)s", caught.value.advice or "")
    assert found is not None
    enough = float(found[1])
    attempt(enough)
    assert enough > budget


def test_the_number_that_suffices_is_not_much_too_large(make_plan: MakePlan) -> None:
    with pytest.raises(InputError) as caught:
        make_plan(PLAIN, MOMENTUM, FULL, step=0.5, budget=30.0)
    found = re.search(r"--budget (\d+)s", caught.value.advice or "")
    assert found is not None
    with pytest.raises(InputError, match="too small"):
        make_plan(PLAIN, MOMENTUM, FULL, step=0.5, budget=float(found[1]) * 0.6)


def test_a_recipe_with_an_end_of_its_own_needs_a_budget_too(make_plan: MakePlan) -> None:
    with pytest.raises(InputError, match="too small"):
        make_plan(recipe("short", stop={"steps": 50}), step=0.1, budget=10.0, elapsed=12.0)
    with pytest.raises(InputError, match="too small"):
        make_plan(recipe("epochs", stop={"epochs": 5}), step=10.0, budget=12.0)
    assert make_plan(recipe("tiny", stop={"steps": 2}), step=0.1, budget=12.0)


def test_little_time_means_fewer_settings_and_finalists(make_plan: MakePlan) -> None:
    many = [recipe(name) for name in "abcdef"]
    rich, poor = make_plan(*many, step=0.08), make_plan(*many, step=0.25)
    sizes = []
    for plan in (rich, poor):
        assert plan.confirm is not None
        sizes.append((len(plan.contenders[0].settings), plan.confirm.finalists))
    assert sizes == [(5, 3), (3, 2)]


@pytest.mark.parametrize(("asked", "most"), [(None, 3), (1, 1), (4, 4), (9, 6), ("all", 6)])
def test_finalists_that_were_asked_for(make_plan: MakePlan, asked: Any, most: int) -> None:
    many = [recipe(name) for name in "abcdef"]
    plan = make_plan(*many, step=0.02, finalists=asked)
    assert plan.confirm is not None
    assert plan.confirm.finalists == most
    said = {1: "the best method and", 3: "the best 3 methods and", 6: "all methods on"}
    assert any(said.get(most, "the best 4 methods") in note for note in plan.notes)
    assert 0.6 * 60 < planned_seconds(plan) < 60 - 3, "more finalists, less time for each"


@pytest.mark.parametrize("seeds", [2, 5, 7, 13])
def test_seeds_that_were_asked_for(make_plan: MakePlan, seeds: int) -> None:
    plan = make_plan(PLAIN, MOMENTUM, seeds=seeds, step=0.02)
    assert plan.confirm is not None
    assert plan.confirm.seeds == design.seeds(0, "confirm", seeds)
    assert any("seeds were asked for" in note for note in plan.notes) == (seeds < 10)


def test_seeds_of_screening_and_confirmation_differ(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, MOMENTUM, seed=4)
    assert plan.confirm is not None
    screened = {member.seed for unit in plan.screen for member in unit.members}
    assert len(screened) == 3
    assert not screened & set(plan.confirm.seeds)
    assert plan.data.split_seed == 4


def test_the_screening_tries_every_setting_with_every_seed(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, MOMENTUM)
    for contender in plan.contenders:
        own = [u for u in plan.screen if u.members[0].recipe == contender.recipe.name]
        assert len(own) == 3
        for unit in own:
            assert [m.setting for m in unit.members] == list(range(len(contender.settings)))
        assert len({unit.members[0].seed for unit in own}) == 3
    rates = [setting[LR] for setting in plan.contenders[0].settings]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.01, 1.0)


def test_the_plan_knows_its_data_and_machine(
    make_plan: MakePlan, iris: DataSet, prepared: Prepared
) -> None:
    plan = make_plan(PLAIN, workers=2, threads=3, command="methodic run iris")
    assert plan.data.fingerprint == iris.fingerprint
    assert plan.data.rows == prepared.counts
    assert plan.data.numeric == 4
    assert (plan.machine.workers, plan.machine.threads) == (2, 3)
    assert plan.command == "methodic run iris"
    assert plan.budget == 60.0
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_baselines_are_planned(make_plan: MakePlan) -> None:
    kinds = {each.kind for each in make_plan(PLAIN, cheap=False).baselines}
    assert {"constant", "linear"} <= kinds


def test_the_simplest_method(make_plan: MakePlan) -> None:
    def simplest(*recipes: Recipe) -> str:
        plan = make_plan(*recipes)
        assert plan.confirm is not None
        return plan.confirm.simplest

    assert simplest(MOMENTUM, FULL, PLAIN) == "plain"
    assert simplest(MOMENTUM, FULL) == "full"
    assert simplest(MOMENTUM) == "momentum"


def test_the_library_can_be_planned(make_plan: MakePlan) -> None:
    recipes = catalogue.all_recipes()
    plan = make_plan(*recipes, step=0.001)
    assert [each.recipe.name for each in plan.contenders] == [each.name for each in recipes]


def test_the_choices_stand_in_the_plan(
    make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bfloat16 that takes a third of the time: it is checked, taken, and the steps are planned so.

    The imaginary machine knows no widths, so that parts cost what the whole does.
    """
    monkeypatch.setattr(choosing, "has_bfloat16", lambda device: True)
    same = [([0.5] * 5, [0.6] * 5)] * 2
    monkeypatch.setattr(choosing.Survey, "losses", lambda *_: same)
    usual = make_plan(PLAIN, step=0.05, precisions={}, budget=120.0, compile=False)
    half = {"bfloat16": 3.0}
    plan = make_plan(PLAIN, step=0.05, precisions=half, budget=120.0, compile=False)
    compiled = make_plan(PLAIN, step=0.05, precisions=half, budget=120.0, compile=None)
    assert compiled.machine.precision == "float32", "machine code is faster still"
    assert usual.machine.precision == "float32"
    assert plan.machine.precision == "bfloat16"
    assert plan.machine.width == 0
    tried = {each.what: each.milliseconds for each in plan.tried}
    assert tried["without bfloat16"] == 50.0
    assert tried["bfloat16"] == pytest.approx(50 / 3, rel=1e-4)
    assert plan.contenders[0].milliseconds == pytest.approx(50 / 3, rel=1e-4)
    assert steps(plan)["plain"] == pytest.approx(3 * steps(usual)["plain"], rel=0.1)
    assert any(note.startswith("With bfloat16: ") for note in plan.notes)
    assert any(note.startswith("Without parts of 4: ") for note in plan.notes)


def test_what_can_not_be_compiled_runs_as_it_is(
    make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One method's steps can't be machine code; the others' are all the same."""
    measured = planning.Survey._measured

    def refusing(survey: Any, chosen: Recipe, width: int, machine: Any) -> Any:
        future = measured(survey, chosen, width, machine)
        if machine.compiled and chosen.name == "momentum" and chosen.name not in survey.refused:
            future = Future()
            future.set_exception(InputError("no machine code", found="a part of it"))
        return future

    monkeypatch.setattr(planning.Survey, "_measured", refusing)
    plan = make_plan(PLAIN, MOMENTUM, step=0.02, budget=300.0, compile=True)
    assert plan.machine.compiled
    assert {c.recipe.name: c.eager for c in plan.contenders} == {"plain": False, "momentum": True}
    assert "Not compiled among them: momentum (a part of it)." in plan.notes
    assert {c.recipe.name: c.milliseconds for c in plan.contenders} == {
        "plain": 10.0,
        "momentum": 20.0,
    }


def test_choices_that_were_asked_for(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, asked=Asked(precision="float32", width=2), step=0.05, compile=False)
    assert (plan.machine.precision, plan.machine.width, plan.tried) == ("float32", 2, ())
    with pytest.raises(InputError, match="channels_last"):
        make_plan(PLAIN, asked=Asked(memory_format="channels_last"))


def test_shared_batches_stand_in_the_plan_and_in_its_notes(make_plan: MakePlan) -> None:
    shared, own = make_plan(PLAIN, shared_batches=True), make_plan(PLAIN)
    assert (shared.batches, own.batches) == ("shared", "own")
    assert any("not about another order of rows" in note for note in shared.notes)
    assert not any("order of rows" in note for note in own.notes)
