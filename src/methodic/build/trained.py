"""Objectives of a recipe as parts, and which parameters each turn trains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from methodic.build import objectives, unlabelled
from methodic.build.own import Own
from methodic.engine.parts import Layout
from methodic.errors import InputError
from methodic.models.around import inmost
from methodic.models.extended import Extended
from methodic.models.inputs import Inputs
from methodic.objectives.unlabelled import Unlabelled
from methodic.recipes import types as recipe
from methodic.recipes.kinds.unlabelled import TAUGHT, Discriminator, Generator
from methodic.types import Encoder, Model, Objective, ParameterSpec


@dataclass(frozen=True)
class Parts:
    """The objectives of all stages.

    Args:
        objectives: path → part; those of weight 0 aren't there.
        learned: path of an objective → name of the parameter that weighs it, where one does.
    """

    objectives: Mapping[str, Objective]
    learned: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification, of what the network gets in addition."""
        found: dict[str, ParameterSpec] = {}
        for each in self.objectives.values():
            if isinstance(each, Unlabelled):
                found |= each.parameters()
        weight = ParameterSpec((1,), "zeros", decays=False)
        return found | dict.fromkeys(self.learned.values(), weight)

    def of(self, turn: recipe.Turn, path: str) -> dict[str, Objective]:
        """Path → part, of a turn's objectives."""
        paths = (f"{path}.objectives.{i}" for i in range(len(turn.objectives)))
        return {at: self.objectives[at] for at in paths if at in self.objectives}


def turns(chosen: recipe.Recipe) -> Iterator[tuple[str, recipe.Stage, recipe.Turn]]:
    """The path of each turn of a recipe, its stage, and itself."""
    for s, stage in enumerate(chosen.stages):
        for t, turn in enumerate(stage.turns):
            yield f"stages.{s}.turns.{t}", stage, turn


def built(
    chosen: recipe.Recipe, model: Model, inputs: Inputs, class_counts: Tensor | None, own: Own
) -> Parts:
    """The objectives of a resolved recipe.

    Raises:
        InputError: one doesn't fit the network, the data or its stage.
    """
    parts: dict[str, Objective] = {}
    learned: dict[str, str] = {}
    every = [each for *_, turn in turns(chosen) for each in turn.objectives]
    kind, shares = objectives.answers(every, model.outputs), _shares(class_counts)
    seen: list[tuple[str, str]] = []
    for path, stage, turn in turns(chosen):
        for i, spec in enumerate(turn.objectives):
            at = f"{path}.objectives.{i}"
            if spec.weight == 0:
                continue
            if isinstance(spec, unlabelled.KINDS):
                before = seen.count((stage.name, spec.kind))
                seen.append((stage.name, spec.kind))
                place = unlabelled.Place(
                    at, stage.name, before, bool(stage.unlabelled), model, inputs, kind, shares
                )
                parts[at] = unlabelled.objective(spec, place)
            else:
                parts[at] = objectives.objective(spec, at, class_counts, own)
            _check_rows(at, spec, stage)
            if turn.weights == "learned":
                _check_bounded(at, spec)
                learned[at] = f"{stage.name}.weights.{path.rpartition('.')[2]}.{i}"
    for s, stage in enumerate(chosen.stages):
        _check_adversaries(f"stages.{s}", stage)
    return Parts(parts, learned)


_UNBOUNDED = ("gaussian_nll", "poisson")  # logarithms of a density, which may exceed 1


def _check_bounded(at: str, spec: recipe.Objective) -> None:
    """L/σ² + log σ² has no minimum where L is below zero."""
    if spec.kind in _UNBOUNDED:
        raise InputError(
            f"{at}: {spec.kind} may fall below zero, where a learned weight grows without end",
            accepted="losses of at least 0, such as mean_squared_error or cross_entropy",
            advice="Leave 'weights: learned' out, and give the objectives weights.",
        )


def _check_adversaries(at: str, stage: recipe.Stage) -> None:
    """A discriminator and a generator of one stage are about the same two networks."""
    found = [
        (each.kind, (each.of, each.latent, each.generator, each.hidden, each.prior))
        for turn in stage.turns
        for each in turn.objectives
        if isinstance(each, Discriminator | Generator) and each.weight != 0
    ]
    if len({sizes for _, sizes in found}) > 1:
        raise InputError(
            f"{at}: a discriminator and a generator of one stage are about the same two networks",
            found="; ".join(
                f"{kind}: of {of}, latent {latent}, generator {list(makes)}, hidden {list(tells)}, "
                f"prior {prior}"
                for kind, (of, latent, makes, tells, prior) in found
            ),
            accepted="the same of, latent, generator, hidden and prior for both",
        )


def _shares(class_counts: Tensor | None) -> tuple[float, ...]:
    """Of each class among labelled rows, none of them 0."""
    if class_counts is None or class_counts.ndim != 1:
        return ()
    counts = class_counts.double().clamp(min=1)
    return tuple((counts / counts.sum()).tolist())


def _check_rows(at: str, spec: recipe.Objective, stage: recipe.Stage) -> None:
    """What reads targets has to see some; a teacher by averages has to exist."""
    reads = objectives.supervised(spec) or spec.kind == "supervised_contrastive"
    if stage.rows == "all" and reads:
        raise InputError(
            f"{at}: {spec.kind} reads targets, and 'rows: all' shows none",
            accepted="objectives without targets, such as simclr or reconstruction",
            advice="Leave rows out, so that batches are of labelled rows; 'unlabelled: 256' brings "
            "rows without targets beside each batch.",
        )
    averaged = any(each.kind in ("ema", "swa") for each in stage.regularizers)
    if spec.kind in TAUGHT and not averaged:
        raise InputError(
            f"{at}: {spec.kind} learns from the average of the weights, and this stage has none",
            accepted="regularizers: [{kind: ema, decay: 0.99}] in the same stage",
        )


