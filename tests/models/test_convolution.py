"""Networks for images against torch's own layers, member by member."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.convolution import CNN, Conv, ResNet
from methodic.models.inputs import Inputs
from tests.models.passes import (
    MEMBERS,
    gradients_are_right,
    images,
    pass_of,
    scattered,
    started,
)
from tests.reference import networks as reference


def shaped(*shape: int) -> Inputs:
    return Inputs(array=math.prod(shape), shape=shape)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2), (1, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_convolutions(kernel: int, stride: int, bias: bool) -> None:
    layer, x = Conv("c", 2, 3, kernel, stride, bias), images(4, 2, 7, 6)["array"]
    parameters = scattered(layer)
    got = layer(pass_of(layer, parameters), x)
    for m in range(MEMBERS):
        other = reference.convolution(reference.member(parameters, m), "c", kernel, stride)
        assert torch.equal(got[m], other(x[m]))


def cnn_twin(w: dict[str, Tensor], buffers: dict[str, Tensor], norm: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(2):
        layers.append(reference.convolution(w, f"convolution.{i}", 3))
        if norm != "none":
            groups = 2 if norm == "group" else 0
            layers.append(reference.image_norm(w, buffers, f"convolution.{i}.norm", groups))
        layers += [nn.GELU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), reference.dense(w["hidden.weight"], w.get("hidden.bias"))]
    if norm == "batch":
        layers.append(reference.image_norm(w, buffers, "hidden.norm", flat=True))
    head = reference.dense(w["head.weight"], w["head.bias"])
    return nn.Sequential(*layers, nn.GELU(), head)


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_cnn(norm: str) -> None:
    """Training, statistics included, and evaluation; odd sides lose their last line."""
    model = CNN(
        shaped(2, 9, 6),
        3,
        channels=(4, 6),
        width=5,
        activation="gelu",
        normalization=norm,
        groups=2,
    )
    parameters, buffers, x = scattered(model), started(model), images(4, 2, 9, 6)
    run = pass_of(model, parameters, 4, buffers=buffers)
    got = model(run, x)
    still = pass_of(model, parameters, training=False, buffers={**buffers, **run.new_buffers})
    predicted = model(still, x)
    for m in range(MEMBERS):
        w, b = reference.member(parameters, m), reference.member(buffers, m)
        twin = cnn_twin(w, b, norm)
        torch.testing.assert_close(got[m], twin(x["array"][m]))
        torch.testing.assert_close(predicted[m], twin.eval()(x["array"][m]))


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_resnet(blocks: int, norm: str) -> None:
    groups = 2 if norm == "group" else 0
    model = ResNet(shaped(2, 8, 7), 3, channels=(4, 6), blocks=blocks, normalization=norm, groups=2)
    parameters, buffers, x = scattered(model), started(model), images(4, 2, 8, 7)
    run = pass_of(model, parameters, 4, buffers=buffers)
    got = model(run, x)
    still = pass_of(model, parameters, training=False, buffers={**buffers, **run.new_buffers})
    predicted = model(still, x)
    for m in range(MEMBERS):
        w, b = reference.member(parameters, m), reference.member(buffers, m)
        twin = reference.ResNetTwin(w, b, (4, 6), blocks, groups)
        torch.testing.assert_close(got[m], twin(x["array"][m]), rtol=1e-4, atol=1e-5)
        after = twin.eval()(x["array"][m])
        torch.testing.assert_close(predicted[m], after, rtol=1e-4, atol=1e-5)
    short = reference.ResNetTwin(
        reference.member(parameters, 0), reference.member(buffers, 0), (4, 6), 1, groups
    )
    if blocks == 2:
        assert not torch.allclose(got[0], short(x["array"][0]), atol=1e-3)


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_gradients(kind: str) -> None:
    x, inputs = images(2, 1, 4, 4, dtype=torch.float64), shaped(1, 4, 4)
    cnn = CNN(
        inputs,
        2,
        channels=(2,),
        width=2,
        activation="tanh",
        normalization="group",
        groups=1,
        dropout="model.dropout",
    )
    resnet = ResNet(inputs, 2, channels=(2, 2), normalization="group", groups=1)
    assert gradients_are_right(cnn if kind == "cnn" else resnet, x, dropout=0.2)


def test_resnet_20_has_its_parameters() -> None:
    """0.27 million, as in the paper: 269,722 and the three 1 × 1 convolutions with their norms."""
    model = ResNet(shaped(3, 32, 32), 10, blocks=3)
    count = sum(math.prod(spec.shape) for spec in model.parameters().values())
    assert count == 269_722 + (16 * 32 + 64) + (32 * 64 + 128)
    layers = [name for name in model.parameters() if name.endswith(".weight")]
    assert len([name for name in layers if "past" not in name]) == 20


@pytest.mark.parametrize("members", [1, 5])
def test_a_member_has_the_same_bits_in_any_company(members: int) -> None:
    """Forward and gradients, with batch norm, of the first member and of a later one."""
    torch.set_num_threads(1)
    for model in (
        CNN(shaped(1, 5, 5), 3, channels=(3,), width=4, normalization="batch"),
        ResNet(shaped(1, 5, 5), 3, channels=(3, 4)),
    ):
        from methodic.models.parts.initialization import initial_buffers, initial_parameters

        seeds = [7, *range(20, 20 + members - 1)]
        rows = torch.randn(3, 1, 5, 5, generator=torch.Generator().manual_seed(1))
        found = []
        for chosen in (seeds, seeds[:1], [*seeds[1:], 7]):
            drawn = initial_parameters(model.parameters(), chosen)
            leaves = {name: value.requires_grad_() for name, value in drawn.items()}
            buffers = initial_buffers(model.buffers(), len(chosen))
            run = pass_of(model, leaves, buffers=buffers)
            out = model(run, {"array": rows.expand(len(chosen), -1, -1, -1, -1)})
            out.square().sum().backward()
            at = chosen.index(7)
            every = [out[at], *(v.grad[at] for v in leaves.values() if v.grad is not None)]
            found.append([*every, *(b[at].detach() for b in run.new_buffers.values())])
        for other in found[1:]:
            assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("kind", [CNN, ResNet])
@pytest.mark.parametrize(
    "inputs",
    [
        Inputs(numeric=4),
        Inputs(array=64),
        Inputs(array=64, shape=(8, 8)),
        Inputs(numeric=1, array=64, shape=(1, 8, 8)),
    ],
)
def test_data_without_images(kind: type[CNN] | type[ResNet], inputs: Inputs) -> None:
    with pytest.raises(InputError, match="takes images") as caught:
        kind(inputs, 2)
    assert "channels × height × width" in str(caught.value.accepted)


def test_images_that_are_too_small() -> None:
    with pytest.raises(InputError, match="halves the sides") as caught:
        CNN(shaped(1, 8, 8), 2, channels=(4, 4, 4, 4))
    assert caught.value.accepted == "at least 16 × 16"
