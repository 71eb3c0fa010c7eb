"""The values that pass between the floors of the engine.

Shapes: M members, B rows of a batch, D features, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from methodic.rng import Noise

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ParameterSpec:
    """One named parameter of a network, for one member.

    Args:
        shape: without the member axis.
        initialization: a name of `models.initialization.INITIALIZATIONS`.
        fan_in, fan_out: inputs and outputs of a unit, for the initializations that scale by them.
        decays: weights decay and are penalized; biases, scales and shifts don't.
        gain: factor on the initial standard deviation, set by the activation that follows.
        value: initial value, for `initialization="constant"`.
    """

    shape: tuple[int, ...]
    initialization: str
    fan_in: int = 1
    fan_out: int = 1
    decays: bool = True
    gain: float = 1.0
    value: float = 0.0


@dataclass(frozen=True)
class BufferSpec:
    """One named buffer (a running statistic), for one member: shape and initial value."""

    shape: tuple[int, ...]
    value: float = 0.0


@dataclass(slots=True)
class Pass:
    """All that one forward pass may read, by name; and the buffers that it writes.

    Every tensor has a leading member axis. ``noise`` holds the step's random numbers, drawn before
    the step; ``numbers`` the recipes' Numbers, [M].
    """

    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    noise: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]
    training: bool
    collect: bool = False  # not training, but batch norm measures its statistics over this batch
    new_buffers: dict[str, Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """Rows for every member.

    Args:
        inputs: name → [M, B, …]; tables have "numeric" float32 [M, B, D] and "categorical"
            int64 [M, B, columns], either of which may be missing.
        target: classes int64 [M, B], or numbers float32 [M, B, C].
    """

    inputs: dict[str, Tensor]
    target: Tensor


@runtime_checkable
class Model(Protocol):
    """A network as a pure function of its parameters, with a native member axis."""

    native: bool
    """False: a user's module; it draws from torch's own generator, lent to it for each step."""
    outputs: int
    """C: classes or predicted numbers."""

    def parameters(self) -> dict[str, ParameterSpec]:
        """Names and shapes of what is trained."""
        ...

    def buffers(self) -> dict[str, BufferSpec]:
        """Names and shapes of running statistics."""
        ...

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers that a training pass over ``rows`` rows reads."""
        ...

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """Outputs [M, B, C]: logits, or (scaled) numbers."""
        ...


class Objective(Protocol):
    """A function that turns a model and a batch into named loss terms."""

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers that it reads."""
        ...

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """Name → loss of each member, [M]."""
        ...


class Penalty(Protocol):
    """A loss term that depends on the parameters alone."""

    def __call__(self, run: Pass) -> dict[str, Tensor]:
        """Name → penalty of each member, [M]."""
        ...


class Rule(Protocol):
    """An update rule: pure mathematics over a tensor [M, …].

    ``numbers`` below are float64 arrays that broadcast to [T, M]: T steps for M members. All scalar
    arithmetic happens there, in float64 on the host and for many steps at once; `update` then reads
    float32 coefficients that broadcast to the parameter.
    """

    elementwise: bool
    """True: may be applied to all parameters flattened into one [M, P]; False: one by one."""

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """The state before the first step; every tensor is shaped like the parameter."""
        ...

    def coefficients(self, step: FloatArray, numbers: Mapping[str, FloatArray]) -> Table:
        """Name → [T, M]; ``step`` [T, 1] counts optimizer steps from 1."""
        ...

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state. Must not write to its arguments.

        ``c`` holds the coefficients, and, where weights decay, ``c["weight_decay"]``: already 0 for
        parameters that don't decay, so that it only has to be multiplied with the parameter.
        """
        ...


Table = dict[str, FloatArray]
Schedule = Callable[[FloatArray, int, Mapping[str, Any]], FloatArray]
"""(step [T, 1] from 0, steps in all, numbers [M]) → factor on the base value, [T, M]."""


class Proximal(Protocol):
    """A projection or proximal step after the update: (parameter, numbers, lr) → parameter."""

    def __call__(
        self, parameters: Mapping[str, Tensor], run_numbers: Mapping[str, Tensor], lr: Tensor
    ) -> dict[str, Tensor]: ...


class Average(Protocol):
    """A running average of weights; evaluation and the shipped model use it."""

    def initial(self, flat: Tensor) -> dict[str, Tensor]:
        """State before the first step, from the flat parameters [M, P]."""
        ...

    def update(
        self,
        flat: Tensor,
        state: Mapping[str, Tensor],
        numbers: Mapping[str, Tensor],
        step: int | Tensor,
    ) -> dict[str, Tensor]:
        """State after the ``step``-th optimizer step (from 1), or each member's own, [M]."""
        ...

    def evaluation_weights(self, flat: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        """The weights to evaluate, [M, P]."""
        ...
