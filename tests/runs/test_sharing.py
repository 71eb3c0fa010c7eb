"""Runs that search along in one data base: together they try what one would."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from methodic import runs
from methodic.errors import InputError
from methodic.plan import Plan
from methodic.recipes.types import Recipe
from methodic.report.progress import Quiet
from methodic.runs import sharing
from methodic.runs.pace import Pace
from methodic.runs.paths import WORK
from methodic.runs.plans import hunting
from methodic.runs.rows.preparation import Prepared
from methodic.runs.searching import Searching
from methodic.search.storage import Storage
from methodic.tuning import Search
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute, stopping
from tests.runs.test_searching import small, timeless, tried


def shared(make_plan: MakePlan, url: str, settings: int = 9) -> Plan:
    search = Search(settings=settings, strategy="full", sampler="tpe", study=url)
    return small(make_plan, PLAIN, search=search)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'search.db'}"


def test_a_run_alone_tries_all(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, url: str
) -> None:
    import optuna

    execute(shared(make_plan, url), tmp_path / "run", prepared)
    mine = timeless(tried(tmp_path / "run"))
    assert len(mine) == 9
    (name,) = optuna.get_all_study_names(url)
    trials = optuna.load_study(study_name=name, storage=url).trials
    assert name == "iris/plain"
    assert sorted(t.value for t in trials) == sorted(c.rungs[-1].score for c in mine)  # type: ignore[type-var]


def test_another_run_does_what_the_first_one_left(
    make_plan: MakePlan,
    prepared: Prepared,
    tmp_path: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is stopped on its way; the second takes what is left, and waits until it gets what
    the first had begun."""
    import optuna

    monkeypatch.setattr(sharing, "Storage", partial(Storage, heartbeat=1, grace=3))
    plan = shared(make_plan, url, settings=40)
    with stopping(1):
        execute(plan, tmp_path / "one", prepared)
    with pytest.raises(InputError, match="searched along with others"):
        runs.reproduce(tmp_path / "one", out=tmp_path / "never")
    assert not (tmp_path / "never").exists()
    one = timeless(tried(tmp_path / "one"))
    assert len(one) == 8
    execute(plan, tmp_path / "two", prepared)
    two = timeless(tried(tmp_path / "two"))
    assert len(two) == 32
    (name,) = optuna.get_all_study_names(url)
    states = [t.state.name for t in optuna.load_study(study_name=name, storage=url).trials]
    assert (states.count("COMPLETE"), states.count("FAIL")) == (40, 8)
    settings = [tuple(sorted(each.setting.items())) for each in (*one, *two)]
    assert len(set(settings)) == 40, "nobody tries what another one tries"
    runs.resume(tmp_path / "one")
    again = timeless(tried(tmp_path / "one"))
    assert again[:8] == one
    assert len(again) == 16, "what it had begun, for itself"


def test_another_run_goes_on_where_the_first_one_is(
    make_plan: MakePlan,
    prepared: Prepared,
    tmp_path: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second hasn't the time to wait for what the first has begun; that goes on with it."""
    plan = shared(make_plan, url, settings=40)
    with stopping(1):
        execute(plan, tmp_path / "one", prepared)
    said: list[str] = []
    monkeypatch.setattr(Quiet, "say", lambda self, text: said.append(text))
    monkeypatch.setattr(Pace, "confirmation", lambda self: 1e9)
    monkeypatch.setattr(Searching, "_shorten", lambda self: None)
    execute(plan, tmp_path / "two", prepared)
    monkeypatch.undo()
    assert sum("8 settings are with other processes" in each for each in said) == 1
    runs.resume(tmp_path / "one")
    one, two = (timeless(tried(tmp_path / name)) for name in ("one", "two"))
    assert (len(one), len(two)) == (16, 24)
    settings = [tuple(sorted(each.setting.items())) for each in (*one, *two)]
    assert len(set(settings)) == 40, "nobody tries what another one tries"


def test_a_password_is_written_nowhere(make_plan: MakePlan, url: str) -> None:
    search = Search(study="postgresql://ann:secret@localhost/searches")
    hunt = hunting.hunt(search, 0, 1, 1, timed=False)
    assert "secret" not in hunt.plan.model_dump_json()
    assert hunt.plan.shared is not None
    assert "ann@localhost" in hunt.plan.shared
    assert shared(make_plan, "sqlite:///here.db").search.shared == f"sqlite:///{Path.cwd()}/here.db"  # type: ignore[union-attr]


def test_a_study_of_another_search_is_refused(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, url: str
) -> None:
    execute(shared(make_plan, url), tmp_path / "run", prepared)
    plan = shared(make_plan, url)
    longer = plan.contenders[0].model_copy(update={"steps": (999,)})
    with pytest.raises(InputError, match="made for another search") as error:
        execute(plan.model_copy(update={"contenders": (longer,)}), tmp_path / "other", prepared)
    assert "999" in (error.value.found or "")
    assert "--budget none" in (error.value.advice or "")


def test_a_study_is_of_one_recipe_and_one_split(
    make_plan: MakePlan, tmp_path: Path, url: str
) -> None:
    """Scores of other rows, or of recipes that differ in what isn't searched, can't be ranked."""
    plan = shared(make_plan, url)
    (contender,) = plan.contenders
    (stage,) = contender.recipe.stages
    recipe = contender.recipe.model_copy(
        update={"stages": (stage.model_copy(update={"batch": 7}),)}
    )
    grouped = plan.data.reading.model_copy(update={"group": "patient"})

    def join(name: str, plan: Plan, recipe: Recipe) -> None:
        (tmp_path / name / WORK).mkdir(parents=True, exist_ok=True)
        other = sharing.Sharing(tmp_path / name, plan, url, greater_is_better=True)
        try:
            other.study("plain", [recipe])
        finally:
            other.close()

    def about(**data: object) -> Plan:
        return plan.model_copy(update={"data": plan.data.model_copy(update=data)})

    join("one", plan, contender.recipe)
    join("two", plan, contender.recipe)
    for words, another, searched in (
        ("recipe plain", plan, recipe),
        ("group of the split", about(reading=grouped), contender.recipe),
        ("60 for training", about(rows=(60, 30, 30)), contender.recipe),
    ):
        with pytest.raises(InputError, match="made for another search") as error:
            join("three", another, searched)
        assert words in (error.value.found or "")


def test_a_run_that_finds_nothing_left_says_so(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, url: str
) -> None:
    execute(shared(make_plan, url), tmp_path / "run", prepared)
    with pytest.raises(InputError, match="other runs have tried all settings") as error:
        execute(shared(make_plan, url), tmp_path / "other", prepared)
    assert "--settings 18" in (error.value.advice or "")


def test_nobody_is_there(tmp_path: Path) -> None:
    for wrong in (
        "postgresql://nobody@localhost:1/searches",
        "sqlite:////no/such/folder/search.db",
        "mysql://host/db",
        "search.db",
    ):
        with pytest.raises(InputError, match="--study"):
            hunting.check(Search(study=wrong), [PLAIN, MOMENTUM])
