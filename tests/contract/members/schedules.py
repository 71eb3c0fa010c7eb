"""Rows of the member battery: schedules. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

# What stands in a tuple is structure: the battery leaves it as it is.
SCHEDULES: dict[str, dict[str, Any]] = {
    "step": {"kind": "step", "every": 0.4, "factor": 0.5, "warmup": 0.2},
    "multi_step": {"kind": "multi_step", "milestones": (0.3, 0.7), "factor": 0.3},
    "inverse_time": {"kind": "inverse_time", "final": 0.1, "power": 0.5},
    "polynomial": {"kind": "polynomial", "power": 3.0, "final": 0.01},
    "linear": {"kind": "linear", "final": 0.2, "warmup": 0.3},
    "cosine_restarts": {"kind": "cosine_restarts", "cycles": 2, "growth": 1.5, "final": 0.1},
    "one_cycle": {"kind": "one_cycle", "peak": 0.4, "start": 0.1, "final": 0.01},
    "one_cycle of lines": {"kind": "one_cycle", "shape": "linear"},
    "triangular": {"kind": "cyclic", "cycles": 2, "low": 0.2},
    "triangular2": {"kind": "cyclic", "mode": "triangular2", "cycles": 3, "low": 0.2},
    "exp_range": {"kind": "cyclic", "mode": "exp_range", "cycles": 2, "fade": 0.3},
    "wsd": {"kind": "wsd", "decay": 0.5, "final": 0.1, "shape": "sqrt", "warmup": 0.2},
    "flat_cosine": {"kind": "flat_cosine", "flat": 0.4},
    "log_cosine": {"kind": "log_cosine", "cycles": 2, "warmup": 0.3},
    "joined": {
        "kind": "joined",
        "warmup": 0.2,
        "parts": (
            {"share": 0.5, "schedule": {"kind": "linear", "final": 0.5, "warmup": 0.5}},
            {"share": 0.5, "schedule": {"kind": "exponential", "final": 0.1}},
        ),
    },
}

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    f"schedule {name}": (
        {"kind": "mlp", "width": 11, "depth": 2, "embedding": 3},
        {"batch": 13, "optimizer": {"kind": "sgd", "lr": 0.05}, "schedule": schedule},
    )
    for name, schedule in SCHEDULES.items()
}
