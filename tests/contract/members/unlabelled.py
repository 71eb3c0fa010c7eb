"""Rows of the member battery: objectives without targets. Name → (model, stages)."""

from __future__ import annotations

from typing import Any

SGD = {"kind": "sgd", "lr": 0.05}
MLP: dict[str, Any] = {"kind": "mlp", "width": 11, "depth": 1, "embedding": 3}
NORMED = {**MLP, "normalization": "batch", "dropout": 0.2}
CNN: dict[str, Any] = {"kind": "cnn", "channels": (3, 5), "width": 7, "normalization": "batch"}
EMA = {"kind": "ema", "decay": 0.8}
ENTROPY = {"kind": "cross_entropy"}
SMALL = {"projection": (7, 5)}

Row = tuple[dict[str, Any], list[dict[str, Any]]]

# name → (fields, of the stage besides)
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "reconstruction": ({"kind": "reconstruction", "decoder": (9,)}, {}),
    "denoising": (
        {"kind": "reconstruction", "decoder": (), "views": [{"kind": "input_noise"}]},
        {},
    ),
    "variational": ({"kind": "reconstruction", "decoder": (9,), "latent": 3}, {}),
    "masked": ({"kind": "masked", "decoder": (9,)}, {}),
    "simclr": ({"kind": "simclr", **SMALL}, {}),
    # Of a single number, a direction has no gradient but rounding, which AdamW would amplify.
    "simclr, two numbers": ({"kind": "simclr", "projection": (2,)}, {}),
    "scarf": ({"kind": "scarf", **SMALL}, {}),
    "vicreg": ({"kind": "vicreg", **SMALL}, {}),
    "vicreg without covariance": ({"kind": "vicreg", "covariance": 0, **SMALL}, {}),
    "barlow twins": ({"kind": "barlow_twins", **SMALL}, {}),
    "byol": ({"kind": "byol", "predictor": (9,), **SMALL}, {"regularizers": [EMA]}),
    "byol by swa": (
        {"kind": "byol", "predictor": (), "projection": ()},
        {"regularizers": [{"kind": "swa", "start": 0.4}]},
    ),
    "simsiam": ({"kind": "simsiam", "predictor": (9,), **SMALL}, {}),
    "supervised contrast": ({"kind": "supervised_contrastive", **SMALL}, {}),
    "pseudo-labels": ({"kind": "pseudo_labels", "threshold": 0.4}, {}),
    "fixmatch": ({"kind": "fixmatch", "threshold": 0.4}, {}),
    "fixmatch, aligned": ({"kind": "fixmatch", "threshold": 0.4, "alignment": 0.6}, {}),
    "consistency": ({"kind": "consistency"}, {}),
    "mean teacher": ({"kind": "mean_teacher"}, {"regularizers": [EMA]}),
    "distillation": ({"kind": "distillation"}, {}),
}
OF_LABELS = ("supervised contrast",)
"""They can't stand in a stage that shows no targets."""
OF_TABLES = ("scarf", "denoising", "simclr, two numbers", "byol by swa")


def joint(name: str, model: dict[str, Any], batch: int = 13, beside: int = 8) -> Row:
    """Beside a loss of targets."""
    fields, more = KINDS[name]
    stage = {"batch": batch, "unlabelled": beside, "optimizer": SGD, **more}
    return model, [{**stage, "objectives": [ENTROPY, fields]}]


def first(name: str, model: dict[str, Any], batch: int | str = 11) -> Row:
    """In front of one: on all rows, then the loss of targets with a new head."""
    fields, more = KINDS[name]
    pretrain = {"name": "pretrain", "share": 0.5, "rows": "all", "batch": batch}
    fine = {"name": "fine-tune", "share": 0.5, "batch": 13, "fresh": ["head"]}
    return model, [
        {**pretrain, "optimizer": {"kind": "adamw", "lr": 0.01}, **more, "objectives": [fields]},
        {**fine, "optimizer": SGD, "objectives": [ENTROPY]},
    ]


def adversaries(of: str, model: dict[str, Any]) -> Row:
    sizes = {"of": of, "latent": 3, "generator": (6,), "hidden": (5,)}
    turns = [
        {"objectives": [{"kind": "discriminator", **sizes}], "optimizer": SGD, "repeat": 2},
        {"objectives": [{"kind": "generator", **sizes}], "optimizer": SGD},
        {"objectives": [ENTROPY], "optimizer": {"kind": "adam", "lr": 0.01}},
    ]
    return model, [{"batch": 13, "unlabelled": 8, "turns": turns}]


LEARNED = (
    MLP,
    [
        {
            "batch": 13,
            "unlabelled": 8,
            "weights": "learned",
            "objectives": [ENTROPY, {"kind": "vicreg", **SMALL}],
            "optimizer": {"kind": "adam", "lr": 0.02},
        }
    ],
)
ALTERNATING = (
    MLP,
    [
        {
            "batch": 20,
            "unlabelled": 8,
            "alternate": "epoch",
            "turns": [
                {"objectives": [{"kind": "masked", "decoder": ()}], "optimizer": SGD},
                {"objectives": [ENTROPY], "optimizer": {"kind": "adam"}, "layer_decay": 0.5},
            ],
        }
    ],
)

TABLES: dict[str, Row] = {
    **{f"{name} beside": joint(name, MLP) for name in KINDS},
    **{f"{name} first": first(name, MLP) for name in KINDS if name not in OF_LABELS},
    **{
        f"{name}, batch norm and dropout": joint(name, NORMED)
        for name in ("simclr", "byol", "fixmatch", "masked")
    },
    "all rows at once": first("vicreg", MLP, "full"),
    "learned weights": LEARNED,
    "by epoch": ALTERNATING,
    "autoencoder": first(
        "reconstruction",
        {"kind": "autoencoder", "encoder": (9, 4), "tied": True, "activation": "tanh"},
    ),
    "gan": adversaries("rows", MLP),
    "adversarial features": adversaries("features", MLP),
}

NUMBERS_ONLY = ("autoencoder", "gan")
"""Rows for which the table has no categories."""

IMAGES: dict[str, Row] = {
    **{
        f"{name} of images": joint(name, CNN, 5, 3)
        for name in KINDS
        if name not in (*OF_TABLES, *OF_LABELS)
    },
    "supervised contrast of images": joint("supervised contrast", CNN, 5, 3),
    "binary reconstruction": (
        CNN,
        [
            {
                "batch": 5,
                "unlabelled": 3,
                "optimizer": SGD,
                "objectives": [
                    ENTROPY,
                    {"kind": "reconstruction", "decoder": (), "loss": "binary"},
                ],
            }
        ],
    ),
    "vicreg of images first": first("vicreg", CNN, 7),
    "gan of images": adversaries("rows", CNN),
    "autoencoder of images": first(
        "reconstruction",
        {"kind": "autoencoder", "encoder": (9, 4), "output_activation": "sigmoid"},
    ),
}
