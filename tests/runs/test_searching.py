"""Searches as a run's screening: who goes on, what is confirmed, what an interruption changes."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest

from methodic import bundle, runs
from methodic.engine.workers import Pool
from methodic.errors import InputError, Interrupted
from methodic.evidence.leaderboard import Leaderboard
from methodic.files import make_folder, read_json, write_json, write_text
from methodic.plan import Member, Origin, Plan, RunState, Unit, UnitRecord
from methodic.recipes import spaces
from methodic.recipes.io import from_data
from methodic.recipes.types import Recipe
from methodic.report.folder import load as read_folder
from methodic.report.terminal import Quiet
from methodic.runs import paths, tasks
from methodic.runs.cohorts import with_setting
from methodic.runs.crew import Crew
from methodic.runs.plans import hunting
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from methodic.runs.searching import Searching
from methodic.search.jobs import Job, Outcome
from methodic.search.study import Study
from methodic.tuning import NAME, CandidateRecord, Search, SearchRecord, Segment
from tests.runs.conftest import LR, MOMENTUM, PLAIN, MakePlan, execute, recipe, stopping
from tests.runs.test_execution import slow_machine

NINE = Search(settings=9, strategy="halving", sampler="random")
STRAY = "screen-00-01-00099"
WIDE = from_data(
    {
        "name": "wide",
        "model": {"kind": "mlp", "width": 8, "depth": 1},
        "stages": [
            {
                "batch": {"choice": [16, 32]},
                "optimizer": {"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}},
            }
        ],
    },
    "wide",
)
SHAPES = Recipe.model_validate(
    {
        "name": "shapes",
        "model": {"kind": "mlp", "width": 8, "depth": 1},
        "stages": [{"optimizer": {"kind": "adam", "lr": 0.01}}],
    }
)


def small(make_plan: MakePlan, *recipes: Recipe, search: Search = NINE, **wishes: Any) -> Plan:
    """A search of a few seconds."""
    chosen = recipes or (PLAIN, MOMENTUM)
    return make_plan(*chosen, budget=60.0, seeds=2, search=search, **wishes)


def units(folder: Path, phase: str) -> list[UnitRecord]:
    paths = sorted((folder / "records").glob(f"{phase}-*.json"))
    return [UnitRecord.model_validate(read_json(path, "record")) for path in paths]


def tried(folder: Path) -> SearchRecord:
    return SearchRecord.model_validate(read_json(folder / NAME, "search"))


def timeless(record: SearchRecord) -> list[CandidateRecord]:
    return [c.model_copy(update={"seconds": 0.0}) for s in record.studies for c in s.candidates]


def state_of(folder: Path) -> RunState:
    return RunState.model_validate(read_json(folder / "run.json", "state"))


@pytest.fixture(scope="module")
def done(
    make_plan: MakePlan, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Plan, Leaderboard]:
    folder, plan = tmp_path_factory.mktemp("searched") / "run", small(make_plan)
    return folder, plan, execute(plan, folder, prepared)


def test_ever_fewer_go_on(done: tuple[Path, Plan, Leaderboard]) -> None:
    folder, plan, _ = done
    assert plan.screen == ()
    for study in tried(folder).studies:
        assert Counter(len(c.rungs) for c in study.candidates) == {1: 6, 2: 2, 3: 1}
        total = study.steps[study.name]
        for each in study.candidates:
            assert [rung.step for rung in each.rungs] == [
                -(-total // 9),
                -(-total // 3),
                total,
            ][: len(each.rungs)]
        first = [c.rungs[0].score or 0.0 for c in study.candidates]
        went = [c.rungs[0].score or 0.0 for c in study.candidates if len(c.rungs) > 1]
        assert sorted(first)[-3:] == sorted(went)


def test_what_the_search_found_is_confirmed_on_fresh_seeds(
    done: tuple[Path, Plan, Leaderboard],
) -> None:
    folder, _, board = done
    found = {each.recipe: each for each in state_of(folder).found}
    searched = {m.member.seed for r in units(folder, "screen") for m in r.members}
    confirmed = [m for r in units(folder, "confirm") for m in r.members]
    assert len(searched) == 1
    assert not searched & {each.member.seed for each in confirmed}
    for each in confirmed:
        (share, setting), name = found[each.member.recipe].segments[-1], each.member.recipe
        assert share == 1.0
        assert each.numbers[LR] == setting[LR]
        row = next(row for row in board.rows if row.name == name)
        assert row.setting == setting
        assert row.validation is not None
        assert row.validation.n == 1
        best = [c for s in tried(folder).studies for c in s.candidates if c.recipe == name]
        assert row.validation.mean == max(c.rungs[-1].score or 0 for c in best if len(c.rungs) > 2)
    assert bundle.load(folder).card.test is not None
    assert (folder / "work").exists() is False


def test_a_promoted_member_trains_as_one_that_never_halted(
    done: tuple[Path, Plan, Leaderboard],
    make_plan: MakePlan,
    prepared: Prepared,
    tmp_path: Path,
) -> None:
    """The same settings, all trained to the end at once: whoever came to the end is the same."""
    folder, plan, _ = done
    assert plan.search is not None
    full = plan.model_copy(update={"search": plan.search.model_copy(update={"strategy": "full"})})
    execute(full, tmp_path / "full", prepared)
    whole = {
        (c.recipe, c.number): c for s in tried(tmp_path / "full").studies for c in s.candidates
    }
    ended = [c for c in timeless(tried(folder)) if len(c.rungs) == 3]
    assert len(ended) == 2
    for each in ended:
        other = whole[each.recipe, each.number]
        assert other.setting == each.setting
        assert other.rungs[-1].loss == each.rungs[-1].loss
        assert other.rungs[-1].score == each.rungs[-1].score


@pytest.mark.parametrize("after", [0, 1, 3, 5, 7])
def test_an_interrupted_search_goes_on_where_it_was(
    done: tuple[Path, Plan, Leaderboard], prepared: Prepared, tmp_path: Path, after: int
) -> None:
    folder, plan, board = done
    with stopping(after):
        execute(plan, tmp_path / "run", prepared)
    if after == 3:  # a kill leaves no search.json
        (tmp_path / "run" / NAME).unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run/records").glob("*-*")}
    again = runs.resume(tmp_path / "run")
    assert before == {path: path.stat().st_mtime_ns for path in before}, "nothing is done twice"
    assert timeless(tried(tmp_path / "run")) == timeless(tried(folder))
    assert again.state.found == state_of(folder).found
    assert again.leaderboard is not None
    assert again.leaderboard.rows[0].test == board.rows[0].test


def test_a_search_is_read_back(done: tuple[Path, Plan, Leaderboard]) -> None:
    folder, plan, _ = done
    read = read_folder(folder)
    assert read.search == tried(folder)
    assert [len(c.settings) for c in read.plan.contenders] == [9, 9]
    assert plan.contenders[0].settings == ()
    assert {r.unit.until == sum(r.unit.steps) for r in read.screened} == {True}


def test_settings_of_structure(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> None:
    """Each shape is a cohort of its own, and sees as many rows as the others."""
    plan = small(make_plan, WIDE, search=Search(settings=12, strategy="halving"))
    execute(plan, tmp_path / "run", prepared)
    steps = {}
    for record in units(tmp_path / "run", "screen"):
        (batch,) = {each["stages.0.batch"] for each in record.unit.segments[0].settings}
        steps[batch] = sum(record.unit.steps)
    assert steps.keys() == {16, 32}
    assert steps[16] == pytest.approx(2 * steps[32], abs=2)
    (found,) = state_of(tmp_path / "run").found
    batch = found.segments[-1][1]["stages.0.batch"]
    assert found.batch == (batch,)
    (unit, *_) = units(tmp_path / "run", "confirm")
    whole = plan.contenders[0]
    assert unit.unit.steps == found.steps
    rows = whole.confirm_steps[0] * whole.batch[0]
    assert found.steps[0] * found.batch[0] == pytest.approx(rows, abs=found.batch[0])
    assert bundle.load(tmp_path / "run").card.recipe.stages[0].batch == batch  # type: ignore[union-attr]


def test_fields_that_the_user_names(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    fields = Search(fields=("width", "activation"), settings=6, strategy="full")
    plan = small(make_plan, SHAPES, search=fields)
    execute(plan, tmp_path / "run", prepared)
    settings = [c.setting for c in timeless(tried(tmp_path / "run"))]
    assert {frozenset(each) for each in settings} == {
        frozenset({"model.width", "model.activation"})
    }
    assert len({tuple(each.values()) for each in settings}) == 6


def test_a_method_among_others(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> None:
    plan = small(make_plan, search=Search(fields=("method",), settings=9, strategy="halving"))
    execute(plan, tmp_path / "run", prepared)
    (study,) = tried(tmp_path / "run").studies
    assert Counter(c.recipe for c in study.candidates).keys() == {"plain", "momentum"}
    for each in state_of(tmp_path / "run").found:
        mine = [c for c in study.candidates if c.recipe == each.recipe]
        assert mine[each.setting].setting == each.segments[-1][1]


def test_a_population(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> None:
    """Numbers change on the way, and confirmation changes them likewise."""
    search = Search(settings=8, strategy="population")
    plan = small(make_plan, MOMENTUM, search=search)
    folder = tmp_path / "run"
    execute(plan, folder, prepared)
    (study,) = tried(folder).studies
    assert any(c.parent is not None for c in study.candidates)
    with stopping(3):
        execute(plan, tmp_path / "again", prepared)
    runs.resume(tmp_path / "again")
    assert timeless(tried(tmp_path / "again")) == timeless(tried(folder))


def test_what_a_copy_found_is_confirmed_with_its_course(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where chance would have chosen a member that never changed."""

    def copy(study: Study, recipe: str | None = None) -> int | None:
        ends = [c for c in study.record().candidates if c.status == "finished"]
        return next(c.number for c in ends if c.parent is not None)

    monkeypatch.setattr(Study, "best", copy)
    plan = small(make_plan, MOMENTUM, search=Search(settings=8, strategy="population"))
    execute(plan, tmp_path / "run", prepared)
    (found,) = state_of(tmp_path / "run").found
    assert len(found.segments) > 1
    confirmed = units(tmp_path / "run", "confirm")
    assert confirmed
    for record in confirmed:
        segments = record.unit.segments
        ends = [segment.until for segment in segments]
        assert [each.settings for each in segments] == [
            (setting,) * len(record.unit.members) for _, setting in found.segments
        ]
        assert ends == sorted(set(ends))
        assert ends[-1] == sum(record.unit.steps)
        assert set(ends) <= set(record.unit.evaluate)


