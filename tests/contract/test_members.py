"""A member trains alike alone and in company, to the bit: every layer, loss, rule and regularizer.

Adding one to the project is adding a row here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from contract.members import models, objectives, regularizers, rules, schedules

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.parts import Cohort, State
from methodic.models.mlp import Inputs
from methodic.models.parts.activations import ACTIVATIONS
from methodic.models.parts.initialization import INITIALIZATIONS
from methodic.recipes.types import Recipe

N, NUMERIC, CATEGORICAL, CODES, CLASSES = 61, 7, 2, 9, 3
SIZES = (4, 5)  # codes of each categorical column
STEPS = 6

SGD = {"kind": "sgd", "lr": 0.05}
PLAIN: dict[str, Any] = {"batch": 13, "optimizer": SGD}
MLP = {"kind": "mlp", "width": 11, "depth": 2, "embedding": 3}

# name → (model, stage); sizes are odd on purpose, so that every kernel has a tail.
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "linear": ({"kind": "linear", "embedding": 3}, PLAIN),
    "width 1": ({**MLP, "width": 1}, PLAIN),
    "single rows": (MLP, {**PLAIN, "batch": 1}),
    "full batch": (MLP, {**PLAIN, "batch": "full"}),
    "dropout": ({**MLP, "dropout": 0.3}, PLAIN),
    "batch norm": ({**MLP, "normalization": "batch"}, PLAIN),
    "layer norm": ({**MLP, "normalization": "layer"}, PLAIN),
    **{f"activation {a}": ({**MLP, "activation": a}, PLAIN) for a in ACTIVATIONS},
    **{
        f"initialization {i}": ({**MLP, "initialization": i}, PLAIN)
        for i in INITIALIZATIONS
        if i != "constant"
    },
    "momentum": (MLP, {**PLAIN, "optimizer": {**SGD, "momentum": 0.9}}),
    "nesterov": (MLP, {**PLAIN, "optimizer": {**SGD, "momentum": 0.9, "nesterov": True}}),
    "weight decay": (MLP, {**PLAIN, "optimizer": {**SGD, "weight_decay": 0.1}}),
    "all decay": (MLP, {**PLAIN, "optimizer": {**SGD, "weight_decay": 0.1, "decays": "all"}}),
    "rmsprop": (MLP, {**PLAIN, "optimizer": {"kind": "rmsprop", "momentum": 0.5}}),
    "rmsprop centered": (MLP, {**PLAIN, "optimizer": {"kind": "rmsprop", "centered": True}}),
    "adam": (MLP, {**PLAIN, "optimizer": {"kind": "adam", "weight_decay": 0.01}}),
    "adamw": (MLP, {**PLAIN, "optimizer": {"kind": "adamw"}}),
    "exponential": (MLP, {**PLAIN, "schedule": {"kind": "exponential", "warmup": 0.3}}),
    "cosine": (MLP, {**PLAIN, "schedule": {"kind": "cosine", "warmup": 0.3}}),
    "clip norm": (MLP, {**PLAIN, "clip": {"norm": 0.1}}),
    "clip value": (MLP, {**PLAIN, "clip": {"value": 0.01}}),
    "smoothing": (
        MLP,
        {**PLAIN, "objectives": [{"kind": "cross_entropy", "label_smoothing": 0.1, "weight": 0.7}]},
    ),
    "class weights": (
        MLP,
        {**PLAIN, "objectives": [{"kind": "cross_entropy", "class_weights": "balanced"}]},
    ),
    "squared error": (MLP, {**PLAIN, "objectives": [{"kind": "mean_squared_error"}]}),
    "l1": (MLP, {**PLAIN, "regularizers": [{"kind": "l1", "weight": 0.01}]}),
    "l2": (MLP, {**PLAIN, "regularizers": [{"kind": "l2", "weight": 0.01}]}),
    "proximal l1": (MLP, {**PLAIN, "regularizers": [{"kind": "proximal_l1", "weight": 0.1}]}),
    "weights of 1": (
        MLP,
        {
            **PLAIN,
            "regularizers": [{"kind": "l2", "weight": 1}, {"kind": "proximal_l1", "weight": 1}],
        },
    ),
    "ema": (MLP, {**PLAIN, "regularizers": [{"kind": "ema", "decay": 0.9}]}),
    "some parameters": (
        MLP,
        {
            **PLAIN,
            "parameters": ["head", "hidden.1"],
            "rates": [{"parameters": ["embedding", "hidden.0"], "factor": 0}],
        },
    ),
    "learned weights": (
        MLP,
        {
            **PLAIN,
            "weights": "learned",
            "objectives": [{"kind": "cross_entropy"}, {"kind": "focal", "weight": 0.6}],
        },
    ),
    # Rates aren't a member's numbers: written in letters, nothing scales them.
    "rates": (
        MLP,
        {
            **PLAIN,
            "layer_decay": "0.5",
            "rates": [{"parameters": ["encoder"], "factor": "0.25"}],
            "optimizer": {"kind": "adam", "lr": 0.01},
        },
    ),
    "two turns": (
        MLP,
        {
            "batch": 13,
            "turns": [
                {"parameters": ["head"], "optimizer": SGD},
                {"parameters": ["hidden", "embedding"], "optimizer": {"kind": "adam"}},
            ],
        },
    ),
    **rules.ROWS,
    **objectives.ROWS,
    **regularizers.ROWS,
    **models.ROWS,
    **schedules.ROWS,
}


NUMBERS = {"squared error", *objectives.NUMBERS, *regularizers.NUMBERS}
"""Rows whose targets are numbers."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def outputs_of(recipe: Recipe, regression: bool) -> int:
    """Numbers or classes that a recipe's objectives predict."""
    kinds = {each.kind for turn in recipe.stages[0].turns for each in turn.objectives}
    return 1 if regression else 2 if kinds & {"binary", "pairwise_ranking"} else CLASSES


