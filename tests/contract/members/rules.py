"""Rows of the member battery: rules. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

_MLP = {"kind": "mlp", "width": 11, "depth": 2, "embedding": 3}


def _with(kind: str, **numbers: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return _MLP, {"batch": 13, "optimizer": {"kind": kind, **numbers}}


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dampening": _with("sgd", lr=0.05, momentum=0.9, dampening=0.3),
    "amsgrad": _with("adam", lr=0.01, amsgrad=True),
    "adamw amsgrad": _with("adamw", lr=0.01, amsgrad=True),
    "adagrad": _with("adagrad", lr=0.05, weight_decay=0.01),
    "adagrad all": _with("adagrad", lr=0.05, lr_decay=0.1, initial_accumulator=0.1),
    "adadelta": _with("adadelta", lr=1.0, rho=0.9, weight_decay=0.01),
    "adamax": _with("adamax", lr=0.01, weight_decay=0.01),
    "nadam": _with("nadam", lr=0.01, momentum_decay=0.01, weight_decay=0.01),
    "nadam decoupled": _with("nadam", lr=0.01, weight_decay=0.1, decoupled=True),
    "radam": _with("radam", lr=0.01, beta2=0.95, weight_decay=0.01),
    "radam decoupled": _with("radam", lr=0.01, weight_decay=0.1, decoupled=True),
    "lion": _with("lion", lr=0.003, weight_decay=0.1),
    "adan": _with("adan", lr=0.01, weight_decay=0.1),
    "schedule-free sgd": _with("schedule_free_sgd", lr=0.1, weight_decay=0.01),
    "schedule-free adamw": _with("schedule_free_adamw", lr=0.01, weight_decay=0.1),
    "ivon": _with("ivon", lr=0.05, ess=61.0, weight_decay=0.01),
    "lamb": _with("lamb", lr=0.01, weight_decay=0.1),
    "lamb uncorrected": _with("lamb", lr=0.01, corrected=False, norm_limit=0.5),
    "adafactor": _with("adafactor", lr=0.05, weight_decay=0.1),
    "muon": _with("muon", lr=0.01, momentum=0.9, weight_decay=0.1),
    "muon original": _with("muon", lr=0.01, adjust="original", nesterov=False, iterations=3),
    "muon width 1": (
        {**_MLP, "width": 1},
        {"batch": 13, "optimizer": {"kind": "muon", "lr": 0.01}},
    ),
    "soap": _with("soap", lr=0.01, frequency=2, weight_decay=0.1),
    "soap one side": _with("soap", lr=0.01, frequency=3, largest=8),
    "soap width 1": (
        {**_MLP, "width": 1},
        {"batch": 13, "optimizer": {"kind": "soap", "lr": 0.01, "frequency": 2}},
    ),
    "prodigy": _with("prodigy", lr=1.0, d0=0.001, weight_decay=0.01),
    "prodigy corrected": _with("prodigy", lr=1.0, d0=0.001, corrected=True, safeguarded=True),
    "ivon without prior": _with("ivon", lr=0.05, ess=61.0, weight_decay=0.0),
}
