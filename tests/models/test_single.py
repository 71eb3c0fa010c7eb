"""Members that take turns."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methodic.models import single
from methodic.models.parts.normalization import BatchNorm
from methodic.models.single import OneByOne, channels_last
from methodic.types import Pass
from tests.models.passes import MEMBERS, images, pass_of, scattered, started


class Watched(OneByOne):
    outputs = 4

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.norm = BatchNorm("norm", 2)

    def layers(self) -> list[BatchNorm]:
        return [self.norm]

    def one(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        self.seen.append(tuple(inputs["array"].shape))
        return self.norm(run, channels_last(inputs["array"])).mean((3, 4))


def test_each_member_is_alone() -> None:
    model, x = Watched(), images(6, 2, 3, 3)
    parameters, buffers = scattered(model), started(model)
    run = pass_of(model, parameters, 6, buffers=buffers)
    got = model(run, x)
    assert model.seen == [(1, 6, 2, 3, 3)] * MEMBERS
    assert got.shape == (MEMBERS, 6, 2)
    for m in range(MEMBERS):
        mine = {name: value[m : m + 1] for name, value in parameters.items()}
        alone = pass_of(model, mine, 6, buffers={n: b[m : m + 1] for n, b in buffers.items()})
        assert torch.equal(model(alone, {"array": x["array"][m : m + 1]}), got[m : m + 1])
        for name, value in alone.new_buffers.items():
            assert torch.equal(run.new_buffers[name][m : m + 1], value)


def test_evaluation_takes_some_rows_at_a_time() -> None:
    model, x = Watched(), images(single.ROWS + 3, 2, 3, 3)
    run = pass_of(model, scattered(model), training=False, buffers=started(model))
    got = model(run, x)
    assert [shape[1] for shape in model.seen] == [single.ROWS, 3] * MEMBERS
    assert got.shape == (MEMBERS, single.ROWS + 3, 2)
    run.collect = True
    model.seen.clear()
    model(run, x)
    assert model.seen[0][1] == single.ROWS + 3, "statistics are about all rows"


def test_channels_lie_side_by_side_there_and_on_the_way_back() -> None:
    x = torch.randn(1, 4, 3, 5, 6, requires_grad=True)
    last = channels_last(x)
    assert torch.equal(last, x)
    assert last[0].is_contiguous(memory_format=torch.channels_last)
    seen: list[Tensor] = []
    last.register_hook(seen.append)
    from methodic.models.convolution import Conv

    layer = Conv("c", 3, 8, bias=False)
    weight = {"c.weight": torch.randn(1, 8, 3, 3, 3)}
    out = layer(Pass(weight, {}, {}, {}, training=True), last)
    assert out[0].is_contiguous(memory_format=torch.channels_last)
    out.square().sum().backward()
    assert seen[0][0].is_contiguous(memory_format=torch.channels_last)


def test_a_single_channel_has_its_place_beside_nothing() -> None:
    """One channel lies alike in both formats; what follows has to have the channels last, too."""
    from methodic.models.convolution import Conv

    x = torch.randn(1, 4, 1, 5, 6)
    last = channels_last(x)
    assert torch.equal(last, x)
    weight = {"c.weight": torch.randn(1, 8, 1, 3, 3)}
    out = Conv("c", 1, 8, bias=False)(Pass(weight, {}, {}, {}, training=True), last)
    assert out[0].is_contiguous(memory_format=torch.channels_last)
