"""What commands share: reading DATA and the recipes, after everything cheap was checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from methodic import arguments
from methodic.engine import forking

if TYPE_CHECKING:
    from methodic.data.dataset import DataSet
    from methodic.plan import Reading
    from methodic.recipes.types import Recipe


def inputs(
    data: str,
    reading: Reading,
    metric: str | None,
    device: str,
    recipes: str | None,
    files: Sequence[str] | None,
    workers: int | None = 0,
    *,
    threads: int | None = None,
) -> tuple[DataSet, Any]:
    """Check everything that is cheap to check, then read the recipes, then the data.

    Args:
        data, reading, metric, device, recipes, files: as they were typed.
        workers: processes that will train, if any; they prepare themselves while data are read.
        threads: of each of them.

    Returns:
        the data; and the recipes, "all" for the whole library, or None where none was named.
    """
    arguments.check_data(data)
    if reading.test is not None:
        arguments.check_data(reading.test)
    arguments.check_task(reading.task)
    arguments.check_device(device)
    arguments.check_metric(metric)
    arguments.check_machine(threads, workers)
    names = arguments.check_recipes(recipes, files or ())
    if workers != 0:
        forking.begin()
    from methodic.recipes import catalogue

    chosen: tuple[Recipe, ...] | Literal["all"] | None = None
    if names is not None:
        chosen = "all" if names == ("all",) else tuple(catalogue.get(name) for name in names)
    from methodic.data.loading import read_as

    return read_as(data, reading), chosen
