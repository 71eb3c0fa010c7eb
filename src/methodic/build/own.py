"""Objects that a user gives beside a recipe, and the parts that they become.

Shapes: M members, B rows, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import cloudpickle
import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from methodic.errors import InputError, unknown
from methodic.files import fingerprint
from methodic.objectives.rowwise import Rowwise
from methodic.recipes.kinds import own as recipe
from methodic.schedules.phases import Curve, Numbers, Total, phases
from methodic.types import Batch, FloatArray, Model, Pass, Rule


class Own:
    """What recipes of kind "own" name, by name.

    It travels to other processes through a pipe, code and all, and is never read from a file.

    Args:
        objects: name → rule, schedule, loss or penalty; see `recipes.kinds.own`.
        packed: the same from another process.
    """

    def __init__(self, objects: Mapping[str, Any] | None = None, packed: bytes = b"") -> None:
        self._live, self._packed = objects, packed

    def __reduce__(self) -> tuple[Any, ...]:
        return Own, (None, self.packed)

    @cached_property
    def objects(self) -> Mapping[str, Any]:
        """Name → object; in a worker they are rebuilt when they are first asked for.

        Raises:
            InputError: they can't be rebuilt there.
        """
        if self._live is not None:
            return self._live
        try:
            found: Mapping[str, Any] = cloudpickle.loads(self._packed)
        except Exception as error:
            raise InputError(
                "own: the objects can't be rebuilt in a worker process",
                found=f"{type(error).__name__}: {error}",
                advice="Define them in the script itself or in a module that can be imported, or "
                "train in this process: workers=0.",
            ) from error
        return found

    @cached_property
    def packed(self) -> bytes:
        """The objects for other processes.

        Raises:
            InputError: one of them can't be sent.
        """
        if self._live is None:
            return self._packed
        try:
            data: bytes = cloudpickle.dumps(dict(self._live))
        except Exception as error:
            raise InputError(
                "own: an object can't be sent to worker processes",
                found=f"{type(error).__name__}: {error}",
                advice="Keep open files, locks and the like out of it, or train in this process: "
                "workers=0.",
            ) from error
        return data

    @cached_property
    def fingerprint(self) -> str:
        """Of the objects, code included: machine code of one isn't that of another."""
        return fingerprint(self.packed)

    def find(self, name: str, what: str) -> Any:
        """The object of this name.

        Args:
            name: from the recipe.
            what: "rule", "schedule", "loss" or "penalty", for errors.

        Raises:
            InputError: it wasn't given.
        """
        if not self.objects:
            raise InputError(
                f"the recipe has a {what} of your own, '{name}', which a recipe can name but not "
                "hold",
                accepted=f'the object itself, beside the recipe: own={{"{name}": …}}',
            )
        if name not in self.objects:
            raise unknown(f"{what} of your own", name, tuple(self.objects), "own")
        return self.objects[name]


_WHAT = MappingProxyType(
    {
        recipe.OwnRule: "rule",
        recipe.OwnSchedule: "schedule",
        recipe.OwnObjective: "loss",
        recipe.OwnPenalty: "penalty",
    }
)


def named(part: Any) -> Iterator[tuple[str, str]]:
    """The name of each of the user's own parts in a recipe, and what it is."""
    if isinstance(part, BaseModel):
        if type(part) in _WHAT:
            yield part.name, _WHAT[type(part)]  # type: ignore[attr-defined]
        for field in type(part).model_fields:
            yield from named(getattr(part, field))
    elif isinstance(part, tuple):
        for each in part:
            yield from named(each)


def rule(spec: recipe.OwnRule, own: Own) -> Rule:
    """The rule that was given.

    Raises:
        InputError: it wasn't, or it is no rule.
    """
    found = own.find(spec.name, "rule")
    if not isinstance(found, Rule):
        raise InputError(
            f"own: '{spec.name}' is no update rule",
            found=type(found).__name__,
            accepted="an instance of a subclass of methodic.optimizers.Rule",
        )
    return found


