"""Rows of the member battery for images: networks, augmentations. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

SGD = {"kind": "sgd", "lr": 0.05}
PLAIN: dict[str, Any] = {"batch": 5, "optimizer": SGD}
CNN: dict[str, Any] = {"kind": "cnn", "channels": (3, 5), "width": 7, "normalization": "batch"}


def _with(**regularizer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return CNN, {**PLAIN, "regularizers": [regularizer]}


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cnn": ({**CNN, "normalization": "none", "dropout": 0.3}, PLAIN),
    "cnn, batch norm": ({**CNN, "activation": "gelu"}, PLAIN),
    "cnn, group norm": (
        {**CNN, "channels": (4, 6), "normalization": "group", "groups": 2},
        PLAIN,
    ),
    "resnet": ({"kind": "resnet", "channels": (3, 5)}, PLAIN),
    "quicknet": (
        {"kind": "quicknet", "channels": (3, 5), "mirrored": True},
        {**PLAIN, "optimizer": {**SGD, "momentum": 0.85, "nesterov": True, "weight_decay": 0.01}},
    ),
    "quicknet, three deep": ({"kind": "quicknet", "channels": (3, 5), "depth": 3}, PLAIN),
    "vit": (
        {"kind": "vit", "patch": 3, "width": 6, "depth": 2, "heads": 2, "stochastic_depth": 0.3},
        PLAIN,
    ),
    "mlp on images": ({"kind": "mlp", "width": 11, "depth": 1}, PLAIN),
    "crop": _with(kind="crop", padding=2),
    "crop, zeros": _with(kind="crop", padding=3, edge="zeros"),
    "flip": _with(kind="flip", probability=0.5),
    "affine": _with(kind="affine", degrees=20.0, shift=0.2, zoom=0.3, shear=10.0),
    "affine, turned only": _with(kind="affine", degrees=90.0, shift=0, zoom=0),
    "colour": _with(kind="colour", strength=0.5),
    "randaugment": _with(kind="randaugment", count=3, strength=0.7),
    "cutout of images": _with(kind="cutout", share=0.3),
    "cutmix of images": _with(kind="cutmix", alpha=0.8),
    "mixup of images": _with(kind="mixup", alpha=0.4),
    "noise on images": _with(kind="input_noise", deviation=0.2),
}
