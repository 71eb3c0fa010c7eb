"""Members come and go, and each trains to the bit as it would alone from its own step 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.evaluation import Judge
from methodic.engine.native import steps as native
from methodic.engine.native.library import loaded, missing_compiler
from methodic.engine.parts import State
from methodic.engine.population import Make, Newcomer, Population, Stay
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe
from tests.engine.conftest import ROWS

TOTAL = 24
LR = "stages.0.turns.0.optimizer.lr"
MLP = {"kind": "mlp", "width": 7, "depth": 1}
DROPOUT = {**MLP, "dropout": 0.3}
BATCH_NORM = {**MLP, "normalization": "batch"}
EMA = {"regularizers": [{"kind": "ema", "decay": 0.9}]}


def cosine(optimizer: dict[str, Any]) -> dict[str, Any]:
    return {"optimizer": optimizer, "schedule": {"kind": "cosine", "warmup": 0.3, "final": 0.1}}


# name → (model, stage)
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sgd": (MLP, {}),
    "momentum, exponential, dropout": (
        DROPOUT,
        {
            "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
            "schedule": {"kind": "exponential", "final": 0.1, "warmup": 0.2},
        },
    ),
    "adam, cosine, batch norm, ema": (BATCH_NORM, {**cosine({"kind": "adam"}), **EMA}),
    "adamw, cosine, dropout": (DROPOUT, cosine({"kind": "adamw", "weight_decay": 0.1})),
    "rmsprop, proximal, clipped": (
        MLP,
        {
            "optimizer": {"kind": "rmsprop", "centered": True, "momentum": 0.5},
            "regularizers": [{"kind": "proximal_l1", "weight": 0.01}, {"kind": "l2"}],
            "clip": {"norm": 0.5},
        },
    ),
    "full batch": (MLP, {**cosine({"kind": "adam"}), "batch": "full"}),
    "two turns": (
        DROPOUT,
        {
            "turns": [
                {"parameters": ["head"], **cosine({"kind": "adam"})},
                {"parameters": ["hidden"], "optimizer": {"kind": "sgd", "lr": 0.1}},
            ]
        },
    ),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recipe(name: str = "sgd", factor: float = 1.0) -> Recipe:
    """A row of the table; ``factor`` scales each learning rate."""
    model, stage = TABLE[name]
    turns = stage.get("turns", [{}])
    objectives = [{"kind": "cross_entropy"}]
    whole = {k: v for k, v in stage.items() if k in ("batch", "regularizers")}
    given = [
        t if "turns" in stage else {k: v for k, v in stage.items() if k not in whole} for t in turns
    ]
    made = []
    for turn in given:
        rule = {"kind": "sgd", "lr": 0.1, **turn.get("optimizer", {})}
        rule["lr"] = (rule["lr"] if rule["kind"] == "sgd" else 0.01) * factor
        made.append({**turn, "objectives": objectives, "optimizer": rule})
    stages = [{"batch": 16, **whole, "turns": made}]
    return Recipe.model_validate({"name": "r", "model": model, "stages": stages})


def maker(steps: Sequence[int] = (TOTAL,), **how: Any) -> Make:
    return partial(
        build.cohort,
        steps=list(steps),
        inputs=Inputs(numeric=4),
        outputs=2,
        rows=ROWS,
        changing=True,
        **how,
    )


def alone(chosen: Recipe, seed: int, steps: int, rows: Rows) -> State:
    """One member by itself, by the loop and without a population."""
    cohort = build.cohort(
        [chosen], [seed], steps=[TOTAL], inputs=Inputs(numeric=4), outputs=2, rows=ROWS
    )
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    return loop.advance(cohort, stage, state, rows, steps, lambda _: None) if steps else state


def same_bits(population: Population, place: int, other: State, at: int = 0) -> bool:
    """All that training changes, of a member and of row ``at`` of another state."""
    _, state = population._now
    pairs = [(state.flat, other.flat), *_pairs(state.buffers, other.buffers)]
    pairs += _pairs(state.average, other.average)
    for mine, theirs in zip(state.rules, other.rules, strict=True):
        pairs += _pairs(mine, theirs)
    return all(torch.equal(a[place], b[at]) for a, b in pairs)


def _pairs(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    assert a.keys() == b.keys()
    return [(a[name], b[name]) for name in a]


@pytest.mark.parametrize("name", TABLE)
def test_a_newcomer_trains_as_alone_from_its_step_0(name: str, rows: Rows, judge: Judge) -> None:
    first = [Newcomer(recipe(name), 1), Newcomer(recipe(name, 0.5), 2)]
    population = Population(maker(), first, rows, judge)
    population.advance(10)
    population.join([Newcomer(recipe(name, 0.7), 3)])
    population.advance(4)
    population.reseat([Stay(2), Newcomer(recipe(name, 0.9), 4), Stay(0)])
    population.advance(6)
    came = [(recipe(name, 0.7), 3, 10), (recipe(name, 0.9), 4, 6), (recipe(name), 1, 20)]
    for place, (chosen, seed, steps) in enumerate(came):
        assert population.members[place].steps == steps
        assert same_bits(population, place, alone(chosen, seed, steps, rows)), f"place {place}"
        assert not same_bits(population, place, alone(chosen, seed, steps - 1, rows))
        assert not same_bits(population, place, alone(chosen, seed + 9, steps, rows))


def test_who_is_kept_does_not_notice_who_leaves(rows: Rows, judge: Judge) -> None:
    name = "adamw, cosine, dropout"
    entries = [Newcomer(recipe(name, 1 - i / 10), i) for i in range(5)]
    stayed, changed = (Population(maker(), entries, rows, judge) for _ in range(2))
    for steps, places in ((3, [4, 1, 3]), (5, [2, 1]), (2, [0])):
        stayed.advance(steps)
        changed.advance(steps)
        changed.keep(places)
    stayed.advance(4)
    changed.advance(4)
    assert [each.seed for each in changed.members] == [3]
    assert same_bits(changed, 0, stayed._now[1], at=3)
    assert not same_bits(changed, 0, stayed._now[1], at=1)


def test_a_clone_with_another_rate_is_the_member_whose_rate_was_changed(
    rows: Rows, judge: Judge
) -> None:
    name = "adam, cosine, batch norm, ema"
    population = Population(maker(), [Newcomer(recipe(name), s) for s in (5, 6)], rows, judge)
    population.advance(9)
    population.reseat([Stay(1), Stay(1, {LR: 0.002}), Stay(0)])
    population.advance(7)
    before = alone(recipe(name), 6, 9, rows)
    switched = build.cohort(
        [recipe(name, 0.2)], [6], steps=[TOTAL], inputs=Inputs(numeric=4), outputs=2, rows=ROWS
    )
    after = loop.advance(switched, switched.stages[0], before, rows, 7, lambda _: None)
    assert same_bits(population, 1, after)
    assert same_bits(population, 0, alone(recipe(name), 6, 16, rows))
    assert same_bits(population, 2, alone(recipe(name), 5, 16, rows))
    assert [m.recipe.stages[0].turns[0].optimizer.lr for m in population.members] == [
        0.01,
        0.002,
        0.01,
    ]
    assert [m.steps for m in population.members] == [16, 16, 16]


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_happens_around_it(rows: Rows, judge: Judge, data: st.DataObject) -> None:
    """A random history: every member equals itself alone, at its own number of steps."""
    name = data.draw(st.sampled_from(["adam, cosine, batch norm, ema", "adamw, cosine, dropout"]))
    seeds = iter(range(100))
    fresh = lambda: Newcomer(recipe(name), next(seeds))  # noqa: E731
    population = Population(maker(), [fresh()], rows, judge)
    for _ in range(data.draw(st.integers(1, 4))):
        population.advance(data.draw(st.integers(0, 9)))
        here = len(population.members)
        kept = data.draw(st.lists(st.integers(0, here - 1), max_size=4))
        new = data.draw(st.integers(0 if kept else 1, 3))
        seats = [*(Stay(place) for place in kept), *(fresh() for _ in range(new))]
        population.reseat(data.draw(st.permutations(seats)))
        cohort, state = population._now
        tensors = [state.flat, state.alive, *state.rules[0].values(), *cohort.numbers.values()]
        assert {len(x) for x in tensors} == {cohort.width} == {len(seats)}, "no place is empty"
        assert len(population.members) == len(seats)
    for place, member in enumerate(population.members):
        assert same_bits(population, place, alone(recipe(name), member.seed, member.steps, rows))


def test_scores_are_in_the_precision_of_training(rows: Rows, judge: Judge) -> None:
    full, half = (
        Population(maker(precision=precision), [Newcomer(recipe(), 0)], rows, judge)
        for precision in ("float32", "bfloat16")
    )
    assert torch.equal(full._now[1].flat, half._now[1].flat), "the same start"
    assert full.scores().loss != half.scores().loss
    assert full.scores().loss == pytest.approx(half.scores().loss, rel=0.02)


def test_scores_are_those_of_the_members(rows: Rows, judge: Judge) -> None:
    name = "adam, cosine, batch norm, ema"
    entries = [Newcomer(recipe(name, 1 - i / 5), i) for i in range(3)]
    population = Population(maker(), entries, rows, judge)
    population.advance(8)
    together = population.scores()
    parameters, buffers = population.weights()
    assert together.score.shape == together.loss.shape == (3,)
    for place, entry in enumerate(entries):
        single = Population(maker(), [entry], rows, judge)
        single.advance(8)
        mine = single.scores()
        assert mine.score[0] == together.score[place]
        assert mine.loss[0] == together.loss[place]
        for name_, value in single.weights()[0].items():
            assert torch.equal(value[0], parameters[name_][place])
        for name_, value in single.weights()[1].items():
            assert torch.equal(value[0], buffers[name_][place])
    assert len(set(together.loss)) == 3
    assert not torch.equal(
        parameters["head.weight"],
        population._now[0].layout.views(population._now[1].flat)["head.weight"][:3],
    ), "the averaged weights"


def test_a_member_ends_with_its_own_steps(rows: Rows, judge: Judge) -> None:
    name = "adamw, cosine, dropout"
    population = Population(maker(), [Newcomer(recipe(name), 1)], rows, judge)
    assert population.advance(10) == 10
    population.join([Newcomer(recipe(name), 2)])
    assert population.advance(1000) == TOTAL
    assert [each.status for each in population.members] == ["finished", "finished"]
    assert [each.steps for each in population.members] == [TOTAL, TOTAL]
    for place, seed in enumerate((1, 2)):
        assert same_bits(population, place, alone(recipe(name), seed, TOTAL, rows))
    assert population.advance(5) == 0
    population.join([Newcomer(recipe(name), 3)])
    assert population.advance(5) == 5
    assert [each.steps for each in population.members] == [TOTAL, TOTAL, 5]
    assert same_bits(population, 2, alone(recipe(name), 3, 5, rows))


def test_a_member_that_diverges_says_when_and_stays(rows: Rows, judge: Judge) -> None:
    name = "momentum, exponential, dropout"
    entries = [Newcomer(recipe(name), 1), Newcomer(recipe(name, 1e30), 2)]
    population = Population(maker(), entries, rows, judge)
    population.advance(12)
    good, wild = population.members
    assert (good.status, good.steps) == ("training", 12)
    assert wild.status == "diverged"
    assert 0 <= wild.steps < 12
    assert torch.isfinite(population._now[1].flat).all()
    before = alone(recipe(name, 1e30), 2, wild.steps, rows)
    assert same_bits(population, 1, before), "as after its last finite step"
    population.reseat([Stay(1), Stay(0)])
    population.advance(3)
    assert population.members[0] == wild
    assert same_bits(population, 0, before)
    assert same_bits(population, 1, alone(recipe(name), 1, 15, rows))


STAGES = [
    {"name": "one", "share": 0.5, "batch": 16, **cosine({"kind": "adam", "lr": 0.01}), **EMA},
    {"name": "two", "share": 0.5, "batch": 9, "optimizer": {"kind": "sgd", "lr": 0.1}},
]


def staged() -> Recipe:
    stages = [{**stage, "objectives": [{"kind": "cross_entropy"}]} for stage in STAGES]
    return Recipe.model_validate({"name": "staged", "model": BATCH_NORM, "stages": stages})


def test_members_leave_in_any_stage(rows: Rows, judge: Judge) -> None:
    entries = [Newcomer(staged(), seed) for seed in range(4)]
    population = Population(maker([6, 8]), entries, rows, judge)
    population.advance(4)
    population.keep([3, 1, 2])
    population.advance(5)
    population.keep([1, 2])
    assert population.advance(100) == 5
    assert [(m.seed, m.steps, m.status) for m in population.members] == [
        (1, 14, "finished"),
        (2, 14, "finished"),
    ]
    single = build.cohort(
        [staged()], [2], steps=[6, 8], inputs=Inputs(numeric=4), outputs=2, rows=ROWS
    )
    trained = loop.train(single, rows, judge, [14])
    parameters, buffers = population.weights()
    flat = population._now[0].layout.flatten(parameters)
    assert torch.equal(flat[1], trained.flat[0])
    for name, value in trained.buffers.items():
        assert torch.equal(buffers[name][1], value[0])


@pytest.mark.parametrize("steps", [3, 6, 9])
def test_nobody_joins_several_stages_after_the_start(rows: Rows, judge: Judge, steps: int) -> None:
    population = Population(maker([6, 8]), [Newcomer(staged(), 1)], rows, judge)
    population.join([Newcomer(staged(), 2)])
    population.advance(steps)
    before = population.members, population._now[1].flat.clone()
    with pytest.raises(InputError, match="several stages"):
        population.join([Newcomer(staged(), 3)])
    assert population.members == before[0]
    assert torch.equal(population._now[1].flat, before[1])
    population.advance(1)


def test_nobody_joins_between_turns(rows: Rows, judge: Judge) -> None:
    population = Population(maker(), [Newcomer(recipe("two turns"), 1)], rows, judge)
    population.advance(3)
    with pytest.raises(InputError, match="alternates between 2 turns") as caught:
        population.join([Newcomer(recipe("two turns"), 2)])
    assert caught.value.found == "step 3"
    population.advance(1)
    population.join([Newcomer(recipe("two turns"), 2)])
    population.advance(2)
    assert same_bits(population, 1, alone(recipe("two turns"), 2, 2, rows))


def test_newcomers_follow_when_all_are_through_between_turns(rows: Rows, judge: Judge) -> None:
    population = Population(maker([7]), [Newcomer(recipe("two turns"), 1)], rows, judge)
    assert population.advance(9) == 7
    population.join([Newcomer(recipe("two turns"), 2)])
    population.advance(5)
    single = Population(maker([7]), [Newcomer(recipe("two turns"), 2)], rows, judge)
    single.advance(5)
    assert same_bits(population, 1, single._now[1])
    assert [each.steps for each in population.members] == [7, 5]


def of_rounds(fresh: tuple[str, ...] = ()) -> Recipe:
    """Two steps of one turn, one of the other, with a head of its own start."""
    raw = recipe("two turns").model_dump()
    raw["stages"][0]["turns"][0]["repeat"] = 2
    raw["stages"][0]["fresh"] = fresh
    return Recipe.model_validate(raw)


def test_newcomers_wait_for_the_end_of_a_round(rows: Rows, judge: Judge) -> None:
    population = Population(maker(), [Newcomer(of_rounds(), 1)], rows, judge)
    population.advance(4)
    with pytest.raises(InputError, match="alternates between 2 turns") as caught:
        population.join([Newcomer(of_rounds(), 2)])
    assert caught.value.accepted == "steps that are multiples of 3"
    population.advance(2)
    population.join([Newcomer(of_rounds(), 2)])
    population.advance(5)
    for place, (seed, steps) in enumerate(((1, 11), (2, 5))):
        assert same_bits(population, place, alone(of_rounds(), seed, steps, rows))
    short = Population(maker([7]), [Newcomer(of_rounds(), 1)], rows, judge)
    short.advance(99)
    short.join([Newcomer(of_rounds(), 2)])
    short.advance(7)
    single = Population(maker([7]), [Newcomer(of_rounds(), 2)], rows, judge)
    single.advance(7)
    assert torch.equal(short.weights()[0]["head.weight"][1], single.weights()[0]["head.weight"][0])


def test_fresh_parameters_of_newcomers(rows: Rows, judge: Judge) -> None:
    """Drawn as a training of the same recipe draws them."""
    chosen = of_rounds(("head",))
    population = Population(maker(), [Newcomer(chosen, 1), Newcomer(chosen, 2)], rows, judge)
    cohort = maker()([chosen], [2], born=[0])
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    wanted = cohort.layout.views(loop.renewed(cohort, cohort.stages[0], state, rows).flat)
    found = population.weights()[0]
    for name, value in wanted.items():
        assert torch.equal(found[name][1], value[0])
    plain = Population(maker(), [Newcomer(of_rounds(), 2)], rows, judge).weights()[0]
    assert not torch.equal(found["head.weight"][1], plain["head.weight"][0])
    assert torch.equal(found["hidden.0.weight"][1], plain["hidden.0.weight"][0])


def test_another_structure_is_refused(rows: Rows, judge: Judge) -> None:
    population = Population(maker(), [Newcomer(recipe("sgd"), 1)], rows, judge)
    with pytest.raises(InputError, match="another structure") as caught:
        population.join([Newcomer(recipe("momentum, exponential, dropout"), 2)])
    assert "dropout" in (caught.value.found or "")
    wider = recipe("sgd", 0.5).model_copy(
        update={"model": recipe().model.model_copy(update={"width": 9})}
    )
    with pytest.raises(InputError, match="another structure") as caught:
        population.join([Newcomer(wider, 2)])
    assert caught.value.found == "model width: 7 → 9", "and no word about the learning rate"
    with pytest.raises(InputError, match="another structure") as caught:
        population.reseat([Stay(0, {"stages.0.turns.0.optimizer.momentum": 0.5})])
    assert "A Number of 0" in (caught.value.advice or "")
    with pytest.raises(InputError, match="another structure"):
        Population(maker(), [Newcomer(recipe(), 1), Newcomer(wider, 2)], rows, judge)
    with pytest.raises(InputError, match="learning_rate"):
        population.reseat([Stay(0, {"stages.0.turns.0.optimizer.learning_rate": 0.5})])
    for places in ([], [1], [-1]):
        with pytest.raises(InputError):
            population.keep(places)
    population.advance(2)
    assert same_bits(population, 0, alone(recipe(), 1, 2, rows))


def test_weights_of_objectives_may_change(rows: Rows, judge: Judge) -> None:
    """A cohort that stays as it is drops weights of 1; a population keeps them as inputs."""
    path = "stages.0.turns.0.objectives.0.weight"
    population = Population(maker(), [Newcomer(recipe(), 1)], rows, judge)
    population.advance(3)
    population.reseat([Stay(0), Stay(0, {path: 0.5})])
    population.advance(3)
    assert same_bits(population, 0, alone(recipe(), 1, 6, rows))
    assert not same_bits(population, 1, alone(recipe(), 1, 6, rows))
    fixed = partial(maker(), changing=False)
    population = Population(fixed, [Newcomer(recipe(), 1)], rows, judge)
    with pytest.raises(AssertionError, match="changing"):
        population.reseat([Stay(0, {path: 0.5})])


def test_shared_batches_follow_each_member_s_own_clock(rows: Rows, judge: Judge) -> None:
    make = maker(shared_batches=True)
    population = Population(make, [Newcomer(recipe(), 1)], rows, judge)
    population.advance(7)
    population.join([Newcomer(recipe(), 2)])
    population.advance(5)
    single = Population(make, [Newcomer(recipe(), 2)], rows, judge)
    single.advance(5)
    assert same_bits(population, 1, single._now[1])
    assert not same_bits(population, 1, alone(recipe(), 2, 5, rows)), "its own order is another"


def test_halving_in_a_few_lines(rows: Rows, judge: Judge) -> None:
    """What a search does: the better half goes on from where it is."""
    entries = [Newcomer(recipe(factor=0.1 * 2**i), i) for i in range(6)]
    population = Population(maker(), entries, rows, judge)
    while len(population.members) > 1:
        population.advance(6)
        order = np.argsort(population.scores().loss, kind="stable")
        population.keep([int(place) for place in order[: len(order) // 2]])
    (best,) = population.members
    assert best.steps == 12
    assert same_bits(population, 0, alone(best.recipe, best.seed, 12, rows))


def test_a_user_s_module_draws_by_its_own_clock(rows: Rows, judge: Judge) -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 2))
    make = maker(module=network)
    population = Population(make, [Newcomer(recipe(), 1)], rows, judge)
    population.advance(5)
    population.reseat([Newcomer(recipe(), 2)])
    population.advance(4)
    single = Population(make, [Newcomer(recipe(), 2)], rows, judge)
    single.advance(4)
    assert same_bits(population, 0, single._now[1])
    other = Population(make, [Newcomer(recipe(), 3)], rows, judge)
    other.advance(4)
    assert not same_bits(population, 0, other._now[1])


@pytest.mark.skipif(missing_compiler() is not None, reason="no C++ compiler on this machine")
def test_compiled_members_come_and_go_without_another_compilation(
    rows: Rows, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = "adam, cosine, batch norm, ema"
    make = maker(compiled=True)
    population = Population(make, [Newcomer(recipe(name, f), 1) for f in (1, 2)], rows, judge)
    population.advance(4)
    before = native._made.cache_info().misses, loaded.cache_info().misses
    population.reseat([Stay(1), Newcomer(recipe(name, 3), 2), Stay(0)])
    population.advance(3)
    population.join([Newcomer(recipe(name, f), 3) for f in (4, 5, 6, 7)])  # a width of 7
    population.advance(2)
    assert population._now[0].width == 7
    single = Population(make, [Newcomer(recipe(name, 3), 2)], rows, judge)
    single.advance(5)
    assert before == (native._made.cache_info().misses, loaded.cache_info().misses)
    assert same_bits(population, 1, single._now[1])
    eager = alone(recipe(name, 2), 1, 9, rows)
    torch.testing.assert_close(population._now[1].flat[0], eager.flat[0], rtol=1e-3, atol=1e-4)
