"""What is predicted, from cells to tensors and back.

Shapes: N rows, T targets, C outputs: classes, labels, or predicted numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.columns.cells import first, row_name
from methodic.data.columns.conform import class_codes, conform_target
from methodic.data.encoding.arrays import moments
from methodic.data.predicted import labels
from methodic.data.schemas.schema import Schema
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

Array = npt.NDArray[Any]
Scale = tuple[float, float]
"""Center and deviation of a target in the training rows."""

LIKELY = 0.5
"""From this probability on a label is said to hold."""


def outputs(schema: Schema) -> int:
    """C: classes, labels, or numbers."""
    return len(schema.classes) or len(schema.targets)


def truth(frame: pl.DataFrame, schema: Schema, where: str = "data") -> Array:
    """The targets as they are scored.

    Returns:
        Classes int64 [N]; labels int64 [N, C], 0 or 1; numbers in their own units float64 [N], of
        several targets [N, T].

    Raises:
        InputError: no such column; a value is missing, no number, or an unknown class or label.
    """
    columns = [_known(frame, name, schema, where) for name in schema.targets]
    if schema.task == "multilabel":
        return labels.matrix(columns, schema).to_numpy().astype(np.int64, order="C")
    if schema.task != "regression":
        return class_codes(columns[0], schema).to_numpy(writable=True)
    numbers = [column.to_numpy().astype(np.float64) for column in columns]
    return numbers[0] if len(numbers) == 1 else np.stack(numbers, axis=1)


def _known(frame: pl.DataFrame, name: str, schema: Schema, where: str) -> pl.Series:
    if name not in frame.columns:
        raise InputError(
            f"{where}: the target '{name}' is missing", found=", ".join(frame.columns[:30])
        )
    answer = conform_target(frame[name], schema, where)
    bad = first(answer.is_null())
    if bad is not None:
        raise InputError(
            f"{where}: the target '{name}' has no value in {row_name(bad)}",
            advice="Leave such rows out.",
        )
    return answer


def counts(truth: Array, schema: Schema, weights: Array | None = None) -> Tensor:
    """Rows of each class, [C]; of each label those without and with it, [2, C]; none for numbers.

    Args:
        truth: from `truth`.
        schema: what it means.
        weights: of the rows [N]; the counts are int64 without them, else sums, float64.
    """
    if schema.task == "regression":
        return torch.zeros(0, dtype=torch.int64)
    if schema.task != "multilabel":
        return torch.from_numpy(np.bincount(truth, weights, minlength=len(schema.classes)))
    each = truth if weights is None else truth * weights[:, None]
    total = len(truth) if weights is None else weights.sum()
    yes = each.sum(axis=0)
    return torch.from_numpy(np.stack([total - yes, yes]))


def scales(truth: Array, schema: Schema) -> tuple[Scale, ...]:
    """Center and deviation of each target; 0 and 1 where they are no numbers."""
    if schema.task != "regression":
        return ((0.0, 1.0),)
    columns = truth.reshape(len(truth), -1).T
    return tuple(moments(np.ascontiguousarray(column)) for column in columns)


def target(truth: Array, schema: Schema, scales: Sequence[Scale]) -> Tensor:
    """The targets as networks learn them, from `truth`.

    Returns:
        Classes int64 [N]; labels float32 [N, C]; standardised numbers float32 [N, T].
    """
    if schema.task == "multilabel":
        return torch.from_numpy(truth.astype(np.float32))
    if schema.task != "regression":
        return torch.from_numpy(truth)
    centers, deviations = np.array(scales).T
    scaled = (truth.reshape(len(truth), -1) - centers) / deviations
    return torch.from_numpy(scaled.astype(np.float32))


def predictions(out: Tensor, schema: Schema, scales: Sequence[Scale]) -> Tensor:
    """What a network's outputs [..., N, C] mean.

    Returns:
        Probabilities of classes, which add up to 1, or of each label, float32 [..., N, C]; or
        numbers in the targets' units, float64 [..., N, T].
    """
    out = out.double()
    if schema.task == "regression":
        known = torch.tensor(scales, dtype=torch.float64, device=out.device)
        return out * known[:, 1] + known[:, 0]
    if schema.task == "multilabel":
        return torch.sigmoid(out).float()
    return torch.softmax(out, dim=-1).float()


def names(probabilities: Tensor, schema: Schema) -> list[str]:
    """The likeliest class of each row of ``probabilities`` [N, C]; or all its likely labels."""
    if schema.task != "multilabel":
        return [schema.classes[i] for i in probabilities.argmax(dim=-1).tolist()]
    words = np.array(schema.classes, dtype=object)
    return [labels.SEPARATOR.join(words[row]) for row in (probabilities >= LIKELY).numpy()]
