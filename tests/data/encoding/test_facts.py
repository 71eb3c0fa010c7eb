"""What encoders have learnt, saved and damaged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from methodic.data.encoding.encoders import Encoders
from methodic.data.schemas.schema import Column, Schema
from methodic.errors import InputError

N = 40
ROWS = pl.DataFrame(
    {
        "width": [i % 7 + 0.5 for i in range(N)],
        "count": [i % 5 for i in range(N)],
        "note": [f"the note number {i % 9}" for i in range(N)],
        "colour": ["red", "blue", None, "red"] * (N // 4),
        "image": pl.Series(np.arange(6.0 * N).reshape(N, 2, 3) % 11),
        "shape": ["round", "flat"] * (N // 2),
        "sold": [date(2024, 1, 1) + timedelta(days=i) for i in range(N)],
        "kind": ["x", "y", "y", "z"] * (N // 4),
    }
)
KINDS = ("numeric", "numeric", "text", "categorical", "array", "categorical", "date")
SCHEMA = Schema(
    columns=tuple(
        Column(
            name=name,
            kind=kind,
            shape=(2, 3) if kind == "array" else (),
            numbers=16 if kind == "text" else 0,
        )
        for name, kind in zip(ROWS.columns, KINDS, strict=False)
    ),
    target="kind",
    task="multiclass",
    classes=("x", "y", "z"),
)
FITTED = Encoders.fit(ROWS, SCHEMA)
WIDTH = FITTED.features.width


def test_what_is_whole_is_taken() -> None:
    again = Encoders.from_state(*copy.deepcopy(FITTED.state()))
    for name, value in FITTED.encode(ROWS).items():
        assert torch.equal(again.encode(ROWS)[name], value)


def without(key: str) -> Callable[[dict, dict], None]:
    def remove(facts: dict, tensors: dict) -> None:
        (facts if key in facts else tensors).pop(key)

    return remove


def put(key: str, value: Any) -> Callable[[dict, dict], None]:
    def change(facts: dict, tensors: dict) -> None:
        (facts if key in facts else tensors)[key] = value

    return change


def column(at: int, **fields: Any) -> Callable[[dict, dict], None]:
    def change(facts: dict, tensors: dict) -> None:
        facts["schema"]["columns"][at] |= fields

    return change


DAMAGE = {
    "no schema": (without("schema"), "schema"),
    "no tensor": (without("numeric.scale"), "numeric.scale"),
    "no counts": (without("class_counts"), "class_counts"),
    "another tensor": (put("more", torch.zeros(1)), "more"),
    "shape": (put("numeric.center", torch.zeros(5)), "numeric.center"),
    "type": (put("numeric.center", torch.zeros(WIDTH, dtype=torch.float64)), "float64"),
    "not finite": (put("numeric.fill", torch.full((WIDTH,), float("nan"))), "numeric.fill"),
    "scale of 0": (put("numeric.scale", torch.zeros(WIDTH)), "numeric.scale"),
    "vocabulary gone": (put("vocabularies", {"colour": ["red"]}), "vocabularies"),
    "word twice": (put("vocabularies", {"colour": ["a", "a"], "shape": []}), "'colour'"),
    "missing elsewhere": (put("missing", ["width"]), "isn't categorical"),
    "target scale": (put("target_scale", 0.0), "scales"),
    "wrong type": (put("vocabularies", 3), "vocabularies"),
    "another format": (put("format", 2), "format"),
    "hashed elsewhere": (put("hashed", {"width": 5}), "isn't categorical"),
    "endless hashing": (put("hashed", {"colour": 10**9}), "hashed codes"),
    "no calendar": (put("calendars", {}), "calendars for no column"),
    "empty calendar": (put("calendars", {"sold": {"parts": [], "reference": 0}}), "no part"),
    "part twice": (
        put("calendars", {"sold": {"parts": ["week", "week"], "reference": 0}}),
        "twice",
    ),
    "unknown part": (put("calendars", {"sold": {"parts": ["era"], "reference": 0}}), "calendars"),
    "channels without images": (put("channels", [[0.5, 0.1]]), "channels"),
    "endless text": (column(2, numbers=10**9), "'note'"),
    "no numbers of a text": (column(2, numbers=0), "'note'"),
    "no shape": (column(4, shape=[]), "'image'"),
    "endless array": (column(4, shape=[10**6, 10**6]), "'image'"),
    "two arrays": (column(3, kind="array", shape=[2]), "more than one"),
    "two of one name": (column(0, name="count"), "one name"),
    "an image of two dimensions": (column(4, kind="image"), "'image'"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_state(case: str) -> None:
    change, part = DAMAGE[case]
    facts, tensors = copy.deepcopy(FITTED.state())
    change(facts, tensors)
    with pytest.raises(InputError) as caught:
        Encoders.from_state(facts, tensors)
    assert part in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize("value", [None, [], "text", {}])
def test_state_of_another_kind(value: Any) -> None:
    with pytest.raises(InputError, match="damaged"):
        Encoders.from_state(value, {})