def test_a_population_is_ranked_by_the_weights_that_it_copies(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not by the best that any ancestor ever scored, which every copy inherits."""
    told: dict[tuple[int, int], Outcome] = {}
    tell = Study.tell

    def listening(study: Study, job: Job, outcome: Outcome) -> None:
        told[job.candidate, job.rung] = outcome
        tell(study, job, outcome)

    monkeypatch.setattr(Study, "tell", listening)
    plan = small(make_plan, MOMENTUM, search=Search(settings=8, strategy="population"))
    execute(plan, tmp_path / "run", prepared)
    ends = {
        (curve[-1].score, curve[-1].validation_loss)
        for record in units(tmp_path / "run", "screen")
        for curve in record.curves
    }
    assert {each.now for each in told.values()} == ends
    assert any(each.current.score != each.score for each in told.values())


@pytest.mark.parametrize("strategy", ["halving", "population"])
@pytest.mark.parametrize("steps", [(6, 1), (6, 2), (1,), (2,)])
def test_a_last_stage_of_hardly_any_steps(
    make_plan: MakePlan,
    prepared: Prepared,
    tmp_path: Path,
    strategy: Any,
    steps: tuple[int, ...],
) -> None:
    """Whoever goes on finds where it stood, also where a rung ends with the last step."""
    rates = {"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}}
    entropy = [{"kind": "cross_entropy"}]
    stages = [
        {"name": f"s{i}", "share": 1 / len(steps), "objectives": entropy, "optimizer": rates}
        for i in range(len(steps))
    ]
    short = Recipe.model_validate(
        {"name": "short", "model": {"kind": "mlp", "width": 8, "depth": 1}, "stages": stages}
    )
    plan = small(make_plan, short, search=Search(settings=9, strategy=strategy))
    few = plan.contenders[0].model_copy(update={"steps": steps, "confirm_steps": steps})
    plan = plan.model_copy(update={"contenders": (few,)})
    execute(plan, tmp_path / "run", prepared)
    (study,) = tried(tmp_path / "run").studies
    assert any(each.status == "finished" for each in study.candidates)
    assert units(tmp_path / "run", "confirm")


def test_numbers_that_change_on_the_way_are_trained_so(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    """A unit of two segments is two units, one of which goes on from the other."""
    plan = small(make_plan, MOMENTUM)
    make_folder(tmp_path / paths.WORK)
    make_folder(tmp_path / "records")
    preparation.save(prepared, tmp_path / paths.WORK)
    steps = plan.contenders[0].steps
    (total,), half = steps, sum(steps) // 2

    def train(name: str, *segments: tuple[int, float], origin: str = "") -> UnitRecord:
        unit = Unit(
            id=f"screen-{name}",
            phase="screen",
            block=0,
            members=(Member(recipe="momentum", setting=0, seed=5),),
            steps=steps,
            evaluate=(half, total),
            origins=(Origin(unit=f"screen-{origin}", place=0),) if origin else (),
            segments=tuple(
                Segment(until=until, settings=({LR: rate},)) for until, rate in segments
            ),
        )
        tasks.train_unit(tmp_path, plan.model_dump_json(), unit.model_dump_json())
        record = read_json(paths.record_path(tmp_path, unit.id), "record")
        return UnitRecord.model_validate(record)

    changed = train("changed", (half, 0.02), (total, 0.5))
    train("first", (half, 0.02))
    then = train("then", (total, 0.5), origin="first")
    same = train("same", (total, 0.02))
    assert changed.curves == then.curves
    assert changed.curves[0][0] == same.curves[0][0]
    assert changed.curves[0][1] != same.curves[0][1]
    assert changed.members[0].numbers[LR] == 0.5


@pytest.mark.parametrize("strategy", ["hyperband", "asha"])
@pytest.mark.parametrize("sampler", ["tpe", "sobol"])
def test_other_strategies(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, strategy: Any, sampler: Any
) -> None:
    plan = small(make_plan, PLAIN, search=Search(settings=9, strategy=strategy, sampler=sampler))
    execute(plan, tmp_path / "run", prepared)
    (study,) = tried(tmp_path / "run").studies
    assert len(study.candidates) == 9
    assert state_of(tmp_path / "run").found
    assert ("ASHA" in " ".join(plan.notes)) == (strategy == "asha")


def test_asha_goes_on_where_it_was(make_plan: MakePlan, prepared: Prepared, tmp_path: Path) -> None:
    """In one process units end in the order of their beginning, so here it can be compared."""
    plan = small(make_plan, PLAIN, search=Search(settings=20, strategy="asha"))
    execute(plan, tmp_path / "whole", prepared)
    with stopping(2):
        execute(plan, tmp_path / "run", prepared)
    runs.resume(tmp_path / "run")
    assert timeless(tried(tmp_path / "run")) == timeless(tried(tmp_path / "whole"))


def test_asha_does_again_what_was_deleted(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    """As the advice for a damaged file says; what came after it may be in other company now."""
    plan = small(make_plan, PLAIN, search=Search(settings=20, strategy="asha"))
    execute(plan, tmp_path / "whole", prepared)
    folder = tmp_path / "run"
    with stopping(3):
        execute(plan, folder, prepared)
    order = read_json(folder / paths.WORK / "order.json", "order")
    first, second, third = [what for kind, what, _ in order if kind == "told"]
    paths.record_path(folder, first).unlink()
    other = UnitRecord.model_validate(read_json(paths.record_path(folder, second), "record"))
    alone = other.unit.model_copy(
        update={
            "members": other.unit.members[1:],
            "origins": other.unit.origins[1:],
            "segments": tuple(
                s.model_copy(update={"settings": s.settings[1:]}) for s in other.unit.segments
            ),
        }
    )
    other = other.model_copy(
        update={"unit": alone, "members": other.members[1:], "curves": other.curves[1:]}
    )
    write_text(paths.record_path(folder, second), other.model_dump_json())
    stray = UnitRecord.model_validate(read_json(paths.record_path(folder, third), "record"))
    stray = stray.model_copy(update={"unit": stray.unit.model_copy(update={"id": STRAY})})
    write_text(paths.record_path(folder, STRAY), stray.model_dump_json())
    runs.resume(folder)
    assert timeless(tried(folder)) == timeless(tried(tmp_path / "whole"))
    names = [
        {path.name for path in (each / "records").glob("screen-*")}
        for each in (folder, tmp_path / "whole")
    ]
    assert names[0] == names[1], "what nobody asked for would be ranked along"


def test_an_order_that_names_something_unknown_is_followed_until_there(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    plan, folder = small(make_plan, PLAIN, search=Search(settings=20, strategy="asha")), tmp_path
    with stopping(3):
        execute(plan, folder / "run", prepared)
    path = folder / "run" / paths.WORK / "order.json"
    order = read_json(path, "order")
    told = [i for i, (kind, _, _) in enumerate(order) if kind == "told"]
    order.insert(told[1], order[told[2]])
    write_json(path, order)
    runs.resume(folder / "run")
    execute(plan, folder / "whole", prepared)
    assert timeless(tried(folder / "run")) == timeless(tried(folder / "whole"))


@pytest.mark.parametrize("sampler", [None, "tpe"])
def test_a_slow_machine_ends_a_search_early(
    sampler: Literal["tpe"] | None,
    make_plan: MakePlan,
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All studies alike; and it stays so after an interruption."""
    search = Search(settings=48, strategy="halving", sampler=sampler)
    plan = small(make_plan, search=search)
    with monkeypatch.context() as patched:
        slow_machine(patched, 4.0)
        execute(plan, tmp_path / "run", prepared, started=0.0)
    (amended,) = [a for a in state_of(tmp_path / "run").amendments if a.phase == "search"]
    assert all(16 <= count < 48 for count in amended.blocks)
    counts = [len(study.candidates) for study in tried(tmp_path / "run").studies]
    assert counts == list(amended.blocks)
    board = read_folder(tmp_path / "run").leaderboard
    assert board is not None
    assert any("search ended after" in note for note in board.notes)


@pytest.mark.parametrize(("dearer", "kept"), [(0.5, 1.0), (2.0, 0.5), (100.0, 0.1)])
def test_a_dear_network_is_confirmed_with_fewer_steps(
    dearer: float, kept: float, make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    """As many as take the planned time, but no fewer than in the search."""
    plan = small(make_plan, search=Search(settings=9))
    assert plan.search is not None
    assert plan.search.timed
    contender = plan.contenders[0].model_copy(update={"steps": (100,), "confirm_steps": (1000,)})
    untuned = with_setting(contender.recipe, spaces.untuned(contender.recipe))
    found = untuned.model_copy(update={"name": "found"})
    prices = {untuned: 1.0, found: dearer}
    with Pool(0, 1) as pool:
        crew = Crew(tmp_path, plan, pool, Quiet(), 0.0)
        searching = Searching(crew, prepared.counts[:2], price=prices.__getitem__)
        confirmed = contender.model_copy(update={"steps": contender.confirm_steps})
        assert searching._affordable(contender, confirmed, found) == (round(1000 * kept),)


def test_what_a_search_refuses(make_plan: MakePlan) -> None:
    cases: list[tuple[Recipe, Search, str]] = [
        (SHAPES, Search(settings=8), "no range"),
        (SHAPES, Search(fields=("widht",)), "widht"),
        (WIDE, Search(strategy="population", settings=8), "structure|batch"),
        (PLAIN, Search(sampler="gp", settings=300), "200|300"),
    ]
    for chosen, search, words in cases:
        with pytest.raises(InputError, match=words):
            small(make_plan, chosen, search=search)
    with pytest.raises(InputError, match="there is one"):
        hunting.check(Search(fields=("method",)), [PLAIN])
    with pytest.raises(InputError, match="sampler"):
        Search(sampler="tpo")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="settings"):
        Search(settings=1)


def test_a_stopped_search_says_how_far_it_came(
    done: tuple[Path, Plan, Leaderboard], prepared: Prepared, tmp_path: Path
) -> None:
    _, plan, _ = done
    try:
        with stopping(2):
            execute(plan, tmp_path / "run", prepared)
    except Interrupted:  # pragma: no cover
        pytest.fail("stopping() catches it")
    assert sum(bool(c.rungs) for c in timeless(tried(tmp_path / "run"))) > 0
    with pytest.raises(InputError, match="search"):
        runs.reproduce(tmp_path / "run", out=tmp_path / "again")


def test_a_cut_search_tries_no_more_when_it_goes_on(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its records are there at once then; it must stop asking where it stopped."""
    search = Search(settings=48, strategy="halving", sampler="tpe")
    plan, folder = small(make_plan, PLAIN, search=search), tmp_path / "run"
    with monkeypatch.context() as patched:
        slow_machine(patched, 4.0)
        execute(plan, folder, prepared, started=0.0)
    whole = timeless(tried(folder))
    again = tmp_path / "again"
    again.mkdir()
    shutil.copytree(folder / "records", again / "records")
    for path in (again / "records").glob("[cab]*"):
        path.unlink()
    stopped = state_of(folder).model_copy(update={"found": (), "finalists": (), "winner": None})
    amendments = tuple(a for a in stopped.amendments if a.phase == "search")
    write_text(
        again / "run.json", stopped.model_copy(update={"amendments": amendments}).model_dump_json()
    )
    execute(plan, again, prepared)
    assert timeless(tried(again)) == whole


def test_rungs_of_a_recipe_with_stages_lie_in_the_last_one(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    """Before it the head may not have been trained at all."""
    entropy = [{"kind": "cross_entropy"}]
    stages = [
        {"name": name, "share": 0.5, "batch": 32, "objectives": entropy, "optimizer": rate}
        for name, rate in (
            ("first", {"kind": "sgd", "lr": 0.1}),
            ("second", {"kind": "sgd", "lr": {"log_uniform": [0.01, 1.0]}}),
        )
    ]
    staged = Recipe.model_validate(
        {"name": "staged", "model": {"kind": "mlp", "width": 8, "depth": 1}, "stages": stages}
    )
    plan = small(make_plan, staged)
    execute(plan, tmp_path / "run", prepared)
    first, second = plan.contenders[0].steps
    (study,) = tried(tmp_path / "run").studies
    looked = sorted({rung.step for each in study.candidates for rung in each.rungs})
    assert looked == [first + -(-second // 9), first + -(-second // 3), first + second]


def test_a_reproduced_search_has_the_lengths_of_the_first(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    """Although the winner has another batch than the recipe's own."""
    plan = small(make_plan, WIDE, search=Search(settings=8, strategy="full"))
    plan = plan.model_copy(update={"data": plan.data.model_copy(update={"source": "iris"})})
    execute(plan, tmp_path / "run", prepared)
    compared = runs.reproduce(tmp_path / "run", out=tmp_path / "again")
    assert compared.grade == "bit", compared.verdict
    steps = [
        {r.unit.id: r.unit.steps for r in units(tmp_path / name, "screen")}
        for name in ("run", "again")
    ]
    assert steps[0] == steps[1]


def test_a_space_that_is_used_up_is_not_cut(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the time is: nothing was left out."""
    rates = {"kind": "sgd", "lr": {"choice": [0.01, 0.1, 0.5]}}
    few = recipe("few", optimizer=rates)
    plan = small(make_plan, few, search=Search(settings=48, strategy="full", sampler="tpe"))
    slow_machine(monkeypatch, 30.0)
    execute(plan, tmp_path / "run", prepared, started=0.0)
    assert len(timeless(tried(tmp_path / "run"))) == 3
    assert not [a for a in state_of(tmp_path / "run").amendments if a.phase == "search"]
