import contextlib
import json
import subprocess
import time
from collections import Counter
from dataclasses import dataclass

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from methodic.errors import InputError
from methodic.search import shared as sharing
from methodic.search.backend import silent
from methodic.search.methods import space
from methodic.search.shared import Shared
from methodic.search.storage import Storage, parsed
from methodic.search.study import Study
from methodic.tuning import SearchPlan
from tests.search.databases import PASSWORD, process
from tests.search.spaces import STEPS, quality, recipe, run, trained, wide

PAUSE = 0.2


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(sharing, "PAUSE", PAUSE)


def searching(
    url,
    run="a",
    *,
    name="digits/wide",
    recipes=None,
    settings=24,
    sampler="tpe",
    strategy="halving",
    about=None,
    heartbeat=30,
    grace=120,
):
    """One process's view of a shared study."""
    recipes = recipes or [wide()]
    storage = Storage(url, heartbeat, grace)
    shared = Shared(
        storage,
        name,
        space(recipes),
        about=about or {"data": "digits 1a2b", "steps": str(STEPS)},
        run=run,
        settings=settings,
        greater_is_better=True,
    )
    plan = SearchPlan(sampler=sampler, settings=settings, strategy=strategy)
    steps = {each.name: STEPS for each in recipes}
    study = Study("wide", recipes, plan, steps=steps, greater_is_better=True, shared=shared)
    return storage, study


@dataclass
class Stored:
    trials: list[FrozenTrial]
    user_attrs: dict[str, object]
    best: int | None


def _best(trials):
    done = [each for each in trials if each.state == TrialState.COMPLETE]
    return max(done, key=lambda each: each.value).number if done else None


def stored(url, name="digits/wide"):
    """As Optuna's dashboard sees it."""
    with silent():
        storage = RDBStorage(parsed(url).render_as_string(hide_password=False))
        study = optuna.load_study(storage=storage, study_name=name)
        found = Stored(study.trials, study.user_attrs, _best(study.trials))
    storage.remove_session()
    storage.engine.dispose()
    return found


def lost(trial):
    return trial.state == TrialState.FAIL and "diverged" not in trial.user_attrs


@pytest.fixture
def name(request):
    return f"digits/{request.node.name}"


@pytest.mark.parametrize(
    ("sampler", "strategy"),
    [
        *(("tpe", strategy) for strategy in ("full", "halving", "hyperband", "asha")),
        *((sampler, "halving") for sampler in ("grid", "random", "sobol", "cmaes")),
    ],
)
def test_a_study_is_one_of_optunas(sqlite, sampler, strategy):
    storage, study = searching(sqlite, sampler=sampler, strategy=strategy, settings=18)
    run(study)
    record = study.record()
    trials = stored(sqlite).trials
    points = 2 * 2 * 3 + 1
    assert len(trials) == len(record.candidates) == (points if sampler == "grid" else 18)
    states = {
        "finished": TrialState.COMPLETE,
        "dropped": TrialState.PRUNED,
        "diverged": TrialState.FAIL,
    }
    for trial, candidate in zip(trials, record.candidates, strict=True):
        assert trial.params == candidate.setting
        assert trial.state == states[candidate.status]
        scores = {rung.step: rung.score for rung in candidate.rungs if rung.score is not None}
        assert trial.intermediate_values == scores
        if candidate.status != "diverged":
            assert trial.value == candidate.rungs[-1].score
        assert trial.user_attrs["run"] == "a"
    assert stored(sqlite).best == study.best()
    storage.close()


def test_two_processes_share_the_settings(url, name):
    code = (
        "from tests.search.test_shared import searching, run, trained\n"
        "storage, study = searching({url!r}, {run!r}, name={name!r}, settings=48)\n"
        "jobs = study.ask(1)\n"
        "print(len(jobs), flush=True)\n"
        "input()\n"  # until the other one has its first bracket, too
        "for job in jobs:\n"
        "    study.tell(job, trained(job))\n"
        "run(study)\n"
        "print(len(study.record().candidates))\n"
        "storage.close()\n"
    )
    both = [process(code.format(url=url, run=each, name=name)) for each in "ab"]
    firsts = [int(each.stdout.readline() or 0) for each in both]
    counts = []
    for each in both:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in both:
        out, err = each.communicate(timeout=180)
        assert each.returncode == 0, err
        counts.append(int(out))
    trials = stored(url, name).trials
    assert firsts == [16, 16]
    assert min(counts) >= 16
    assert sum(counts) == len(trials) == 48
    assert all(trial.state.is_finished() for trial in trials)
    assert not any(lost(trial) for trial in trials)
    assert len({json.dumps(trial.params, sort_keys=True) for trial in trials}) == 48
    assert Counter(trial.user_attrs["run"] for trial in trials) == Counter(
        dict(zip("ab", counts, strict=True))
    )


