"""A study that several processes search along in: who tries what, and what is known by all.

In the data base a study is one of Optuna's, and a candidate is a trial: running as long as it
trains, complete, pruned, or failed where it diverged; with a value for each rung. A process claims
candidates one bracket at a time, under a lock: it hears what all others found, asks its sampler,
and writes down what it will try. All processes together try no more than the study's settings. One
that gives no sign of life loses its candidates, and the next who asks gets them; so who finds all
settings given asks again, until the others' are trained.

What a process tries depends on the others, so such a search isn't a function of its seed. An
interrupted one finds in the data base what it claimed, and goes on with just that. A bracket's
trials are written one by one, and each says how many there should be: what was interrupted on the
way is completed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from methodic.recipes.spaces import Dimension
from methodic.search import agreed
from methodic.search.backend import distribution, inside, silent
from methodic.search.samplers import Sampler
from methodic.search.storage import Storage
from methodic.tuning import Setting

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_RUN, _BATCH, _PLACE, _AGAIN = "run", "batch", "place", "again"  # of a trial: whose, which
_SIZE = "size"  # of its bracket
_WHERE = (_BATCH, _PLACE, _SIZE)
_DIVERGED = "diverged"

PAUSE = 2.0
"""Seconds until who got too few settings asks again."""

End = Literal["finished", "dropped", "diverged"]


class Shared:
    """One study of a data base, as one run sees it.

    Args:
        storage: the data base.
        name: of the study, such as "adult/adamw_cosine".
        space: its dimensions.
        about: what else has to be the same for all who share it, such as data, metric and steps.
        run: who this is: equal when an interrupted run goes on.
        settings: of all processes together.
        greater_is_better: of the scores.

    Raises:
        InputError: the study was made for something else, or the data base can't be reached.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        space: Sequence[Dimension],
        *,
        about: Mapping[str, str],
        run: str,
        settings: int,
        greater_is_better: bool,
    ) -> None:
        self._storage, self.name, self._run, self._settings = storage, name, run, settings
        self._space = tuple(space)
        self._distributions = {each.path: distribution(each) for each in self._space}
        self._batch = 0
        self._short = -math.inf  # when there were too few settings, by `time.monotonic`
        self._others = self._left = 0  # as of then: candidates that others train, or left
        self._ids: list[int] = []  # of this run's trials, by candidate
        self._open: set[int] = set()  # ids of those that this run may write to
        self._taken: dict[int, int] = {}  # a trial's number → its setting's in the sampler
        self._heard: dict[int, int] = {}  # a trial's number → steps when it was last heard of
        with storage.explained(), storage.locked(name):
            self._study = agreed.study(
                storage, name, self._space, about, greater_is_better=greater_is_better
            )
            self._reclaim()

    def claim(self, sampler: Sampler, n: int) -> list[tuple[Setting, int]]:
        """Settings for this run to try, with their numbers in the sampler.

        Args:
            sampler: hears of what the others tried, and chooses.
            n: as many as a bracket takes; fewer come where all are given.
        """
        if time.monotonic() < self._short + PAUSE:
            return []
        with self._storage.explained(), self._storage.locked(self.name):
            trials = self._without_the_dead()
            self._hear(sampler, trials)
            mine = self._batch_of(trials, self._batch)
            before, self._left = self._left, len(_left(trials))
            if not mine and self._left > before:
                self._look_out(trials)  # what else the dead had is missed within moments
                return []
            free = self._settings - sum(not _lost(each) for each in trials)
            wanted = mine[0].user_attrs.get(_SIZE, 0) if mine else min(n, free)
            if len(mine) < wanted:
                self._choose(sampler, trials, mine, wanted, free)
                trials = self._trials()
                mine = self._batch_of(trials, self._batch)
            for each in mine:
                self._ids.append(each._trial_id)
                if not each.state.is_finished():
                    self._open.add(each._trial_id)
                    self._storage.keep_alive(each._trial_id)
        self._batch += bool(mine)
        if len(mine) < n:
            self._look_out(trials)
        return [(self._setting(each), self._taken[each.number]) for each in mine]

    @property
    def others(self) -> int:
        """Candidates that may come later, where there were too few: those that others trained by
        then, who may give them back."""
        return self._others

    def kept(self, setting: Setting) -> Setting:
        """A setting as the data base has it: within its ranges."""
        return {each.path: inside(each, setting[each.path]) for each in self._in(setting)}

    def look(self, candidate: int, step: int, score: float | None) -> None:
        """How a candidate of this run did, after so many steps."""
        if score is not None:
            rdb = self._storage.rdb
            self._write(
                self._ids[candidate],
                lambda trial: rdb.set_trial_intermediate_value(trial, step, score),
            )

    def end(self, candidate: int, how: End, score: float | None) -> None:
        """A candidate of this run trains no more."""
        from optuna.trial import TrialState

        rdb = self._storage.rdb

        def ended(trial: int) -> None:
            if how == "diverged" or score is None:
                rdb.set_trial_user_attr(trial, _DIVERGED, True)
                rdb.set_trial_state_values(trial, TrialState.FAIL)
            else:
                state = TrialState.COMPLETE if how == "finished" else TrialState.PRUNED
                rdb.set_trial_state_values(trial, state, [score])

        trial = self._ids[candidate]
        self._write(trial, ended)
        self._close(trial)

    def _write(self, trial: int, what: Callable[[int], None]) -> None:
        """Write to a trial of this run, unless it is finished: others may have given it up."""
        from optuna.exceptions import UpdateFinishedTrialError

        if trial not in self._open:
            return
        with self._storage.explained():
            try:
                what(trial)
            except UpdateFinishedTrialError:
                self._close(trial)

    def _close(self, trial: int) -> None:
        self._open.discard(trial)
        self._storage.let_go(trial)

    def _reclaim(self) -> None:
        """What this run had under way when it was interrupted is its own again."""
        mine = [each for each in self._trials() if each.user_attrs[_RUN] == self._run]
        for each in mine:
            if not each.state.is_finished():
                self._run_now(each._trial_id)
        for each in _left(self._trials()):
            if each.user_attrs[_RUN] == self._run:
                where = {key: each.user_attrs[key] for key in _WHERE if key in each.user_attrs}
                self._create(self._setting(each), {**where, _AGAIN: each.number})

    def _without_the_dead(self) -> list[FrozenTrial]:
        """Take their candidates from those who give no sign of life; all trials after that.

        A trial that nobody runs yet is one whose process died as it wrote it, since whoever writes
        one holds the lock.
        """
        from optuna.storages import fail_stale_trials
        from optuna.trial import TrialState

        with silent():
            fail_stale_trials(self._study)
        trials = self._trials()
        unborn = [each for each in trials if each.state == TrialState.WAITING]
        for each in unborn:
            self._storage.rdb.set_trial_state_values(each._trial_id, TrialState.FAIL)
        return self._trials() if unborn else trials

    def _look_out(self, trials: Sequence[FrozenTrial]) -> None:
        """What may come after too few settings; this run's own, of earlier, come at once."""
        going = [each for each in trials if not each.state.is_finished()]
        others = [each for each in going if each.user_attrs[_RUN] != self._run]
        own = [
            each
            for each in trials
            if each.user_attrs[_RUN] == self._run and each.user_attrs[_BATCH] >= self._batch
        ]
        kept = sum(not _lost(each) for each in trials) - len(others)  # nobody gives these back
        room = max(self._settings - kept, 0)  # others may have been told of more settings
        self._others = min(len(_left(trials)) + len(others), room) + len(own)
        self._short = -math.inf if own else time.monotonic()

    def _trials(self) -> list[FrozenTrial]:
        """All that were claimed, by whomever, in that order."""
        rdb = self._storage.rdb
        found = rdb.get_all_trials(self._study._study_id, deepcopy=False)
        return sorted((each for each in found if _RUN in each.user_attrs), key=lambda t: t.number)

    def _hear(self, sampler: Sampler, trials: Sequence[FrozenTrial]) -> None:
        """Tell the sampler what others try, and what came out."""
        for each in trials:
            number = each.number
            if number not in self._taken:
                self._taken[number] = sampler.take(self._setting(each))
            if each.user_attrs[_RUN] == self._run:
                continue  # the study itself tells
            if _lost(each):
                sampler.forget(self._taken[number])
            elif _DIVERGED in each.user_attrs:
                if self._heard.get(number) != -1:
                    sampler.tell(self._taken[number], None)
                self._heard[number] = -1
            elif each.intermediate_values:
                step, score = max(each.intermediate_values.items())
                if step > self._heard.get(number, -1):
                    sampler.tell(self._taken[number], score)
                self._heard[number] = step

    def _batch_of(self, trials: Sequence[FrozenTrial], batch: int) -> list[FrozenTrial]:
        """This run's trials of a bracket, by their place in it; the latest of each place."""
        places = {
            each.user_attrs[_PLACE]: each
            for each in trials
            if each.user_attrs[_RUN] == self._run and each.user_attrs[_BATCH] == batch
        }
        return [places[place] for place in sorted(places)]

    def _choose(
        self,
        sampler: Sampler,
        trials: Sequence[FrozenTrial],
        mine: Sequence[FrozenTrial],
        wanted: int,
        free: int,
    ) -> None:
        """Claim settings that nobody tries: those of the dead, then what the sampler chooses.

        Args:
            sampler: heard of all trials.
            trials: of all processes.
            mine: the beginning of this bracket, from an earlier time.
            wanted: candidates of the whole bracket.
            free: settings that nobody has yet.
        """
        places = {each.user_attrs[_PLACE] for each in mine}
        open_places = [place for place in range(wanted) if place not in places][: max(free, 0)]
        left = _left(trials)
        for place, each in zip(open_places, left, strict=False):
            where = {_BATCH: self._batch, _PLACE: place, _SIZE: wanted, _AGAIN: each.number}
            setting = self._setting(each)
            self._taken[self._create(setting, where)] = sampler.take(setting)
        rest = open_places[len(left) :]
        first = sampler.count
        for i, setting in enumerate(sampler.ask(len(rest)) if rest else ()):
            where = {_BATCH: self._batch, _PLACE: rest[i], _SIZE: wanted}
            self._taken[self._create(setting, where)] = first + i

    def _create(self, setting: Setting, where: Mapping[str, int]) -> int:
        """A running trial of this run; its number."""
        from optuna.trial import TrialState, create_trial

        rdb = self._storage.rdb
        template = create_trial(
            state=TrialState.WAITING,
            params=self.kept(setting),
            distributions={each.path: self._distributions[each.path] for each in self._in(setting)},
            user_attrs={_RUN: self._run, **where},
        )
        trial = rdb.create_new_trial(self._study._study_id, template_trial=template)
        self._run_now(trial)
        return rdb.get_trial(trial).number

    def _run_now(self, trial: int) -> None:
        """A trial runs once there is a sign of life: without one, it would never be missed."""
        from optuna.trial import TrialState

        self._storage.rdb.record_heartbeat(trial)
        self._storage.rdb.set_trial_state_values(trial, TrialState.RUNNING)

    def _setting(self, trial: FrozenTrial) -> Setting:
        return {each.path: trial.params[each.path] for each in self._in(trial.params)}

    def _in(self, setting: Mapping[str, object]) -> list[Dimension]:
        return [each for each in self._space if each.path in setting]


def _lost(trial: FrozenTrial) -> bool:
    """Whether whoever tried it is gone; optuna knows one state for this and for divergence."""
    from optuna.trial import TrialState

    return trial.state == TrialState.FAIL and _DIVERGED not in trial.user_attrs


def _left(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that are lost, and that nobody tries again."""
    again = {each.user_attrs.get(_AGAIN) for each in trials}
    return [each for each in trials if _lost(each) and each.number not in again]
