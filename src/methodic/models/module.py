"""A user's own torch.nn.Module as a model of one member."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from methodic.errors import InputError
from methodic.rng import Noise
from methodic.types import BufferSpec, ParameterSpec, Pass


class ModuleModel:
    """Wraps ``module``; its own weights are where training starts. Width 1 only.

    The module gets one positional input where the data have one ("numeric", "categorical" or
    "array"), and otherwise keyword arguments of these names. It returns logits [B, C], or numbers
    [B] or [B, 1]. Randomness inside it (dropout) comes from torch's generator, which the engine
    forks from (seed, step).

    Raises:
        InputError: no parameters, or floating-point parameters that aren't float32.
    """

    native = False

    def __init__(self, module: nn.Module, outputs: int) -> None:
        self.module = copy.deepcopy(module)  # the user's keeps its mode: training or evaluation
        self.outputs = outputs
        self._arguments = set(inspect.signature(module.forward).parameters)
        named = dict(module.named_parameters())
        if not named:
            raise InputError(
                f"{type(module).__name__} has no parameters to train",
                advice="Pass a torch.nn.Module that has parameters.",
            )
        for name, parameter in named.items():
            if parameter.dtype != torch.float32:
                raise InputError(
                    f"parameter '{name}' of {type(module).__name__} can't be trained",
                    found=parameter.dtype,
                    accepted="torch.float32",
                    advice="Call module.float() first.",
                )

    def parameters(self) -> dict[str, ParameterSpec]:
        """Matrices and larger decay, vectors (biases, scales) don't."""
        return {
            name: ParameterSpec(tuple(p.shape), "zeros", decays=p.ndim >= 2)
            for name, p in self.module.named_parameters()
        }

    def buffers(self) -> dict[str, BufferSpec]:
        """Buffers of the module, by name."""
        return {name: BufferSpec(tuple(b.shape)) for name, b in self.module.named_buffers()}

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """None: the module draws from torch's generator."""
        return {}

    def initial(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The module's own parameters and buffers, copied, with a member axis of 1."""
        parameters = {k: v.detach().clone()[None] for k, v in self.module.named_parameters()}
        buffers = {k: v.detach().clone()[None] for k, v in self.module.named_buffers()}
        return parameters, buffers

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, …] by name → [1, B, C]."""
        buffers = {name: value[0].clone() for name, value in run.buffers.items()}
        state = {name: value[0] for name, value in run.parameters.items()} | buffers
        alone = {name: value[0] for name, value in inputs.items()}
        self.module.train(run.training)
        if len(alone) == 1 and not set(alone) & self._arguments:
            output = functional_call(self.module, state, (next(iter(alone.values())),))
        else:
            output = functional_call(self.module, state, (), alone)
        if run.training:
            run.new_buffers.update({name: value[None] for name, value in buffers.items()})
        return self._checked(output, next(iter(alone.values())).shape[0])[None]

    def _checked(self, output: object, rows: int) -> Tensor:
        if isinstance(output, Tensor) and output.shape == (rows,) and self.outputs == 1:
            output = output.unsqueeze(-1)
        if not isinstance(output, Tensor) or output.shape != (rows, self.outputs):
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise InputError(
                f"{type(self.module).__name__}.forward returned something else than outputs",
                found=found,
                accepted=f"a tensor of shape ({rows}, {self.outputs})",
                advice="One output for each class, or a single one for regression.",
            )
        return output
