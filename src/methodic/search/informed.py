"""Optuna's samplers, told the space where they would infer it from trials.

This module imports Optuna, so it is itself imported where a search begins, never before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial

from methodic.search.backend import Axis, unconditional
from methodic.tuning import Sampler as Kind

Space = dict[str, BaseDistribution]


def sampler(
    kind: Kind, seed: int, sequence: int, axes: Mapping[str, Axis], width: int
) -> BaseSampler:
    """An Optuna sampler that knows nothing yet; the trials of its study are its memory.

    Args:
        kind: which; not the grid, which Optuna isn't asked for.
        seed: of this ask.
        sequence: seed of the whole search: the points of a sequence belong together.
        axes: of the whole space, by path.
        width: settings that are asked for together.
    """
    if kind == "sobol":
        return _Sobol({path: axis.distribution for path, axis in axes.items()}, sequence)
    if kind == "tpe":
        if any(axis.dimension.given for axis in axes.values()):
            return TPESampler(seed=seed, multivariate=True, group=True)
        return _TPE(unconditional(axes), seed)
    if kind == "gp":
        return GPSampler(seed=seed, warn_independent_sampling=False)
    if kind == "cmaes":
        numeric = {path: d for path, d in unconditional(axes).items() if axes[path].numeric}
        return _CMAES(numeric, seed, population(len(numeric), width))
    assert kind == "random"
    return RandomSampler(seed=seed)


def population(dimensions: int, width: int) -> int:
    """A generation of CMA-ES: Hansen's default (arXiv 1604.00772), or what is told together."""
    return max(4 + math.floor(3 * math.log(max(dimensions, 1))), width)


class _Sobol(QMCSampler):
    """Over all dimensions, also those that hold in some settings only.

    Optuna's own takes the first trial's and draws the others at random; any projection of a Sobol
    sequence on some of its coordinates is evenly spread as well.
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(scramble=True, seed=seed, warn_independent_sampling=False)
        self._space = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Space:  # noqa: ARG002
        return self._space


class _TPE(TPESampler):
    """Of a space without conditions, which needn't be inferred from all trials at each ask."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(seed=seed, multivariate=True)
        self._whole = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Space:  # noqa: ARG002
        return self._whole


class _CMAES(CmaEsSampler):
    """From the first setting on; a generation is at least what is asked for together.

    Optuna's own begins once a trial is finished, so the first batch would be at random.
    """

    def __init__(self, space: Space, seed: int, size: int) -> None:
        super().__init__(
            seed=seed, n_startup_trials=0, popsize=size, warn_independent_sampling=False
        )
        self._numeric = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Space:  # noqa: ARG002
        return self._numeric
