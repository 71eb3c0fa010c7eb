"""Small networks in PyTorch: by the engine, by the textbook loop, and the limit of them all.

All contestants train the same thing: linear layers with relu between them, mean cross-entropy,
Adam, batches of `BATCH` out of `ROWS` shuffled rows that are gathered from memory. `reference` says
what that is, literally; `deviation` compares.

Shapes: M members, B rows of a batch, D inputs.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from _work import Runner

BATCH = 128
ROWS = 100 * BATCH  # whole batches, so that nobody has a smaller last one
# Steps that are compared with the reference. More of them tell less: Adam moves a weight whose
# gradient is nothing but rounding by a whole rate, and the wide network turns that into 2% in ten.
CHECKED = 5
CHECK_LR = 0.003
_STRETCH = 256  # steps that `loop.train` asks for at once

Array = npt.NDArray[Any]
Weights = list[Array]  # weight [in, out], bias [out], layer after layer


def table(sizes: Sequence[int]) -> tuple[Array, Array]:
    """Random rows: what they hold makes no difference to the time."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((ROWS, sizes[0])).astype(np.float32)
    return x, generator.integers(0, sizes[-1], ROWS)


def reference(before: Weights, batches: Sequence[Array], sizes: Sequence[int]) -> Weights:
    """The weights after a step on each of ``batches`` (row numbers [B]): literally, in float64."""
    x, y = table(sizes)
    w = [each.astype(np.float64) for each in before]
    m, v = [np.zeros_like(each) for each in w], [np.zeros_like(each) for each in w]
    for t, rows in enumerate(batches, 1):
        activations = [x[rows].astype(np.float64)]
        for i in range(0, len(w), 2):
            z = activations[-1] @ w[i] + w[i + 1]
            activations.append(np.maximum(z, 0) if i + 2 < len(w) else z)
        p = np.exp(activations[-1] - activations[-1].max(1, keepdims=True))
        slope = p / p.sum(1, keepdims=True)
        slope[np.arange(len(rows)), y[rows]] -= 1
        slope /= len(rows)
        gradients: Weights = []
        for i in reversed(range(0, len(w), 2)):
            a = activations[i // 2]
            gradients[:0] = [a.T @ slope, slope.sum(0)]
            slope = (slope @ w[i].T) * (a > 0)
        for i, g in enumerate(gradients):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            way = (m[i] / (1 - 0.9**t)) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
            w[i] = w[i] - CHECK_LR * way
    return w


def deviation(
    before: Weights, after: Weights, batches: Sequence[Array], sizes: Sequence[int]
) -> float:
    """Mean distance of ``after`` from the reference, over the mean way that the reference went."""
    due = reference(before, batches, sizes)
    off = sum(float(np.abs(a - d).sum()) for a, d in zip(after, due, strict=True))
    way = sum(float(np.abs(b - d).sum()) for b, d in zip(before, due, strict=True))
    return off / way


def methodic(sizes: Sequence[int], lrs: Sequence[float], width: int, compiled: bool) -> Runner:
    """The engine's own loop: a member for each learning rate, in cohorts of ``width``.

    ``advance(n)`` takes n more steps of the next cohort.
    """
    import torch

    from methodic.data.batches import Order, Rows
    from methodic.engine import loop

    x, y = table(sizes)
    rows = Rows({"numeric": torch.from_numpy(x)}, torch.from_numpy(y))

    def fresh(rates: Sequence[float], first: int) -> list[Any]:
        made = cohort(sizes, rates, range(first, first + len(rates)), compiled)
        return [made, loop.begin(made.stages[0], loop.initial_state(made))]

    cohorts = [fresh(lrs[i : i + width], i) for i in range(0, len(lrs), width)]
    turn = 0
    # The comparison stands on it: the same network, and the same batch size.
    weights = sum((i + 1) * o for i, o in itertools.pairwise(sizes))
    assert cohorts[0][1].flat.shape == (width, weights)
    assert cohorts[0][0].stages[0].batch == BATCH

    def step(each: list[Any], steps: int) -> None:
        made, state = each
        while steps > 0:
            count = min(steps, _STRETCH)
            state = loop.advance(made, made.stages[0], state, rows, count, lambda _: None)
            steps -= count
        each[1] = state

    def advance(steps: int) -> int:
        nonlocal turn
        step(cohorts[turn % len(cohorts)], steps)
        turn += 1
        return steps * width

    # As `loop.train` does: shuffling is done anew for each stretch. Where a step takes a
    # millisecond, that is next to nothing, and a whole stretch of a cohort would take too long.
    unit = _STRETCH if weights < 50_000 else 16

    def check() -> float:
        each = fresh([CHECK_LR] * width, 0)
        made, state = each
        stage = made.stages[0]
        step(each, CHECKED)
        order = Order(made.seeds, ROWS, BATCH, f"order/{stage.name}").steps(0, CHECKED)
        batches = order.view(CHECKED, width, BATCH)[:, -1].numpy()
        before, after = (
            [view[-1].numpy() for view in made.layout.views(s.flat).values()]
            for s in (state, each[1])
        )
        return deviation(before, after, list(batches), sizes)

    return Runner(advance, check, unit)


def cohort(sizes: Sequence[int], lrs: Sequence[float], seeds: Sequence[int], compiled: bool) -> Any:
    """Members that differ in learning rate and seed."""
    from methodic import build
    from methodic.models.mlp import Inputs
    from methodic.recipes import types as recipes

    if compiled and not can_compile():
        raise RuntimeError("build.cohort has no argument `compiled`")
    each = [
        recipes.Recipe(
            name="adam",
            model=recipes.MLP(width=sizes[1], depth=len(sizes) - 2),
            stages=[stage(lr)],
        )
        for lr in lrs
    ]
    return build.cohort(
        each,
        list(seeds),
        steps=[10**6],
        inputs=Inputs(numeric=sizes[0]),
        outputs=sizes[-1],
        rows=ROWS,
        **({"compiled": True} if compiled else {}),
    )


def can_compile() -> bool:
    """Whether the engine can compile cohorts."""
    from methodic import build

    return "compiled" in inspect.signature(build.cohort).parameters


def stage(lr: float, batch: int = BATCH) -> Any:
    """Plain training by Adam."""
    return {
        "objectives": [{"kind": "cross_entropy"}],
        "optimizer": {"kind": "adam", "lr": lr},
        "batch": batch,
    }


def limit(sizes: Sequence[int], width: int) -> Runner:
    """Nothing but the batched matrix products of a step, into memory that is there already.

    Forward, gradients of the weights, and gradients of what the hidden layers put out.
    """
    import torch

    forward, backward = [], []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        x = torch.randn(width, BATCH, inputs)
        w = torch.randn(width, inputs, outputs)
        g = torch.randn(width, BATCH, outputs)
        forward.append((x, w, torch.empty_like(g)))
        backward.append((x.mT, g, torch.empty_like(w)))
        if number:
            backward.append((g, w.mT, torch.empty_like(x)))
    every = [*forward, *reversed(backward)]

    def advance(steps: int) -> int:
        for _ in range(steps):
            for a, b, out in every:
                torch.bmm(a, b, out=out)
        return steps * width

    return Runner(advance)


def eager(sizes: Sequence[int], lrs: Sequence[float], fused: bool) -> Runner:
    """The loop that anyone would write: shuffle, gather, forward, backward, step.

    ``advance(n)`` trains the next learning rate for n steps, from the start.
    """
    import torch
    from torch import nn

    numbers, classes = table(sizes)
    x, y = torch.from_numpy(numbers), torch.from_numpy(classes)
    loss = nn.CrossEntropyLoss()
    turn = 0

    def network() -> nn.Sequential:
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def train(model: nn.Sequential, lr: float, steps: int) -> list[torch.Tensor]:
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=fused or None)
        order, at, seen = torch.randperm(ROWS), 0, []
        for _ in range(steps):
            if at == ROWS:
                order, at = torch.randperm(ROWS), 0
            index = order[at : at + BATCH]
            at += BATCH
            optimizer.zero_grad()
            loss(model(x[index]), y[index]).backward()
            optimizer.step()
            seen.append(index)
        return seen

    def advance(steps: int) -> int:
        nonlocal turn
        train(network(), lrs[turn % len(lrs)], steps)
        turn += 1
        return steps

    def weights(model: nn.Sequential) -> Weights:
        found = [p.detach().numpy().copy() for p in model.parameters()]
        return [p.T if p.ndim == 2 else p for p in found]

    def check() -> float:
        model = network()
        before = weights(model)
        batches = [index.numpy() for index in train(model, CHECK_LR, CHECKED)]
        return deviation(before, weights(model), batches, sizes)

    return Runner(advance, check)


def pool_work(
    sizes: tuple[int, ...], width: int, compiled: bool, steps: int
) -> tuple[float, float]:
    """A worker's task: take ``steps`` steps of a cohort; when it began and ended (wall clock)."""
    runner = _resident(sizes, width, compiled)
    start = time.time()
    runner.advance(steps)
    return start, time.time()


@functools.cache
def _resident(sizes: tuple[int, ...], width: int, compiled: bool) -> Runner:
    runner = methodic(sizes, [1e-3] * width, width, compiled)
    runner.advance(1)
    return runner
