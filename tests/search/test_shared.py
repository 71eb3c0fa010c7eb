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
from methodic.search.backend import silent
from methodic.search.methods import space
from methodic.search.shared import Shared
from methodic.search.storage import Storage, parsed
from methodic.search.study import Study
from methodic.tuning import SearchPlan
from tests.search.databases import PASSWORD, process
from tests.search.spaces import STEPS, quality, recipe, run, trained, wide


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
        "from tests.search.test_shared import searching, run\n"
        "storage, study = searching({url!r}, {run!r}, name={name!r}, settings=48)\n"
        "run(study)\n"
        "print(len(study.record().candidates))\n"
        "storage.close()\n"
    )
    both = [process(code.format(url=url, run=each, name=name)) for each in "ab"]
    counts = []
    for each in both:
        out, err = each.communicate(timeout=180)
        assert each.returncode == 0, err
        counts.append(int(out))
    trials = stored(url, name).trials
    assert sum(counts) == len(trials) == 48
    assert all(trial.state.is_finished() for trial in trials)
    assert not any(lost(trial) for trial in trials)
    assert len({json.dumps(trial.params, sort_keys=True) for trial in trials}) == 48
    assert Counter(trial.user_attrs["run"] for trial in trials) == Counter(
        {each: n for each, n in zip("ab", counts, strict=True) if n}
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
    run(other)
    storage, again = searching(url, "a", **options)
    while not again.over:
        for job in again.ask(1):
            again.tell(job, known.get((job.candidate, job.rung)) or trained(job))
    candidates = again.record().candidates
    assert [each.setting for each in candidates[: len(asked)]] == [e.setting for e in asked]
    trials = stored(url, name).trials
    assert len(trials) == 40
    assert all(trial.state.is_finished() for trial in trials)
    assert len(candidates) + len(other.record().candidates) == 40
    storage.close()
    other_storage.close()


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


def test_a_study_made_for_something_else_is_refused(sqlite):
    storage, _ = searching(sqlite)
    with pytest.raises(InputError, match="made for another search") as error:
        searching(sqlite, "b", about={"data": "adult 3c4d", "steps": str(STEPS)})
    assert error.value.found == "data: digits 1a2b there, adult 3c4d here"
    other = [recipe("wide", lr={"log_uniform": [1e-3, 1e-2]})]
    with pytest.raises(InputError, match="made for another search") as error:
        searching(sqlite, "b", recipes=other)
    assert "range of stages.0.turns.0.optimizer.lr" in str(error.value.found)
    assert "[0.001, 0.01]} here" in str(error.value.found)
    storage.close()


def test_a_study_that_others_made_is_left_alone(sqlite):
    optuna.create_study(storage=sqlite, study_name="digits/wide", direction="maximize")
    with pytest.raises(InputError, match="made for another search") as error:
        searching(sqlite)
    assert error.value.found == "a study that Methodic didn't make"


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
