"""Images for the examples: Fashion-MNIST where its files are at hand, else digits."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

FILES = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
DIGITS_TRAINING = 1400


def folder() -> Path | None:
    """$METHODIC_DATA/fashion-mnist, else ../shared/data/fashion-mnist beside the repository."""
    given = os.environ.get("METHODIC_DATA")
    home = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    found = home / "fashion-mnist"
    return found if all((found / name).exists() for name in FILES) else None


def images(source: Path | None) -> tuple[str, Tensor, Tensor]:
    """Name, training rows and test rows; pixels in [0, 1], float32.

    Args:
        source: a folder with the IDX files of Fashion-MNIST; None: the digits.
    """
    if source is None:
        pixels = torch.tensor(load_digits().data / 16, dtype=torch.float32)
        mixed = pixels[torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))]
        return "digits", mixed[:DIGITS_TRAINING], mixed[DIGITS_TRAINING:]
    train, test = (_read(source / name) for name in FILES)
    return "Fashion-MNIST", train, test


def _read(file: Path) -> Tensor:
    """IDX: a magic number and three sizes, big-endian, then bytes."""
    with gzip.open(file) as stream:
        _, rows, height, width = np.frombuffer(stream.read(16), ">u4").tolist()
        pixels = np.frombuffer(stream.read(), np.uint8).reshape(rows, height * width)
    return torch.tensor(pixels / np.float32(255))
