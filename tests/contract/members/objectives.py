"""Rows of the member battery: objectives. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

MODEL = {"kind": "mlp", "width": 11, "depth": 2, "embedding": 3}


def _row(**objective: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    sgd = {"kind": "sgd", "lr": 0.05}
    return MODEL, {"batch": 13, "optimizer": sgd, "objectives": [objective]}


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "focal": _row(kind="focal"),
    "focal, balanced": _row(kind="focal", gamma=0.7, class_weights="balanced"),
    "multilabel": _row(kind="multilabel"),
    "multilabel, balanced": _row(kind="multilabel", class_weights="balanced"),
    "hinge": _row(kind="hinge"),
    "ordinal": _row(kind="ordinal", weight=1.3),
    "binary": _row(kind="binary"),
    "binary, balanced": _row(kind="binary", class_weights="balanced"),
    "ranking of classes": _row(kind="pairwise_ranking"),
    "absolute error": _row(kind="mean_absolute_error"),
    "huber": _row(kind="huber", delta=0.6),
    "quantile": _row(kind="quantile", quantile=0.8),
    "gaussian likelihood": _row(kind="gaussian_nll"),
    "poisson": _row(kind="poisson"),
    "ranking": _row(kind="pairwise_ranking", weight=0.7),
}

NUMBERS = ("absolute error", "huber", "quantile", "gaussian likelihood", "poisson", "ranking")
"""Rows whose targets are numbers."""
TWO = ("binary", "binary, balanced", "ranking of classes")
"""Rows of two classes."""
