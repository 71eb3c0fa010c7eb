"""The step against a literal version of it, with everything on at once; and its order."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from reference import step as literal
from torch import Tensor

from methodic import build
from methodic.data.batches import Order, Rows
from methodic.engine import loop
from methodic.engine import step as engine
from methodic.engine.parts import Cohort, Stage, State
from methodic.models.mlp import Inputs
from methodic.optimizers.clipping import global_norm
from methodic.recipes.types import Recipe
from methodic.rng import Draws, key_table
from tests.engine.conftest import ROWS, MakeCohort

STEPS, BATCH, P = 12, 16, 0.3
NUMBERS = {
    "objective": 0.8,
    "smoothing": 0.1,
    "l2": 0.02,
    "l1": 0.2,
    "clip": 0.3,
    "beta1": 0.8,
    "beta2": 0.95,
    "epsilon": 0.02,
    "decay": 0.3,
    "ema": 0.4,
}
LRS = (0.02, 0.05)
SEEDS = (7, 8)


def everything_on(lr: float) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "a",
            "model": {"kind": "mlp", "width": 6, "depth": 1, "dropout": P},
            "stages": [
                {
                    "batch": BATCH,
                    "objectives": [
                        {
                            "kind": "cross_entropy",
                            "weight": NUMBERS["objective"],
                            "label_smoothing": NUMBERS["smoothing"],
                        }
                    ],
                    "optimizer": {
                        "kind": "adamw",
                        "lr": lr,
                        "beta1": NUMBERS["beta1"],
                        "beta2": NUMBERS["beta2"],
                        "epsilon": NUMBERS["epsilon"],
                        "weight_decay": NUMBERS["decay"],
                    },
                    "schedule": {"kind": "constant", "warmup": 0.25},
                    "clip": {"norm": NUMBERS["clip"]},
                    "regularizers": [
                        {"kind": "l2", "weight": NUMBERS["l2"]},
                        {"kind": "proximal_l1", "weight": NUMBERS["l1"]},
                        {"kind": "ema", "decay": NUMBERS["ema"]},
                    ],
                }
            ],
        }
    )


def cohort() -> Cohort:
    return build.cohort(
        [everything_on(lr) for lr in LRS],
        SEEDS,
        steps=[STEPS],
        inputs=Inputs(numeric=4),
        outputs=2,
        rows=ROWS,
    )


def reference_path(
    made: Cohort, rows: Rows, m: int, numbers: dict[str, float]
) -> list[tuple[dict[str, Tensor], dict[str, Tensor], float, float]]:
    """What the literal version makes of member ``m``'s weights, rows and random numbers."""
    start = made.layout.views(loop.initial_state(made).flat)
    index = Order(SEEDS, ROWS, BATCH, "order/train").steps(0, STEPS).view(STEPS, 2, BATCH)[:, m]
    draws = Draws(made.model.noise(BATCH))
    table = key_table(SEEDS, "noise", "train", first=0, count=STEPS)
    kept = [draws(table[t])["dropout/0"][m] >= round(P * 65536 - 32768) for t in range(STEPS)]
    warm = STEPS // 4
    return literal.train(
        {name: value[m] for name, value in start.items()},
        [(rows.inputs["numeric"][i], rows.target[i]) for i in index],
        [mask / (1 - P) for mask in kept],
        numbers,
        [LRS[m] * min((t + 1) / warm, 1.0) for t in range(STEPS)],
    )


def engine_path(made: Cohort, rows: Rows) -> list[tuple[State, engine.Seen]]:
    path: list[engine.Seen] = []
    states = [loop.begin(made.stages[0], loop.initial_state(made))]
    for _ in range(STEPS):
        states.append(loop.advance(made, made.stages[0], states[-1], rows, 1, path.append))
    return list(zip(states[1:], path, strict=True))


def apart(made: Cohort, rows: Rows, m: int, numbers: dict[str, float]) -> float:
    """Largest difference in weights, averages, losses and norms over all steps."""
    largest = 0.0
    both = zip(engine_path(made, rows), reference_path(made, rows, m, numbers), strict=True)
    for (state, seen), (weights, average, loss, norm) in both:
        views = made.layout.views(state.flat)
        averages = made.layout.views(state.average["ema"])
        for name in literal.NAMES:
            largest = max(largest, float((views[name][m] - weights[name]).abs().max()))
            largest = max(largest, float((averages[name][m] - average[name]).abs().max()))
        largest = max(largest, abs(float(seen.loss[m]) - loss))
        largest = max(largest, abs(float(seen.gradient_norm[m]) - norm))
    return largest


