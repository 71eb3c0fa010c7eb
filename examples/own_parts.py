"""A rule, a schedule and a loss of your own, compared with the library's on equal budgets.

Two files: the objects here, and own_parts.yaml, a recipe that names them. Nothing of the package is
touched, and a run with your own parts is a run like any other: tuned, confirmed, reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import methodic as mt

RECIPE = Path(__file__).with_suffix(".yaml")


class Signum(mt.optimizers.Rule):
    """m ← beta · m + (1 − beta) · g;  w ← w − lr · sign(m)."""

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        return {"mean": torch.zeros_like(parameter)}

    def coefficients(self, step: Any, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe's numbers at T steps of M members that differ in them: float64 [T, M]."""
        beta = numbers["numbers.beta"]
        columns = {"scale": -numbers["lr"], "beta": beta, "fresh": 1 - beta}
        shape = np.broadcast_shapes(step.shape, *(np.shape(each) for each in columns.values()))
        return {name: np.broadcast_to(each, shape) for name, each in columns.items()}

    def update(
        self, gradient: Tensor, parameter: Tensor, state: Mapping[str, Tensor], c: Mapping[str, Any]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameters, and the next state; nothing is written over."""
        del parameter  # weights don't decay here
        mean = state["mean"] * c["beta"] + gradient * c["fresh"]
        return torch.sign(mean) * c["scale"], {"mean": mean}


def root(progress: Any, numbers: Mapping[str, Any]) -> Any:
    """1/√(1 + speed · progress), after the warm-up."""
    return 1 / np.sqrt(1 + numbers["speed"] * progress)


def forgiving(output: Tensor, target: Tensor, numbers: Mapping[str, Tensor]) -> Tensor:
    """(1 − p^q)/q with the class's probability p: between absolute error and cross-entropy.

    Output [M, B, C] and target [M, B] of M members; each row's loss, [M, B].

    Source: arXiv 1805.07836.
    """
    p = torch.softmax(output, dim=-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
    q = numbers["power"]
    return (1 - torch.exp(q * torch.log(p.clamp(min=1e-7)))) / q


def main(budget: str = "40s", out: Path | None = None) -> mt.Run:
    """Which is better on the digits: this method, or two of the library?"""
    return mt.run(
        mt.load("digits"),
        recipes=[RECIPE, "adamw_cosine", "momentum"],
        own={"signum": Signum(), "root": root, "forgiving": forgiving},
        budget=budget,
        out=out,
    )


if __name__ == "__main__":
    run = main()
    print(run.leaderboard.verdict)
