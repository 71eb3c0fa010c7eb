"""A user's own torch.nn.Module as a model: one member alone, or several under vmap.

Shapes: M members, B rows of a batch, C outputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase

from methodic.errors import InputError
from methodic.models.own.draws import QuickMasks
from methodic.models.own.failures import check_trainable, copied, failure
from methodic.rng import Noise, drawing
from methodic.types import BufferSpec, ParameterSpec, Pass, Role


def _roles(module: nn.Module) -> dict[str, Role]:
    """What rules for hidden matrices leave alone: embeddings and the last linear layer."""
    found: dict[str, Role] = {}
    last: str | None = None
    for path, each in module.named_modules():
        name = f"{path}.weight" if path else "weight"
        if isinstance(each, nn.Embedding | nn.EmbeddingBag):
            found[name] = "embedding"
        elif isinstance(each, nn.Linear):
            last = name
    return found if last is None else {**found, last: "head"}


def asks_for(module: nn.Module) -> frozenset[str]:
    """Names of the arguments of ``module.forward``."""
    return frozenset(inspect.signature(module.forward).parameters)


def feed(
    names: Collection[str], inputs: Mapping[str, Tensor]
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """How a module is called on ``inputs``: positional and keyword arguments.

    A single input goes by position, unless forward `asks_for` it by its name ("numeric",
    "categorical" or "array"); several go by name.

    Example:
        >>> args, kwargs = feed(asks_for(nn.Linear(4, 2)), {"numeric": torch.zeros(3, 4)})
        >>> len(args), kwargs
        (1, {})
    """
    if len(inputs) == 1 and not any(name in names for name in inputs):
        return tuple(inputs.values()), {}
    return (), dict(inputs)


class ModuleModel:
    """Wraps ``module`` as a function of its state; the module itself is copied and never changed.

    Parameters that don't require gradients are part of the buffers: they stay as they are, whatever
    the rule and its weight decay. Weights that are tied are one parameter, under their first name.

    Training M > 1 members at once takes `torch.func.vmap`, which not every module bears;
    `models.own.preflight` finds out. Evaluation goes member by member, since vmap saves nothing
    there.

    Args:
        module: takes its inputs as `feed` says, and returns logits [B, C], or numbers [B] or
            [B, 1]. What it draws in training (dropout) comes from torch's generator, which the
            engine forks from (seed, step).
        outputs: C.
        starts: modules of the same architecture from whose weights the members start; by default
            there is one member, which starts from the weights of ``module``.
        channels_last: where one member trains alone, arrays [B, channels, height, width] reach it
            with the channels last in memory, and so do the results of its convolutions.

    Raises:
        InputError: it can't be trained, and why; see `check_trainable`.

    Example:
        >>> model = ModuleModel(nn.Linear(4, 2), 2)
        >>> parameters, buffers = model.initial()
        >>> run = Pass(parameters, buffers, {}, {}, training=True)
        >>> model(run, {"numeric": torch.zeros(1, 8, 4)}).shape
        torch.Size([1, 8, 2])
    """

    native = False

    def __init__(
        self,
        module: nn.Module,
        outputs: int,
        starts: Sequence[nn.Module] | None = None,
        *,
        channels_last: bool = False,
    ) -> None:
        check_trainable(module)
        self.module = copied(module).train()  # the user's keeps its mode
        self.outputs = outputs
        self.channels_last = channels_last
        self._names = asks_for(module)
        self._parameters = _trained(module)
        self._starts = [state_of(start) for start in starts or (module,)]
        # Masks with −∞ are constants; training shouldn't take them for a sign of divergence.
        self._constant = {
            name
            for start in self._starts
            for name, x in start.items()
            if name not in self._parameters and not bool(x.isfinite().all())
        }
        for start in self._starts:
            _same_architecture(self._starts[0], start, type(module).__name__)

    def parameters(self) -> dict[str, ParameterSpec]:
        """What is trained. Matrices and larger decay, vectors (biases, scales) don't."""
        roles = _roles(self.module)
        return {
            name: ParameterSpec(
                tuple(p.shape), "zeros", decays=p.ndim >= 2, role=roles.get(name, "hidden")
            )
            for name, p in self.module.named_parameters()
            if name in self._parameters
        }

    def buffers(self) -> dict[str, BufferSpec]:
        """Buffers, and parameters that aren't trained."""
        return {
            name: BufferSpec(tuple(x.shape))
            for name, x in self._starts[0].items()
            if name not in self._parameters
        }

    def normalizers(self) -> dict[str, frozenset[str]]:
        """Layers that keep statistics of batches → names of what is trained of them."""
        return {
            path: frozenset(
                name
                for name in (f"{path}.{each}".removeprefix(".") for each in ("weight", "bias"))
                if name in self._parameters
            )
            for path, layer in self.module.named_modules()
            if isinstance(layer, _NormBase) and layer.track_running_stats
        }

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """None: the module draws from torch's generator."""
        return {}

    def initial(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parameters and buffers of all members before the first step, copied: name → [M, …]."""
        stacked = {
            name: torch.stack([start[name] for start in self._starts]) for name in self._starts[0]
        }
        parameters = {name: x for name, x in stacked.items() if name in self._parameters}
        return parameters, {k: x for k, x in stacked.items() if k not in self._parameters}

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, C]."""
        if self.module.training != run.training:
            self.module.train(run.training)
        members = next(iter(inputs.values())).shape[0]
        if run.training:
            with self._still(run.fixed):
                output, buffers = (self._alone if members == 1 else self._together)(run, inputs)
            run.new_buffers.update(
                {
                    # A buffer may hold what was computed in another precision.
                    name: x.detach().to(run.buffers[name].dtype)
                    for name, x in buffers.items()
                    if name not in self._constant
                }
            )
            return output
        with drawing(0, next(iter(inputs.values())).device):  # some draw while they are evaluated
            return torch.cat([self._alone(run, inputs, member)[0] for member in range(members)])

    @contextmanager
    def _still(self, fixed: Collection[str]) -> Iterator[None]:
        """Frozen layers do in training what they do afterwards, as those of our own networks."""
        layers = [self.module.get_submodule(name) for name in fixed]
        for layer in layers:
            layer.eval()
        try:
            yield
        finally:
            for layer in layers:
                layer.train()

    def _alone(
        self, run: Pass, inputs: Mapping[str, Tensor], member: int = 0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        mine = {name: x[member] for name, x in inputs.items()}
        if self.channels_last and run.training:
            mine = {name: _channels_last(x) for name, x in mine.items()}
        output, buffers = self._pass(
            {name: x[member] for name, x in run.parameters.items()},
            {name: x[member] for name, x in run.buffers.items()},
            mine,
        )
        return output[None], {name: x[None] for name, x in buffers.items()}

    def _together(
        self, run: Pass, inputs: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        # The fused kernels of attention have no rule for vmap, and would loop over the members.
        with sdpa_kernel(SDPBackend.MATH):
            output, buffers = vmap(partial(self._pass, way=" under vmap"), randomness="error")(
                dict(run.parameters), dict(run.buffers), dict(inputs)
            )
        return output, buffers

    def _pass(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
        way: str = "",
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One member: its output [B, C] and its buffers after the pass."""
        state = {**parameters, **{name: x.clone() for name, x in buffers.items()}}
        args, kwargs = feed(self._names, inputs)
        try:
            # It writes what forward assigns anew (self.total = …) back into the state.
            with QuickMasks():
                output = functional_call(self.module, state, args, kwargs)
        except Exception as error:
            raise failure(self.module, error, inputs, way) from error
        rows = next(iter(inputs.values())).shape[0]
        return checked(self.module, output, rows, self.outputs), {k: state[k] for k in buffers}


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def checked(module: nn.Module, output: object, rows: int, outputs: int) -> Tensor:
    """What forward returned, as [B, C].

    Raises:
        InputError: it isn't that.
    """
    if isinstance(output, Tensor) and output.shape == (rows,) and outputs == 1:
        output = output.unsqueeze(-1)
    if not isinstance(output, Tensor) or output.shape != (rows, outputs):
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(
            f"{type(module).__name__}.forward returned something else than outputs",
            found=found,
            accepted=f"a tensor of shape ({rows}, {outputs})",
            advice="One output for each class, label or predicted number.",
        )
    return output


def put(module: nn.Module, values: Mapping[str, Tensor]) -> nn.Module:
    """Write parameters and buffers by name, without a member axis, into ``module``; returns it."""
    with torch.no_grad():
        for name, x in [*module.named_parameters(), *module.named_buffers()]:
            x.copy_(values[name])
    return module


def _trained(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.requires_grad}


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers by name; what is tied comes once."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: x.detach().clone() for name, x in named}


def _same_architecture(one: Mapping[str, Tensor], other: Mapping[str, Tensor], name: str) -> None:
    for key in sorted({*one, *other}):
        shapes = [tuple(x[key].shape) if key in x else "none" for x in (one, other)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"'{key}' differs between two members of {name}",
                found=f"{shapes[0]} and {shapes[1]}",
                advice="All members must have one architecture.",
            )
