"""Machine code takes the same steps as the engine, for every part that a recipe may have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from methodic import build
from methodic.engine import loop
from methodic.engine.native import library, steps
from methodic.engine.parts import Cohort, State
from methodic.engine.step import Seen
from methodic.models.mlp import Inputs
from methodic.recipes.types import Recipe
from tests.contract import test_members as battery

# Rows of the battery that have most parts among them; the others are compiled with the heavy tests.
LIGHT = ("everything", "layer norm", "two turns", "squared error")
EVERYTHING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "everything": (
        {**battery.MLP, "dropout": 0.3, "normalization": "batch", "activation": "gelu"},
        {
            "batch": 13,
            "optimizer": {"kind": "adamw", "weight_decay": 0.1},
            "schedule": {"kind": "cosine", "warmup": 0.3},
            "clip": {"norm": 0.1, "value": 0.05},
            "objectives": [
                {"kind": "cross_entropy", "label_smoothing": 0.1, "class_weights": "balanced"}
            ],
            "regularizers": [
                {"kind": "l1", "weight": 0.01},
                {"kind": "l2", "weight": 0.01},
                {"kind": "proximal_l1", "weight": 0.1},
                {"kind": "ema", "decay": 0.9},
            ],
        },
    )
}
EAGER = {
    "soap": "eigenvectors and QR decompositions, for each member when its time has come",
}
"""What begins the names of rows that machine code doesn't know, and why."""
TABLE = EVERYTHING | {
    name: row
    for name, row in battery.TABLE.items()
    if not name.startswith(("initialization", *EAGER))
}


def make(
    recipes: list[Recipe], seeds: list[int], regression: bool, compiled: bool, **how: Any
) -> Cohort:
    return build.cohort(
        recipes,
        seeds,
        steps=[battery.STEPS],
        inputs=Inputs(battery.NUMERIC, battery.CATEGORICAL, battery.CODES, sizes=battery.SIZES),
        outputs=battery.outputs_of(recipes[0], regression),
        rows=battery.N,
        class_counts=torch.tensor([10, 20, 31]),
        compiled=compiled,
        **how,
    )


def trained(
    recipes: list[Recipe],
    seeds: list[int],
    compiled: bool = True,
    regression: bool = False,
    **how: Any,
) -> tuple[State, list[Seen]]:
    cohort = make(recipes, seeds, regression, compiled, **how)
    stage, seen = cohort.stages[0], []
    state = loop.begin(stage, battery.start(cohort, regression))
    rows = battery.rows(regression, cohort.model.outputs)
    return loop.advance(cohort, stage, state, rows, battery.STEPS, seen.append), seen


def tensors(state: State) -> dict[str, torch.Tensor]:
    found = {"flat": state.flat, **state.buffers, **state.average}
    return found | {f"{i}/{k}": v for i, rule in enumerate(state.rules) for k, v in rule.items()}


@pytest.mark.parametrize(
    "name",
    [n if n in LIGHT else pytest.param(n, marks=pytest.mark.heavy) for n in TABLE],
)
def test_the_same_steps_for_every_part(name: str) -> None:
    """As without compilation, but for rounding; and to the bit whatever the company."""
    regression = name in battery.NUMBERS
    recipes, seeds = battery.members(*TABLE[name], 3), [11, 12, 13]
    ours, seen = trained(recipes, seeds, True, regression)
    due, expected = trained(recipes, seeds, False, regression)
    assert bool(ours.alive.all())
    assert ours.steps_taken == ours.batches_seen == battery.STEPS
    for key, value in tensors(due).items():
        torch.testing.assert_close(tensors(ours)[key], value, rtol=2e-4, atol=2e-5)
    assert len(seen) == len(expected)
    for mine, other in zip(seen, expected, strict=True):
        assert mine.terms.keys() == other.terms.keys()
        pairs = [(mine.loss, other.loss), (mine.gradient_norm, other.gradient_norm)]
        pairs += [(mine.terms[k], other.terms[k]) for k in mine.terms]
        for a, b in pairs:
            torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-5)
        assert torch.equal(mine.finite, other.finite)
    alone, _ = trained(recipes[1:2], seeds[1:2], True, regression)
    pair, _ = trained([recipes[2], recipes[1]], [13, 12], True, regression)
    for key, value in tensors(ours).items():
        assert torch.equal(tensors(alone)[key][0], value[1]), key
        assert torch.equal(tensors(pair)[key], value[[2, 1]]), key


def recipes_of(name: str, count: int) -> list[Recipe]:
    return battery.members(*TABLE[name], count)


def test_several_threads_part_the_members() -> None:
    """Each member's steps are one thread's, so the bits don't depend on how many there are."""
    one, _ = trained(recipes_of("adam", 5), [1, 2, 3, 4, 5])
    torch.set_num_threads(2)
    two, _ = trained(recipes_of("adam", 5), [1, 2, 3, 4, 5])
    assert torch.equal(one.flat, two.flat)


