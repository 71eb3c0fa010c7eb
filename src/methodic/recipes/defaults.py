"""The library's own ranges: where a field is to be searched for and its recipe says no range.

The middle of a range, or the first option of a choice, is what the recipe has, so that a space
begins with the recipe as it is; only a weight decay of 0 has a range of its own, from next to none
upwards, and the untuned setting has the middle of that, 0.00032, in place of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

Data = Mapping[str, Any]
Make = Callable[[Any, Data, Sequence[str]], dict[str, Any] | None]
"""(own value, its part, the words that the field accepts) → range; None: nothing to search for."""


class Default(NamedTuple):
    """A range for a field.

    Args:
        word: what a user calls it.
        role: the field of the recipe that holds the part, such as "optimizer".
        field: of the part.
        make: its range.
    """

    word: str
    role: str
    field: str
    make: Make


def around(factor: float) -> Make:
    """Log-uniform, up to ``factor`` times as small and as large as the recipe's own."""

    def make(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:  # noqa: ARG001
        return {"log_uniform": [_short(own / factor), _short(own * factor)]} if own > 0 else None

    return make


def among(*values: float, most: float | None = None) -> Make:
    """The recipe's own number, and these; nothing where its own is larger than ``most``."""

    def make(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:  # noqa: ARG001
        if isinstance(own, bool | str) or (most is not None and own > most):
            return None
        return {"choice": [own, *(each for each in values if each != own)]}

    return make


def named(*names: str) -> Make:
    """The recipe's own word, and those of these that its part knows."""

    def make(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:  # noqa: ARG001
        more = [each for each in names if each in words and each != own]
        return {"choice": [own, *more]} if more else None

    return make


def _rate(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:
    # Rules that find their own scale are told little by their rate.
    scaled = part["kind"] in ("prodigy", "lbfgs", "adadelta")
    return around(3 if scaled else 10)(own, part, words)


def _decay(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:
    return around(32)(own, part, words) if own else {"log_uniform": [1e-6, 1e-1]}


def _share(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:  # noqa: ARG001
    # A Number of 0 is off, which is structure: it is one of several, never the end of a range.
    if own == 0:
        return {"choice": [0.0, 0.1, 0.2, 0.3, 0.5]}
    low = max(own / 5, 2 * own - 0.95)
    return {"uniform": [_short(low), _short(2 * own - low)]} if low < own else None


def _batch(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:
    # A batch of one row, or of all, is what its method is about.
    usual = isinstance(own, int) and 16 <= own <= 2048
    return among(32, 64, 128, 256)(own, part, words) if usual else None


def _width(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:
    heads, groups = part.get("heads", 1), part.get("groups", 1)
    grouped = part.get("normalization") == "group"
    sizes = (own // 2, own * 2) if heads > 1 else (64, 128, 256, 512)
    fitting = [s for s in sizes if s and s % heads == 0 and not (grouped and s % groups)]
    return among(*fitting)(own, part, words) if fitting else None


def _depth(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:  # noqa: ARG001
    low = 1 if own <= 3 else own // 2
    return {"integer": [low, 2 * own - low + (own <= 3)]}


def _schedule(own: Any, part: Data, words: Sequence[str]) -> dict[str, Any] | None:  # noqa: ARG001
    # Rules without a schedule have an average in its place.
    free = part["optimizer"].get("kind", "").startswith("schedule_free")
    if free or own["kind"] in ("joined", "own"):
        return None
    kept = {"warmup": own["warmup"]}
    ending = {**kept, "length": own.get("length", 1.0)}
    more = [
        {"kind": "constant", **kept},
        *({"kind": each, **ending} for each in ("linear", "cosine", "one_cycle", "wsd")),
    ]
    return {"choice": [own, *(each for each in more if each["kind"] != own["kind"])]}


def _short(x: float) -> float:
    return float(f"{x:.6g}")


DEFAULTS: Final = (
    # Two decades: where the best rates of tuned optimizers lie (Schmidt et al., arXiv 2007.01547).
    Default("lr", "optimizer", "lr", _rate),
    # Three: Sivaprasad et al., arXiv 1910.11758, tune it from 1e-5 to 1e-1.
    Default("weight_decay", "optimizer", "weight_decay", _decay),
    # Momentum and second moments: the values that Choi et al., arXiv 1910.05446, find best.
    Default("momentum", "optimizer", "momentum", among(0.5, 0.9, 0.95, 0.99)),
    Default("momentum", "optimizer", "beta1", among(0.5, 0.9, 0.95, 0.99)),
    Default("beta2", "optimizer", "beta2", among(0.95, 0.99, 0.999, most=0.9999)),
    # Masters and Luschi, arXiv 1804.07612: small batches generalise best, larger ones are cheaper.
    Default("batch", "stages", "batch", _batch),
    # Sizes, dropout: Gorishniy et al., arXiv 2106.11959, appendix E; for a machine with few cores.
    Default("width", "model", "width", _width),
    Default("depth", "model", "depth", _depth),
    Default("dropout", "model", "dropout", _share),
    Default("dropout", "model", "attention_dropout", _share),
    # Ramachandran et al., arXiv 1710.05941; SELU: arXiv 1706.02515.
    Default("activation", "model", "activation", named("relu", "gelu", "silu", "selu", "tanh")),
    # Ioffe and Szegedy, arXiv 1502.03167; Ba et al., arXiv 1607.06450. Groups would have to fit.
    Default("normalization", "model", "normalization", named("none", "batch", "layer", "rms")),
    # He et al., arXiv 1502.01852; Glorot and Bengio 2010; Saxe et al., arXiv 1312.6120.
    Default(
        "initialization",
        "model",
        "initialization",
        named("kaiming_normal", "kaiming_uniform", "xavier_uniform", "orthogonal"),
    ),
    # Müller et al., arXiv 1906.02629.
    Default("label_smoothing", "objectives", "label_smoothing", among(0.0, 0.05, 0.1, 0.2)),
    # Dahl et al., arXiv 2306.07179: a warm-up of 2, 5 or 10 per cent.
    Default("schedule", "turns", "schedule", _schedule),
    Default("warmup", "schedule", "warmup", among(0.0, 0.02, 0.05, 0.1)),
    Default("length", "schedule", "length", among(1.0, 0.9, 0.75, 0.5)),
    Default("clip", "clip", "norm", among(0.0, 0.5, 1.0, 5.0)),
    Default("regularization", "regularizers", "weight", around(32)),
    # Zhang et al., arXiv 1710.09412 (mixup); Foret et al., arXiv 2010.01412 (SAM).
    Default("regularization", "regularizers", "alpha", among(0.1, 0.2, 0.4, 1.0)),
    Default("regularization", "regularizers", "rho", among(0.02, 0.05, 0.1, 0.2)),
    Default("ema", "regularizers", "decay", among(0.99, 0.999, 0.9999)),
)
"""A range for each field that has one; the sources say where it is from."""

ALL = "all"
NUISANCE = "nuisance"
GROUPS: Final = {NUISANCE: ("lr", "weight_decay", "length")}
"""Words for several fields at once, besides "all".

Nuisance numbers have to be tuned for each method before two of them can be compared.
"""
