"""Every update rule, one row each; a new rule adds a row and inherits the battery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference import rules as literal
from reference import rules_adaptive as adaptive
from reference import rules_averaged as averaged

from methodic.optimizers.adam import Adam, AdamW
from methodic.optimizers.adan import Adan
from methodic.optimizers.adaptive import Adadelta, Adagrad
from methodic.optimizers.descent import SGD
from methodic.optimizers.moments import Adamax, NAdam, RAdam
from methodic.optimizers.rms import RMSprop
from methodic.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from methodic.optimizers.sign import Lion
from methodic.optimizers.variational import IVON


@dataclass(frozen=True)
class Row:
    """A rule, numbers for it, the literal version, and switches that only the latter reads.

    ``point`` is the literal version of where a rule that probes takes its gradient. ``falling``:
    only a falling rate brings the rule to a minimum.
    """

    name: str
    rule: Any
    numbers: dict[str, float]
    literal: Callable[..., Any]
    switches: dict[str, bool] = field(default_factory=dict)
    point: Callable[..., Any] | None = None
    falling: bool = False


_SGD = {"lr": 0.03, "momentum": 0.0, "weight_decay": 0.0}
_RMS = {"lr": 0.01, "alpha": 0.9, "epsilon": 1e-3, "momentum": 0.0, "weight_decay": 0.0}
_ADAM = {"lr": 0.05, "beta1": 0.9, "beta2": 0.97, "epsilon": 1e-3, "weight_decay": 0.0}
_DECAY = {"weight_decay": 0.1}
_MOMENTUM = {"momentum": 0.8}
_GRAD = {
    "lr": 0.3,
    "lr_decay": 0.0,
    "initial_accumulator": 0.0,
    "epsilon": 1e-3,
    "weight_decay": 0.0,
}
_DELTA = {"lr": 2.0, "rho": 0.9, "epsilon": 1e-3, "weight_decay": 0.0}
_NADAM = {**_ADAM, "momentum_decay": 0.01}
_LION = {"lr": 0.02, "beta1": 0.9, "beta2": 0.97, "weight_decay": 0.0}
_ADAN = {
    "lr": 0.03,
    "beta1": 0.95,
    "beta2": 0.9,
    "beta3": 0.97,
    "epsilon": 1e-3,
    "weight_decay": 0.0,
}
_FREE = {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.0}
_FREE_ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.97, "epsilon": 1e-3, "weight_decay": 0.0}
_IVON = {
    "lr": 0.1,
    "ess": 1e4,
    "hess_init": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "weight_decay": 0.0,
}


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
    _sgd("dampened", SGD(momentum=True, dampened=True), _MOMENTUM | {"dampening": 0.4}),
    _rms("rmsprop", RMSprop(), {}),
    _rms("rmsprop decay", RMSprop(decay=True), _DECAY),
    _rms("rmsprop momentum", RMSprop(momentum=True), _MOMENTUM),
    _rms("rmsprop centered", RMSprop(centered=True), {}),
    _rms("rmsprop all", RMSprop(True, True, True), _MOMENTUM | _DECAY),
    Row("adam", Adam(), _ADAM, literal.adam),
    Row("adam decay", Adam(decay=True), _ADAM | _DECAY, literal.adam),
    Row("adamw", AdamW(), _ADAM | _DECAY, literal.adamw),
    Row("adamw without decay", AdamW(decay=False), _ADAM, literal.adamw),
    Row("amsgrad", Adam(amsgrad=True), _ADAM, literal.adam, {"amsgrad": True}),
    Row("amsgrad decoupled", AdamW(amsgrad=True), _ADAM | _DECAY, literal.adamw, {"amsgrad": True}),
    Row("adagrad", Adagrad(), _GRAD, adaptive.adagrad),
    Row(
        "adagrad all",
        Adagrad(started=True, decay=True),
        _GRAD | _DECAY | {"lr_decay": 0.01, "initial_accumulator": 0.2},
        adaptive.adagrad,
    ),
    Row("adadelta", Adadelta(), _DELTA, adaptive.adadelta),
    Row("adadelta decay", Adadelta(decay=True), _DELTA | _DECAY, adaptive.adadelta),
    Row("adamax", Adamax(), _ADAM, adaptive.adamax),
    Row("adamax decay", Adamax(decay=True), _ADAM | _DECAY, adaptive.adamax),
    Row("nadam", NAdam(), _NADAM, adaptive.nadam, {"decoupled": False}),
    Row("nadam decay", NAdam(decay=True), _NADAM | _DECAY, adaptive.nadam, {"decoupled": False}),
    Row("nadam decoupled", NAdam(True, True), _NADAM | _DECAY, adaptive.nadam, {"decoupled": True}),
    Row("radam", RAdam(), _ADAM, adaptive.radam, {"decoupled": False}),
    Row("radam decay", RAdam(decay=True), _ADAM | _DECAY, adaptive.radam, {"decoupled": False}),
    Row("radam decoupled", RAdam(True, True), _ADAM | _DECAY, adaptive.radam, {"decoupled": True}),
    Row("lion", Lion(decay=False), _LION, adaptive.lion, falling=True),
    Row("lion decay", Lion(), _LION | _DECAY, adaptive.lion, falling=True),
    Row("adan", Adan(decay=False), _ADAN, adaptive.adan),
    Row("adan decay", Adan(), _ADAN | _DECAY, adaptive.adan),
    Row("schedule-free sgd", ScheduleFreeSGD(), _FREE, averaged.schedule_free_sgd),
    Row(
        "schedule-free sgd decay",
        ScheduleFreeSGD(decay=True),
        _FREE | _DECAY,
        averaged.schedule_free_sgd,
    ),
    Row("schedule-free adamw", ScheduleFreeAdamW(), _FREE_ADAM, averaged.schedule_free_adamw),
    Row(
        "schedule-free adamw decay",
        ScheduleFreeAdamW(decay=True),
        _FREE_ADAM | _DECAY,
        averaged.schedule_free_adamw,
    ),
    Row("ivon", IVON(decay=False), _IVON, averaged.ivon, point=averaged.ivon_point),
    Row("ivon decay", IVON(), _IVON | _DECAY, averaged.ivon, point=averaged.ivon_point),
]
