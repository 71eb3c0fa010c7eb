"""A member trains alike alone and in company, to the bit: objectives without targets.

Adding one is adding a row to `members.unlabelled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import pytest
import torch
from contract.members import unlabelled
from contract.members.unlabelled import Row
from contract.test_members import same_bits

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.parts import Cohort, State
from methodic.models.inputs import Inputs
from methodic.recipes import numbers
from methodic.recipes.types import Recipe

LABELLED, EVERY, CLASSES, STEPS = 41, 61, 3, 6
TABLE = Inputs(numeric=7, categorical=2, codes=9, sizes=(4, 5))
NUMBERS = Inputs(numeric=7)
IMAGES = Inputs(array=3 * 9 * 12, shape=(3, 9, 12), scaling=((0.5, 0.25), (0.4, 0.2), (0.6, 0.3)))
ROWS = {**unlabelled.TABLES, **unlabelled.IMAGES}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def inputs_of(name: str) -> Inputs:
    if name in unlabelled.IMAGES:
        return IMAGES
    return NUMBERS if name in unlabelled.NUMBERS_ONLY else TABLE


@cache
def rows(inputs: Inputs) -> Rows:
    """More inputs than targets, and what a teacher says about all of them."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, torch.Tensor] = {}
    if inputs.numeric:
        found["numeric"] = torch.randn(EVERY, inputs.numeric, generator=generator)
    if inputs.sizes:
        columns = [
            torch.randint(*ends, (EVERY, 1), generator=generator) for ends in ((0, 4), (4, 9))
        ]
        found["categorical"] = torch.cat(columns, 1)
    if inputs.shape:
        shape = EVERY, *inputs.shape
        found["array"] = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    target = torch.randint(0, CLASSES, (LABELLED,), generator=generator)
    soft = torch.softmax(torch.randn(EVERY, CLASSES, generator=generator), -1)
    return Rows(found, target, soft=soft)


def members(row: Row, inputs: Inputs, count: int) -> list[Recipe]:
    """Recipes that differ in every Number that they have."""
    model, stages = row
    raw = Recipe.model_validate({"name": "a", "model": model, "stages": stages})
    resolved = build.resolve(raw, "multiclass", LABELLED, inputs)
    made = []
    for i in range(count):
        scaled = {p: x * (1 - 0.07 * i) for p, x in numbers.walk(resolved) if isinstance(x, float)}
        made.append(numbers.replace(resolved, scaled))
    return made


def make(
    recipes: Sequence[Recipe], seeds: Sequence[int], inputs: Inputs, born: Sequence[int] = ()
) -> Cohort:
    return build.cohort(
        recipes,
        seeds,
        steps=[STEPS] * len(recipes[0].stages),
        inputs=inputs,
        outputs=CLASSES,
        rows=LABELLED,
        every=EVERY,
        class_counts=torch.tensor([10, 11, 20]),
        born=born,
    )


def trained(
    recipes: Sequence[Recipe], seeds: Sequence[int], inputs: Inputs
) -> tuple[Cohort, State]:
    """Through all stages, as `loop.train` goes."""
    cohort, data = make(recipes, seeds, inputs), rows(inputs)
    state = loop.adapted(cohort, loop.initial_state(cohort), data)
    for stage in cohort.stages:
        state = loop.begin(stage, loop.renewed(cohort, stage, state, data))
        state = loop.advance(cohort, stage, state, data, STEPS, lambda _: None)
        if stage is not cohort.stages[-1] and stage.averages:
            flat, buffers = loop.evaluated(cohort, stage, state, data)
            state = replace(state, flat=flat, buffers=buffers)
    return cohort, state


@pytest.mark.parametrize("name", ROWS)
def test_alone_and_in_company(name: str) -> None:
    inputs = inputs_of(name)
    recipes, seeds = members(ROWS[name], inputs, 3), [11, 12, 13]
    cohort, company = trained(recipes, seeds, inputs)
    assert bool(company.alive.all())
    assert not company.flat.isnan().any()
    for at in (0, 2):
        _, alone = trained([recipes[at]], [seeds[at]], inputs)
        assert same_bits(company, alone, at), f"member {at} of '{name}'"
    _, pair = trained([recipes[2], recipes[1]], [13, 12], inputs)
    assert torch.equal(pair.flat, company.flat[[2, 1]]), f"another place: '{name}'"
    start = loop.initial_state(cohort).flat
    moved = cohort.layout.views(start != company.flat)
    still = {n for n in cohort.layout.names if not moved[n].any()}
    decoders = {n for n in still if n.startswith("decoder.")}
    assert not still - decoders, "each parameter is trained by some turn"


@pytest.mark.parametrize("name", ROWS)
def test_members_that_share_their_rows(name: str) -> None:
    inputs = inputs_of(name)
    recipes, seeds = members(ROWS[name], inputs, 3), [11] * 3
    cohort, company = trained(recipes, seeds, inputs)
    assert all(order.shared for order in (*cohort.orders.values(), *cohort.beside.values()))
    _, alone = trained([recipes[1]], [11], inputs)
    assert same_bits(company, alone, 1), name


@pytest.mark.parametrize(
    "name", ["simclr beside", "byol beside", "fixmatch, batch norm and dropout", "gan"]
)
def test_a_newcomer(name: str) -> None:
    inputs = inputs_of(name)
    recipes = members(ROWS[name], inputs, 2)
    cohort = make(recipes, [11, 12], inputs, [0, 4])
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    state = replace(state, steps_taken=4)
    state = loop.advance(cohort, stage, state, rows(inputs), STEPS, lambda _: None)
    _, alone = trained([recipes[1]], [12], inputs)
    assert same_bits(state, alone, 1), f"the newcomer of '{name}'"


@pytest.mark.parametrize("name", unlabelled.KINDS)
def test_it_trains_by_more_than_targets(name: str) -> None:
    """Another result than without it, and one that depends on rows without a target."""
    (recipe,) = members(unlabelled.joint(name, unlabelled.MLP), TABLE, 1)
    _, state = trained([recipe], [1], TABLE)
    raw = recipe.model_dump()
    raw["stages"][0]["turns"][0]["objectives"][1]["weight"] = 0
    cohort, without = trained([Recipe.model_validate(raw)], [1], TABLE)
    mine = make([recipe], [1], TABLE).layout.views(state.flat)
    theirs = cohort.layout.views(without.flat)
    assert not torch.equal(mine["hidden.0.weight"], theirs["hidden.0.weight"])
    if name in unlabelled.OF_LABELS:
        return
    data = rows(TABLE)
    others = {k: torch.cat([x[:LABELLED], x[LABELLED:].flip(0)]) for k, x in data.inputs.items()}
    assert data.soft is not None
    moved = Rows(others, data.target, soft=data.soft)
    cohort = make([recipe], [1], TABLE)
    stage = cohort.stages[0]
    again = loop.begin(stage, loop.initial_state(cohort))
    again = loop.advance(cohort, stage, again, moved, STEPS, lambda _: None)
    assert not torch.equal(state.flat, again.flat)
