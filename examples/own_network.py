"""Which training method suits a network of your own? Train it once, then compare methods on it.

Run: python examples/own_network.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

import methodic as mt
from methodic.recipes.types import Stop

STOP = Stop(steps=60)  # so that this example ends soon; leave it out, and give a budget


class Residual(nn.Module):
    """Two blocks that share their weights; batch norm keeps statistics of its own."""

    def __init__(self, inputs: int = 30, classes: int = 2, width: int = 32) -> None:
        super().__init__()
        self.enter, self.block = nn.Linear(inputs, width), nn.Linear(width, width)
        self.norm, self.head = nn.BatchNorm1d(width), nn.Linear(width, classes)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.enter(rows)
        for _ in range(2):
            hidden = hidden + torch.relu(self.block(hidden))
        return self.head(self.norm(hidden))


def main(folder: Path) -> None:
    """Everything lands in ``folder``."""
    data = mt.load("breast_cancer")

    # Once, from the weights that it has. The preflight says whether several could train at once.
    torch.manual_seed(0)
    trained = mt.train(Residual(), data, "adamw_cosine", steps=200)
    print(f"accuracy on test rows {trained.test:.3f} after {trained.steps} steps")
    print(f"width: {trained.preflight.width} ({trained.preflight.reason})")

    # Methods compared: a function makes each member's network under the member's own seed.
    short = [mt.recipe(name).model_copy(update={"stop": STOP}) for name in ("sgd", "adam")]
    run = mt.run(
        data, model=Residual, recipes=short, budget=90, seeds=5, workers=0, out=folder / "run"
    )
    assert run.leaderboard is not None
    print(run.leaderboard.verdict)

    # The run holds weights and no code, so whoever loads it brings the network.
    loaded = mt.load_run(folder / "run", model=Residual)
    print(loaded.predict(data.frame.drop(data.schema.target).head(3)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
