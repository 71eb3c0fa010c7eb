"""Units of work, block by block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodic.runs.plans.units import EVALUATIONS, confirm_units, evaluations, halt
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan


def test_blocks_of_confirmation(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, MOMENTUM, seeds=12, step=0.02)
    assert plan.confirm is not None
    units = confirm_units(plan, [("momentum", 2), ("plain", 0)])
    assert [unit.id for unit in units] == [
        f"confirm-00{block}-{name}" for block in range(3) for name in ("momentum", "plain")
    ]
    for name, setting in (("momentum", 2), ("plain", 0)):
        own = [unit for unit in units if unit.members[0].recipe == name]
        assert [len(unit.members) for unit in own] == [5, 5, 2]
        assert [unit.block for unit in own] == [0, 1, 2]
        members = [member for unit in own for member in unit.members]
        assert tuple(member.seed for member in members) == plan.confirm.seeds
        assert {member.setting for member in members} == {setting}
        (contender,) = (c for c in plan.contenders if c.recipe.name == name)
        assert contender.confirm_steps != contender.steps
        assert all(unit.steps == contender.confirm_steps and unit.predict_test for unit in own)
        assert all(len(unit.evaluate) == plan.confirm.evaluations for unit in own)
    assert confirm_units(plan, [("plain", 0)], blocks=1) == [
        unit for unit in units if unit.id == "confirm-000-plain"
    ]
    assert confirm_units(plan, []) == []


def test_screening_predicts_no_test_rows(make_plan: MakePlan) -> None:
    plan = make_plan(PLAIN, MOMENTUM)
    assert not any(unit.predict_test for unit in plan.screen)
    assert {unit.block for unit in plan.screen} == {0, 1, 2}
    assert len({unit.id for unit in plan.screen}) == len(plan.screen) == 6


@given(st.integers(1, 10_000))
def test_evaluations_are_evenly_spread_and_end_with_the_last_step(total: int) -> None:
    steps = evaluations(total)
    assert steps[-1] == total
    assert steps[0] >= 1
    assert len(steps) == min(total, EVALUATIONS)
    gaps = [b - a for a, b in zip((0, *steps), steps, strict=False)]
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("total", [1, 19, 20, 21])
def test_few_steps(total: int) -> None:
    assert len(set(evaluations(total))) == len(evaluations(total)) == min(total, 20)


def test_a_block_of_cross_validation_is_a_repetition(make_plan: MakePlan) -> None:
    """A busy machine drops whole repetitions, and never all but a single split."""
    plan = make_plan(PLAIN, MOMENTUM, step=0.1, seeds=12, splits="cv")
    units = confirm_units(plan, [("plain", 0), ("momentum", 0)])
    assert [(u.block, u.split) for u in units[::2]] == [(i // 5, i + 1) for i in range(12)]
    assert len({u.id for u in units}) == 24
    assert all(len(u.members) == 1 for u in units)
    assert confirm_units(plan, [("plain", 0)], blocks=1) == units[:10:2]


@given(st.floats(1e-3, 1, exclude_max=True), st.integers(2, 1000), st.lists(st.integers(1, 50)))
def test_a_rung_before_the_last_leaves_something_to_go_on_with(
    share: float, last: int, before: list[int]
) -> None:
    end = halt(share, (*before, last))
    assert sum(before) < end < sum(before) + last
    assert halt(1.0, (*before, last)) == sum(before) + last


def test_a_last_stage_of_one_step_is_every_rungs_end() -> None:
    assert [halt(share, (100, 1)) for share in (0.1, 0.5, 1.0)] == [101] * 3
