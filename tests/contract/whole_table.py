"""Every rule that sees whole parameters, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference import rules_whole as literal

from methodic.optimizers.adafactor import Adafactor
from methodic.optimizers.lamb import LAMB
from methodic.optimizers.muon import Muon
from methodic.optimizers.prodigy import Prodigy
from methodic.optimizers.soap import SOAP


@dataclass(frozen=True)
class Row:
    """A rule, numbers for it, the literal version, and switches that only the latter reads.

    Args:
        shapes: of parameters that it takes.
        near: how near it comes to a quadratic's minimum with its numbers at a falling rate.
    """

    name: str
    rule: Any
    numbers: dict[str, float]
    literal: Callable[..., Any]
    switches: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = ((3, 5), (5, 3), (1, 4), (4, 1), (2, 3, 2, 2))
    near: float = 0.03


_ANY = ((3, 5), (7,), (1,), (1, 4), (4, 1), (2, 3, 2, 2))
_LAMB = {"lr": 0.05, "beta1": 0.9, "beta2": 0.97, "epsilon": 1e-3, "norm_limit": 3.0}
_FACTOR = {
    "lr": 0.05,
    "decay_power": 0.8,
    "epsilon": 1e-5,
    "scale_floor": 1e-3,
    "threshold": 1.0,
    "weight_decay": 0.0,
}
_MUON = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.0}
_SOAP = {
    "lr": 0.05,
    "beta1": 0.9,
    "beta2": 0.95,
    "shampoo_beta": 0.9,
    "epsilon": 1e-4,
    "weight_decay": 0.0,
}
_PRODIGY = {
    "lr": 1.0,
    "beta1": 0.9,
    "beta2": 0.97,
    "epsilon": 1e-8,
    "d0": 1e-3,
    "d_coef": 1.0,
    "weight_decay": 0.0,
}
_DECAY = {"weight_decay": 0.1}

ROWS = [
    Row("lamb", LAMB(), _LAMB | _DECAY, literal.lamb, shapes=_ANY),
    Row(
        "lamb uncorrected",
        LAMB(decay=False, corrected=False),
        _LAMB | {"weight_decay": 0.0},
        literal.lamb,
        {"corrected": False},
        _ANY,
    ),
    Row("adafactor", Adafactor(), _FACTOR, literal.adafactor, shapes=_ANY),
    Row(
        "adafactor decay",
        Adafactor(decay=True),
        _FACTOR | _DECAY | {"threshold": 1.5},
        literal.adafactor,
        shapes=_ANY,
    ),
    Row("muon", Muon(), _MUON | _DECAY, literal.muon),
    Row(
        "muon original",
        Muon(nesterov=False, decay=False, adjust="original"),
        _MUON,
        literal.muon,
        {"nesterov": False, "adjust": "original"},
    ),
    Row("soap", SOAP(frequency=3), _SOAP | _DECAY, literal.soap, {"frequency": 3}),
    Row(
        "soap every step",
        SOAP(decay=False, frequency=1),
        _SOAP,
        literal.soap,
        {"frequency": 1},
        near=0.1,
    ),
    Row("prodigy", Prodigy(), _PRODIGY, literal.prodigy, shapes=((7,), (1,), (33,))),
    Row(
        "prodigy all",
        Prodigy(True, True, True),
        _PRODIGY | _DECAY,
        literal.prodigy,
        {"corrected": True, "safeguarded": True},
        ((7,), (1,), (33,)),
    ),
]