def rows(regression: bool, classes: int = CLASSES) -> Rows:
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "numeric": torch.randn(N, NUMERIC, generator=generator),
        "categorical": torch.cat(
            [
                torch.randint(*ends, (N, 1), generator=generator)
                for ends in ((0, SIZES[0]), (SIZES[0], CODES))
            ],
            dim=1,
        ),
    }
    target = torch.randint(0, CLASSES, (N,), generator=generator).clamp(max=classes - 1)
    return Rows(inputs, torch.randn(N, 1, generator=generator) if regression else target)


def members(model: dict[str, Any], stage: dict[str, Any], count: int) -> list[Recipe]:
    """Recipes that differ in every Number that they have."""
    made = []
    for i in range(count):
        scale = 1.0 - 0.07 * i

        def varied(value: Any, scale: float = scale) -> Any:
            if isinstance(value, dict):
                return {k: varied(v) for k, v in value.items()}
            if isinstance(value, list):
                return [varied(v) for v in value]
            return value * scale if isinstance(value, float) else value

        default = [{"kind": "cross_entropy"}]
        whole = (
            stage if "objectives" in stage or "turns" in stage else {**stage, "objectives": default}
        )
        if "turns" in whole:
            whole = {**whole, "turns": [{**t, "objectives": default} for t in whole["turns"]]}
        made.append(Recipe(name="a", model=varied(model), stages=[varied(whole)]))  # type: ignore[arg-type]
    return made


def make(
    recipes: list[Recipe], seeds: list[int], regression: bool, born: Sequence[int] = ()
) -> Cohort:
    return build.cohort(
        recipes,
        seeds,
        steps=[STEPS],
        inputs=Inputs(numeric=NUMERIC, categorical=CATEGORICAL, codes=CODES, sizes=SIZES),
        outputs=outputs_of(recipes[0], regression),
        rows=N,
        class_counts=torch.tensor([10, 20, 31]),
        born=born,
    )


def start(cohort: Cohort, regression: bool) -> State:
    """The state before the first step, adapted to the training rows."""
    return loop.adapted(cohort, loop.initial_state(cohort), rows(regression))


def trained(recipes: list[Recipe], seeds: list[int], regression: bool) -> tuple[Cohort, State]:
    cohort = make(recipes, seeds, regression)
    stage = cohort.stages[0]
    state = loop.begin(stage, start(cohort, regression))
    data = rows(regression, cohort.model.outputs)
    return cohort, loop.advance(cohort, stage, state, data, STEPS, lambda _: None)


def same_bits(a: State, b: State, at: int) -> bool:
    """Member ``at`` of a is the only member of b, in all that training changes."""
    pairs = [(a.flat, b.flat), (a.alive, b.alive)]
    pairs += [(a.buffers[k], b.buffers[k]) for k in b.buffers]
    pairs += [(a.average[k], b.average[k]) for k in b.average]
    for slots, alone in zip(a.rules, b.rules, strict=True):
        pairs += [(slots[k], alone[k]) for k in alone]
    return all(torch.equal(x[at : at + 1], y) for x, y in pairs)


@pytest.mark.parametrize("name", TABLE)
def test_alone_and_in_company(name: str) -> None:
    model, stage = TABLE[name]
    regression = name in NUMBERS
    recipes, seeds = members(model, stage, 5), [11, 12, 13, 14, 15]
    _, company = trained(recipes, seeds, regression)
    assert bool(company.alive.all())
    for at in (0, 2, 4):
        _, alone = trained([recipes[at]], [seeds[at]], regression)
        assert same_bits(company, alone, at), f"member {at} of '{name}'"
    _, pair = trained([recipes[4], recipes[2]], [seeds[4], seeds[2]], regression)
    _, alone = trained([recipes[2]], [seeds[2]], regression)
    assert same_bits(pair, alone, 1), f"another place, other neighbours: '{name}'"


