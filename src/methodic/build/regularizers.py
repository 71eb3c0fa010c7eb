"""Regularizers of recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from methodic.build import own as owned
from methodic.build.own import Own, OwnPenalty
from methodic.build.views import CHANGES, columns, image_shape, view, works
from methodic.engine.parts import Layout
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes import types as recipe
from methodic.recipes.kinds import own as own_kinds
from methodic.recipes.kinds import regularizers as kinds
from methodic.regularizers.averaging import EMA, SWA
from methodic.regularizers.corruption import LabelNoise
from methodic.regularizers.gradient_noise import GradientNoise
from methodic.regularizers.mixing import CutMix, Mixup
from methodic.regularizers.penalties import L1, L2, ElasticNet
from methodic.regularizers.proximal import MaxNorm, ProximalElasticNet, ProximalL1, Slowed
from methodic.regularizers.selection import GroupLasso, first_weights, groups
from methodic.regularizers.sharpness import SAM
from methodic.types import Average, Mixing, Penalty, Proximal

# The field that says how strong a regularizer is; without one, it is always on.
_STRENGTHS = (
    "weight",
    "alpha",
    "share",
    "deviation",
    "amount",
    "eta",
    "rho",
    "probability",
    "strength",
)


Shrinking = ProximalL1 | ProximalElasticNet | GroupLasso | MaxNorm


@dataclass(frozen=True)
class Built:
    """The regularizers of a stage, by where a step uses them; the order is the recipe's."""

    penalties: tuple[Penalty, ...] = ()
    proximal: tuple[Shrinking, ...] = ()
    mixing: tuple[Mixing, ...] = ()
    average: Average | None = None
    sharpness: SAM | None = None
    gradient_noise: GradientNoise | None = None


def built(
    spec: recipe.Stage,
    path: str,
    layout: Layout,
    inputs: Inputs,
    steps: int,
    *,
    trained: Sequence[str] | None = None,
    outputs: int = 1,
    own: Own,
) -> Built:
    """The regularizers of a stage; those of strength 0 are left out.

    Args:
        spec, path: the stage, and where it stands in the recipe.
        layout: of the network's parameters.
        inputs, outputs: what enters and leaves the network.
        steps: of the stage.
        trained: names of the parameters that some turn trains; None: all.
        own: the user's objects.

    Raises:
        InputError: one finds nothing to act on, or two exclude each other.
    """
    names = layout.names if trained is None else tuple(n for n in layout.names if n in set(trained))
    listed = [pair for i, r in enumerate(spec.regularizers) for pair in _parted(r, i)]
    working = {f"{path}.regularizers.{at}": each for at, each in listed if _works(each)}
    check(spec, path)
    parts = [
        _part(each, at, layout, names, inputs, steps, outputs, own) for at, each in working.items()
    ]
    return Built(
        penalties=tuple(p for p in parts if isinstance(p, L1 | L2 | ElasticNet | OwnPenalty)),
        proximal=tuple(p for p in parts if isinstance(p, Shrinking)),
        mixing=tuple(p for p in parts if isinstance(p, _MIXING)),
        average=next((p for p in parts if isinstance(p, EMA | SWA)), None),
        sharpness=next((p for p in parts if isinstance(p, SAM)), None),
        gradient_noise=next((p for p in parts if isinstance(p, GradientNoise)), None),
    )


def narrowed(
    parts: Sequence[Shrinking], names: Sequence[str], scales: Mapping[str, float]
) -> tuple[Proximal, ...]:
    """The parts for some of the parameters; those that then have none are left out.

    Args:
        parts: of the stage.
        names: the parameters that a turn trains.
        scales: name → factor on the learning rate, by which a step on it is shorter or longer.
    """
    found: list[Proximal] = []
    for part in parts:
        mine = [name for name in part.names if name in names]
        for scale in dict.fromkeys(scales[name] for name in mine):
            some = replace(part, names=tuple(name for name in mine if scales[name] == scale))
            found.append(some if scale == 1 else Slowed(some, scale))
    return tuple(found)


_MIXING = (Mixup, CutMix, LabelNoise, *CHANGES)
_Made = Penalty | Proximal | Mixing | Average | SAM | GradientNoise


