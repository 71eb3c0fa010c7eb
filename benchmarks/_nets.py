"""Users' own modules: a small transformer and a small convolutional net.

Members are trained one after the other, from the same weights with other learning rates: by the
engine, and by the loop that anyone would write, with whatever makes that loop faster.

Shapes: B rows of a batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from _mlps import stage
from _work import Runner
from torch import Tensor, nn

CLASSES, CHECKED = 10, 3
BATCH = {"transformer": 64, "convolutional": 64}
ROWS = {"transformer": 1280, "convolutional": 1280}
SHAPE = {"transformer": (32, 64), "convolutional": (3, 32, 32)}


class Transformer(nn.Module):
    """Sequences [B, 32, 64]: two layers of four heads, then the mean over the sequence."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(32, 64))
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(64, 4, 256, dropout, batch_first=True, norm_first=True)
                for _ in range(2)
            )
        )
        self.out = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 32, 64] → [B, 10]."""
        logits: Tensor = self.out(self.layers(x + self.position).mean(1))
        return logits


def convolutional(dropout: float) -> nn.Module:
    """Images [B, 3, 32, 32]: three convolutions, each halving the image, then the mean of it."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(128, CLASSES)]
    return nn.Sequential(*layers, *last)


def network(which: str, dropout: float = 0.1) -> nn.Module:
    """A new one, always with the same weights."""
    torch.manual_seed(0)
    return Transformer(dropout) if which == "transformer" else convolutional(dropout)


def data(which: str) -> tuple[Tensor, Tensor]:
    """Random rows: what they hold makes no difference to the time."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS[which], *SHAPE[which], generator=generator)
    return x, torch.randint(0, CLASSES, (ROWS[which],), generator=generator)


def methodic(which: str, lrs: Sequence[float], *, half: bool = False, last: bool = False) -> Runner:
    """The engine, a cohort of one for each learning rate; ``advance(n)`` takes n steps of each.

    Args:
        which: network.
        lrs: learning rates.
        half: gradients in bfloat16.
        last: channels last in memory.
    """
    from methodic.data.batches import Order, Rows
    from methodic.engine import loop

    x, y = data(which)
    rows = Rows({"array": x}, y)

    def fresh(lr: float, seed: int, dropout: float = 0.1) -> list[Any]:
        made = _cohort(network(which, dropout), which, lr, seed, half=half, last=last)
        return [made, loop.begin(made.stages[0], loop.initial_state(made))]

    members = [fresh(lr, seed) for seed, lr in enumerate(lrs)]
    assert all(made.width == 1 and made.stages[0].batch == BATCH[which] for made, _ in members)

    def step(each: list[Any], steps: int) -> None:
        made, state = each
        each[1] = loop.advance(made, made.stages[0], state, rows, steps, lambda _: None)

    def advance(steps: int) -> int:
        for each in members:
            step(each, steps)
        return steps * len(members)

    def check() -> float:
        """Against the plain float32 loop, on the same batches and without dropout."""
        each = fresh(lrs[-1], 0, dropout=0.0)
        step(each, CHECKED)
        order = Order((0,), len(rows), BATCH[which], f"order/{each[0].stages[0].name}")
        batches = list(order.steps(0, CHECKED))
        model = network(which, dropout=0.0)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        optimizer = torch.optim.Adam(model.parameters(), lr=lrs[-1])
        for index in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[index]), y[index]).backward()
            optimizer.step()
        after = {name: v[0] for name, v in each[0].layout.views(each[1].flat).items()}
        due = dict(model.named_parameters())
        off = sum(float((after[name] - due[name]).abs().sum().detach()) for name in due)
        return off / sum(float((before[name] - due[name]).abs().sum().detach()) for name in due)

    return Runner(advance, check)


def _cohort(net: nn.Module, which: str, lr: float, seed: int, *, half: bool, last: bool) -> Any:
    from methodic import build
    from methodic.models.mlp import Inputs
    from methodic.models.own.module import ModuleModel
    from methodic.recipes import types as recipes

    recipe = recipes.Recipe(name="adam", stages=[stage(lr, BATCH[which])])
    return build.cohort(
        [recipe],
        [seed],
        steps=[10**6],
        inputs=Inputs(array=int(np.prod(SHAPE[which]))),
        outputs=CLASSES,
        rows=ROWS[which],
        module=ModuleModel(net, CLASSES, channels_last=last),
        precision="bfloat16" if half else "float32",
    )


def plain(
    which: str, lrs: Sequence[float], *, half: bool, last: bool, compiled: bool, fused: bool
) -> Runner:
    """The textbook loop; ``advance(n)`` trains each learning rate for n steps, from the start.

    Args:
        which: network.
        lrs: learning rates.
        half: bfloat16 where autocast thinks it right.
        last: channels last in memory.
        compiled: by torch.compile; once for all members.
        fused: Adam in one kernel.
    """
    x, y = data(which)
    layout = torch.channels_last if last else torch.contiguous_format
    x = x.to(memory_format=layout)
    model = network(which).to(memory_format=layout)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    forward = torch.compile(model) if compiled else model
    loss = nn.CrossEntropyLoss()

    def precision() -> Any:
        return torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext()

    def advance(steps: int) -> int:
        for lr in lrs:
            model.load_state_dict(start)
            optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=fused or None)
            order, at = torch.randperm(len(x)), 0
            for _ in range(steps):
                if at == len(x):
                    order, at = torch.randperm(len(x)), 0
                index = order[at : at + BATCH[which]]
                at += BATCH[which]
                optimizer.zero_grad()
                with precision():
                    value = loss(forward(x[index]), y[index])
                value.backward()
                optimizer.step()
        return steps * len(lrs)

    return Runner(advance)
