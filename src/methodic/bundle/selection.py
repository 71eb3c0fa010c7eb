"""Which inputs a trained network uses: those that L1 or a group lasso left with a weight."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from methodic.data.encoding.encoders import Encoders
from methodic.errors import InputError
from methodic.regularizers.selection import first_weights, selected
from methodic.types import ParameterSpec


def unused(
    encoders: Encoders, specs: Mapping[str, ParameterSpec], parameters: Mapping[str, Tensor]
) -> tuple[str, ...]:
    """Names of the inputs whose weights in the first layers are all exactly 0.

    Args:
        encoders: of the network; they know what its inputs are called.
        specs: name → what a parameter is.
        parameters: name → [1, …].

    Returns:
        Columns, "name (missing)" for what says that a number is missing, and "name[3]" for an
        element of an array; () for a network whose first layer doesn't read its inputs one by one.
    """
    names = numbers(encoders)
    if not first_weights(specs):
        return ()
    categories = tuple(encoders.categories)
    try:
        used = selected(parameters, specs, len(names), len(categories))[0].tolist()
    except InputError:  # its first layer reads features that it made itself
        return ()
    return tuple(name for name, alive in zip((*names, *categories), used, strict=True) if not alive)


def numbers(encoders: Encoders) -> tuple[str, ...]:
    """What the numeric inputs of a network are called, in their order."""
    columns = encoders.features.names
    names = list(columns)
    if encoders.numeric is not None:
        names += [f"{columns[i]} (missing)" for i in encoders.numeric.indicated.tolist()]
    for name in encoders.schema.named("array"):
        count = 1
        for size in encoders.array_shape:
            count *= size
        names += [f"{name}[{i}]" for i in range(count)]
    return tuple(names)
