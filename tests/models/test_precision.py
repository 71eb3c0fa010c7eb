"""bfloat16 in training: which numbers are rounded, and which are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from methodic import build
from methodic.engine.gradient import Gradient, plain
from methodic.engine.parts import Cohort
from methodic.evidence import design
from methodic.models import precision
from methodic.models.mlp import MLP, Inputs
from methodic.models.own.module import ModuleModel
from methodic.models.precision import InBfloat16, has_bfloat16
from methodic.recipes import catalogue
from methodic.recipes.numbers import replace
from methodic.types import Batch, Pass


def inputs() -> dict[str, Tensor]:
    return {"numeric": torch.randn(1, 16, 4, generator=torch.Generator().manual_seed(0))}


class Watching(nn.Module):
    """Remembers the types that it saw, and keeps its last hidden values in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 3)
        self.register_buffer("last", torch.zeros(8))
        self.seen: list[torch.dtype] = []

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.layer(x)
        self.last = hidden.detach().mean(0)
        self.seen.append(hidden.dtype)
        out: Tensor = self.out(self.norm(hidden))
        return out


def test_products_are_rounded_and_results_are_float32() -> None:
    model = ModuleModel(Watching(), 3)
    parameters, buffers = model.initial()
    for given, dtype in ((model, torch.float32), (InBfloat16(model), torch.bfloat16)):
        run = Pass(parameters, buffers, {}, {}, training=True)
        out = given(run, inputs())
        assert out.dtype == torch.float32
        assert model.module.seen.pop() == dtype  # type: ignore[operator, union-attr]
        assert {name: x.dtype for name, x in run.new_buffers.items()} == {
            name: x.dtype for name, x in buffers.items()
        }


def test_it_stands_for_the_model() -> None:
    model = MLP(Inputs(numeric=4), 3, width=8, depth=1, dropout="model.dropout")
    half = InBfloat16(model)
    assert (half.native, half.outputs) == (True, 3)
    assert half.parameters() == model.parameters()
    assert half.buffers() == model.buffers()
    assert half.noise(8) == model.noise(8) != {}


def test_the_gradient_is_close() -> None:
    """A step in bfloat16 agrees to about two digits, and isn't the one in float32."""
    recipe = build.resolve(catalogue.get("sgd"), "multiclass", 100)
    recipe = replace(recipe, design.grid(recipe, 1)[0])
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))

    def gradient(precision: str) -> Gradient:
        made: Cohort = build.cohort(
            [recipe],
            [0],
            steps=[1],
            inputs=Inputs(numeric=4),
            outputs=3,
            rows=100,
            module=net,
            precision=precision,  # type: ignore[arg-type]
        )
        assert made.precision == precision
        turn = made.stages[0].turns[0]
        parameters, buffers = made.model.initial()  # type: ignore[attr-defined]
        flat = made.layout.flatten(parameters)
        batch = Batch(inputs(), torch.arange(16)[None] % 3)
        return plain(
            turn, made.model, made.layout, flat, buffers, made.numbers, {}, batch, made.precision
        )

    full, half = gradient("float32"), gradient("bfloat16")
    assert full.flat.dtype == half.flat.dtype == half.loss.dtype == torch.float32
    assert not torch.equal(full.flat, half.flat)
    assert float((full.flat - half.flat).norm() / full.norm) < 0.02


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({}, False), ({"avx512_bf16": False}, False), ({"avx512_bf16": True}, True)],
)
def test_only_where_the_processor_can(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(precision.torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_bfloat16("cpu") is expected
    assert not has_bfloat16("mps")
