"""Initial weights against torch.nn.init: spread, bounds, orthogonality; seeds and names."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from methodic.models.parts.initialization import (
    INITIALIZATIONS,
    PARTS,
    initial_buffers,
    initial_parameters,
)
from methodic.recipes.kinds.models import Initialization
from methodic.types import BufferSpec, ParameterSpec

INPUTS, OUTPUTS, GAIN = 300, 200, 2.0**0.5


def one(kind: str, shape: tuple[int, int] = (INPUTS, OUTPUTS), gain: float = GAIN) -> Tensor:
    spec = ParameterSpec(shape, kind, fan_in=shape[0], fan_out=shape[1], gain=gain)
    return initial_parameters({"w": spec}, [3])["w"][0]


def theirs(function: Callable[..., Tensor], **arguments: object) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    weight = torch.empty(OUTPUTS, INPUTS)  # torch's layers hold [outputs, inputs]
    return function(weight, generator=generator, **arguments)


TORCH: dict[str, Callable[[], Tensor]] = {
    "kaiming_normal": lambda: theirs(nn.init.kaiming_normal_, nonlinearity="relu"),
    "kaiming_uniform": lambda: theirs(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "xavier_normal": lambda: theirs(nn.init.xavier_normal_),
    "xavier_uniform": lambda: theirs(nn.init.xavier_uniform_),
    "normal": lambda: theirs(nn.init.normal_, std=0.01),
    "uniform": lambda: theirs(nn.init.uniform_, a=-0.05, b=0.05),
}


def test_every_initialization_of_the_recipes_exists() -> None:
    assert set(get_args(Initialization)) == set(INITIALIZATIONS)
    assert set(TORCH) | {"orthogonal", "lsuv", "zeros"} == set(INITIALIZATIONS)


@pytest.mark.parametrize("kind", TORCH)
def test_same_distribution_as_torch(kind: str) -> None:
    """60,000 numbers: the deviation of a sample's deviation is about 0.3 %."""
    ours, other = one(kind).flatten().double(), TORCH[kind]().flatten().double()
    assert abs(float(ours.mean())) < 4 * float(ours.std()) / 245
    assert float(ours.std()) == pytest.approx(float(other.std()), rel=0.02)
    for share in (0.01, 0.1, 0.25, 0.75, 0.9, 0.99):
        level = torch.quantile(other, share)
        assert float((ours < level).double().mean()) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("kind", ["kaiming_uniform", "xavier_uniform", "uniform"])
def test_bounds(kind: str) -> None:
    ours, other = one(kind).abs().max(), TORCH[kind]().abs().max()
    assert float(ours) == pytest.approx(float(other), rel=1e-3)


@pytest.mark.parametrize("shape", [(40, 25), (25, 40), (30, 30)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    q = one("orthogonal", shape, gain=1.5)
    small = q.T @ q if shape[0] >= shape[1] else q @ q.T
    torch.testing.assert_close(small, 1.5**2 * torch.eye(min(shape)), rtol=0, atol=1e-5)


def test_orthogonal_matrices_are_uniform() -> None:
    """Without the signs of R, the first entries of many Qs would nearly all be negative."""
    specs = {"w": ParameterSpec((4, 4), "orthogonal")}
    corners = initial_parameters(specs, range(200))["w"][:, 0, 0]
    assert 70 <= int((corners > 0).sum()) <= 130


def test_zeros_and_constants() -> None:
    specs = {
        "zeros": ParameterSpec((3,), "zeros", value=7.0),
        "constant": ParameterSpec((2, 2), "constant", value=1.5),
    }
    made = initial_parameters(specs, [0, 1])
    assert torch.equal(made["zeros"], torch.zeros(2, 3))
    assert torch.equal(made["constant"], torch.full((2, 2, 2), 1.5))


@pytest.mark.parametrize("kind", [*INITIALIZATIONS, *PARTS])
def test_a_member_is_its_seed_and_a_parameter_is_its_name(kind: str) -> None:
    spec = ParameterSpec((5, 7), kind, fan_in=5, fan_out=7, value=1.0)
    first = initial_parameters({"a": spec, "b": spec}, [4, 9])
    alone = initial_parameters({"b": spec}, [9])
    assert torch.equal(first["b"][1], alone["b"][0])
    assert first["b"].shape == (2, 5, 7)
    if kind == "signs":
        assert not torch.equal(first["a"], first["b"])
    elif kind not in ("zeros", "constant", "passing_on"):
        assert not torch.equal(first["a"], first["b"])
        assert not torch.equal(first["b"][0], first["b"][1])


def test_starts_that_only_parts_ask_for() -> None:
    def made(kind: str, **more: object) -> Tensor:
        spec = ParameterSpec((INPUTS, OUTPUTS), kind, gain=0.5, **more)  # type: ignore[arg-type]
        return initial_parameters({"w": spec}, [3])["w"][0]

    assert set(PARTS) == {"constant", "gaussian", "truncated", "spread", "signs", "passing_on"}
    assert float(made("gaussian").std()) == pytest.approx(0.5, rel=0.02)
    assert float(made("gaussian").abs().max()) > 1.5
    assert float(made("truncated").abs().max()) == 1.5
    assert float(made("spread").std()) == pytest.approx(0.5 / 3**0.5, rel=0.02)
    assert set(made("signs").unique().tolist()) == {-0.5, 0.5}
    assert abs(float(made("signs").mean())) < 0.01


def test_convolutions_that_pass_on_what_they_get() -> None:
    """The first outputs are the inputs, as by torch's own start; the others are drawn."""
    spec = ParameterSpec((6, 4, 3, 3), "passing_on", fan_in=36, gain=3**-0.5)
    weight = initial_parameters({"w": spec}, [1, 2])["w"]
    x = torch.randn(2, 4, 5, 7)
    for member in weight:
        assert torch.equal(member[:4], torch.nn.init.dirac_(torch.empty(4, 4, 3, 3)))
        torch.testing.assert_close(torch.conv2d(x, member, padding=1)[:, :4], x)
        assert 0 < float(member[4:].abs().max()) <= 1 / 6
    assert not torch.equal(weight[0, 4:], weight[1, 4:])
    narrow = ParameterSpec((2, 4, 3, 3), "passing_on", fan_in=36)
    assert float(initial_parameters({"w": narrow}, [1])["w"].abs().sum()) == 2


def test_runs_of_equal_numbers() -> None:
    spec = ParameterSpec((3, 6), "gaussian", alike=((), (1, 3, 2)))
    made = initial_parameters({"w": spec}, [0, 1])["w"]
    assert made.shape == (2, 3, 6)
    assert bool((made[..., 1] == made[..., 3]).all())
    assert bool((made[..., 4] == made[..., 5]).all())
    assert len(made.flatten().unique()) == 2 * 3 * 3
    both = ParameterSpec((3, 6), "gaussian", alike=((3,), ()))
    rows = initial_parameters({"w": both}, [0])["w"][0]
    assert bool((rows == rows[:1]).all())


def test_buffers() -> None:
    made = initial_buffers({"m": BufferSpec((3,)), "v": BufferSpec((2,), 1.0)}, 2)
    assert torch.equal(made["m"], torch.zeros(2, 3))
    assert torch.equal(made["v"], torch.ones(2, 2))
