"""Rules that see one parameter at a time, applied to the flat parameters of a network.

Shapes: M members, P parameters in all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, spread
from methodic.types import ParameterSpec, Role, Rule, Scope, Table

_REST = "rest"
_WHOLE_RATE = "decay_rate"


@dataclass(frozen=True)
class Piece:
    """One named parameter within the flat parameters.

    Args:
        name: of the parameter.
        shape: without the member axis. Matrices are [inputs, outputs]; a convolution's weights are
            [outputs, inputs, …].
        start: where it begins among the P parameters.
        role: "hidden", "embedding" or "head".
    """

    name: str
    shape: tuple[int, ...]
    start: int
    role: Role = "hidden"

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def matrix(self) -> bool:
        """It has at least two axes, so that it maps vectors to vectors."""
        return len(self.shape) > 1

    def of(self, flat: Tensor) -> Tensor:
        """[M, P] → [M, …], a view."""
        part = flat[:, self.start : self.start + self.size]
        return part.view(flat.shape[0], *self.shape)


def pieces(specs: Mapping[str, ParameterSpec]) -> tuple[Piece, ...]:
    """All parameters, in the order in which they are flattened."""
    found, start = [], 0
    for name, spec in specs.items():
        found.append(Piece(name, spec.shape, start, spec.role))
        start += found[-1].size
    return tuple(found)


def as_matrix(x: Tensor) -> Tensor:
    """[M, a, b, …] → [M, a, b·…]: a convolution maps whole patches to its outputs."""
    return x if x.ndim == 3 else x.flatten(2)


@dataclass(frozen=True)
class ByParameter(Rule):
    """A rule for each of some parameters in its own shape, and another for all the rest together.

    The update of either is what it would be alone. There is one weight decay for both.

    Args:
        chosen: the pieces that ``rule`` updates.
        rest: all other pieces.
        rule: of scope "parameter" or "element".
        other: of scope "element", for the rest; None if there is no rest.
        renamed: number of ``other`` → number of the recipe. "lr" may be named too: it is then a
            factor on the scheduled rate.

    State: each slot of ``rule`` as "slot/parameter", and those of ``other`` as "slot/rest".
    """

    scope: ClassVar[Scope] = "whole"

    chosen: tuple[Piece, ...]
    rest: tuple[Piece, ...]
    rule: Rule
    other: Rule | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Both rules' states before the first step."""
        state = {}
        for piece in self.chosen:
            for slot, value in self.rule.initial(piece.of(parameter)).items():
                state[f"{slot}/{piece.name}"] = value
        if self.other is not None:
            for slot, value in self.other.initial(_joined(self.rest, parameter)).items():
                state[f"{slot}/{_REST}"] = value
        return state

    def coefficients(self, step: FloatArray, numbers: Mapping[str, FloatArray]) -> Table:
        """Those of ``rule``, and those of ``other`` behind "rest/".

        ``weight_decay`` is the number itself, "decay_rate" what each rule makes of a decay of 1.
        """
        found = _with_rate(self.rule.coefficients(step, _with_one_decay(numbers)))
        if self.other is not None:
            own = dict(numbers)
            for name, source in self.renamed:
                own[name] = numbers["lr"] * numbers[source] if name == "lr" else numbers[source]
            for name, column in _with_rate(
                self.other.coefficients(step, _with_one_decay(own))
            ).items():
                found[f"{_REST}/{name}"] = column
        if any(name.endswith(_WHOLE_RATE) for name in found):
            found["weight_decay"] = numbers["weight_decay"]
        return spread(step, found)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameters, and the next state."""
        changes: dict[str, Tensor] = {}
        following: dict[str, Tensor] = {}
        own = {name: x for name, x in c.items() if not name.startswith(f"{_REST}/")}
        for piece in self.chosen:
            given = _shaped(own, piece.of, len(piece.shape))
            slots = _slots(state, piece.name)
            change, new = self.rule.update(piece.of(gradient), piece.of(parameter), slots, given)
            changes[piece.name] = change.flatten(1)
            following |= {f"{slot}/{piece.name}": value for slot, value in new.items()}
        if self.other is not None:
            names = {n.removeprefix(f"{_REST}/"): x for n, x in c.items() if n not in own}
            if "weight_decay" in c:
                names["weight_decay"] = c["weight_decay"]

            def join(flat: Tensor) -> Tensor:
                return _joined(self.rest, flat)

            given = _shaped(names, join, 1)
            slots = _slots(state, _REST)
            change, new = self.other.update(join(gradient), join(parameter), slots, given)
            parts = change.split_with_sizes([piece.size for piece in self.rest], 1)
            changes |= {piece.name: part for piece, part in zip(self.rest, parts, strict=True)}
            following |= {f"{slot}/{_REST}": value for slot, value in new.items()}
        order = sorted((*self.chosen, *self.rest), key=lambda piece: piece.start)
        return torch.cat([changes[piece.name] for piece in order], 1), following


def _joined(some: Sequence[Piece], flat: Tensor) -> Tensor:
    return torch.cat([flat[:, p.start : p.start + p.size] for p in some], 1)


def _slots(state: Mapping[str, Tensor], owner: str) -> dict[str, Tensor]:
    found = {}
    for name, value in state.items():
        slot, _, of = name.partition("/")
        if of == owner:
            found[slot] = value
    return found


def _with_one_decay(numbers: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    return {**numbers, "weight_decay": np.ones_like(numbers["lr"])}


def _with_rate(table: Table) -> Table:
    return {_WHOLE_RATE if name == "weight_decay" else name: x for name, x in table.items()}


def _shaped(
    c: Mapping[str, Tensor], take: Callable[[Tensor], Tensor], axes: int
) -> dict[str, Tensor]:
    """Coefficients that broadcast to a parameter: [M, 1, …], and its own weight decay."""
    found = {
        name: x.view(x.shape[0], *[1] * axes)
        for name, x in c.items()
        if name not in ("weight_decay", _WHOLE_RATE)
    }
    if _WHOLE_RATE in c:
        rate, decay = c[_WHOLE_RATE], c["weight_decay"]
        ones = [1] * axes
        if decay.shape[1] == 1:
            found["weight_decay"] = (decay * rate).view(-1, *ones)
        else:
            found["weight_decay"] = take(decay) * rate.view(-1, *ones)
    return found
