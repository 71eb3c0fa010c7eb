"""Rows of the member battery: regularizers. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

from contract.members.objectives import MODEL


def _row(*several: dict[str, Any], **regularizer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    sgd = {"kind": "sgd", "lr": 0.05}
    regularizers = [*several, *([regularizer] if regularizer else [])]
    return MODEL, {"batch": 13, "optimizer": sgd, "regularizers": regularizers}


def _with(objective: dict[str, Any], *regularizers: dict[str, Any]) -> tuple[Any, Any]:
    model, stage = _row(*regularizers)
    return model, {**stage, "objectives": [objective]}


_MIXUP = {"kind": "mixup", "alpha": 0.4}

# SWA's start isn't a member's number, so it must not vary: written in letters, nothing scales it.
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "elastic net": _row(kind="elastic_net", weight=0.01),
    "elastic net without l1": _row(kind="elastic_net", weight=0.01, l1_ratio=0),
    "proximal elastic net": _row(kind="proximal_elastic_net", weight=0.1, l1_ratio=0.4),
    "proximal elastic net without l1": _row(kind="proximal_elastic_net", weight=0.1, l1_ratio=0),
    "group lasso": _row(kind="group_lasso", weight=0.3),
    "max norm": _row(kind="max_norm", limit=0.8),
    "mixup": _row(_MIXUP),
    "mixup, balanced": _with({"kind": "cross_entropy", "class_weights": "balanced"}, _MIXUP),
    "mixup, smoothed": _with({"kind": "cross_entropy", "label_smoothing": 0.1}, _MIXUP),
    "mixup of numbers": _with({"kind": "huber"}, _MIXUP),
    "mixup, full batch": (MODEL, {**_row(_MIXUP)[1], "batch": "full"}),
    "cutmix": _row(kind="cutmix", alpha=0.8),
    "cutout": _row(kind="cutout", share=0.3),
    "swap": _row(kind="swap", share=0.3),
    "input noise": _row(kind="input_noise", deviation=0.2),
    "label noise": _row(kind="label_noise", amount=0.3),
    "label noise on mixed rows": _row(_MIXUP, {"kind": "label_noise", "amount": 0.3}),
    "label noise of numbers": _with({"kind": "huber"}, {"kind": "label_noise", "amount": 0.3}),
    "gradient noise": _row(kind="gradient_noise"),
    "gradient noise that stays": _row(kind="gradient_noise", gamma=0),
    "sam": _row(kind="sam"),
    "sam, adaptive": _row(kind="sam", rho=0.5, adaptive=True),
    "swa": _row(kind="swa", start="0.5"),
    "swa, every other": _row(kind="swa", start="0.2", every=2),
    "adaptive clipping": (
        MODEL,
        {"batch": 13, "optimizer": {"kind": "sgd", "lr": 0.05}, "clip": {"adaptive": 0.02}},
    ),
    "the cocktail": _row(
        {"kind": "cutmix"},
        {"kind": "cutout"},
        {"kind": "input_noise"},
        {"kind": "label_noise"},
        {"kind": "elastic_net"},
        {"kind": "sam"},
        {"kind": "gradient_noise"},
        {"kind": "max_norm", "limit": 1.0},
        {"kind": "ema", "decay": 0.9},
    ),
}

NUMBERS = ("mixup of numbers", "label noise of numbers")
"""Rows whose targets are numbers."""
