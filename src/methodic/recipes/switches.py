"""What can be switched off in each kind of part of a recipe, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from methodic.recipes import types as t
from methodic.recipes.kinds import models, objectives, own, regularizers, schedules, unlabelled
from methodic.recipes.kinds import optimizers as rules


@dataclass(frozen=True)
class Switch:
    """How one ingredient of a part is switched off.

    Args:
        name: the first half of the ingredient's key.
        fields: of the part, which this switch is about.
        words: what people call the ingredient of this part.
        on: whether this part has it.
        off: the part without it; None where the whole part goes.
    """

    name: str
    fields: tuple[str, ...]
    words: Callable[[Any], str]
    on: Callable[[Any], bool]
    off: Callable[[Any], Any]


def _to(field: str, off: Any, words: str | Callable[[Any], str], **also: Any) -> Switch:
    """A field that is off at the value ``off``; ``also``: other fields that then have to change."""

    def said(part: Any) -> str:
        return words if isinstance(words, str) else words(part)

    return Switch(
        name=field,
        fields=(field, *also),
        words=said,
        on=lambda part: getattr(part, field) != off,
        off=lambda part: part.model_copy(update={field: off, **also}),
    )


def whole(name: str, words: str, kind: type[t.Part], strength: str = "weight") -> Switch:
    """A part that is there or not; with a strength of 0 it isn't."""
    return Switch(
        name=name,
        fields=tuple(kind.model_fields),
        words=lambda part: words,  # noqa: ARG005
        on=lambda part: getattr(part, strength, 1) != 0,
        off=lambda part: None,  # noqa: ARG005
    )


_WARMUP = _to("warmup", 0.0, "warm-up")


def _schedule(kind: type[t.Part], words: str) -> tuple[Switch, Switch]:
    """A schedule, beside its warm-up; one that stays at 1 is none."""
    levels = {"final", "factor"} & set(kind.model_fields)
    schedule = Switch(
        name="schedule",
        fields=tuple(name for name in kind.model_fields if name not in ("kind", "warmup")),
        words=lambda part: words,  # noqa: ARG005
        on=lambda part: not levels or any(getattr(part, level) != 1 for level in levels),
        # The warm-up is a share of the schedule's length.
        off=lambda part: t.Constant(warmup=part.warmup * getattr(part, "length", 1.0)),
    )
    return schedule, _WARMUP


_DROPOUT = _to("dropout", 0.0, "dropout")
_NORMALIZATION = _to("normalization", "none", lambda part: f"{part.normalization} normalization")
_EMBEDDED = _to(
    "numeric_embedding",
    models.NoEmbedding(),
    lambda part: f"{part.numeric_embedding.kind.replace('_', '-')} embeddings of numbers",
)
_DECAY = _to("weight_decay", 0.0, "weight decay")
_FIRST_MOMENT = _to("beta1", 0.0, "momentum (beta1)")
_AMSGRAD = _to("amsgrad", False, "AMSGrad's maximum")

_BALANCED = _to("class_weights", "none", "balanced class weights")