def test_all_hear_what_all_found(sqlite):
    """The second process alone would begin at random; it goes on from what the first found."""
    (storage, first), (other, second) = (searching(sqlite, each, settings=96) for each in "ab")
    while len(first.record().candidates) < 33:
        for job in first.ask(1):
            first.tell(job, trained(job))
    found = sorted(quality(job.setting) for job in second.ask(1))
    assert len(found) == 16
    assert found[8] > -0.3, "half of them are near the best learning rate"
    storage.close()
    other.close()


@pytest.mark.parametrize("sampler", ["random", "sobol", "grid"])
def test_what_learns_nothing_is_the_same_as_alone(sqlite, sampler):
    first, second = (searching(sqlite, each, sampler=sampler, strategy="full") for each in "ab")
    while not (first[1].over and second[1].over):
        for _, study in (first, second):
            for job in study.ask(1):
                study.tell(job, trained(job))
    together = [trial.params for trial in stored(sqlite).trials]
    plan = SearchPlan(sampler=sampler, settings=24, strategy="full")
    alone = Study("wide", [wide()], plan, steps={"wide": STEPS}, greater_is_better=True)
    run(alone)
    if sampler == "grid":
        assert together[:10] == [each.setting for each in alone.record().candidates][:10]
    else:
        assert together == [each.setting for each in alone.record().candidates]
    for storage, _ in (first, second):
        storage.close()


@pytest.mark.parametrize("strategy", ["halving", "full"])
def test_an_interrupted_process_goes_on_with_what_it_claimed(url, name, strategy):
    options = {"name": name, "settings": 40, "strategy": strategy}
    storage, study = searching(url, "a", **options)
    other_storage, other = searching(url, "b", **options)
    known = {}
    for turn in range(3):
        for each, told in ((study, known), (other, {})):
            for job in each.ask(1):
                if each is study and turn == 2 and len(told) % 2:
                    continue  # interrupted in the middle of a rung
                told[job.candidate, job.rung] = trained(job)
                each.tell(job, told[job.candidate, job.rung])
    asked = study.record().candidates
    storage.close()
    while not other.waiting:  # for what the interrupted one claimed
        for job in other.ask(1):
            other.tell(job, trained(job))
    storage, again = searching(url, "a", **options)
    while not again.over:
        for job in again.ask(1):
            again.tell(job, known.get((job.candidate, job.rung)) or trained(job))
    candidates = again.record().candidates
    assert [each.setting for each in candidates[: len(asked)]] == [e.setting for e in asked]
    run(other)
    trials = stored(url, name).trials
    assert len(trials) == 40
    assert all(trial.state.is_finished() for trial in trials)
    assert len(candidates) + len(other.record().candidates) == 40
    storage.close()
    other_storage.close()


@pytest.mark.parametrize("strategy", ["full", "halving", "hyperband", "asha"])
def test_who_finds_all_settings_given_waits_for_what_is_left(sqlite, strategy):
    """One claims all and dies; the other has nothing to do until then, and does all of it."""
    options = {"settings": 8, "strategy": strategy, "heartbeat": 1, "grace": 2}
    dead_storage, dead = searching(sqlite, "dead", **options)
    assert len(dead._fresh(8)) == 8
    storage, study = searching(sqlite, "alive", **options)
    assert study.ask(8) == []
    assert not study.over
    assert study.waiting == 8
    assert not study.asking, "nothing of its own could be left out"
    dead_storage.close()
    run(study)
    assert len(study.record().candidates) == 8
    assert study.waiting == 0
    assert any(each.status == "finished" for each in study.record().candidates)
    assert sum(not lost(trial) for trial in stored(sqlite).trials) == 8
    storage.close()


@pytest.mark.parametrize("strategy", ["halving", "asha"])
def test_who_wants_fewer_settings_than_others_tried_does_not_wait_for_a_lost_one(sqlite, strategy):
    storage, first = searching(sqlite, "a", settings=12, strategy=strategy)
    run(first)
    other, dead = searching(sqlite, "dead", settings=16, strategy=strategy)
    assert dead._fresh(1)
    for each in stored(sqlite).trials:
        if not each.state.is_finished():
            other.rdb.set_trial_state_values(each._trial_id, TrialState.FAIL)
    assert any(lost(each) for each in stored(sqlite).trials)
    late, study = searching(sqlite, "b", settings=8, strategy=strategy)
    assert study.ask(1) == []
    time.sleep(PAUSE)
    assert study.over
    assert study.waiting == 0
    for each in (storage, other, late):
        each.close()


