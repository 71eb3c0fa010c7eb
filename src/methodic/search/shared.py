"""A study that several processes search along in: who tries what, and what is known by all.

In the data base a study is one of Optuna's, and a candidate is a trial: running as long as it
trains, complete, pruned, or failed where it diverged; with a value for each rung. A process claims
candidates one bracket at a time, under a lock: it hears what all others found, asks its sampler,
and writes down what it will try. All processes together try no more than the study's settings. One
that gives no sign of life loses its candidates, and the next who asks gets them.

What a process tries depends on the others, so such a search isn't a function of its seed. An
interrupted one finds in the data base what it claimed, and goes on with just that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from methodic.errors import InputError
from methodic.recipes.spaces import Dimension
from methodic.search.backend import distribution, inside, silent
from methodic.search.samplers import Sampler
from methodic.search.storage import Storage
from methodic.tuning import Setting

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_ABOUT = "methodic"  # user attribute of the study: what it was made for
_RUN, _BATCH, _PLACE, _AGAIN = "run", "batch", "place", "again"  # of a trial: whose, which
_DIVERGED = "diverged"

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
        self._ids: list[int] = []  # of this run's trials, by candidate
        self._open: set[int] = set()  # ids of those that this run may write to
        self._taken: dict[int, int] = {}  # a trial's number → its setting's in the sampler
        self._heard: dict[int, int] = {}  # a trial's number → steps when it was last heard of
        with storage.explained(), storage.locked(name):
            self._study = self._made({**about, "better": "more" if greater_is_better else "less"})
            self._reclaim()

    def claim(self, sampler: Sampler, n: int) -> list[tuple[Setting, int]]:
        """Settings for this run to try, with their numbers in the sampler.

        Args:
            sampler: hears of what the others tried, and chooses.
            n: as many as a bracket takes; fewer come where all are given.
        """
        batch, self._batch = self._batch, self._batch + 1
        with self._storage.explained(), self._storage.locked(self.name):
            self._give_up_the_dead()
            trials = self._trials()
            self._hear(sampler, trials)
            mine = self._batch_of(trials, batch)
            if not mine:
                free = self._settings - sum(not _lost(each) for each in trials)
                self._choose(sampler, trials, batch, min(n, free))
                mine = self._batch_of(self._trials(), batch)
            for each in mine:
                self._ids.append(each._trial_id)
                if not each.state.is_finished():
                    self._open.add(each._trial_id)
                    self._storage.keep_alive(each._trial_id)
        return [(self._setting(each), self._taken[each.number]) for each in mine]

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

    def _made(self, about: dict[str, str]) -> Study:
        """The study, made if it isn't there; one that was made for something else is refused."""
        import optuna

        about |= {f"range of {each.path}": _said(each) for each in self._space}
        rdb = self._storage.rdb
        if self.name not in [each.study_name for each in rdb.get_all_studies()]:
            with silent():
                study = optuna.create_study(
                    storage=rdb,
                    study_name=self.name,
                    direction="maximize" if about["better"] == "more" else "minimize",
                )
            study.set_user_attr(_ABOUT, json.dumps(about))
            return study
        study = optuna.load_study(storage=rdb, study_name=self.name)
        there = json.loads(study.user_attrs.get(_ABOUT, "{}"))
        changed = [key for key in {**there, **about} if there.get(key) != about.get(key)]
        if changed:
            said = [
                f"{key}: {there.get(key, 'none')} there, {about.get(key, 'none')} here"
                for key in changed[:5]
            ]
            more = f"; {len(changed) - 5} more" if len(changed) > 5 else ""
            raise InputError(
                f"--study: the study '{self.name}' in {self._storage.shown} was made for another "
                "search",
                found=("; ".join(said) + more) if there else "a study that Methodic didn't make",
                advice="Search with the same data, recipe and budget, or name another data base.",
            )
        return study

    def _reclaim(self) -> None:
        """What this run had under way when it was interrupted is its own again."""
        trials = self._trials()
        again = {each.user_attrs.get(_AGAIN) for each in trials}
        for each in trials:
            if each.user_attrs.get(_RUN) != self._run:
                continue
            if not each.state.is_finished():
                self._storage.rdb.record_heartbeat(each._trial_id)
            elif _lost(each) and each.number not in again:
                where = {key: each.user_attrs[key] for key in (_BATCH, _PLACE)}
                self._create(self._setting(each), {**where, _AGAIN: each.number})

    def _give_up_the_dead(self) -> None:
        from optuna.storages import fail_stale_trials

        with silent():
            fail_stale_trials(self._study)

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

    def _choose(self, sampler: Sampler, trials: Sequence[FrozenTrial], batch: int, n: int) -> None:
        """Claim settings that nobody tries: those of the dead, then what the sampler chooses."""
        if n < 1:
            return
        again = {each.user_attrs.get(_AGAIN) for each in trials}
        left = [each for each in trials if _lost(each) and each.number not in again][:n]
        place = 0
        for each in left:
            setting = self._setting(each)
            where = {_BATCH: batch, _PLACE: place, _AGAIN: each.number}
            self._taken[self._create(setting, where)] = sampler.take(setting)
            place += 1
        first = sampler.count
        for i, setting in enumerate(sampler.ask(n - len(left)) if n > len(left) else ()):
            number = self._create(setting, {_BATCH: batch, _PLACE: place + i})
            self._taken[number] = first + i

    def _create(self, setting: Setting, where: Mapping[str, int]) -> int:
        """A running trial of this run; its number."""
        from optuna.trial import TrialState, create_trial

        rdb = self._storage.rdb
        template = create_trial(
            state=TrialState.RUNNING,
            params={each.path: inside(each, setting[each.path]) for each in self._in(setting)},
            distributions={each.path: self._distributions[each.path] for each in self._in(setting)},
            user_attrs={_RUN: self._run, **where},
        )
        trial = rdb.create_new_trial(self._study._study_id, template_trial=template)
        rdb.record_heartbeat(trial)
        return rdb.get_trial(trial).number

    def _setting(self, trial: FrozenTrial) -> Setting:
        return {each.path: trial.params[each.path] for each in self._in(trial.params)}

    def _in(self, setting: Mapping[str, object]) -> list[Dimension]:
        return [each for each in self._space if each.path in setting]


def _lost(trial: FrozenTrial) -> bool:
    """Whether whoever tried it is gone; optuna knows one state for this and for divergence."""
    from optuna.trial import TrialState

    return trial.state == TrialState.FAIL and _DIVERGED not in trial.user_attrs


def _said(dimension: Dimension) -> str:
    """A range, as it stands in a recipe; and what it hangs on."""
    said = json.dumps(dimension.range.model_dump(mode="json"))
    given = " and ".join(f"{path} is {value}" for path, value in dimension.given)
    return f"{said} where {given}" if given else said