def _part(
    spec: recipe.Regularizer,
    at: str,
    layout: Layout,
    trained: tuple[str, ...],
    inputs: Inputs,
    steps: int,
    outputs: int,
    own: Own,
) -> _Made:
    shrinking = tuple(name for name in layout.decaying() if name in trained)
    match spec:
        case own_kinds.OwnPenalty():
            return owned.penalty(spec, at, own)
        case kinds.L1():
            return L1(at, shrinking)
        case kinds.L2():
            return L2(at, shrinking)
        case kinds.ElasticNet():
            return ElasticNet(at, shrinking, lasso=bool(spec.l1_ratio))
        case kinds.ProximalL1():
            return ProximalL1(at, shrinking)
        case kinds.ProximalElasticNet():
            return ProximalElasticNet(at, shrinking, lasso=bool(spec.l1_ratio))
        case kinds.GroupLasso():
            first = tuple(name for name in first_weights(layout.specs) if name in trained)
            rows = layout.specs[first[0]].shape[0] if first else 0
            numbers = inputs.numeric + inputs.array
            return GroupLasso(at, first, groups(rows, numbers, inputs.categorical) if first else ())
        case kinds.MaxNorm():
            return MaxNorm(at, tuple(n for n in shrinking if layout.specs[n].role != "embedding"))
        case kinds.Mixup():
            return Mixup(at, inputs.categorical)
        case kinds.CutMix():
            return CutMix(at, columns(inputs, categorical=True), image_shape(inputs))
        case kinds.LabelNoise():
            return LabelNoise(at, outputs)
        case kinds.GradientNoise():
            return GradientNoise(at, falls=bool(spec.gamma))
        case kinds.SAM():
            return SAM(at, adaptive=spec.adaptive)
        case kinds.EMA():
            return EMA(at)
        case kinds.SWA():
            return SWA(int(spec.start * steps), spec.every)
        case kinds.Augment():
            raise AssertionError("its changes are parts of their own")
        case _:
            return view(spec, at, inputs)


def _parted(spec: recipe.Regularizer, at: int) -> list[tuple[str, recipe.Regularizer]]:
    """What several changes under one name consist of, with their places; others are themselves."""
    if not isinstance(spec, kinds.Augment):
        return [(str(at), spec)]
    assert spec.changes is not None, "resolve the recipe first"
    return [(f"{at}.changes.{i}", each) for i, each in enumerate(spec.changes)]


def _works(spec: recipe.Regularizer) -> bool:
    return works(spec) and all(getattr(spec, field, 1) != 0 for field in _STRENGTHS)


_MIXES = ("mixup", "cutmix")
_WHOLE_ROWS = {
    "pairwise_ranking": "a ranking loss compares",
    "supervised_contrastive": "a contrast of classes compares",
    "distillation": "a teacher speaks about",
}
_ALONE = {
    "part that mixes rows": _MIXES,
    "average of weights": ("ema", "swa"),
    "SAM": ("sam",),
    "noise on gradients": ("gradient_noise",),
}


def check(spec: recipe.Stage, path: str) -> None:
    """Refuse regularizers of a stage that exclude each other, or one of its objectives.

    Args:
        spec, path: the stage, and where it stands in the recipe.

    Raises:
        InputError: two that do the same; or rows are mixed and a loss can't take it.
    """
    kinds_here = [each.kind for each in spec.regularizers if _works(each)]
    for words, family in _ALONE.items():
        found = [kind for kind in kinds_here if kind in family]
        if len(found) > 1:
            raise InputError(
                f"{path}: a stage has one {words}",
                found=" and ".join(found),
                advice="Leave one of them out, or use another stage for it.",
            )
    changing = [kind for kind in kinds_here if kind in (*_MIXES, "label_noise")]
    if spec.rows == "all" and changing:
        raise InputError(
            f"{path}: {changing[0]} changes targets, and 'rows: all' shows none",
            accepted="what changes inputs alone, such as crop, cutout, input_noise or swap",
            advice="Leave it out of this stage.",
        )
    for mixing in (kind for kind in kinds_here if kind in _MIXES):
        _check_mixed(spec, path, mixing)


def _check_mixed(spec: recipe.Stage, path: str, mixing: str) -> None:
    """Losses that compare the targets of two rows can't read a mixed row, which has two."""
    for t, turn in enumerate(spec.turns):
        for o, objective in enumerate(turn.objectives):
            kind = objective.kind
            if kind == "distillation" and spec.unlabelled:
                continue  # it reads the rows beside the batch, and those aren't mixed
            if kind in _WHOLE_ROWS and objective.weight != 0:
                raise InputError(
                    f"{path}: {mixing} gives each row two targets, and {_WHOLE_ROWS[kind]} one "
                    "target of each row",
                    found=f"{mixing} with {kind} at {path}.turns.{t}.objectives.{o}",
                    accepted=f"input_noise, cutout and label_noise with {kind}; "
                    f"{mixing} with other losses",
                )
