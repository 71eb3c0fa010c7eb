"""A user's own network in a run: its starts, its way to the workers, its fingerprint."""

from __future__ import annotations

import pickle
import random
import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.own.module import state_of
from methodic.runs import networks


def make() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


def values(module: nn.Module) -> Tensor:
    return torch.cat([x.flatten().float() for x in state_of(module).values()])


def test_a_factory_starts_each_seed_with_its_own_weights() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, two = networks.started(make, 1), networks.started(make, 2)
    assert not torch.equal(values(one), values(two))
    assert torch.equal(values(one), values(networks.started(make, 1)))
    assert torch.equal(before, torch.get_rng_state())
    network = networks.of(make, 0, True, "because", 0)
    assert network.facts.start == "factory"
    assert network.facts.parameters == 4 * 5 + 5 + 5 + 5 + 5 * 3 + 3
    parameters, buffers = network.model([1, 2], 3).initial()
    assert torch.equal(parameters["0.weight"][1], two[0].weight)  # type: ignore[index]
    assert buffers["1.running_var"].shape == (2, 5)


def test_a_module_starts_all_members_alike() -> None:
    module = make()
    network = networks.of(module, 0, True, "because", 0)
    assert network.facts.start == "module"
    parameters, _ = network.model([1, 2], 3).initial()
    assert torch.equal(parameters["0.weight"][0], parameters["0.weight"][1])
    assert "the same weights" in networks.described(network)[0]


def test_the_way_to_a_worker() -> None:
    class Local(nn.Module):
        """Of a class that no other process could import."""

        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x)

    network = networks.of(Local, 0, False, "because", 2)
    there = pickle.loads(pickle.dumps(network))
    assert there.live is None
    assert there.facts == network.facts
    assert torch.equal(
        there.model([5], 3).initial()[0]["head.weight"],
        network.model([5], 3).initial()[0]["head.weight"],
    )
    broken = networks.Network(network.facts, b"nothing")
    with pytest.raises(InputError, match="Local can't be rebuilt in a worker"):
        broken.model([5], 3)


def test_what_can_not_travel() -> None:
    lock = threading.Lock()

    def locked() -> nn.Module:
        with lock:
            return make()

    assert networks.of(locked, 0, True, "", 0).packed is None
    with pytest.raises(InputError, match="Sequential can't be sent to worker processes"):
        networks.of(locked, 0, True, "", 1)


def test_another_network_is_refused() -> None:
    where = Path("runs/a")
    facts = networks.of(make, 0, True, "", 0).facts
    assert networks.again(make, facts, where, 0) is not None
    for other in (
        lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)),
        lambda: nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)),
        make(),
    ):
        with pytest.raises(InputError, match="isn't the network that the run began with"):
            networks.again(other, facts, where, 0)

    def frozen() -> nn.Module:
        net = make()
        net[0].requires_grad_(False)  # type: ignore[index]
        return net

    with pytest.raises(InputError, match="isn't the network"):
        networks.again(frozen, facts, where, 0)


def test_a_module_is_known_by_its_weights() -> None:
    module = make()
    facts = networks.of(module, 0, True, "", 0).facts
    assert networks.again(module, facts, Path("a"), 0) is not None
    with pytest.raises(InputError, match="isn't the network") as caught:
        networks.again(make(), facts, Path("a"), 0)
    assert "the weights to start from" in (caught.value.advice or "")


def test_missing_and_superfluous() -> None:
    facts = networks.of(make, 0, True, "", 0).facts
    with pytest.raises(InputError, match="a network of your own") as caught:
        networks.again(None, facts, Path("a"), 0)
    assert 'methodic.resume("a", model=' in (caught.value.advice or "")
    with pytest.raises(InputError, match="recipes' own networks"):
        networks.again(make, None, Path("a"), 0)
    assert networks.again(None, None, Path("a"), 0) is None


def drawn_elsewhere() -> nn.Module:
    net = nn.Linear(4, 3)
    nn.init.constant_(net.bias, random.random())
    return net


def failing() -> nn.Module:
    raise KeyError("layers")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "must be a torch.nn.Module, or a function"),
        (lambda: 3, r"model\(\) must return a torch\.nn\.Module"),
        (failing, r"model\(\) fails"),
        (lambda x: nn.Linear(4, 3), r"model\(\) fails"),
        (drawn_elsewhere, "other weights each time under the same seed"),
        (nn.ReLU, "no parameters"),
        (lambda: nn.LazyLinear(3), "has no shape yet"),
        (nn.Linear(4, 3).double(), "can't be trained"),
    ],
)
def test_what_is_no_network(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        networks.check_repeatable(source, 0)  # type: ignore[arg-type]


def test_none_is_none() -> None:
    networks.check_repeatable(None, 0)