def schedule(spec: recipe.OwnSchedule, own: Own) -> Curve:
    """The function that was given, behind the warm-up.

    Raises:
        InputError: it wasn't.
    """
    shape = _function(spec.name, "schedule", own)

    def factors(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        own_numbers = {name.removeprefix("numbers."): numbers[name] for name in numbers}
        factor = np.asarray(shape(where.progress, own_numbers), dtype=np.float64)
        return where.then(factor)

    return factors


class OwnLoss(Rowwise):
    """A loss of rows by a user's function.

    Args:
        path: of the objective in the recipe.
        function: (output [M, B, C], target, name → number [M, 1]) → [M, B].
        term: its name.
        names: of the numbers.
    """

    name = "own"

    def __init__(
        self, path: str, function: Callable[..., Tensor], term: str, names: tuple[str, ...]
    ) -> None:
        self.path, self.function, self.term, self.names = path, function, term, names

    def check(self, output: Tensor, target: Tensor) -> None:
        """Which targets fit, the function has to know."""

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:
        """[M, B]."""
        numbers = {n: _number(run, self.path, n).view(-1, 1) for n in self.names}
        found = self.function(prepared, target, numbers)
        if not isinstance(found, Tensor) or found.shape != prepared.shape[:2]:
            raise InputError(
                f"own: the loss '{self.term}' must return a tensor with a number for each row",
                found=list(found.shape) if isinstance(found, Tensor) else type(found).__name__,
                accepted=f"{list(prepared.shape[:2])}: members, rows",
            )
        return found

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """Its name: [M]."""
        (loss,) = super().__call__(model, run, batch).values()
        return {self.term: loss}


@dataclass(frozen=True, eq=False)
class OwnPenalty:
    """A penalty on weights by a user's function.

    Args:
        path: of the regularizer in the recipe.
        function: (name → parameter [M, …], name → number [M]) → [M].
        name: of the term.
        names: of the numbers.
    """

    path: str
    function: Callable[..., Tensor]
    name: str
    names: tuple[str, ...]

    def __call__(self, run: Pass) -> dict[str, Tensor]:
        """Its name: [M]."""
        numbers = {n: _number(run, self.path, n) for n in self.names}
        found = self.function(run.parameters, numbers)
        members = next(iter(run.parameters.values())).shape[0]
        if not isinstance(found, torch.Tensor) or found.shape != (members,):
            raise InputError(
                f"own: the penalty '{self.name}' must return a number for each member",
                found=list(found.shape) if isinstance(found, Tensor) else type(found).__name__,
                accepted=f"[{members}]",
            )
        return {self.name: found}


def _number(run: Pass, path: str, name: str) -> Tensor:
    """A Number, [M]; one that is 0 for all members isn't fed in."""
    found = run.numbers.get(f"{path}.numbers.{name}")
    if found is not None:
        return found
    return torch.zeros_like(next(iter(run.parameters.values())).flatten(1)[:, 0])


def _function(name: str, what: str, own: Own) -> Callable[..., Any]:
    found = own.find(name, what)
    if not callable(found):
        raise InputError(f"own: the {what} '{name}' is no function", found=type(found).__name__)
    function: Callable[..., Any] = found
    return function


def objective(spec: recipe.OwnObjective, path: str, own: Own) -> OwnLoss:
    """The loss that was given.

    Raises:
        InputError: it wasn't.
    """
    return OwnLoss(path, _function(spec.name, "loss", own), spec.name, tuple(spec.numbers))


def penalty(spec: recipe.OwnPenalty, path: str, own: Own) -> OwnPenalty:
    """The penalty that was given.

    Raises:
        InputError: it wasn't.
    """
    return OwnPenalty(path, _function(spec.name, "penalty", own), spec.name, tuple(spec.numbers))
