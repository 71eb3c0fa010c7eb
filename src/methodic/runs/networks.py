"""A user's own network in a run: where members start, how it reaches the workers, how it is known.

Its code is never written to a file and never read from one: it goes to the workers through the
pool's pipe, and to go on with a run it has to be given again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from torch import nn

from methodic.errors import InputError
from methodic.files import fingerprint
from methodic.models.own.failures import check_trainable, copied, summary
from methodic.models.own.module import ModuleModel, state_of
from methodic.plan import NetworkFacts
from methodic.rng import drawing, key

Source = nn.Module | Callable[[], nn.Module]
"""A factory, called under each member's seed; or a module, from whose weights all members start."""


@dataclass(frozen=True)
class Network:
    """A user's own network, as planned.

    Args:
        facts: what the plan holds of it.
        packed: the source for other processes; None where there are none.
        live: the source itself; None in another process.
    """

    facts: NetworkFacts
    packed: bytes | None = None
    live: Source | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Network, (self.facts, self.packed)

    def model(self, seeds: Sequence[int], outputs: int, channels_last: bool = False) -> ModuleModel:
        """A cohort's model: one member for each seed, each with its start."""
        starts = [started(self.source, seed) for seed in seeds]
        return ModuleModel(starts[0], outputs, starts, channels_last=channels_last)

    @cached_property
    def source(self) -> Source:
        """What the user gave; in a worker it is rebuilt when it is first asked for."""
        if self.live is not None:
            return self.live
        try:
            source: Source = cloudpickle.loads(self.packed)
        except Exception as error:
            raise InputError(
                f"{self.facts.name} can't be rebuilt in a worker process",
                found=summary(error),
                advice="Define it in the script itself or in a module that can be imported, or "
                "train in this process: workers=0.",
            ) from error
        return source

    def measured(self, *, together: bool, why: str) -> Network:
        """The same network, whose members train together or one after the other, and why."""
        facts = self.facts.model_copy(update={"together": together, "reason": why})
        return replace(self, facts=facts)


def of(source: Source, seed: int, together: bool, reason: str, workers: int) -> Network:
    """The network of a new run.

    Args:
        source: what the user gave.
        seed: of the run.
        together, reason: what the preflight found.
        workers: processes; for 0 nothing has to be packed.

    Raises:
        InputError: it isn't a network, or can't be repeated, or can't go to other processes.
    """
    probe = started(source, seed)
    check_trainable(probe)
    facts = NetworkFacts(
        name=type(probe).__name__,
        start="module" if isinstance(source, nn.Module) else "factory",
        parameters=sum(p.numel() for p in probe.parameters() if p.requires_grad),
        fingerprint=_fingerprint(source, probe),
        together=together,
        reason=reason,
    )
    return _ready(facts, source, workers)


def again(
    source: Source | None, facts: NetworkFacts | None, where: Path, workers: int
) -> Network | None:
    """The network of a run that goes on; None for a run of the recipes' own networks.

    Args:
        source: what the user gave, again.
        facts: of the run's plan.
        where: the run's folder, for errors.
        workers: processes; for 0 nothing has to be packed.

    Raises:
        InputError: it is missing, superfluous or another one.
    """
    if facts is None:
        if source is not None:
            raise InputError(
                f"{where}: this run trains the recipes' own networks", advice="Leave model out."
            )
        return None
    if source is None:
        raise InputError(
            f"{where}: this run trains a network of your own ({facts.name}), whose code it doesn't "
            "keep",
            advice="In Python, give the same model as at first: "
            f'methodic.resume("{where}", model=…), and so for reproduce and load_run.',
        )
    check_same(source, facts, where)
    return _ready(facts, source, workers)


def check_same(source: Source, facts: NetworkFacts, where: Path) -> None:
    """Refuse another network than the run's.

    Raises:
        InputError: names, shapes or types differ; or the weights to start from.
    """
    probe = started(source, 0)
    check_trainable(probe)
    start = "module" if isinstance(source, nn.Module) else "factory"
    if start != facts.start or _fingerprint(source, probe) != facts.fingerprint:
        size = sum(p.numel() for p in probe.parameters() if p.requires_grad)
        raise InputError(
            f"{where}: this isn't the network that the run began with",
            found=f"a {start}: {type(probe).__name__}, {size} parameters",
            accepted=f"a {facts.start}: {facts.name}, {facts.parameters} parameters",
            advice="Names, shapes and types of all parameters and buffers have to be the same"
            + (", and so do the weights to start from." if facts.start == "module" else "."),
        )


def started(source: Source, seed: int) -> nn.Module:
    """The network from whose weights the member with this seed starts.

    A factory is called under a generator seeded from ``seed``; torch's own generator is left alone.

    Raises:
        InputError: the source isn't a network and doesn't make one.
    """
    if isinstance(source, nn.Module):
        return source
    if not callable(source):
        raise InputError(
            "model must be a torch.nn.Module, or a function without arguments that returns one",
            found=type(source).__name__,
        )
    with drawing(key(seed, "initial", "module")):
        try:
            made: object = source()
        except Exception as error:
            raise InputError(
                "model() fails",
                found=summary(error),
                accepted="a function without arguments that returns a torch.nn.Module",
            ) from error
    if not isinstance(made, nn.Module):
        raise InputError("model() must return a torch.nn.Module", found=type(made).__name__)
    return made


def described(network: Network) -> tuple[str, ...]:
    """What the plan says about the network, in words."""
    facts = network.facts
    start = (
        "each member starts from weights of its own seed"
        if facts.start == "factory"
        else "every member starts from the same weights, so that seeds differ in the order of rows "
        "and in what the network draws"
    )
    width = "train at once, under vmap" if facts.together else "train one after the other"
    return (
        f"Every method trains {facts.name} ({facts.parameters} parameters) in place of its own "
        f"network; {start}.",
        f"Members of {facts.name} {width}: {facts.reason}.",
    )


def check_repeatable(source: Source | None, seed: int) -> None:
    """Refuse a factory whose weights hang on more than torch's generator.

    Raises:
        InputError: it makes other weights when it is called again under the same seed.
    """
    if source is None:
        return
    one, two = (_checked_state(started(source, seed)) for _ in range(2))
    for name in one:
        if name not in two or not torch.equal(one[name], two[name]):
            raise InputError(
                f"model() makes other weights each time under the same seed ('{name}')",
                advice="Draw initial weights from torch's generator, without seeding it.",
            )


def _checked_state(module: nn.Module) -> dict[str, torch.Tensor]:
    check_trainable(module)
    return state_of(module)


def _ready(facts: NetworkFacts, source: Source, workers: int) -> Network:
    if not workers:
        return Network(facts, None, source)
    if isinstance(source, nn.Module):
        source = copied(source).cpu()
    try:
        packed = cloudpickle.dumps(source)
    except Exception as error:
        raise InputError(
            f"{facts.name} can't be sent to worker processes",
            found=summary(error),
            advice="Keep open files, locks and the like out of it, or train in this process: "
            "workers=0.",
        ) from error
    return Network(facts, packed, source)


def _fingerprint(source: Source, probe: nn.Module) -> str:
    """Of names, shapes and types; of a module that all members start from, of the values too."""
    named = {**dict(probe.named_parameters()), **dict(probe.named_buffers())}
    parts = [
        f"{name} {list(x.shape)} {x.dtype} {x.requires_grad}" for name, x in sorted(named.items())
    ]
    if isinstance(source, nn.Module):
        for _, x in sorted(named.items()):
            raw = x.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            parts.append(fingerprint(raw.numpy().tobytes()))
    return fingerprint(*parts)
