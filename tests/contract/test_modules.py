"""Every kind of module trains as in a plain PyTorch loop: alone always, and together where it may.

The plain loop sees the same rows in the same order and draws under the same seeds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from contract.module_table import ROWS, C, D, Row, Tied, frozen
from torch import Tensor, nn

from methodic import build
from methodic.data.batches import Order, Rows
from methodic.engine import evaluation, loop
from methodic.engine.parts import Cohort
from methodic.models.mlp import Inputs
from methodic.models.own.failures import copied
from methodic.models.own.module import ModuleModel, put
from methodic.recipes.types import Recipe
from methodic.rng import key

N, B, STEPS, RATE, DECAY = 60, 12, 11, 0.05, 0.1
SEEDS = (3, 8)

repeatable = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.repeatable], ids=lambda row: row.name
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def rows() -> Rows:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, D, generator=generator)
    return Rows({"numeric": x}, torch.randint(0, C, (N,), generator=generator))


def recipe(**optimizer: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "a",
            "model": {"kind": "linear"},
            "stages": [
                {"batch": B, "objectives": [{"kind": "cross_entropy"}], "optimizer": optimizer}
            ],
        }
    )


SGD = recipe(kind="sgd", lr=RATE, momentum=0.9, weight_decay=DECAY)


def cohort(chosen: Recipe, starts: list[nn.Module], seeds: tuple[int, ...]) -> Cohort:
    return build.cohort(
        [chosen] * len(seeds),
        seeds,
        steps=[STEPS],
        inputs=Inputs(numeric=D),
        outputs=C,
        rows=N,
        module=ModuleModel(starts[0], C, starts),
    )


def engine(starts: list[nn.Module], seeds: tuple[int, ...], rows: Rows) -> list[dict[str, Tensor]]:
    """Parameters and buffers of each member after training."""
    ready = cohort(SGD, starts, seeds)
    state = loop.begin(ready.stages[0], loop.initial_state(ready))
    state = loop.advance(ready, ready.stages[0], state, rows, STEPS, lambda _: None)
    assert bool(state.alive.all())
    named = {**ready.layout.views(state.flat), **state.buffers}
    return [{name: x[m] for name, x in named.items()} for m in range(len(seeds))]


def plain(start: nn.Module, seed: int, rows: Rows) -> dict[str, Tensor]:
    """The same by a loop as users write it; biases and scales don't decay."""
    module = copied(start).train()
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": DECAY},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=0.9)
    order = Order([seed], N, B, "order/train").steps(0, STEPS)
    with torch.random.fork_rng(devices=[]):
        for step in range(STEPS):
            torch.manual_seed(key(seed, "module", "train", step))
            optimizer.zero_grad()
            loss = F.cross_entropy(
                module(rows.inputs["numeric"][order[step]]), rows.target[order[step]]
            )
            loss.backward()
            optimizer.step()
    return state_of(module)


def state_of(module: nn.Module) -> dict[str, Tensor]:
    return {k: x.detach() for k, x in [*module.named_parameters(), *module.named_buffers()]}


def built(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert set(found) == set(wanted)
    for name, x in wanted.items():
        torch.testing.assert_close(
            found[name], x, rtol=1e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}"
        )


@repeatable
def test_alone(row: Row, rows: Rows) -> None:
    start = built(row.make, 1)
    before = torch.get_rng_state()
    same(engine([start], SEEDS[:1], rows)[0], plain(start, SEEDS[0], rows))
    assert torch.equal(before, torch.get_rng_state()), "torch's own generator is left alone"


@pytest.mark.parametrize("row", [r for r in ROWS if r.width == "vmap"], ids=lambda row: row.name)
def test_together(row: Row, rows: Rows) -> None:
    starts = [built(row.make, 1), built(row.make, 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = engine(starts, SEEDS, rows)
    for member, start in enumerate(starts):
        same(found[member], plain(start, SEEDS[member], rows))


@repeatable
def test_evaluation(row: Row, rows: Rows) -> None:
    starts = [built(row.make, 1), built(row.make, 2)]
    ready = cohort(SGD, starts, SEEDS)
    state = loop.initial_state(ready)
    out = evaluation.outputs(
        ready.model, ready.layout, state.flat, state.buffers, rows, ready.numbers
    )
    for member, start in enumerate(starts):
        with torch.no_grad():
            wanted = copied(start).eval()(rows.inputs["numeric"])
        torch.testing.assert_close(out[member], wanted, rtol=1e-5, atol=1e-6)


def test_the_comparison_can_fail(rows: Rows) -> None:
    """Another order of rows, another seed of dropout, weights that came untied."""
    start = built(Tied, 1)
    found = engine([start], SEEDS[:1], rows)[0]
    with pytest.raises(AssertionError):
        same(found, plain(start, SEEDS[1], rows))
    untied = copied(start)
    untied.second.weight = nn.Parameter(untied.first.weight.detach().clone())  # type: ignore[union-attr]
    with pytest.raises(AssertionError):
        same(found, {k: x for k, x in plain(untied, SEEDS[0], rows).items() if k in found})
    dropping = built(next(row for row in ROWS if row.name == "dropout").make, 1)
    trained = engine([dropping], SEEDS[:1], rows)[0]
    dropping[1].p = 0.21  # type: ignore[index]
    with pytest.raises(AssertionError):
        same(trained, plain(dropping, SEEDS[0], rows))


def test_tied_weights_stay_one_parameter(rows: Rows) -> None:
    start = built(Tied, 1)
    model = ModuleModel(start, C)
    assert "first.weight" in model.parameters()
    assert "second.weight" not in model.parameters()
    trained = put(copied(start), engine([start], SEEDS[:1], rows)[0])
    assert trained.second.weight is trained.first.weight
    assert not torch.equal(trained.first.weight, start.first.weight)


@pytest.mark.parametrize("width", [1, 2])
def test_frozen_parameters_stay_and_do_not_decay(width: int, rows: Rows) -> None:
    starts = [built(frozen, 1), built(frozen, 2)][:width]
    found = engine(starts, SEEDS[:width], rows)
    for member, start in enumerate(starts):
        assert torch.equal(found[member]["0.weight"], start[0].weight)  # type: ignore[index]
        assert not torch.equal(found[member]["2.weight"], start[2].weight)  # type: ignore[index]
    specs = ModuleModel(starts[0], C)
    assert set(specs.parameters()) == {"2.weight", "2.bias"}
    assert set(specs.buffers()) == {"0.weight", "0.bias"}