SWITCHES: Final = MappingProxyType(
    {
        t.MLP: (
            _DROPOUT,
            _NORMALIZATION,
            _EMBEDDED,
            _to("residual", False, "residual connections", stochastic_depth=0.0),
            _to("dropconnect", 0.0, "DropConnect"),
            _to("stochastic_depth", 0.0, "stochastic depth"),
        ),
        models.RealMLP: (
            _DROPOUT,
            _EMBEDDED,
            _to("scale", False, "front scale"),
            _to("parametric", False, "parametric activations"),
        ),
        models.TabM: (_DROPOUT, _EMBEDDED),
        models.FTTransformer: (
            _DROPOUT,
            _to("attention_dropout", 0.0, "dropout of attention"),
            _to("residual_dropout", 0.0, "dropout of residual branches"),
        ),
        models.CNN: (_DROPOUT, _NORMALIZATION),
        models.QuickNet: (_to("mirrored", False, "predictions from mirror images, too"),),
        models.ViT: (_to("stochastic_depth", 0.0, "stochastic depth"),),
        models.Autoencoder: (_to("tied", False, "tied weights"),),
        t.Supervised: (_to("label_smoothing", 0.0, "label smoothing"),),
        t.CrossEntropy: (_to("label_smoothing", 0.0, "label smoothing"), _BALANCED),
        objectives.Focal: (_to("gamma", 0.0, "focusing on what is hard"), _BALANCED),
        objectives.Binary: (_BALANCED,),
        objectives.Multilabel: (_to("label_smoothing", 0.0, "label smoothing"), _BALANCED),
        t.SGD: (
            _to(
                "momentum",
                0.0,
                lambda part: "Nesterov momentum" if part.nesterov else "momentum",
                nesterov=False,
                dampening=0.0,
            ),
            _to("dampening", 0.0, "dampening"),
            _DECAY,
        ),
        t.RMSprop: (
            _to("momentum", 0.0, "momentum"),
            _to("centered", False, "centering"),
            _DECAY,
        ),
        t.Adam: (_FIRST_MOMENT, _AMSGRAD, _DECAY),
        t.AdamW: (_FIRST_MOMENT, _AMSGRAD, _DECAY),
        rules.Adagrad: (_to("lr_decay", 0.0, "decay of the rate"), _DECAY),
        rules.Adadelta: (_DECAY,),
        rules.Adamax: (_FIRST_MOMENT, _DECAY),
        rules.NAdam: (_FIRST_MOMENT, _DECAY),
        rules.RAdam: (_FIRST_MOMENT, _DECAY),
        rules.Lion: (_FIRST_MOMENT, _DECAY),
        rules.Adan: (_FIRST_MOMENT, _to("beta2", 0.0, "momentum of differences (beta2)"), _DECAY),
        rules.ScheduleFreeSGD: (_to("momentum", 0.0, "leaning towards the average"), _DECAY),
        rules.ScheduleFreeAdamW: (_to("beta1", 0.0, "leaning towards the average"), _DECAY),
        rules.IVON: (_FIRST_MOMENT, _to("weight_decay", 0.0, "the prior (weight decay)")),
        rules.LAMB: (
            _FIRST_MOMENT,
            _to("corrected", False, "bias correction of the means"),
            _DECAY,
        ),
        rules.Adafactor: (_DECAY,),
        rules.Muon: (
            _to(
                "momentum",
                0.0,
                lambda part: "Nesterov momentum" if part.nesterov else "momentum",
                nesterov=False,
            ),
            _DECAY,
        ),
        rules.SOAP: (_FIRST_MOMENT, _DECAY),
        rules.Prodigy: (
            _FIRST_MOMENT,
            _to("corrected", False, "bias correction of the means"),
            _to("safeguarded", False, "the safeguard for warm-ups"),
            _DECAY,
        ),
        rules.LBFGS: (_to("line_search", "none", "the line search"), _DECAY),
        t.Constant: (_WARMUP,),
        schedules.Step: _schedule(schedules.Step, "stairs of the schedule"),
        schedules.MultiStep: _schedule(schedules.MultiStep, "stairs of the schedule"),
        t.Exponential: _schedule(t.Exponential, "exponential schedule"),
        schedules.InverseTime: _schedule(schedules.InverseTime, "inverse-time schedule"),
        schedules.Polynomial: _schedule(schedules.Polynomial, "polynomial schedule"),
        schedules.Linear: _schedule(schedules.Linear, "linear schedule"),
        t.Cosine: _schedule(t.Cosine, "cosine schedule"),
        schedules.CosineRestarts: _schedule(schedules.CosineRestarts, "cosine with restarts"),
        schedules.OneCycle: _schedule(schedules.OneCycle, "one cycle of rates"),
        schedules.Cyclic: _schedule(schedules.Cyclic, "cyclic rates"),
        schedules.WarmupStableDecay: _schedule(schedules.WarmupStableDecay, "decay at the end"),
        schedules.FlatCosine: _schedule(schedules.FlatCosine, "flat, then cosine schedule"),
        schedules.LogCosine: _schedule(schedules.LogCosine, "log-cosine schedule"),
        schedules.Plateau: _schedule(schedules.Plateau, "plateau schedule"),
        schedules.Joined: _schedule(schedules.Joined, "joined schedules"),
        own.OwnRule: (_DECAY,),
        own.OwnSchedule: _schedule(own.OwnSchedule, "schedule of your own"),
        own.OwnPenalty: (whole("own_penalty", "penalty of your own", own.OwnPenalty),),
        t.Drive: (
            Switch(
                name="drive",
                fields=tuple(t.Drive.model_fields),
                words=lambda part: f"schedule of {part.number.split('.')[-1].replace('_', ' ')}",
                on=lambda part: True,  # noqa: ARG005
                off=lambda part: None,  # noqa: ARG005
            ),
        ),
        t.Turn: (
            _to("weights", "fixed", "learned weights of the objectives"),
            _to("layer_decay", 1.0, "smaller rates of earlier layers"),
        ),
        t.Stage: (_to("fresh", (), "the fresh start of some layers"),),
        unlabelled.Reconstruction: (_to("views", (), "damage to what is given back"),),
        t.Clip: (
            _to("norm", 0.0, "clipping of the gradient's norm"),
            _to("value", 0.0, "clipping of the gradient's values"),
            _to("adaptive", 0.0, "adaptive clipping"),
        ),
        t.L1: (whole("l1", "L1 penalty", t.L1),),
        t.L2: (whole("l2", "L2 penalty", t.L2),),
        t.ProximalL1: (whole("proximal_l1", "proximal L1", t.ProximalL1),),
        t.EMA: (whole("ema", "averaging of weights", t.EMA),),
        regularizers.ElasticNet: (
            whole("elastic_net", "elastic net penalty", regularizers.ElasticNet),
        ),
        regularizers.ProximalElasticNet: (
            whole("proximal_elastic_net", "proximal elastic net", regularizers.ProximalElasticNet),
        ),
        regularizers.GroupLasso: (
            whole("group_lasso", "group lasso on inputs", regularizers.GroupLasso),
        ),
        regularizers.MaxNorm: (whole("max_norm", "max-norm", regularizers.MaxNorm),),
        regularizers.Mixup: (whole("mixup", "mixup", regularizers.Mixup, "alpha"),),
        regularizers.CutMix: (whole("cutmix", "CutMix", regularizers.CutMix, "alpha"),),
        regularizers.Cutout: (whole("cutout", "cutout", regularizers.Cutout, "share"),),
        regularizers.InputNoise: (
            whole("input_noise", "input noise", regularizers.InputNoise, "deviation"),
        ),
        regularizers.Crop: (whole("crop", "random crops", regularizers.Crop),),
        regularizers.Flip: (whole("flip", "mirror images", regularizers.Flip, "probability"),),
        regularizers.Affine: (whole("affine", "turns and shifts", regularizers.Affine),),
        regularizers.Colour: (
            whole("colour", "changes of colour", regularizers.Colour, "strength"),
        ),
        regularizers.RandAugment: (
            whole("randaugment", "RandAugment", regularizers.RandAugment, "strength"),
        ),
        regularizers.Swap: (whole("swap", "exchanged cells", regularizers.Swap, "share"),),
        regularizers.LabelNoise: (
            whole("label_noise", "label noise", regularizers.LabelNoise, "amount"),
        ),
        regularizers.GradientNoise: (
            whole("gradient_noise", "gradient noise", regularizers.GradientNoise, "eta"),
        ),
        regularizers.SAM: (whole("sam", "sharpness-aware gradient", regularizers.SAM, "rho"),),
        regularizers.SWA: (whole("swa", "averaging of the last weights", regularizers.SWA),),
        t.Stop: (
            _to("patience", None, "early stopping"),
            _to("loss", None, "stopping at a low loss"),
            _to("gradient_norm", None, "stopping at a small gradient"),
        ),
    }
)
"""Kind of a part → what can be switched off in it. Stages and objectives: see `ingredients`."""
