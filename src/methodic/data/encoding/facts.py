"""What encoders have learnt, as plain values, and whether what was saved is whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from methodic.data.encoding.categories import BUCKETS
from methodic.data.encoding.dates import Calendar
from methodic.data.encoding.features import Features
from methodic.data.encoding.numeric import BUFFERS
from methodic.data.encoding.words import LARGEST, SMALLEST
from methodic.data.schemas.schema import Schema
from methodic.errors import InputError

_CELL = 2**28  # numbers of one cell of an array; a gigabyte


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class Facts:
    """The JSON half of `encoders.Encoders`."""

    format: int
    schema: Schema
    vocabularies: dict[str, tuple[str, ...]]
    missing: tuple[str, ...]  # categorical columns in which missing is a category
    target_center: float
    target_scale: float
    array_center: float
    array_scale: float
    channels: tuple[tuple[float, float], ...] = ()  # of images: mean and deviation, pixels in 0…1
    more_targets: tuple[tuple[float, float], ...] = ()  # center and scale of further targets
    hashed: dict[str, int] = field(default_factory=dict)  # codes that a column's other words share
    pooled: tuple[str, ...] = ()  # categorical columns whose rare words have no code
    calendars: dict[str, Calendar] = field(default_factory=dict)  # what dates are turned into


def damaged(what: str) -> InputError:
    """The error for a saved model whose encoders don't fit together."""
    return InputError(
        "the encoders of this model are damaged",
        found=what,
        advice="Restore the model from a copy, or train it again.",
    )


def check_facts(facts: Facts) -> None:
    """Refuse facts that don't fit each other, or that would take endless memory."""
    schema = facts.schema
    _check_columns(schema)
    if list(facts.vocabularies) != schema.named("categorical"):
        raise damaged(f"vocabularies for {', '.join(facts.vocabularies) or 'no column'}")
    for name, words in facts.vocabularies.items():
        if len(set(words)) != len(words):
            raise damaged(f"the vocabulary of '{name}' has a word twice")
    if not {*facts.missing, *facts.hashed, *facts.pooled} <= set(facts.vocabularies):
        raise damaged("missing or rare values of a column that isn't categorical")
    if any(not 0 < buckets <= BUCKETS for buckets in facts.hashed.values()):
        raise damaged(f"hashed codes {facts.hashed}")
    if list(facts.calendars) != schema.named("date"):
        raise damaged(f"calendars for {', '.join(facts.calendars) or 'no column'}")
    if any(len(set(each.parts)) != len(each.parts or "-") for each in facts.calendars.values()):
        raise damaged("a calendar names no part, or one twice")
    scales = [(facts.target_center, facts.target_scale), *facts.more_targets]
    numbers = [*scales, (facts.array_center, facts.array_scale)]
    if not np.isfinite(numbers).all() or min(scale for _, scale in numbers) <= 0:
        raise damaged(f"scales {numbers}")
    if len(scales) != (len(schema.targets) if schema.task == "regression" else 1):
        raise damaged(f"scales of {len(scales)} targets")
    images = [column.shape[0] for column in schema.columns if column.kind == "image"]
    pairs = np.array(facts.channels, dtype=np.float64).reshape(-1, 2)
    if len(pairs) != sum(images) or not np.isfinite(pairs).all() or (pairs[:, 1] <= 0).any():
        raise damaged(f"scales of channels {facts.channels}")


def _check_columns(schema: Schema) -> None:
    names = [column.name for column in schema.columns]
    if len(set(names)) != len(names):
        raise damaged("two columns of one name")
    for column in schema.columns:
        if column.kind == "text" and not SMALLEST <= column.numbers <= LARGEST:
            raise damaged(f"column '{column.name}': {column.numbers} numbers of a text")
        if column.kind in ("array", "image") and (
            min(column.shape, default=0) < 1
            or math.prod(column.shape) > _CELL
            or (column.kind == "image" and len(column.shape) != 3)
        ):
            raise damaged(f"column '{column.name}': cells of shape {column.shape}")
    if sum(column.kind in ("array", "image") for column in schema.columns) > 1:
        raise damaged("more than one column of arrays or images")


def check_tensors(facts: Facts, tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that don't fit the facts, or hold what can't be computed with."""
    schema, n = facts.schema, Features(facts.schema, facts.calendars).width
    both = (2,) if schema.task == "multilabel" else ()
    expected: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
        "class_counts": ((*both, len(schema.classes)), torch.int64)
    }
    for name in BUFFERS if n else ():
        expected[f"numeric.{name}"] = ((n,), torch.bool if name == "indicator" else torch.float32)
    _same_names(sorted(expected), sorted(tensors))
    for name, (shape, kind) in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != kind:
            raise damaged(f"{name}: {tensor.dtype} {tuple(tensor.shape)}, not {kind} {shape}")
        if not torch.isfinite(tensor.double()).all():
            raise damaged(f"{name}: not finite")
    if n and not bool((tensors["numeric.scale"] > 0).all()):
        raise damaged("numeric.scale: not above 0")


def _same_names(expected: Sequence[str], found: Sequence[str]) -> None:
    if expected != found:
        raise damaged(f"tensors {', '.join(found) or 'none'}; not {', '.join(expected)}")
