"""Every update rule, one row each; a new rule adds a row and inherits the battery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference import rules as literal

from methodic.optimizers.adam import Adam, AdamW
from methodic.optimizers.descent import SGD
from methodic.optimizers.rms import RMSprop


@dataclass(frozen=True)
class Row:
    """A rule, numbers for it, the literal version, and switches that only the latter reads."""

    name: str
    rule: Any
    numbers: dict[str, float]
    literal: Callable[..., Any]
    switches: dict[str, bool] = field(default_factory=dict)


_SGD = {"lr": 0.03, "momentum": 0.0, "weight_decay": 0.0}
_RMS = {"lr": 0.01, "alpha": 0.9, "epsilon": 1e-3, "momentum": 0.0, "weight_decay": 0.0}
_ADAM = {"lr": 0.05, "beta1": 0.9, "beta2": 0.97, "epsilon": 1e-3, "weight_decay": 0.0}
_DECAY = {"weight_decay": 0.1}
_MOMENTUM = {"momentum": 0.8}


def _sgd(name: str, rule: SGD, numbers: dict[str, float]) -> Row:
    return Row(name, rule, _SGD | numbers, literal.sgd, {"nesterov": rule.nesterov})


def _rms(name: str, rule: RMSprop, numbers: dict[str, float]) -> Row:
    return Row(name, rule, _RMS | numbers, literal.rmsprop, {"centered": rule.centered})


ROWS = [
    _sgd("sgd", SGD(), {}),
    _sgd("sgd decay", SGD(decay=True), _DECAY),
    _sgd("momentum", SGD(momentum=True), _MOMENTUM),
    _sgd("momentum decay", SGD(momentum=True, decay=True), _MOMENTUM | _DECAY),
    _sgd("nesterov", SGD(momentum=True, nesterov=True), _MOMENTUM),
    _sgd("nesterov decay", SGD(True, True, True), _MOMENTUM | _DECAY),
    _rms("rmsprop", RMSprop(), {}),
    _rms("rmsprop decay", RMSprop(decay=True), _DECAY),
    _rms("rmsprop momentum", RMSprop(momentum=True), _MOMENTUM),
    _rms("rmsprop centered", RMSprop(centered=True), {}),
    _rms("rmsprop all", RMSprop(True, True, True), _MOMENTUM | _DECAY),
    Row("adam", Adam(), _ADAM, literal.adam),
    Row("adam decay", Adam(decay=True), _ADAM | _DECAY, literal.adam),
    Row("adamw", AdamW(), _ADAM | _DECAY, literal.adamw),
    Row("adamw without decay", AdamW(decay=False), _ADAM, literal.adamw),
]
