"""A pass of an objective through the network, with changed rows and random numbers of its own.

Objectives without targets look at the same rows several times: two views of a row, or a weak and a
strong one. Each look is a side; it draws at sites of its own, so that dropout and views differ.

Shapes: M members, B rows, F features, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from methodic.models.around import encoder
from methodic.rng import Noise
from methodic.types import Batch, Mixing, Model, Named, Pass


@dataclass(frozen=True, eq=False)
class Side:
    """One look at rows.

    Args:
        name: unique in the recipe; random numbers are drawn for it.
        network: what will be asked; its own random numbers are drawn here, too.
        changes: what makes a view out of rows, in this order.
        made: what it looks at are no rows of the data; running statistics don't hear of them.
    """

    name: str
    network: Model
    changes: tuple[Mixing, ...] = ()
    made: bool = False

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a look at ``rows`` rows."""
        return {f"{self.name}|{site}": each for site, each in self._drawn(rows).items()}

    def _drawn(self, rows: int) -> dict[str, Noise]:
        found = dict(self.network.noise(rows))
        for change in self.changes:
            found |= change.noise(rows)
        return found

    @cached_property
    def _sites(self) -> tuple[str, ...]:
        return tuple(self._drawn(1))

    def _noise(self, run: Pass) -> dict[str, Tensor]:
        return {site: run.noise[f"{self.name}|{site}"] for site in self._sites}

    def view(self, run: Pass, inputs: Named) -> dict[str, Tensor]:
        """The rows as this side sees them: [M, B, …] by name."""
        first = next(iter(inputs.values()))
        batch = Batch(dict(inputs), first.new_zeros(first.shape[0], 0))
        noise = self._noise(run)
        for change in self.changes:
            batch = change(batch, noise, run.numbers)
        return batch.inputs

    def features(self, model: Model, run: Pass, inputs: Named) -> Tensor:
        """The encoder's features of a view: [M, B, F]."""
        inner = self._pass(run, run.parameters)
        found = encoder(model).encoded(inner, self.view(run, inputs))
        self._note(run, inner)
        return found

    def outputs(self, model: Model, run: Pass, inputs: Named) -> Tensor:
        """The network's outputs for a view, [M, B, C]: the mean of several where it has them."""
        inner = self._pass(run, run.parameters)
        found = model(inner, self.view(run, inputs))
        self._note(run, inner)
        return found.mean(2) if found.ndim == 4 else found

    def _note(self, run: Pass, inner: Pass) -> None:
        if not self.made:
            run.new_buffers.update(inner.new_buffers)

    def taught_features(self, model: Model, run: Pass, inputs: Named) -> Tensor:
        """`features` of the averaged network, without gradients; its statistics stay."""
        with torch.no_grad():
            return encoder(model).encoded(self._taught(run), self.view(run, inputs))

    def taught_outputs(self, model: Model, run: Pass, inputs: Named) -> Tensor:
        """`outputs` of the averaged network, without gradients; its statistics stay."""
        with torch.no_grad():
            found = model(self._taught(run), self.view(run, inputs))
        return found.mean(2) if found.ndim == 4 else found

    def _taught(self, run: Pass) -> Pass:
        assert run.teacher is not None, "build asks for an average where an objective is taught"
        return self._pass(run, run.teacher)

    def _pass(self, run: Pass, parameters: Mapping[str, Tensor]) -> Pass:
        # Statistics of batches go on from those of the side before.
        buffers = {**run.buffers, **run.new_buffers} if run.new_buffers else run.buffers
        noise = self._noise(run)
        return Pass(parameters, buffers, noise, run.numbers, training=True, fixed=run.fixed)
