"""Trial steps: the comparison passes what is equal and sees what is not."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from contract.module_table import C, D, Head, InPlace
from torch import Tensor

from methodic.errors import InputError
from methodic.models.own.module import ModuleModel
from methodic.models.own.trials import (
    Step,
    close,
    difference,
    model_steps,
    plain_output,
    plain_steps,
)

B = 12


def batch() -> dict[str, Tensor]:
    return {"numeric": torch.randn(B, D, generator=torch.Generator().manual_seed(0))}


def changed(steps: list[Step], part: str, name: str, factor: float) -> list[Step]:
    """The last step with one value of one tensor multiplied."""
    last = steps[-1]
    tensors = {k: x.clone() for k, x in getattr(last, part).items()}
    worst = tensors[name].abs().argmax()
    tensors[name].view(-1)[worst] *= factor
    return [*steps[:-1], dataclasses.replace(last, **{part: tensors})]


def test_the_model_takes_the_steps_of_the_module() -> None:
    torch.manual_seed(0)
    module = InPlace()
    steps = plain_steps(InPlace().train(), C, batch())
    assert not torch.equal(steps[0].buffers["centre"], steps[1].buffers["centre"])
    mine = plain_steps(module.train(), C, batch())
    torch.manual_seed(0)
    model = ModuleModel(InPlace(), C)
    assert difference(model_steps(model, [batch()])[0], mine) is None
    assert difference(steps, mine) == "outputs in 'forward' of step 1"


@pytest.mark.parametrize("factor", [1 + 1e-3, 1 - 1e-3, 0.0, 2.0, math.nan])
@pytest.mark.parametrize(
    ("part", "name"),
    [("gradients", "head.bias"), ("gradients", "head.weight"), ("buffers", "centre")],
)
def test_a_thousandth_is_a_difference(part: str, name: str, factor: float) -> None:
    steps = plain_steps(InPlace().train(), C, batch())
    said = difference(changed(steps, part, name, factor), steps)
    assert said == f"{part} in '{name}' of step 2"


def test_rounding_is_none() -> None:
    steps = plain_steps(InPlace().train(), C, batch())
    assert difference(changed(steps, "gradients", "head.weight", 1 + 1e-5), steps) is None


def test_close() -> None:
    x = torch.tensor([1.0, -2.0, 0.0])
    assert close(x + 1e-4, x)
    assert not close(x + 1e-3, x)
    assert close(x + 1e-3, x, 1e-3)
    assert not close(x[:2], x)
    assert not close(x.double(), x)
    assert not close(torch.tensor([4]), torch.tensor([5])), "integers are counted, not measured"
    mask = torch.tensor([0.0, float("-inf")])
    assert close(mask, mask)
    assert not close(torch.tensor([1.0, float("-inf")]), mask)


class Still(Head):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(x).detach()


def test_an_output_without_a_gradient() -> None:
    with pytest.raises(InputError, match="don't depend on its parameters"):
        plain_output(Still(), C, batch())
