"""What a sampler remembers: Optuna's trials in memory, and scores as it should see them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING

from methodic.search.backend import Axis, empty
from methodic.tuning import Scalar

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_OUTLIER = 3.0  # times the distance from the median to the best: further below is all the same


class Memory:
    """The trials of a search, told in the order of asking, whoever was first.

    Diverged settings are told as worse than the worst score so far, since a sampler that never
    hears of them (as of Optuna's failed trials) asks for such settings again and again. How much
    worse is one distance from the median to the best; scores far below all others are lifted to
    three of these, or one outlier would be all that a Gaussian process sees.

    Args:
        axes: of the space.
        greater_is_better: of the scores.
        learns: whether the sampler looks at trials at all.
    """

    def __init__(self, axes: Mapping[str, Axis], *, greater_is_better: bool, learns: bool) -> None:
        self.study = empty()
        self._axes, self._learns = axes, learns
        self._sign = 1 if greater_is_better else -1
        self._trials: list[tuple[int, Mapping[str, Scalar]] | None] = []  # by number of the setting
        self._told: set[int] = set()
        self._refused: list[int] = []
        self._news: dict[int, float | None] = {}
        self._scores: list[float] = []
        self._lowest = math.inf

    def add(self, setting: Mapping[str, Scalar], trial: int | None) -> None:
        """The next setting, and Optuna's number of its trial; None: there is none."""
        self._trials.append(None if trial is None else (trial, setting))

    def take(self, setting: Mapping[str, Scalar]) -> int:
        """A trial that somebody else runs; its number."""
        from optuna.trial import TrialState, create_trial

        params, distributions = self._encoded(setting)
        self.study.add_trial(
            create_trial(state=TrialState.RUNNING, params=params, distributions=distributions)
        )
        return len(self.study.get_trials(deepcopy=False)) - 1

    def refuse(self, trial: int) -> None:
        """A trial whose setting can't be used: as bad as one that diverged."""
        self._refused.append(trial)

    def hear(self, number: int, score: float | None) -> None:
        """How a setting did, for the next `tell`; None where it diverged."""
        self._news[number] = score if score is not None and math.isfinite(score) else None

    def forget(self, number: int) -> None:
        """Nobody will ever hear of a setting's trial."""
        each = self._trials[number]
        if each is not None and number not in self._told:
            self.fail(each[0])
            self._told.add(number)

    def fail(self, trial: int) -> None:
        """Close a trial that says nothing."""
        from optuna.trial import TrialState

        self.study.tell(trial, state=TrialState.FAIL)

    def tell(self) -> None:
        """Tell Optuna the news."""
        if not self._learns:
            return
        scores = {n: self._sign * s for n, s in self._news.items() if s is not None}
        self._scores += scores.values()
        if not self._scores:
            return  # nothing to be worse than: what diverged stays under way until there is
        best, middle = max(self._scores), statistics.median(self._scores)
        spread = best - middle or best - min(self._scores) or max(abs(best), 1.0)
        floor = middle - _OUTLIER * spread
        told = {n: max(score, floor) for n, score in scores.items()}
        self._lowest = min([self._lowest, *told.values()])
        for number in sorted(self._news):
            self._tell(number, told.get(number, self._lowest - spread))
        for trial in self._refused:
            self.study.tell(trial, self._lowest - spread)
        self._news.clear()
        self._refused.clear()

    def _tell(self, number: int, value: float) -> None:
        from optuna.trial import create_trial

        each = self._trials[number]
        if each is None:
            return
        trial, setting = each
        if number not in self._told:
            self.study.tell(trial, value)
            self._told.add(number)
            return
        params, distributions = self._encoded(setting)
        self.study.add_trial(create_trial(params=params, distributions=distributions, value=value))

    def _encoded(
        self, setting: Mapping[str, Scalar]
    ) -> tuple[dict[str, float | int], dict[str, BaseDistribution]]:
        params = {path: self._axes[path].told(value) for path, value in setting.items()}
        return params, {path: self._axes[path].distribution for path in setting}
