"""Parameters one by one: their moments are those that the state shows, whoever put them there."""

from __future__ import annotations

import copy

import torch

from methodic.optimizers import Adafactor


def stepped(optimizer: Adafactor, weight: torch.nn.Parameter, seed: int) -> None:
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    optimizer.step()


def begun(steps: int) -> tuple[Adafactor, torch.nn.Parameter]:
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(9))
    weight = torch.nn.Parameter(start)
    optimizer = Adafactor([weight], lr=0.1)
    for seed in range(steps):
        stepped(optimizer, weight, seed)
    return optimizer, weight


def test_moments_that_were_put_there_count() -> None:
    whole, one = begun(4)
    part, other = begun(3)
    stepped(part, other, 3)
    assert torch.equal(one, other)
    # The moments of another optimizer, tensor by tensor: the step after that is the other's, too.
    first, second = begun(3), begun(1)
    state = second[0].state[second[1]]
    state.update(copy.deepcopy(first[0].state[first[1]]))
    with torch.no_grad():
        second[1].copy_(first[1])
    stepped(*second, 3)
    assert torch.equal(second[1], one)
    assert torch.equal(state["rows"], whole.state[one]["rows"])


def test_moments_that_were_written_into_count() -> None:
    optimizer, weight = begun(3)
    same, other = begun(3)
    with torch.no_grad():
        optimizer.state[weight]["rows"].mul_(4)
    stepped(optimizer, weight, 3)
    stepped(same, other, 3)
    assert not torch.equal(weight, other)