def extended(model: Model, parts: Parts) -> Model:
    """The network with the objectives' own parameters; itself where there are none.

    Raises:
        InputError: it is a user's module, which takes no others.
    """
    more = parts.parameters
    if not more:
        return model
    if not model.native:
        raise InputError(
            "learned weights and objectives with layers of their own need one of Methodic's "
            "networks",
            found="a module of your own",
            advice="Name a model in the recipe, or fix the objectives' weights.",
        )
    return Extended(model, more)


def names(turn: recipe.Turn, path: str, layout: Layout, model: Model, parts: Parts) -> list[str]:
    """Parameters that a turn trains: those asked for, or all that its objectives reach."""
    if turn.parameters:
        found = set(chosen(turn.parameters, layout, model, f"{path}.parameters"))
    else:
        found = set(_reached(turn, path, model, parts))
    for at in parts.of(turn, path):
        found |= {parts.learned[at]} if at in parts.learned else set()
    return [name for name in layout.names if name in found]


def _reached(turn: recipe.Turn, path: str, model: Model, parts: Parts) -> Iterator[str]:
    network = inmost(model)
    own = set(network.parameters())
    halves = {name: network.half(name) for name in own} if isinstance(network, Encoder) else {}
    for each in parts.of(turn, path).values():
        if isinstance(each, Unlabelled):
            wanted: Sequence[str] = each.trains
            yield from each.trained()
        else:
            wanted = ("encoder", "head")
        yield from (name for name in own if not halves or halves[name] in wanted)


def chosen(prefixes: Sequence[str], layout: Layout, model: Model, where: str) -> list[str]:
    """Names of parameters: the encoder's, the head's, the decoder's, or those with a prefix.

    Raises:
        InputError: a prefix fits none.
    """
    network, found = inmost(model), set()
    for prefix in prefixes:
        mine = [name for name in layout.names if name.startswith(prefix)]
        if prefix in ("encoder", "head", "decoder") and isinstance(network, Encoder):
            mine = [name for name in network.parameters() if network.half(name) == prefix]
        if not mine:
            raise InputError(
                f"{where}: no parameter's name starts with '{prefix}'",
                accepted="encoder, head, " + ", ".join(layout.names),
            )
        found |= set(mine)
    return [name for name in layout.names if name in found]


def factors(turn: recipe.Turn, path: str, layout: Layout, model: Model) -> dict[str, float]:
    """Name → the factor on a parameter's updates, where it isn't 1."""
    found: dict[str, float] = {}
    if turn.layer_decay != 1:
        network = inmost(model)
        halves = network.half if isinstance(network, Encoder) else lambda _: "encoder"
        layers = {n: _layer(n) for n in network.parameters() if halves(n) != "decoder"}
        order = list(dict.fromkeys(layers.values()))
        for name, layer in layers.items():
            found[name] = turn.layer_decay ** (len(order) - 1 - order.index(layer))
    for i, rate in enumerate(turn.rates):
        for name in chosen(rate.parameters, layout, model, f"{path}.rates.{i}"):
            found[name] = found.get(name, 1.0) * rate.factor
    return found


def _layer(name: str) -> str:
    """What belongs together: "hidden.0" with its norm, "block.3" with all of its matrices."""
    numbered = re.match(r"\D*\d+", name)
    return numbered.group() if numbered else name.partition(".")[0]


def check(whole: recipe.Recipe, layout: Layout, model: Model, parts: Parts) -> None:
    """Refuse turns that train nothing, and parameters that no turn trains.

    Parameters whose rate is 0 are frozen on purpose.

    Raises:
        InputError: names them.
    """
    left = set(layout.names)
    for path, _, turn in turns(whole):
        mine = set(names(turn, path, layout, model, parts))
        rates = factors(turn, path, layout, model)
        frozen = {name for name in layout.names if rates.get(name) == 0}
        if not mine - frozen:
            raise InputError(
                f"{path}: this turn trains no parameter",
                found="all of them are frozen" if mine else "its objectives reach none",
                accepted="parameters with a rate above 0",
            )
        left -= mine | frozen
    network = inmost(model)
    if isinstance(network, Encoder):
        left -= {name for name in network.parameters() if network.half(name) == "decoder"}
    if left:
        raise InputError(
            f"recipe {whole.name}: no turn trains {_listed(sorted(left))}",
            accepted="each parameter is trained by some turn, or frozen: "
            "rates: [{parameters: [encoder], factor: 0}]",
            advice=_advice(left),
        )


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return ", ".join(found[:4]) + more


def _advice(left: set[str]) -> str:
    if any(".generator" in name or ".discriminator" in name for name in left):
        return "A discriminator and a generator of one stage train in a turn each."
    if all(name.startswith("head") for name in left):
        return "The head needs a stage or a turn with targets: objectives: [{kind: supervised}]."
    return "Give them to a turn (parameters), or leave 'parameters' out."


def lengths(stage: recipe.Stage, epoch: int) -> tuple[int, ...]:
    """Steps of each turn until the next one's; () for one each. ``epoch``: steps of one."""
    found = tuple(t.repeat * (epoch if stage.alternate == "epoch" else 1) for t in stage.turns)
    return () if len(found) == 1 or set(found) == {1} else found
