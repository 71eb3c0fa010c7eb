"""A member trains alike alone and in company, to the bit: networks and augmentations of images.

Adding one is adding a row to `members.images`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import pytest
import torch
from contract.members import images
from contract.test_members import members, same_bits

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.evaluation import outputs
from methodic.engine.parts import Cohort, State
from methodic.models.inputs import Inputs
from methodic.recipes.types import Recipe

N, SHAPE, CLASSES, STEPS = 23, (3, 9, 12), 3, 4
INPUTS = Inputs(array=3 * 9 * 12, shape=SHAPE, scaling=((0.5, 0.25), (0.4, 0.2), (0.6, 0.3)))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def rows() -> Rows:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (N, *SHAPE), generator=generator, dtype=torch.uint8)
    return Rows({"array": pixels}, torch.randint(0, CLASSES, (N,), generator=generator))


def make(recipes: Sequence[Recipe], seeds: Sequence[int], born: Sequence[int] = ()) -> Cohort:
    return build.cohort(
        recipes, seeds, steps=[STEPS], inputs=INPUTS, outputs=CLASSES, rows=N, born=born
    )


def trained(recipes: Sequence[Recipe], seeds: Sequence[int]) -> tuple[Cohort, State]:
    cohort = make(recipes, seeds)
    state = loop.begin(cohort.stages[0], loop.adapted(cohort, loop.initial_state(cohort), rows()))
    return cohort, loop.advance(cohort, cohort.stages[0], state, rows(), STEPS, lambda _: None)


@pytest.mark.parametrize("name", images.ROWS)
def test_alone_and_in_company(name: str) -> None:
    recipes, seeds = members(*images.ROWS[name], 3), [11, 12, 13]
    together, company = trained(recipes, seeds)
    assert bool(company.alive.all())
    for at in (0, 2):
        cohort, alone = trained([recipes[at]], [seeds[at]])
        assert same_bits(company, alone, at), f"member {at} of '{name}'"
        wide, narrow = (
            outputs(c.model, c.layout, s.flat, s.buffers, rows(), c.numbers)
            for c, s in ((together, company), (cohort, alone))
        )
        assert torch.equal(wide[at : at + 1], narrow), f"outputs of member {at} of '{name}'"


@pytest.mark.parametrize("name", ["cnn", "quicknet", "crop", "randaugment"])
def test_a_newcomer(name: str) -> None:
    recipes, seeds = members(*images.ROWS[name], 2), [11, 12]
    cohort = make(recipes, seeds, [0, 3])
    state = loop.adapted(cohort, loop.initial_state(cohort), rows())
    state = replace(loop.begin(cohort.stages[0], state), steps_taken=3)
    state = loop.advance(cohort, cohort.stages[0], state, rows(), STEPS, lambda _: None)
    _, alone = trained([recipes[1]], [12])
    assert same_bits(state, alone, 1), f"the newcomer of '{name}'"


@pytest.mark.parametrize("name", ["crop", "flip", "affine", "colour", "randaugment"])
def test_augmentations_change_what_is_learnt(name: str) -> None:
    model, stage = images.ROWS[name]
    plain = {k: v for k, v in stage.items() if k != "regularizers"}
    (recipe,), (without,) = members(model, stage, 1), members(model, plain, 1)
    _, state = trained([recipe], [1])
    _, other = trained([without], [1])
    assert not torch.equal(state.flat, other.flat)
