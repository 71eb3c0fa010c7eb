"""The preflight: which modules may train at once, which train alone, and which can't."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from contract.module_table import ROWS, C, D, Head, MixedBuffers, Row
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.own.preflight import preflight

B = 12


def batches(seed: int = 0) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [{"numeric": torch.randn(B, D, generator=generator)} for _ in range(2)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_kind_of_module(row: Row) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = row.make()
    before = {name: x.clone() for name, x in module.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    found = preflight(module, C, batches())
    assert found.width == row.width, found.reason
    assert found.repeatable == row.repeatable
    for word in row.words:
        assert word in found.reason
    assert preflight(module, C, batches()) == found, "a function of its arguments"
    assert all(torch.equal(before[name], x) for name, x in module.state_dict().items())
    assert torch.equal(states[0], torch.get_rng_state())
    assert (random.getstate(), repr(np.random.get_state())) == states[1:]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("seed", [1, 2])
def test_rounding_is_no_difference(scale: float, seed: int) -> None:
    """A wide network on rows of any scale: float32 in another order, the same mathematics."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(D, 512), nn.BatchNorm1d(512), nn.GELU(), nn.Linear(512, 512), nn.Tanh(),
        nn.Linear(512, C),
    )  # fmt: skip
    rows = [{"numeric": batch["numeric"] * scale} for batch in batches(seed)]
    assert preflight(net, C, rows).width == "vmap"


def test_buffers_are_compared() -> None:
    """A module whose outputs and gradients are right under vmap, and whose buffers aren't."""
    found = preflight(MixedBuffers(), C, batches())
    assert "buffers in 'centre'" in found.reason


class Writing(Head):
    def forward(self, x: Tensor) -> Tensor:
        self.head.weight.data.clamp_(-0.1, 0.1)
        return self.head(x)


class Growing(Head):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Module()
        self.inner.register_buffer("total", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.inner.total = self.inner.total + x.sum(0)
        return self.head(x)


class Late(Head):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", None)

    def forward(self, x: Tensor) -> Tensor:
        self.total = x.sum() if self.total is None else self.total + x.sum()
        return self.head(x)


class Counter(Head):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        self.total = self.total + x.sum()
        return self.head(x)


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(D, D), nn.Linear(D + 1, C)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Aliased(Head):
    """Reads a weight through a list, which no call with other weights can know of."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = [self.head.weight]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights[0].T


class Detached(Head):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(x).detach()


class Overwriting(Head):
    def forward(self, x: Tensor) -> Tensor:
        grown = self.head(x).exp()
        grown.add_(1)
        return grown


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Writing(), r"parameter 'head\.weight' of Writing is written to in forward"),
        (Growing(), r"buffer 'total' of layer 'inner' \(Module\) changes its shape"),
        (Counter(), r"buffer 'total' of Counter changes its shape or type"),
        (Late(), r"buffer 'total' of Late comes or goes"),
        (Deep(), r"layer 'blocks\.1' \(Linear\) fails in training"),
        (Aliased(), r"Aliased doesn't train as in plain PyTorch: outputs"),
        (Detached(), r"outputs of Detached don't depend on its parameters"),
        (Overwriting(), r"Overwriting fails in the backward pass"),
        (
            nn.Sequential(nn.Linear(D, 2), nn.LazyLinear(C)),
            r"layer '1' \(LazyLinear\) has no shape",
        ),
        (nn.Linear(D, C).double(), "'weight' of Linear can't be trained"),
        (nn.Linear(D, C).half(), "'weight' of Linear can't be trained"),
        (nn.Linear(D, C + 1), r"Linear\.forward returned something else"),
    ],
)
def test_what_can_not_train_is_named(module: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        preflight(module, C, batches())


def test_one_row_and_batch_norm() -> None:
    """The usual error of batch normalization, with its layer."""
    net = nn.Sequential(nn.Linear(D, C), nn.BatchNorm1d(C))
    single = [{"numeric": batch["numeric"][:1]} for batch in batches()]
    with pytest.raises(InputError, match=r"layer '1' \(BatchNorm1d\) fails in training") as caught:
        preflight(net, C, single)
    assert "Expected more than 1 value" in (caught.value.found or "")


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.dense = nn.Embedding(5, 2), nn.Linear(D, C)

    def forward(self, categorical: Tensor, numeric: Tensor) -> Tensor:
        return self.dense(numeric) + self.table(categorical).flatten(1).sum(1, True)


def test_several_inputs() -> None:
    rows = [
        {**batch, "categorical": torch.arange(2 * B).reshape(B, 2) % (3 + i)}
        for i, batch in enumerate(batches())
    ]
    assert preflight(Two(), C, rows).width == "vmap"
    with pytest.raises(InputError, match="Head fails in training") as caught:
        preflight(Head(), C, rows)
    assert "unexpected keyword argument" in (caught.value.found or "")
    assert "categorical int64 [12, 2]" in (caught.value.advice or "")


def test_dropout_with_large_masks_agrees_too() -> None:
    """They are drawn in another way than torch does, for the plain steps as well."""
    wide = nn.Sequential(nn.Linear(4, 256), nn.Dropout(0.5), nn.Linear(256, 3))
    x = torch.randn(2, 64, 4, generator=torch.Generator().manual_seed(0))
    found = preflight(wide, 3, [{"numeric": x[0]}, {"numeric": x[1]}])
    assert found.reason == "layer '1' (Dropout) draws from torch's generator"
    assert found.repeatable
