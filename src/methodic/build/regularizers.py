"""Regularizers of recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from methodic.build import own as owned
from methodic.build.own import Own, OwnPenalty
from methodic.engine.parts import Layout
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes import types as recipe
from methodic.recipes.kinds import own as own_kinds
from methodic.recipes.kinds import regularizers as kinds
from methodic.regularizers.augmentation import Affine, Crop, Flip
from methodic.regularizers.averaging import EMA, SWA
from methodic.regularizers.colour import Colour, RandAugment
from methodic.regularizers.corruption import Cutout, InputNoise, LabelNoise
from methodic.regularizers.gradient_noise import GradientNoise
from methodic.regularizers.mixing import CutMix, Mixup, Shape
from methodic.regularizers.penalties import L1, L2, ElasticNet
from methodic.regularizers.proximal import MaxNorm, ProximalElasticNet, ProximalL1
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
_MOTIONS = ("degrees", "shift", "zoom", "shear")


@dataclass(frozen=True)
class Built:
    """The regularizers of a stage, by where a step uses them; the order is the recipe's."""

    penalties: tuple[Penalty, ...] = ()
    proximal: tuple[Proximal, ...] = ()
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
    working = {
        f"{path}.regularizers.{i}": each for i, each in enumerate(spec.regularizers) if _works(each)
    }
    check(spec, path)
    parts = [
        _part(each, at, layout, names, inputs, steps, outputs, own) for at, each in working.items()
    ]
    return Built(
        penalties=tuple(p for p in parts if isinstance(p, L1 | L2 | ElasticNet | OwnPenalty)),
        proximal=tuple(
            p
            for p in parts
            if isinstance(p, ProximalL1 | ProximalElasticNet | GroupLasso | MaxNorm)
        ),
        mixing=tuple(p for p in parts if isinstance(p, _MIXING)),
        average=next((p for p in parts if isinstance(p, EMA | SWA)), None),
        sharpness=next((p for p in parts if isinstance(p, SAM)), None),
        gradient_noise=next((p for p in parts if isinstance(p, GradientNoise)), None),
    )


_MIXING = (
    Mixup,
    CutMix,
    Cutout,
    InputNoise,
    LabelNoise,
    Crop,
    Flip,
    Affine,
    Colour,
    RandAugment,
)
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
            return CutMix(at, _columns(inputs, categorical=True), _shape(inputs))
        case kinds.Cutout():
            _check_numbers(at, spec.kind, inputs)
            means = tuple(mean for mean, _ in inputs.scaling)
            return Cutout(at, _columns(inputs), _shape(inputs), means)
        case kinds.InputNoise():
            _check_numbers(at, spec.kind, inputs)
            counts = {"numeric": inputs.numeric, "array": inputs.array}
            spread = tuple(deviation for _, deviation in inputs.scaling)
            return InputNoise(at, {name: count for name, count in counts.items() if count}, spread)
        case kinds.LabelNoise():
            return LabelNoise(at, outputs)
        case kinds.Crop() | kinds.Flip() | kinds.Affine() | kinds.Colour() | kinds.RandAugment():
            return _augmentation(spec, at, inputs)
        case kinds.GradientNoise():
            return GradientNoise(at, falls=bool(spec.gamma))
        case kinds.SAM():
            return SAM(at, adaptive=spec.adaptive)
        case kinds.EMA():
            return EMA(at)
        case kinds.SWA():
            return SWA(int(spec.start * steps), spec.every)


_Augmentation = Crop | Flip | Affine | Colour | RandAugment


def _augmentation(
    spec: kinds.Crop | kinds.Flip | kinds.Affine | kinds.Colour | kinds.RandAugment,
    at: str,
    inputs: Inputs,
) -> _Augmentation:
    """What changes images, and only images."""
    shape = _shape(inputs)
    if shape is None:
        raise InputError(
            f"{at}: {spec.kind} changes images, and these data have none",
            accepted="arrays of shape channels × height × width",
            advice="Leave it out, or use input_noise or cutout, which change numbers.",
        )
    if not inputs.scaling and isinstance(spec, kinds.Colour | kinds.RandAugment):
        raise InputError(
            f"{at}: {spec.kind} needs pixels from 0 to 1, and these arrays are other numbers",
            advice="Give the images as whole numbers from 0 to 255 (uint8).",
        )
    match spec:
        case kinds.Crop():
            if spec.padding >= min(shape[1:]):
                raise InputError(
                    f"{at}: crop moves an image by less than its sides",
                    found=f"padding {spec.padding}, images of {shape[1]} × {shape[2]}",
                )
            return Crop(at, shape, spec.padding, spec.edge)
        case kinds.Flip():
            return Flip(at, shape)
        case kinds.Affine():
            return Affine(at, shape, tuple(name for name in _MOTIONS if getattr(spec, name) != 0))
        case kinds.Colour():
            return Colour(at, shape)
        case kinds.RandAugment():
            return RandAugment(at, shape, spec.count)


def _works(spec: recipe.Regularizer) -> bool:
    if isinstance(spec, kinds.Affine):
        return any(getattr(spec, name) != 0 for name in _MOTIONS)
    return all(getattr(spec, field, 1) != 0 for field in _STRENGTHS)


_MIXES = ("mixup", "cutmix")
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
    for mixing in (kind for kind in kinds_here if kind in _MIXES):
        _check_mixed(spec, path, mixing)


def _check_mixed(spec: recipe.Stage, path: str, mixing: str) -> None:
    """A ranking loss compares the targets of two rows, and a mixed row has two targets."""
    for t, turn in enumerate(spec.turns):
        for o, objective in enumerate(turn.objectives):
            if objective.kind == "pairwise_ranking" and objective.weight != 0:
                raise InputError(
                    f"{path}: {mixing} gives each row two targets, and a ranking loss compares one "
                    "target of each row",
                    found=f"{mixing} with pairwise_ranking at {path}.turns.{t}.objectives.{o}",
                    accepted="input_noise, cutout and label_noise with a ranking loss; "
                    f"{mixing} with every other loss",
                )


def _columns(inputs: Inputs, *, categorical: bool = False) -> dict[str, int]:
    """Name of an input → its columns; images aren't among them."""
    counts = {
        "numeric": inputs.numeric,
        "categorical": inputs.categorical if categorical else 0,
        "array": inputs.array if _shape(inputs) is None else 0,
    }
    return {name: count for name, count in counts.items() if count}


def _shape(inputs: Inputs) -> Shape | None:
    if len(inputs.shape) != 3:
        return None
    channels, height, width = inputs.shape
    return channels, height, width


def _check_numbers(path: str, kind: str, inputs: Inputs) -> None:
    if not inputs.numeric and not inputs.array:
        raise InputError(
            f"{path}: {kind} changes numbers, and all columns are categories",
            advice="Leave it out, or use mixup or cutmix, which exchange categories.",
        )
