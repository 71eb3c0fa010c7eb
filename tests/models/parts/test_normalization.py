"""Normalization layers against torch.nn, member by member."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from methodic.models.parts.initialization import initial_parameters
from methodic.models.parts.layers import Layer
from methodic.models.parts.normalization import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    RMSNorm,
    normalization,
)
from tests.models.passes import MEMBERS, pass_of, scattered, started


def signal(*shape: int) -> Tensor:
    return torch.randn(MEMBERS, *shape, generator=torch.Generator().manual_seed(2)) * 2 + 1


def weighed(other: nn.Module, parameters: dict[str, Tensor], m: int) -> nn.Module:
    other.weight.data = parameters["n.scale"][m].clone()
    if "n.shift" in parameters:
        other.bias.data = parameters["n.shift"][m].clone()
    return other


CASES: dict[str, tuple[Layer, nn.Module, tuple[int, ...]]] = {
    "layer": (LayerNorm("n", 6), nn.LayerNorm(6), (5, 6)),
    "layer of tokens": (LayerNorm("n", 6), nn.LayerNorm(6), (5, 3, 6)),
    "rms": (RMSNorm("n", 6), nn.RMSNorm(6, eps=1e-6), (5, 6)),
    "rms of tokens": (RMSNorm("n", 6), nn.RMSNorm(6, eps=1e-6), (5, 3, 6)),
    "group": (GroupNorm("n", 6, 3), nn.GroupNorm(3, 6), (5, 6)),
    "one group": (GroupNorm("n", 6, 1), nn.GroupNorm(1, 6), (5, 6)),
    "group of images": (GroupNorm("n", 6, 3), nn.GroupNorm(3, 6), (5, 6, 4, 3)),
    "instance of images": (GroupNorm("n", 6, 6), nn.GroupNorm(6, 6), (5, 6, 4, 3)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_like_torch(case: str, training: bool) -> None:
    layer, other, shape = CASES[case]
    parameters, x = scattered(layer), signal(*shape)
    got = layer(pass_of(layer, parameters, training=training), x)
    for m in range(MEMBERS):
        torch.testing.assert_close(got[m], weighed(other, parameters, m)(x[m]))


def test_other_groups_give_other_numbers() -> None:
    """The comparison above notices a wrong count of groups."""
    layer, x = GroupNorm("n", 6, 2), signal(5, 6, 4, 3)
    parameters = scattered(layer)
    got = layer(pass_of(layer, parameters), x)
    other = weighed(nn.GroupNorm(3, 6), parameters, 0)
    assert not torch.allclose(got[0], other(x[0]), atol=1e-2)


def test_batch_norm_of_images_over_several_batches() -> None:
    layer = BatchNorm("n", 4)
    parameters, buffers = scattered(layer), started(layer)
    others = [weighed(nn.BatchNorm2d(4), parameters, m) for m in range(MEMBERS)]
    for batch in range(3):
        x = signal(5 + batch, 4, 3, 2) * (1 + batch)
        run = pass_of(layer, parameters, buffers=buffers)
        got = layer(run, x)
        for m, other in enumerate(others):
            torch.testing.assert_close(got[m], other(x[m]))
        buffers = dict(run.new_buffers)
    x = signal(3, 4, 3, 2)
    got = layer(pass_of(layer, parameters, training=False, buffers=buffers), x)
    for m, other in enumerate(others):
        torch.testing.assert_close(buffers["n.mean"][m], other.running_mean)
        torch.testing.assert_close(buffers["n.variance"][m], other.running_var)
        torch.testing.assert_close(got[m], other.eval()(x[m]))


def test_batch_norm_over_several_batches() -> None:
    layer = BatchNorm("n", 4)
    parameters, buffers = scattered(layer), started(layer)
    others = [weighed(nn.BatchNorm1d(4), parameters, m) for m in range(MEMBERS)]
    for batch in range(4):
        x = signal(5 + batch, 4) * (1 + batch)
        run = pass_of(layer, parameters, buffers=buffers)
        got = layer(run, x)
        for m, other in enumerate(others):
            torch.testing.assert_close(got[m], other(x[m]))
        buffers = dict(run.new_buffers)
    held_out = signal(3, 4)
    still = pass_of(layer, parameters, training=False, buffers=buffers)
    got = layer(still, held_out)
    for m, other in enumerate(others):
        torch.testing.assert_close(buffers["n.mean"][m], other.running_mean)
        torch.testing.assert_close(buffers["n.variance"][m], other.running_var)
        torch.testing.assert_close(got[m], other.eval()(held_out[m]))
    assert not still.new_buffers


def test_batch_norm_collects_the_statistics_of_one_batch() -> None:
    layer, x = BatchNorm("n", 4), signal(9, 4)
    run = pass_of(layer, scattered(layer), training=False, collect=True)
    layer(run, x)
    torch.testing.assert_close(run.new_buffers["n.mean"], x.mean(1))
    torch.testing.assert_close(run.new_buffers["n.variance"], x.var(1))


@pytest.mark.parametrize("shape", [(9, 4), (9, 4, 3, 3)])
def test_a_frozen_layer_does_in_training_what_it_does_afterwards(shape: tuple[int, ...]) -> None:
    layer, x = BatchNorm("n", 4), signal(*shape)
    values, buffers = scattered(layer), started(layer)
    buffers = {name: value + 0.5 for name, value in buffers.items()}
    run = pass_of(layer, values, buffers=buffers)
    run.fixed = frozenset(["n"])
    after = pass_of(layer, values, training=False, buffers=buffers)
    assert torch.equal(layer(run, x), layer(after, x))
    assert not run.new_buffers
    run.fixed = frozenset(["other"])
    assert not torch.equal(layer(run, x), layer(after, x))
    assert set(run.new_buffers) == {"n.mean", "n.variance"}


def test_statistics_carry_no_gradient() -> None:
    layer = BatchNorm("n", 4)
    run = pass_of(layer, scattered(layer))
    layer(run, signal(5, 4).requires_grad_())
    assert not any(value.requires_grad for value in run.new_buffers.values())


@pytest.mark.parametrize("kind", ["batch", "layer", "group", "rms"])
def test_gradients(kind: str) -> None:
    layer = normalization(kind, "n", 4, 2)
    assert layer is not None
    parameters = scattered(layer, torch.float64)
    x = signal(3, 4).double().requires_grad_()
    buffers = started(layer, torch.float64)

    def out(x: Tensor, *values: Tensor) -> Tensor:
        now = dict(zip(parameters, values, strict=True))
        return layer(pass_of(layer, now, buffers=buffers), x)

    leaves = [value.requires_grad_() for value in parameters.values()]
    assert torch.autograd.gradcheck(out, (x, *leaves))


def test_scales_start_at_one_and_neither_scale_nor_shift_decays() -> None:
    for kind in ("batch", "layer", "group", "rms"):
        layer = normalization(kind, "n", 4, 2)
        assert layer is not None
        specs = layer.parameters()
        assert not any(spec.decays for spec in specs.values())
        made = initial_parameters(specs, [0])
        assert torch.equal(made["n.scale"], torch.ones(1, 4))
        assert torch.equal(made.get("n.shift", torch.zeros(1, 4)), torch.zeros(1, 4))
    assert normalization("none", "n", 4) is None
