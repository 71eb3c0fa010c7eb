"""The quick net against plain torch, and its filters that whiten."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.quicknet import QuickNet, Whitening
from tests.models.passes import MEMBERS, gradients_are_right, images, pass_of, scattered, started


def net(depth: int = 2, mirrored: bool = False, activation: str = "gelu") -> QuickNet:
    return QuickNet(
        Inputs(array=3 * 11 * 12, shape=(3, 11, 12)),
        4,
        channels=(5, 6),
        depth=depth,
        activation=activation,
        mirrored=mirrored,
    )


def literal(
    w: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, depth: int, training: bool
) -> Tensor:
    """The same in plain torch; one member."""
    x = F.gelu(F.conv2d(x, buffers["whitening.weight"], w["whitening.bias"]))
    for block in range(2):
        past = None
        for i in range(depth):
            name = f"block.{block}.{i}"
            x = F.conv2d(x, w[f"{name}.weight"], padding=1)
            if i == 0:
                x = F.max_pool2d(x, 2)
            mean, variance = (buffers[f"{name}.norm.{s}"].clone() for s in ("mean", "variance"))
            shift = w[f"{name}.norm.shift"]
            x = F.gelu(F.batch_norm(x, mean, variance, None, shift, training))
            past = x if i == 0 else past
        x = x + past if depth > 2 and past is not None else x
    return x.amax((2, 3)) @ w["head.weight"] / 9


@pytest.mark.parametrize("depth", [2, 3])
def test_forward(depth: int) -> None:
    model = net(depth)
    parameters, x = scattered(model), images(5, 3, 11, 12)
    _, buffers = model.adapted(parameters, started(model), x)
    run = pass_of(model, parameters, 5, buffers=buffers)
    got = model(run, x)
    still = pass_of(model, parameters, training=False, buffers={**buffers, **run.new_buffers})
    predicted = model(still, x)
    for m in range(MEMBERS):
        w = {name: value[m] for name, value in parameters.items()}
        b = {name: value[m] for name, value in still.buffers.items()}
        want = literal(w, b, x["array"][m], depth, True)
        torch.testing.assert_close(got[m], want, rtol=1e-4, atol=1e-5)
        after = literal(w, b, x["array"][m], depth, False)
        torch.testing.assert_close(predicted[m], after, rtol=1e-4, atol=1e-5)


def test_predictions_from_mirror_images() -> None:
    model, plain = net(mirrored=True), net()
    parameters, x = scattered(model), images(5, 3, 11, 12)
    _, buffers = model.adapted(parameters, started(model), x)
    run = pass_of(model, parameters, training=False, buffers=buffers)
    got = model(run, x)
    turned = {"array": x["array"].flip(-1)}
    torch.testing.assert_close(got, 0.5 * (plain(run, x) + plain(run, turned)))
    torch.testing.assert_close(got, model(run, turned))
    assert not torch.allclose(plain(run, x), plain(run, turned), atol=1e-4)
    train = pass_of(model, parameters, 5, buffers=buffers)
    torch.testing.assert_close(model(train, x), plain(train, x))


def test_whitened_patches_are_uncorrelated() -> None:
    layer = Whitening("w", 3, epsilon=0.0)
    mixing = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    x = torch.einsum("ij,njhw->nihw", mixing, images(40, 3, 9, 9)["array"][0])
    filters = layer.filters(x)
    assert filters.shape == (layer.outputs, 3, 2, 2)
    assert torch.equal(filters[:12], -filters[12:])
    out = F.conv2d(x.double(), filters[:12]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(out), torch.eye(12).double(), rtol=0.0, atol=1e-3)
    assert not torch.allclose(torch.cov(F.unfold(x, 2)[0]), torch.eye(12), atol=0.1)


def test_constant_images_do_not_break_it() -> None:
    assert bool(torch.isfinite(Whitening("w", 1).filters(torch.ones(3, 1, 5, 5))).all())


def test_gradients() -> None:
    x = images(2, 1, 5, 5, dtype=torch.float64)
    model = QuickNet(
        Inputs(array=25, shape=(1, 5, 5)), 2, channels=(2,), depth=3, activation="tanh"
    )
    assert gradients_are_right(model, x)


def test_its_parameters() -> None:
    """1.97 million, as in the paper; shifts learn fast, and scales aren't trained."""
    model = QuickNet(Inputs(array=3072, shape=(3, 32, 32)), 10)
    specs = model.parameters()
    assert sum(math.prod(spec.shape) for spec in specs.values()) == 1_971_352
    shifts = {name: spec for name, spec in specs.items() if name.endswith("norm.shift")}
    assert len(shifts) == 6
    assert {spec.lr_scale for spec in shifts.values()} == {64.0}
    assert not any(name.endswith("scale") for name in specs)


def test_small_images_are_refused() -> None:
    with pytest.raises(InputError, match="halves the sides of an image 3 times"):
        QuickNet(Inputs(array=64, shape=(1, 8, 8)), 10)