def test_steps_in_several_calls_are_the_same() -> None:
    cohort = make(recipes_of("adam", 2), [1, 2], False, True)
    stage, rows = cohort.stages[0], battery.rows(False)
    state = loop.begin(stage, battery.start(cohort, False))
    for count in (1, 3, 2):
        state = loop.advance(cohort, stage, state, rows, count, lambda _: None)
    whole, _ = trained(recipes_of("adam", 2), [1, 2])
    assert torch.equal(state.flat, whole.flat)


def test_who_diverges_keeps_its_last_weights() -> None:
    """As without compilation: frozen where it was last finite, and the others don't notice."""
    recipes = recipes_of("momentum", 3)
    wild = recipes[1].model_dump()
    wild["stages"][0]["turns"][0]["optimizer"]["lr"] = 1e30
    recipes[1] = Recipe.model_validate(wild)
    ours, seen = trained(recipes, [1, 2, 3])
    due, expected = trained(recipes, [1, 2, 3], compiled=False)
    assert ours.alive.tolist() == due.alive.tolist() == [True, False, True]
    assert bool(ours.flat.isfinite().all())
    assert [s.finite.tolist() for s in seen] == [s.finite.tolist() for s in expected]
    # Weights of 10²² differ by their last step's rounding, which processors do differently.
    torch.testing.assert_close(ours.flat, due.flat, rtol=1e-3, atol=2e-5)
    calm, _ = trained([recipes[0], recipes[2]], [1, 3])
    assert torch.equal(ours.flat[[0, 2]], calm.flat)


@pytest.mark.parametrize("name", ["ema", "dropout"])
def test_late_members_and_shared_batches(name: str) -> None:
    """Each member on its own clock; one order of rows for all."""
    recipes, seeds = recipes_of(name, 3), [4, 5, 6]
    shared, _ = trained(recipes, seeds, shared_batches=True)
    due, _ = trained(recipes, seeds, compiled=False, shared_batches=True)
    late = [late_by_two(recipes, seeds, compiled) for compiled in (True, False)]
    for ours, expected in ((shared, due), late):
        for key, value in tensors(expected).items():
            torch.testing.assert_close(tensors(ours)[key], value, rtol=2e-4, atol=2e-5)
    on_time, _ = trained(recipes[1:2], seeds[1:2])
    assert torch.equal(late[0].flat[1], on_time.flat[0]), "as alone, from its own first step"


def late_by_two(recipes: list[Recipe], seeds: list[int], compiled: bool) -> State:
    """The cohort is at step 2, where the second member starts."""
    cohort = make(recipes, seeds, False, compiled, born=[0, 2, 0])
    stage = cohort.stages[0]
    state = replace(loop.begin(stage, battery.start(cohort, False)), steps_taken=2)
    return loop.advance(cohort, stage, state, battery.rows(False), battery.STEPS, lambda _: None)


def test_cohorts_that_are_alike_share_their_code() -> None:
    """Other rates, seeds and widths: nothing is traced or compiled again."""
    trained(recipes_of("adam", 2), [1, 2])
    before = steps._made.cache_info().misses, library.loaded.cache_info().misses
    trained(recipes_of("adam", 5), [7, 8, 9, 10, 11])
    assert before == (steps._made.cache_info().misses, library.loaded.cache_info().misses)
    trained(recipes_of("adam", 2)[:1], [1], shared_batches=True)
    assert steps._made.cache_info().misses == before[0]
    narrow = {**battery.MLP, "width": 5}
    trained(battery.members(narrow, battery.PLAIN, 2), [1, 2])
    assert steps._made.cache_info().misses == before[0] + 1


def test_code_is_kept_for_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    trained(recipes_of("adam", 2), [1, 2])
    assert library.anything_known()
    library.loaded.cache_clear()

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("compiled again")

    monkeypatch.setattr(library, "_compile", refuse)
    trained(recipes_of("adam", 2), [1, 2])


@pytest.mark.parametrize(
    ("stage", "same"),
    [
        ({"batch": 13}, True),
        ({"batch": "full"}, False),
        ({"batch": 60}, False),  # full for one of the two
        (
            {"batch": 13, "objectives": [{"kind": "cross_entropy", "class_weights": "balanced"}]},
            False,
        ),
    ],
)
def test_splits_with_other_counts_of_rows_share_the_code(stage: dict[str, Any], same: bool) -> None:
    """Each fold of a cross-validation would be traced anew otherwise."""
    stage = {"objectives": [{"kind": "cross_entropy"}], **stage}
    recipe = Recipe.model_validate({"name": "r", "model": battery.MLP, "stages": [stage]})
    programs = {
        build.cohort(
            [recipe],
            [0],
            steps=[5],
            inputs=Inputs(battery.NUMERIC, battery.CATEGORICAL, battery.CODES, sizes=battery.SIZES),
            outputs=battery.CLASSES,
            rows=rows,
            class_counts=torch.tensor([10, 20, rows - 30]),
            compiled=True,
        ).program
        for rows in (60, 61)
    }
    assert len(programs) == (1 if same else 2)
