"""Machine code of objectives without targets takes the engine's steps."""

from __future__ import annotations

import pytest
import torch
from contract.members import unlabelled

from methodic import build
from methodic.engine import loop
from methodic.engine.native import library
from methodic.engine.parts import Cohort, State
from methodic.recipes.types import Recipe
from tests.contract import test_unlabelled_members as battery
from tests.engine.native.test_steps import tensors

LIGHT = ("reconstruction first", "vicreg first", "fixmatch first", "learned")
ROWS: dict[str, unlabelled.Row] = {
    **{
        f"{name} first": unlabelled.first(name, unlabelled.MLP)
        for name in unlabelled.KINDS
        if name not in (*unlabelled.OF_LABELS, "byol", "byol by swa", "mean teacher")
    },
    "autoencoder": battery.ROWS["autoencoder"],
    "distillation of labelled rows": unlabelled.joint("distillation", unlabelled.MLP, beside=0),
    "reconstruction of all at once": unlabelled.first("reconstruction", unlabelled.NORMED, "full"),
    "reconstruction, batch norm": unlabelled.first("reconstruction", unlabelled.NORMED),
    "learned": (
        unlabelled.MLP,
        [
            {
                "batch": 13,
                "optimizer": unlabelled.SGD,
                "weights": "learned",
                "objectives": [unlabelled.ENTROPY, {"kind": "reconstruction", "decoder": (5,)}],
            }
        ],
    ),
    "learned by turns": (
        unlabelled.MLP,
        [
            {
                "batch": 20,
                "alternate": "epoch",
                "turns": [
                    {"objectives": [{"kind": "reconstruction"}], "optimizer": unlabelled.SGD},
                    {"objectives": [unlabelled.ENTROPY], "optimizer": {"kind": "adam"}},
                ],
            }
        ],
    ),
}


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    if (missing := library.missing_compiler()) is not None:
        pytest.skip(missing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "compiled"))


def made(recipes: list[Recipe], seeds: list[int], name: str, compiled: bool) -> Cohort:
    return build.cohort(
        recipes,
        seeds,
        steps=[battery.STEPS] * len(recipes[0].stages),
        inputs=inputs_of(name),
        outputs=battery.CLASSES,
        rows=battery.LABELLED,
        every=battery.EVERY,
        compiled=compiled,
    )


def inputs_of(name: str) -> battery.Inputs:
    return battery.NUMBERS if name == "autoencoder" else battery.TABLE


def trained(recipes: list[Recipe], seeds: list[int], name: str, compiled: bool) -> State:
    """The state after the first stage."""
    cohort, data = made(recipes, seeds, name, compiled), battery.rows(inputs_of(name))
    assert (cohort.program is not None) == compiled
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.adapted(cohort, loop.initial_state(cohort), data))
    return loop.advance(cohort, stage, state, data, battery.STEPS, lambda _: None)


@pytest.mark.parametrize(
    "name",
    [n if n in LIGHT else pytest.param(n, marks=pytest.mark.heavy) for n in ROWS],
)
def test_the_same_steps(name: str) -> None:
    recipes, seeds = battery.members(ROWS[name], inputs_of(name), 2), [11, 12]
    ours, due = (trained(recipes, seeds, name, compiled) for compiled in (True, False))
    assert bool(ours.alive.all())
    for key, value in tensors(due).items():
        torch.testing.assert_close(tensors(ours)[key], value, rtol=2e-4, atol=2e-5)
    alone = trained(recipes[1:], seeds[1:], name, True)
    for key, value in tensors(ours).items():
        assert torch.equal(tensors(alone)[key][0], value[1]), key


@pytest.mark.parametrize("name", ["byol first", "mean teacher first"])
def test_a_teacher_is_the_engines_own(name: str) -> None:
    """With or without machine code for the other stage."""
    recipes = battery.members(battery.ROWS[name], battery.TABLE, 2)
    both = [trained(recipes, [1, 2], name, compiled) for compiled in (True, False)]
    assert torch.equal(both[0].flat, both[1].flat)


def test_rows_beside_are_the_engines_own() -> None:
    recipes = battery.members(battery.ROWS["simclr beside"], battery.TABLE, 1)
    assert made(recipes, [1], "simclr beside", True).program is None