def test_what_a_dead_process_had_is_given_together(sqlite, monkeypatch):
    """They are missed one after the other, and in brackets of one each, none would compete."""
    storage, dead = searching(sqlite, "dead", settings=6, strategy="full")
    assert len(dead.ask(1)) == 6
    missed = iter([2, 6, 0])

    def stale(study):
        for number in range(next(missed, 0)):
            with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                study._storage.set_trial_state_values(number + 1, TrialState.FAIL)

    monkeypatch.setattr(optuna.storages, "fail_stale_trials", stale)
    other, study = searching(sqlite, "alive", settings=6, strategy="full")
    asked = []
    while not asked:
        asked = study.ask(1)
        time.sleep(PAUSE)
    assert len(asked) == 6
    storage.close()
    other.close()


def test_what_came_in_small_portions_comes_again(sqlite):
    """An interrupted run finds all that it claimed, also where there was too little at first."""
    options = {"settings": 12, "strategy": "full", "heartbeat": 1, "grace": 2}
    dead_storage, dead = searching(sqlite, "dead", **options)
    assert len(dead._fresh(10)) == 10
    storage, study = searching(sqlite, "a", **options)
    portions = [study.ask(1)]
    dead_storage.close()
    time.sleep(4.5)
    while not study.over:
        for job in portions[-1]:
            study.tell(job, trained(job))
        while not study.over and not (jobs := study.ask(1)):
            time.sleep(0.1)
        portions.append(jobs)
        if len(portions) == 3:
            break  # interrupted before the last of them is trained
    storage.close()
    assert [len(each) for each in portions] == [2, 4, 6]
    storage, again = searching(sqlite, "a", **options)
    run(again)
    asked = [job.setting for each in portions for job in each]
    assert [each.setting for each in again.record().candidates] == asked
    storage.close()


def test_who_waits_ends_with_the_others(sqlite):
    (storage, first), (other, second) = (searching(sqlite, e, settings=16) for e in "ab")
    jobs = first.ask(1)
    assert second.ask(1) == []
    assert not second.over
    while not first.over:
        for job in jobs or first.ask(1):
            first.tell(job, trained(job))
        jobs = []
    time.sleep(PAUSE)  # the second asks no sooner
    assert second.over
    assert second.record().candidates == ()
    storage.close()
    other.close()


def test_two_that_wait_for_each_other_both_end(sqlite):
    """Of ASHA all candidates may be promoted until its end; idle, none is held on to."""
    pair = [searching(sqlite, each, strategy="asha", settings=9) for each in "ab"]
    for _ in range(400):
        for _, study in pair:
            for job in study.ask(1):
                study.tell(job, trained(job))
        if all(study.over for _, study in pair):
            break
        time.sleep(0.05)
    assert all(study.over for _, study in pair)
    for storage, _ in pair:
        storage.close()


def test_who_gave_up_waiting_is_over(sqlite):
    for strategy in ("halving", "asha"):
        options = {"settings": 16, "strategy": strategy, "name": f"digits/{strategy}"}
        storage, first = searching(sqlite, "a", **options)
        assert len(first._fresh(16)) == 16
        other, second = searching(sqlite, "b", **options)
        assert second.ask(1) == []
        assert not second.over
        second.shorten()
        assert second.over
        storage.close()
        other.close()


def test_an_interrupted_claim_is_completed(sqlite, monkeypatch):
    """A bracket's trials are written one by one, and Ctrl-C may come after any of them."""
    storage, study = searching(sqlite)
    create, made = Shared._create, []

    def interrupted(*arguments):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(create(*arguments))
        return made[-1]

    with monkeypatch.context() as patched:
        patched.setattr(Shared, "_create", interrupted)
        with pytest.raises(KeyboardInterrupt):
            study.ask(1)
    storage.close()
    storage, again = searching(sqlite)
    assert len(again.ask(1)) == 12
    assert len(stored(sqlite).trials) == 12
    storage.close()
    storage, once_more = searching(sqlite)
    asked = once_more.ask(1)
    assert len(asked) == 12
    for job in asked:
        once_more.tell(job, trained(job))
    run(once_more)
    assert len(once_more.record().candidates) == len(stored(sqlite).trials) == 24
    storage.close()


@pytest.mark.parametrize("again", ["a", "b"])
def test_a_kill_before_the_first_sign_of_life_loses_nothing(sqlite, monkeypatch, again):
    """Of the trial that was just written: its own run has it again, or another one gets it."""
    storage, study = searching(sqlite, settings=12, strategy="full", heartbeat=1, grace=2)
    beat, heard = RDBStorage.record_heartbeat, []

    def killed(self, trial):
        if len(heard) == 3:
            raise KeyboardInterrupt
        heard.append(trial)
        beat(self, trial)

    with monkeypatch.context() as patched:
        patched.setattr(RDBStorage, "record_heartbeat", killed)
        with pytest.raises(KeyboardInterrupt):
            study.ask(1)
    storage.close()
    assert len(stored(sqlite).trials) == 4
    storage, other = searching(sqlite, again, settings=12, strategy="full", heartbeat=1, grace=2)
    run(other)
    trials = stored(sqlite).trials
    assert all(trial.state.is_finished() for trial in trials)
    assert sum(not lost(trial) for trial in trials) == len(other.record().candidates) == 12
    storage.close()


