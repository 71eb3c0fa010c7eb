"""Rows of the member battery: models. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

SGD = {"kind": "sgd", "lr": 0.05}
PLAIN: dict[str, Any] = {"batch": 13, "optimizer": SGD}
MLP: dict[str, Any] = {"kind": "mlp", "width": 11, "depth": 3, "embedding": 3}
REALMLP: dict[str, Any] = {"kind": "realmlp", "width": 11, "depth": 2, "embedding": 3}
TABM: dict[str, Any] = {"kind": "tabm", "width": 11, "depth": 2, "submodels": 3, "embedding": 3}
TRANSFORMER: dict[str, Any] = {"kind": "ft_transformer", "width": 6, "heads": 2, "depth": 2}
# Norms of six numbers that hardly differ enlarge rounding, which machine code has of its own.
SLOW: dict[str, Any] = {"batch": 13, "optimizer": {"kind": "sgd", "lr": 0.002}}

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "group norm": ({**MLP, "width": 12, "normalization": "group", "groups": 3}, PLAIN),
    "rms norm": ({**MLP, "normalization": "rms"}, PLAIN),
    "dropconnect": ({**MLP, "dropconnect": 0.3}, PLAIN),
    "residual": ({**MLP, "residual": True, "normalization": "batch"}, PLAIN),
    "stochastic depth": ({**MLP, "residual": True, "stochastic_depth": 0.5}, PLAIN),
    "maxout": ({**MLP, "activation": "maxout"}, PLAIN),
    "piecewise-linear embeddings": (
        {
            **MLP,
            "numeric_embedding": {"kind": "piecewise_linear", "dimension": 3, "bins": 5},
        },
        PLAIN,
    ),
    "periodic embeddings": (
        {**MLP, "numeric_embedding": {"kind": "periodic", "dimension": 3, "frequencies": 5}},
        PLAIN,
    ),
    "pbld": (
        {**MLP, "numeric_embedding": {"kind": "pbld", "dimension": 3, "frequencies": 5}},
        PLAIN,
    ),
    "realmlp": (REALMLP, PLAIN),
    "realmlp, categories embedded": (
        {**REALMLP, "one_hot": 3, "numeric_embedding": {"kind": "none"}},
        {**PLAIN, "optimizer": {"kind": "adam", "lr": 0.04, "beta2": 0.95}},
    ),
    "tabm": (TABM, PLAIN),
    "tabm, piecewise-linear": (
        {
            **TABM,
            "numeric_embedding": {"kind": "piecewise_linear", "dimension": 3, "bins": 5},
            "dropout": 0.0,
            "one_hot": 3,
        },
        {**PLAIN, "optimizer": {"kind": "adamw", "lr": 0.01}},
    ),
    "ft-transformer": ({**TRANSFORMER, "residual_dropout": 0.1}, SLOW),
    "lsuv with batch norm": ({**MLP, "initialization": "lsuv", "normalization": "batch"}, PLAIN),
    "adapted realmlp for numbers": (
        {**REALMLP, "activation": "mish"},
        {**PLAIN, "objectives": [{"kind": "cross_entropy"}]},
    ),
}
