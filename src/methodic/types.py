"""The values that pass between the floors of the engine.

Shapes: M members, B rows of a batch, D features, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from methodic.rng import Noise

FloatArray = npt.NDArray[np.float64]
Role = Literal["hidden", "embedding", "head"]


@dataclass(frozen=True)
class ParameterSpec:
    """One named parameter of a network, for one member.

    Args:
        shape: without the member axis.
        initialization: a name of `models.parts.initialization.INITIALIZATIONS` or `PARTS`.
        fan_in, fan_out: inputs and outputs of a unit, for the initializations that scale by them.
        decays: weights decay and are penalized; biases, scales and shifts don't.
        gain: factor on the initial standard deviation, set by the activation that follows.
        value: initial value, for `initialization="constant"`.
        role: what it does. "hidden" are the weights between features; rules for matrices leave
            embeddings and the head (the last layer) to another rule, and vectors by their shape.
        first: its first axis are the network's own inputs, so a row of zeros is an unused input.
        lr_scale: factor on every update of this parameter.
        alike: for each axis, the lengths of the runs that start with equal numbers, () where all
            differ; () in all for a parameter without any.
    """

    shape: tuple[int, ...]
    initialization: str
    fan_in: int = 1
    fan_out: int = 1
    decays: bool = True
    gain: float = 1.0
    value: float = 0.0
    role: Role = "hidden"
    first: bool = False
    lr_scale: float = 1.0
    alike: tuple[tuple[int, ...], ...] = ()


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
    teacher: Mapping[str, Tensor] | None = None  # averaged parameters, where an objective asks
    fixed: frozenset[str] = frozenset()  # layers that are frozen, whose statistics stay as well


@dataclass(slots=True)
class Batch:
    """Rows for every member.

    Args:
        inputs: name → [M, B, …]; tables have "numeric" float32 [M, B, D] and "categorical"
            int64 [M, B, columns], either of which may be missing.
        target: classes int64 [M, B], or numbers float32 [M, B, C].
        weight: of each row, [M, B], ≥ 0; None: all count alike.
        other: a second target of each row, shaped like ``target``, where rows were mixed.
        share: how much ``target`` counts beside ``other``, in [0, 1]: [M, 1] or [M, B].
        beside: U rows whose targets nobody may read, of the stage's stream of all rows.
        soft: what a teacher says about the rows, [M, B, C]: probabilities, or numbers.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    weight: Tensor | None = None
    other: Tensor | None = None
    share: Tensor | None = None
    beside: Batch | None = None
    soft: Tensor | None = None


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


Half = Literal["encoder", "head", "decoder"]


@runtime_checkable
class Encoder(Protocol):
    """A network in two halves: an encoder from rows to features, and a head from these to outputs.

    Objectives without targets train the encoder; what they add to it is their own.
    """

    features: int
    """F: numbers of a row between the halves."""

    def half(self, name: str) -> Half:
        """To which part a parameter of the network belongs."""
        ...

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → features [M, B, F]."""
        ...

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """Features [M, B, F] → outputs [M, B, C]."""
        ...


class Objective(Protocol):
    """A function that turns a model and a batch into named loss terms."""

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers that it reads."""
        ...

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """Name → loss of each member, [M]."""
        ...


@runtime_checkable
class Equipped(Protocol):
    """What an objective may have besides: parameters of its own, which no bundle ships."""

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification; names begin with the objective's own prefix."""
        ...

    def buffers(self) -> dict[str, BufferSpec]:
        """Full name → specification."""
        ...


class Penalty(Protocol):
    """A loss term that depends on the parameters alone."""

    def __call__(self, run: Pass) -> dict[str, Tensor]:
        """Name → penalty of each member, [M]."""
        ...


Named = Mapping[str, Tensor]
"""Tensors of all members by name, [M, …] each."""

Start = tuple[dict[str, Tensor], dict[str, Tensor]]
"""All parameters and all buffers of a network before its first step."""


@runtime_checkable
class DataDriven(Protocol):
    """What a model may have besides: a start that depends on the training rows."""

    def adapted(
        self,
        parameters: Named,
        buffers: Named,
        inputs: Named,
        only: Collection[str] | None = None,
    ) -> Start:
        """Parameters and buffers before the first step, from drawn ones and some training rows.

        Args:
            parameters, buffers: all of them, name → [M, …].
            inputs: name → [M, N, …]; the same rows for each member, none of them drawn at random.
            only: names of what may change; None: all of it.

        Returns:
            All parameters and all buffers; those that stay are the ones that came in.
        """
        ...


class Mixing(Protocol):
    """A batch regularizer: changes the rows of a batch before the gradient is taken."""

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers that it reads, at sites that begin with its path."""
        ...

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """Another batch; the one that came isn't written to."""
        ...


Scope = Literal["element", "parameter", "whole"]


class Rule:
    """An update rule: pure mathematics over a tensor [M, …]. This base is the specification.

    ``numbers`` below are float64 arrays that broadcast to [T, M]: T steps for M members. All scalar
    arithmetic happens there, in float64 on the host and for many steps at once; `update` then reads
    float32 coefficients that broadcast to the parameter.
    """

    scope: ClassVar[Scope] = "element"
    """What one call of `update` must see. "element": any part of the parameters, in any shape.
    "parameter": one named parameter, [M, …] in its own shape. "whole": all parameters of a member,
    flattened to [M, P]; its state may then also hold numbers of a member, [M, 1]."""
    averages: ClassVar[bool] = False
    """`evaluation_weights` differ from the parameters."""
    probes: ClassVar[bool] = False
    """The gradient is taken at `point`, and not at the parameters."""
    alone: ClassVar[bool] = False
    """It asks for gradients itself, by `minimize`: one member a cohort, and no machine code."""

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """The state before the first step; all of it has a leading member axis."""
        raise NotImplementedError

    def coefficients(self, step: FloatArray, numbers: Mapping[str, FloatArray]) -> Table:
        """Name → [T, M]; ``step`` [T, 1] counts optimizer steps from 1."""
        raise NotImplementedError

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state. Must not write to its arguments.

        ``c`` holds the coefficients, and, where weights decay, ``c["weight_decay"]``: already 0 for
        parameters that don't decay, so that it only has to be multiplied with the parameter. A rule
        that probes also finds ``c["point"]``, where the gradient was taken.
        """
        raise NotImplementedError

    def evaluation_weights(self, parameter: Tensor, state: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The weights to evaluate and to ship, shaped like the parameter."""
        return parameter

    def noise(self, parameters: int) -> dict[str, Noise]:  # noqa: ARG002
        """The random numbers of a step over so many parameters, at sites that begin with "rule"."""
        return {}

    def point(
        self,
        parameter: Tensor,
        state: Mapping[str, Tensor],  # noqa: ARG002
        c: Mapping[str, Tensor],  # noqa: ARG002
        noise: Mapping[str, Tensor],  # noqa: ARG002
    ) -> Tensor:
        """Where to take the gradient, shaped like the parameter."""
        return parameter

    def minimize(
        self,
        evaluate: Callable[[Tensor], tuple[Tensor, Tensor]],
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`update` for a rule that works ``alone``.

        Args:
            evaluate: [1, P] → loss [1] and gradient [1, P] on this step's batch, clipped as asked.
            parameter: [1, P].
            state, c: as for `update`.
        """
        raise NotImplementedError


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