def test_one_of_all_processes_tries_the_untuned_setting(sqlite):
    """Each has a candidate 0; only one of them is untuned."""
    pair = [searching(sqlite, each, settings=32, strategy="full") for each in "ab"]
    for _, study in pair:
        for job in study.ask(1):
            study.tell(job, trained(job))
    flags = [[each.untuned for each in study.record().candidates] for _, study in pair]
    assert flags == [[True] + [False] * 7, [False] * 8]
    for storage, _ in pair:
        storage.close()


def test_a_killed_process_gives_its_candidates_back(url, name):
    code = (
        "import time\n"
        "from tests.search.test_shared import searching\n"
        f"storage, study = searching({url!r}, 'dead', name={name!r}, heartbeat=1, grace=3)\n"
        "print(len(study.ask(1)), flush=True)\n"
        "time.sleep(600)\n"
    )
    dead = process(code)
    assert dead.stdout is not None
    claimed = int(dead.stdout.readline())
    storage, study = searching(url, "alive", name=name, heartbeat=1, grace=3)
    dead.kill()
    dead.communicate()
    for job in study.ask(1):
        study.tell(job, trained(job))
    time.sleep(5)
    run(study)
    trials = stored(url, name).trials
    assert [lost(trial) for trial in trials].count(True) == claimed == 12
    assert len(study.record().candidates) == 24, "nothing of the study is lost"
    given = {trial.number: trial for trial in trials if lost(trial)}
    again = [trial for trial in trials if "again" in trial.user_attrs]
    assert sorted(trial.user_attrs["again"] for trial in again) == sorted(given)
    for trial in again:
        assert trial.params == given[trial.user_attrs["again"]].params
        assert trial.state.is_finished()
    storage.close()


def test_who_was_given_up_and_comes_back_harms_nobody(sqlite):
    """Its candidates are another's by then; it trains them for itself, and writes nothing."""
    storage, study = searching(sqlite, "slow", heartbeat=1, grace=2)
    jobs = study.ask(1)
    storage._alive.clear()
    time.sleep(3.5)
    other_storage, other = searching(sqlite, "other", heartbeat=1, grace=2)
    run(other)
    for job in jobs:
        study.tell(job, trained(job))
    run(study)
    trials = stored(sqlite).trials
    assert sum(not lost(trial) for trial in trials) == 24
    assert all(trial.state.is_finished() for trial in trials)
    storage.close()
    other_storage.close()


def test_a_run_reclaims_what_nobody_took(sqlite):
    storage, study = searching(sqlite, "a", heartbeat=1, grace=2)
    asked = [job.setting for job in study.ask(1)]
    storage.close()
    time.sleep(3.5)
    storage, again = searching(sqlite, "a", heartbeat=1, grace=2)
    assert [job.setting for job in again.ask(1)] == asked
    assert not any(lost(trial) for trial in stored(sqlite).trials), "it was there again in time"
    storage.close()


def test_a_server_that_goes_away_is_an_error_that_teaches(sqlite, tmp_path):
    storage, study = searching(sqlite)
    jobs = study.ask(1)
    (tmp_path / "search.db").write_text("overwritten")
    for path in tmp_path.glob("search.db-*"):
        path.unlink()
    with pytest.raises(InputError, match="can't be reached"):
        study.tell(jobs[0], trained(jobs[0]))
    storage._closed.set()


def test_methods_and_conditions_can_be_shared(sqlite):
    methods = [recipe("one"), wide("two")]
    plan = SearchPlan(sampler="tpe", settings=24, strategy="full", together=True)
    storage = Storage(sqlite)
    shared = Shared(
        storage, "methods", space(methods), about={}, run="a", settings=24, greater_is_better=True
    )
    steps = dict.fromkeys(("one", "two"), STEPS)
    study = Study("methods", methods, plan, steps=steps, greater_is_better=True, shared=shared)
    run(study)
    assert {t.params["method"] for t in stored(sqlite, "methods").trials} == {"one", "two"}
    storage.close()


def test_no_password_is_written(server, name):
    storage, study = searching(server, name=name, settings=9)
    run(study)
    storage.close()
    dump = str(stored(server, name).user_attrs) + str(stored(server, name).trials)
    assert PASSWORD not in dump
    assert PASSWORD not in storage.shown
    assert subprocess.list2cmdline([storage.shown]).startswith("postgresql+psycopg://ann@")