@pytest.mark.parametrize("m", [0, 1])
def test_like_the_literal_step(rows: Rows, m: int) -> None:
    assert apart(cohort(), rows, m, NUMBERS) < 2e-5


@pytest.mark.parametrize("name", NUMBERS)
def test_each_part_matters(rows: Rows, name: str) -> None:
    """With one number changed a little, the two part: nothing that is compared is idle."""
    changed = {**NUMBERS, name: NUMBERS[name] * 1.05}
    assert apart(cohort(), rows, 1, changed) > 1e-4


def test_the_proximal_step_leaves_exact_zeros(rows: Rows) -> None:
    state, _ = engine_path(cohort(), rows)[-1]
    assert int((state.flat == 0).sum()) > 0


def one_step(made: Cohort, rows: Rows) -> tuple[Stage, State, State, engine.Seen]:
    stage = made.stages[0]
    before = loop.begin(stage, loop.initial_state(made))
    seen: list[engine.Seen] = []
    after = loop.advance(made, stage, before, rows, 1, seen.append)
    return stage, before, after, seen[0]


def test_the_observed_norm_is_the_one_before_clipping(make_cohort: MakeCohort, rows: Rows) -> None:
    _, before, after, seen = one_step(make_cohort([1.0], clip={"norm": 0.01}), rows)
    moved = float(global_norm(after.flat - before.flat)[0])
    assert moved == pytest.approx(0.01, rel=1e-4)
    assert float(seen.gradient_norm[0]) > 0.02


def test_values_are_clipped_before_the_norm(make_cohort: MakeCohort, rows: Rows) -> None:
    free = one_step(make_cohort([1.0]), rows)
    gradient = free[1].flat - free[2].flat
    limit = float(gradient.abs().max()) / 3
    clipped = gradient.clamp(-limit, limit)
    norm = float(global_norm(clipped)[0]) * 0.9
    both = one_step(make_cohort([1.0], clip={"norm": norm, "value": limit}), rows)
    torch.testing.assert_close(both[1].flat - both[2].flat, clipped * 0.9, rtol=1e-3, atol=1e-6)


def test_parameters_that_a_turn_does_not_train_stay(make_cohort: MakeCohort, rows: Rows) -> None:
    """Also under momentum and decay of everything, which act without a gradient."""
    optimizer = {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "decays": "all"}
    still = [{"parameters": ["hidden"], "factor": 0}]
    made = make_cohort(optimizer=optimizer, parameters=["head"], rates=still)
    stage, state = made.stages[0], loop.begin(made.stages[0], loop.initial_state(made))
    after = loop.advance(made, stage, state, rows, 5, lambda _: None)
    old, new = made.layout.views(state.flat), made.layout.views(after.flat)
    for name in made.layout.names:
        assert torch.equal(old[name], new[name]) == name.startswith("hidden")


def test_a_member_that_ended_stays_as_it_is(make_cohort: MakeCohort, rows: Rows) -> None:
    made = make_cohort([0.1, 0.1], optimizer={"kind": "adam", "lr": 0.1})
    stage, state = made.stages[0], loop.begin(made.stages[0], loop.initial_state(made))
    state = replace(state, alive=torch.tensor([False, True]))
    after = loop.advance(made, stage, state, rows, 3, lambda _: None)
    assert torch.equal(after.flat[0], state.flat[0])
    assert not torch.equal(after.flat[1], state.flat[1])
    for name, value in after.rules[0].items():
        assert torch.equal(value[0], state.rules[0][name][0])
    assert (after.steps_taken, after.batches_seen) == (3, 3)


@pytest.mark.parametrize("where", ["weights", "buffers"])
def test_what_is_not_finite_is_never_kept(make_cohort: MakeCohort, rows: Rows, where: str) -> None:
    norm = {"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"}
    made = make_cohort([0.1, 0.1], model=norm)
    stage, state = made.stages[0], loop.begin(made.stages[0], loop.initial_state(made))
    if where == "weights":
        state.flat[0, 0] = torch.inf
    else:
        state.buffers["hidden.0.norm.mean"][0, 0] = torch.inf
    seen: list[engine.Seen] = []
    after = loop.advance(made, stage, state, rows, 1, seen.append)
    assert seen[0].finite.tolist() == after.alive.tolist() == [False, True]
    assert torch.equal(after.flat[0], state.flat[0])
    assert not torch.equal(after.flat[1], state.flat[1])
