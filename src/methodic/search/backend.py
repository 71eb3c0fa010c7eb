"""What of Optuna a search uses beside its samplers: distributions, studies in memory, silence.

Optuna is imported inside the functions: the command line's help must not wait for it.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from methodic.recipes.ranges import Integer, LogUniform, Uniform
from methodic.recipes.spaces import Dimension
from methodic.tuning import Scalar

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, Optuna doesn't warn; afterwards Python's warnings are as before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Within, Optuna doesn't log either. For single calls: it costs 0.2 ms."""
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet():
            yield
    finally:
        logger.setLevel(before)


class Axis:
    """A dimension as Optuna's samplers see it.

    Numbers to choose from are places in an order, so a model can learn that 128 lies between 64
    and 256; words and parts have no order.

    Args:
        dimension: of the space.
    """

    def __init__(self, dimension: Dimension) -> None:
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        self.dimension = dimension
        self.path = dimension.path
        self.options: tuple[Scalar, ...] | None = None
        each = dimension.range
        self.distribution: BaseDistribution
        if isinstance(each, LogUniform):
            self.distribution = FloatDistribution(*each.log_uniform, log=True)
        elif isinstance(each, Uniform):
            self.distribution = FloatDistribution(*each.uniform)
        elif isinstance(each, Integer):
            self.distribution = IntDistribution(*each.integer)
        else:
            self.options = each.labels
            last = len(self.options) - 1
            self.distribution = (
                IntDistribution(0, last)
                if ordered(self.options)
                else CategoricalDistribution(range(last + 1))
            )

    @property
    def numeric(self) -> bool:
        """Whether values that are near in number are near in meaning."""
        from optuna.distributions import CategoricalDistribution

        return not isinstance(self.distribution, CategoricalDistribution)

    def asked(self, trial: Trial) -> Scalar:
        """What the sampler suggests, in the recipe's terms."""
        from optuna.distributions import FloatDistribution, IntDistribution

        each = self.distribution
        if isinstance(each, FloatDistribution):
            return trial.suggest_float(self.path, each.low, each.high, log=each.log)
        if not isinstance(each, IntDistribution):
            assert self.options is not None
            return self.options[trial.suggest_categorical(self.path, range(len(self.options)))]
        place = trial.suggest_int(self.path, each.low, each.high)
        return place if self.options is None else self.options[place]

    def told(self, value: Scalar) -> float | int:
        """A value of the recipe in the sampler's terms."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.options is not None:
            return next(i for i, each in enumerate(self.options) if same(each, value))
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        assert not isinstance(value, str)
        return min(max(value, self.distribution.low), self.distribution.high)


def distribution(dimension: Dimension) -> BaseDistribution:
    """A dimension as Optuna's users know it, with the options themselves."""
    from optuna.distributions import CategoricalDistribution

    each = Axis(dimension)
    return each.distribution if each.options is None else CategoricalDistribution(each.options)


def inside(dimension: Dimension, value: Scalar) -> Scalar:
    """A value within its range: untuned ones are rounded, and may lie beside it."""
    each = Axis(dimension)
    return value if each.options is not None else each.told(value)


def ordered(options: Sequence[Scalar]) -> bool:
    """Whether options are numbers that rise, or fall."""
    if any(isinstance(each, bool | str) for each in options):
        return False
    numbers = [float(each) for each in options]
    return numbers in (sorted(numbers), sorted(numbers, reverse=True))


def same(a: Scalar, b: Scalar) -> bool:
    """Equal as values of a recipe: 1 and 1.0 are, 1 and True aren't."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def unconditional(axes: Mapping[str, Axis]) -> dict[str, BaseDistribution]:
    """What every setting has; one possible value is none to learn about."""
    return {
        path: axis.distribution
        for path, axis in axes.items()
        if not axis.dimension.given and not axis.distribution.single()
    }


def empty() -> Study:
    """A study in memory, without trials, of something to maximize."""
    import optuna

    with silent():
        return optuna.create_study(direction="maximize")
