"""The C++ of a step depends on its structure, and on nothing that members bring along."""

from __future__ import annotations

import torch
from torch import Tensor

from methodic.engine import loop, stretch
from methodic.engine.native import steps
from methodic.engine.native.source import source
from tests.engine.native.computing import computed


def text(constant: float, size: int = 5) -> str:
    weights = torch.full((size,), constant)

    def one(states: dict[str, Tensor], *_: object) -> object:
        return {"x": states["x"] * weights}, torch.ones(1, dtype=torch.bool), (states["x"].sum(),)

    made, constants, _, _ = source(one, ({"x": torch.ones(1, size)}, {}, {}, {}))
    assert any(torch.equal(each, weights) for each in constants)
    return made


def test_constants_are_given_and_not_written_down() -> None:
    """Class weights and masks are data: other ones need no other code."""
    assert text(2.0) == text(3.0)
    assert text(2.0) != text(2.0, size=6)


def test_constants_are_read() -> None:
    weights = torch.tensor([1.0, 2.0, 4.0])
    found = computed(lambda t: {"x": t["x"] * weights}, x=torch.ones(3))
    assert torch.equal(found["x"], weights)


def test_the_same_step_has_the_same_text_each_time() -> None:
    """Code is found again by its text, so nothing in it may depend on where objects lie."""
    from tests.engine.native.test_steps import TABLE, battery, make

    recipes = battery.members(*TABLE["everything"], 1)
    texts = set()
    for seed in range(4):
        cohort = make(recipes, [seed], False, True)
        steps._made.cache_clear()
        state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
        texts.update(stretch.program_texts(cohort, cohort.stages[0], state, battery.rows(False)))
    assert len(texts) == 1