@pytest.mark.parametrize("name", TABLE)
def test_alone_and_in_company_that_shares_its_rows(name: str) -> None:
    """Members of one seed see the same rows, which lie in memory once."""
    model, stage = TABLE[name]
    regression = name in NUMBERS
    recipes, seeds = members(model, stage, 5), [11] * 5
    cohort, company = trained(recipes, seeds, regression)
    assert all(order.shared for order in cohort.orders.values())
    for at in (0, 3):
        _, alone = trained([recipes[at]], [11], regression)
        assert same_bits(company, alone, at), f"member {at} of '{name}'"


@pytest.mark.parametrize("name", TABLE)
def test_alone_and_in_company_that_came_earlier(name: str) -> None:
    """A member that arrives when the others are at step 4 trains as one that starts by itself."""
    model, stage = TABLE[name]
    regression = name in NUMBERS
    recipes, seeds = members(model, stage, 3), [11, 12, 13]
    cohort = make(recipes, seeds, regression, [0, 4, 2])
    begun = loop.begin(cohort.stages[0], start(cohort, regression))
    state = replace(begun, steps_taken=4)
    data = rows(regression, cohort.model.outputs)
    state = loop.advance(cohort, cohort.stages[0], state, data, STEPS, lambda _: None)
    _, alone = trained([recipes[1]], [12], regression)
    assert same_bits(state, alone, 1), f"the newcomer of '{name}'"


@pytest.mark.parametrize("name", ["batch norm", "dropout", "adamw", "ema", "momentum"])
def test_outputs_are_the_same_too(name: str) -> None:
    recipes, seeds = members(*TABLE[name], 3), [1, 2, 3]
    from methodic.engine.evaluation import outputs

    together, state = trained(recipes, seeds, False)
    alone, single = trained([recipes[1]], [2], False)
    test = rows(False)
    a = outputs(together.model, together.layout, state.flat, state.buffers, test, together.numbers)
    b = outputs(alone.model, alone.layout, single.flat, single.buffers, test, alone.numbers)
    assert torch.equal(a[1:2], b)


def test_the_battery_can_fail() -> None:
    """Another seed, another number or another neighbour in its place is noticed."""
    recipes = members(*TABLE["adam"], 2)
    _, company = trained(recipes, [1, 2], False)
    _, other_seed = trained([recipes[1]], [3], False)
    _, other_number = trained([recipes[0]], [2], False)
    assert not same_bits(company, other_seed, 1)
    assert not same_bits(company, other_number, 1)


@pytest.mark.parametrize("name", ["adamw", "batch norm", "momentum", "ema", "rmsprop centered"])
def test_a_member_that_breaks_freezes_and_leaves_its_neighbours_alone(name: str) -> None:
    model, stage = TABLE[name]
    recipes, seeds = members(model, stage, 3), [1, 2, 3]
    wild = recipes[1].model_dump()
    wild["stages"][0]["turns"][0]["optimizer"]["lr"] = 1e25
    recipes[1] = Recipe.model_validate(wild)
    cohort, state = trained(recipes, seeds, False)
    assert state.alive.tolist()[0::2] == [True, True]
    assert torch.isfinite(state.flat).all()
    for slots in (state.buffers, state.average, *state.rules):
        assert all(torch.isfinite(value).all() for value in slots.values())
    if not state.alive[1]:
        # Frozen where it was last finite: one step fewer leaves the same bits.
        again = make(recipes, seeds, False)
        begun = loop.begin(again.stages[0], start(again, False))
        earlier = loop.advance(
            again, again.stages[0], begun, rows(False), STEPS - 1, lambda _: None
        )
        assert torch.equal(earlier.flat[1], state.flat[1])
    for at in (0, 2):
        _, alone = trained([recipes[at]], [seeds[at]], False)
        assert same_bits(state, alone, at)
    assert cohort.width == 3


def test_some_wild_member_does_freeze() -> None:
    recipes = members(*TABLE["momentum"], 2)
    wild = recipes[0].model_dump()
    wild["stages"][0]["turns"][0]["optimizer"]["lr"] = 1e25
    _, state = trained([Recipe.model_validate(wild), recipes[1]], [1, 2], False)
    assert state.alive.tolist() == [False, True]


def test_several_threads_agree_to_rounding() -> None:
    recipes = members(*TABLE["adamw"], 4)
    _, one = trained(recipes, [1, 2, 3, 4], False)
    torch.set_num_threads(2)
    _, two = trained(recipes, [1, 2, 3, 4], False)
    torch.testing.assert_close(one.flat, two.flat, rtol=1e-3, atol=1e-5)
