"""Units of an ablation: the confirmation's, without one ingredient each; and how many fit."""

from __future__ import annotations

import pytest

from methodic.plan import NetworkFacts, Plan, UnitRecord
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import concrete
from methodic.runs.machine.compiling import COLD, TRACE
from methodic.runs.outcome.ablating import affordable, units
from methodic.runs.plans.units import confirm_units
from methodic.tuning import Segment
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan

OFF = ["dropout", "momentum", "schedule", "ema"]  # of MOMENTUM


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, MOMENTUM, seeds=10)


def test_each_ingredient_in_each_block(plan: Plan) -> None:
    complete = confirm_units(plan, [("momentum", 3)])
    assert [unit.block for unit in complete] == [0, 1]
    todo = units(plan, complete)
    assert [(u.block, u.members[0].off) for u in todo] == [
        (block, off) for block in (0, 1) for off in OFF
    ]
    assert len({unit.id for unit in todo}) == len(todo)
    assert todo[1].id == "ablate-000-momentum-momentum"
    for unit in todo:
        whole = complete[unit.block]
        assert [(m.seed, m.setting) for m in unit.members] == [
            (m.seed, m.setting) for m in whole.members
        ]
        assert len({member.off for member in unit.members}) == 1
        assert (unit.steps, unit.evaluate, unit.split) == (whole.steps, whole.evaluate, whole.split)
        assert (unit.phase, unit.predict_test) == ("ablate", False)


def test_the_split_of_each_seed_stays(plan: Plan) -> None:
    whole = confirm_units(plan, [("momentum", 0)])[0].model_copy(update={"split": 4})
    assert {unit.split for unit in units(plan, [whole])} == {4}


def test_a_network_of_the_user_s_own_has_no_dropout_of_ours(plan: Plan) -> None:
    facts = NetworkFacts(
        name="Net", start="module", parameters=1, fingerprint="", together=True, reason=""
    )
    own = plan.model_copy(update={"network": facts})
    found = units(own, confirm_units(plan, [("momentum", 0)])[:1])
    assert [unit.members[0].off for unit in found] == OFF[1:]


def test_without_pretraining_the_steps_are_as_many(plan: Plan) -> None:
    contender = plan.contenders[0]
    staged = Recipe.model_validate(
        {
            "name": "plain",
            "model": {"kind": "linear"},
            "stages": [
                {"name": "first", "share": 0.25, "optimizer": {"kind": "sgd"}},
                {"name": "second", "share": 0.25, "optimizer": {"kind": "sgd"}},
                {"name": "third", "share": 0.5, "optimizer": {"kind": "sgd"}},
            ],
        }
    )
    one = contender.model_copy(
        update={"recipe": staged, "settings": ({},), "confirm_steps": (10, 11, 20)}
    )
    chosen = plan.model_copy(update={"contenders": (one, plan.contenders[1])})
    whole = confirm_units(chosen, [("plain", 0)])[:1]
    found = units(chosen, whole)
    assert [unit.steps for unit in found] == [(15, 26), (14, 27)]
    for unit in found:
        assert unit.evaluate == whole[0].evaluate
        less = concrete(one, 0, unit.members[0].off)
        assert len(less.stages) == len(unit.steps)


def confirmed(plan: Plan, seconds: tuple[float, ...]) -> list[UnitRecord]:
    whole = confirm_units(plan, [("momentum", 0)])[0]
    return [
        UnitRecord(unit=whole, members=(), curves=(), seconds=each, threads=1) for each in seconds
    ]


@pytest.mark.parametrize(
    ("workers", "seconds", "blocks"),
    [
        (1, 7.9, 0),  # four ingredients of 2 seconds
        (1, 8.0, 1),
        (1, 15.9, 1),
        (1, 16.0, 2),
        (2, 4.0, 1),
        (3, 5.9, 1),  # three, and then one
        (3, 6.0, 2),  # eight units in three rounds
        (0, 100.0, 2),
    ],
)
def test_how_many_whole_blocks_fit(plan: Plan, workers: int, seconds: float, blocks: int) -> None:
    machine = plan.machine.model_copy(update={"workers": workers})
    chosen = plan.model_copy(update={"machine": machine})
    todo = units(chosen, confirm_units(chosen, [("momentum", 0)]))
    assert affordable(chosen, todo, confirmed(chosen, (1.0, 2.0)), seconds) == blocks
    compiled = chosen.model_copy(update={"machine": machine.model_copy(update={"compiled": True})})
    if blocks and seconds < 100:
        assert affordable(compiled, todo, confirmed(chosen, (1.0, 2.0)), seconds) < blocks
        more = seconds + 4 * (COLD + 2 * TRACE)
        assert affordable(compiled, todo, confirmed(chosen, (1.0, 2.0)), more) >= blocks


def test_nothing_fits_where_nothing_is_known(plan: Plan) -> None:
    todo = units(plan, confirm_units(plan, [("momentum", 0)]))
    assert affordable(plan, todo, [], 100.0) == 0
    assert affordable(plan, [], confirmed(plan, (1.0,)), 100.0) == 0


def test_looks_are_the_confirmation_s_though_segments_end_at_them(plan: Plan) -> None:
    """A population's winner changes its setting on the way, maybe where it is looked at."""
    (whole, *_) = confirm_units(plan, [("momentum", 0)])
    steps = sum(whole.steps)
    ends = (whole.evaluate[1], whole.evaluate[3], steps)
    segments = tuple(Segment(until=end, settings=({},) * len(whole.members)) for end in ends)
    (first, *_) = units(plan, [whole.model_copy(update={"segments": segments})])
    assert first.evaluate == whole.evaluate
