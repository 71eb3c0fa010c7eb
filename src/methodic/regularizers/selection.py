"""Choosing inputs: the weights of an input are a group that becomes exactly zero as a whole.

Shapes: M members, I rows of the first weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.types import ParameterSpec


@dataclass(frozen=True)
class Group:
    """Which rows of the first weights belong to inputs of one kind.

    Args:
        start: the first row.
        inputs: how many inputs.
        rows: of each input; more than 1 for the numbers of an embedded category.
    """

    start: int
    inputs: int
    rows: int = 1


def groups(rows: int, numbers: int, categories: int) -> tuple[Group, ...]:
    """How the rows of the first weights are shared out: numbers first, then embedded categories.

    Args:
        rows: of the first weights.
        numbers: numeric inputs, arrays counted by their elements.
        categories: categorical inputs, each embedded as equally many numbers.

    Raises:
        InputError: they don't fit each other.
    """
    left = rows - numbers
    fits = left > 0 and left % categories == 0 if categories else left == 0
    if not fits:
        raise InputError(
            "group_lasso can't tell which weights belong to which input",
            found=f"{rows} rows of weights for {numbers} numbers and {categories} categories",
            advice="Use it with a network whose first layer reads the inputs as they are.",
        )
    found = [Group(0, numbers)] if numbers else []
    if left:
        found.append(Group(numbers, categories, left // categories))
    return tuple(found)


@dataclass(frozen=True)
class GroupLasso:
    """Shrinks all weights of an input together: w_g ← w_g · max(0, 1 − t/‖w_g‖).

    t = lr · weight · √(rows of the input). It is the minimizer of ½‖x − w‖² + Σ_g t‖x_g‖: where
    ‖w_g‖ ≤ t the input is left out, exactly.

    Args:
        path: of the regularizer in the recipe; ``path + ".weight"`` is ≥ 0.
        names: the parameters that begin with an axis of inputs; an input's weights in all of them
            are one group.
        groups: how their rows are shared out.

    Source: Yuan and Lin 2006.
    """

    path: str
    names: tuple[str, ...]
    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError(
                f"{self.path}: no weights of this network belong to single inputs",
                advice="Use group_lasso with a network whose first layer reads the inputs as they "
                "are, and train that layer.",
            )

    def __call__(
        self, parameters: Mapping[str, Tensor], run_numbers: Mapping[str, Tensor], lr: Tensor
    ) -> dict[str, Tensor]:
        """The parameters that change: name → [M, I, …], ``lr`` [M]."""
        threshold = (lr * run_numbers[self.path + ".weight"]).unsqueeze(-1)
        found: dict[str, list[Tensor]] = {name: [] for name in self.names}
        for group in self.groups:
            pieces = {name: _piece(parameters[name], group) for name in self.names}
            bound = threshold * group.rows**0.5
            norm = _norms(pieces)
            # 1 − t/max(‖w‖, t): exactly 0 within the threshold, and never a division by 0.
            larger = torch.maximum(norm, bound)
            factor = torch.where(norm > bound, 1 - bound / larger.clamp(min=1e-30), 0.0 * norm)
            for name, piece in pieces.items():
                found[name].append((piece * factor.unsqueeze(-1)).reshape(len(piece), -1))
        return {n: torch.cat(kept, 1).view_as(parameters[n]) for n, kept in found.items()}


def first_weights(specs: Mapping[str, ParameterSpec]) -> tuple[str, ...]:
    """Names of the parameters whose rows belong to the network's inputs."""
    return tuple(name for name, spec in specs.items() if spec.first)


def selected(
    parameters: Mapping[str, Tensor],
    specs: Mapping[str, ParameterSpec],
    numbers: int,
    categories: int,
) -> Tensor:
    """Which inputs a network uses: bool [M, numbers + categories], numbers first.

    An input is unused where all its weights in the first layers are exactly 0.

    Args:
        parameters: name → [M, …].
        specs: name → specification, as from `Layout.specs`.
        numbers, categories: as for `groups`.
    """
    names = first_weights(specs)
    if not names:
        raise InputError("no weights of this network belong to single inputs")
    used = []
    for group in groups(specs[names[0]].shape[0], numbers, categories):
        pieces = [_piece(parameters[name], group) for name in names]
        used.append(torch.cat(pieces, -1).ne(0).any(-1))
    return torch.cat(used, 1)


def _piece(w: Tensor, group: Group) -> Tensor:
    """The weights of a group: [M, inputs, weights of an input]."""
    rows = w[:, group.start : group.start + group.inputs * group.rows]
    return rows.reshape(w.shape[0], group.inputs, -1)


def _norms(pieces: Mapping[str, Tensor]) -> Tensor:
    total: Tensor | None = None
    for piece in pieces.values():
        square = (piece * piece).sum(-1)
        total = square if total is None else total + square
    assert total is not None, "there are names"
    return torch.sqrt(total)
