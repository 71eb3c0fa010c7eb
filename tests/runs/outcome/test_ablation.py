"""Ablating a method of a finished run: the same data, the same split, the confirmation's seeds."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from torch import nn

from methodic import runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError, Interrupted
from methodic.evidence.ablation import Ablation
from methodic.files import write_text
from methodic.plan import RunState, UnitRecord
from methodic.runs import paths, tasks
from methodic.runs.outcome import ablation
from methodic.runs.outcome.ablation import ablate
from methodic.runs.rows import origin
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute, recipe

KEYS = {"dropout", "momentum", "schedule", "ema"}  # of MOMENTUM


@pytest.fixture(scope="module")
def finished(
    make_plan: MakePlan,
    prepared: Prepared,
    iris: DataSet,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run in which nothing was ablated."""
    folder = tmp_path_factory.mktemp("ablation") / "run"
    execute(make_plan(PLAIN, MOMENTUM, step=0.1, seeds=6), folder, prepared)
    origin.write(folder, iris)
    for path in (folder / "records").glob("ablate-*"):
        path.unlink()
    (folder / "ablation.json").unlink(missing_ok=True)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


class Trained:
    """The units that were trained, in their order."""

    def __init__(self, patch: pytest.MonkeyPatch, stop: int | None = None) -> None:
        train = tasks.train_unit
        self.ids: list[str] = []

        def noted(folder: Path, plan: str, unit: str, *more: Any) -> str:
            if len(self.ids) == stop:
                raise KeyboardInterrupt
            done: str = train(folder, plan, unit, *more)
            self.ids.append(done)
            return done

        patch.setattr(tasks, "train_unit", noted)


def record_of(path: Path) -> UnitRecord:
    return UnitRecord.model_validate_json(path.read_text())


def record(run: Path, unit: str) -> UnitRecord:
    return record_of(paths.record_path(run, unit))


def test_what_was_confirmed_is_not_trained_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Trained(monkeypatch)
    before = {path.name: path.read_bytes() for path in (run / "records").iterdir()}
    result = ablate(run, recipe="momentum", workers=0)
    assert seen.ids == [
        f"ablate-{block:03d}-momentum-{key}"
        for block in (0, 1)
        for key in ("dropout", "momentum", "schedule", "ema")
    ]
    assert {each.key for each in result.effects} == KEYS
    assert result.seeds == 6
    # Each effect is the mean difference of the scores in the records.
    for each in result.effects:
        differences = []
        for block in (0, 1):
            full = record(run, f"confirm-{block:03d}-momentum")
            less = record(run, f"ablate-{block:03d}-momentum-{each.key}")
            for a, b in zip(full.members, less.members, strict=True):
                assert (a.member.seed, a.member.off) == (b.member.seed, "")
                assert b.member.off == each.key
                differences.append(
                    (a.validation["accuracy"] or 0) - (b.validation["accuracy"] or 0)
                )
        assert each.effect.mean == pytest.approx(np.mean(differences))
    stored = Ablation.model_validate_json((run / "ablation.json").read_text())
    assert stored == result
    assert not (run / "work").exists()
    after = {path.name: path.read_bytes() for path in (run / "records").iterdir()}
    assert {name: after[name] for name in before} == before, "nothing of the run has changed"
    assert result.text[0] in (run / "report.html").read_text()


def test_a_method_that_was_not_ablated_before_is_found_by_the_verdict(run: Path) -> None:
    result = ablate(run, seeds=2, workers=0)
    board = runs.load_run(run).leaderboard
    assert board is not None
    assert result.recipe == board.shipped
    assert result.seeds == 2


def test_more_seeds_than_were_confirmed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Trained(monkeypatch)
    result = ablate(run, recipe="momentum", seeds=7, workers=0)
    assert result.seeds == 7
    full = [unit for unit in seen.ids if unit.endswith("-full")]
    assert full == ["ablate-001-momentum-full"]
    more = record(run, full[0])
    confirmed = record(run, "confirm-001-momentum").members[-1].member.seed
    assert [each.member.seed for each in more.members] == [confirmed + 3]
    assert more.members[0].member.off == ""


def test_a_stopped_ablation_goes_on(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        first = Trained(patch, stop=3)
        with pytest.raises(Interrupted):
            ablate(run, recipe="momentum", workers=0)
    assert len(first.ids) == 3
    assert not (run / "ablation.json").exists()
    assert not (run / "work").exists()
    second = Trained(monkeypatch)
    result = ablate(run, recipe="momentum", workers=0)
    assert len(second.ids) == 5
    assert not set(first.ids) & set(second.ids)
    assert result.seeds == 6


def test_doing_it_again_gives_the_same(run: Path) -> None:
    whole = ablate(run, recipe="momentum", workers=0)
    assert ablate(run, recipe="momentum", workers=0) == whole
    two = ablate(run, recipe="momentum", seeds=2, workers=0)
    assert two.seeds == 2, "records of other units of the same name are not mistaken for these"


def test_time_leaves_blocks_out_but_never_the_first(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Trained(monkeypatch)
    slow = SimpleNamespace(monotonic=iter(range(0, 10**6, 60)).__next__)
    monkeypatch.setattr(ablation, "time", slow)  # each look at the clock is a minute later
    result = ablate(run, recipe="momentum", budget="10s", workers=0)
    assert {unit[:10] for unit in seen.ids} == {"ablate-000"}
    assert result.seeds == 5


def test_another_machine_trains_the_complete_method_too(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what the machine changes would be taken for an effect of the ingredient."""
    monkeypatch.setattr(ablation.origin, "other_stack", lambda *_: ["torch 1 then, 2 now"])
    seen = Trained(monkeypatch)
    result = ablate(run, recipe="momentum", seeds=2, workers=0)
    assert "ablate-000-momentum-full" in seen.ids
    assert result.seeds == 2
    full = record(run, "ablate-000-momentum-full")
    first = record(run, "confirm-000-momentum")
    assert full.members[0].validation == first.members[0].validation, "the same training"
    assert full.members[0].numbers == first.members[0].numbers


def test_the_user_has_other_data_by_now(run: Path, iris: DataSet) -> None:
    frame = iris.frame.with_columns(pl.col(iris.frame.columns[0]) + 1)
    other = load(frame, iris.schema.target, name="iris")
    with pytest.raises(InputError, match="not the data that this run began with"):
        ablate(run, data=other)
    assert ablate(run, data=iris, seeds=2, recipe="plain", workers=0).recipe == "plain"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "momentun"}, "momentun"),
        ({"seeds": 1}, "at least 2"),
        ({"budget": "soon"}, "soon"),
        ({"data": "no-such-file.csv"}, "no-such-file"),
    ],
)
def test_bad_wishes(run: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ablate(run, **changes)
    assert not (run / "ablation.json").exists()
    assert not (run / "work").exists()


def test_runs_that_cannot_be_ablated(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        ablate(tmp_path / "nothing")
    write_text(run / "run.json", RunState(status="interrupted").model_dump_json())
    with pytest.raises(InputError, match="isn't finished") as caught:
        ablate(run)
    assert "methodic resume" in str(caught.value)


def test_nothing_to_switch_off(tmp_path: Path, iris: DataSet) -> None:
    network = PLAIN.model.model_copy(update={"dropout": 0.0})
    bare = PLAIN.model_copy(update={"model": network})
    runs.train_method(iris, bare, steps=5, out=tmp_path / "run")
    with pytest.raises(InputError, match="nothing that can be switched off"):
        ablate(tmp_path / "run")


def test_a_run_that_trained_one_method(tmp_path: Path, iris: DataSet) -> None:
    runs.train_method(iris, recipe("plain"), steps=40, out=tmp_path / "run")
    result = ablate(tmp_path / "run", workers=0)
    assert (result.recipe, result.seeds) == ("plain", 10)
    assert [each.key for each in result.effects] == ["dropout"]
    units = sorted(path.stem for path in (tmp_path / "run" / "records").glob("ablate-*"))
    assert units == [
        f"ablate-00{block}-plain-{what}" for block in (0, 1) for what in ("dropout", "full")
    ]
    full = record(tmp_path / "run", "ablate-000-plain-full")
    trained = record(tmp_path / "run", "train-plain")
    assert full.unit.steps == trained.unit.steps
    assert full.members[0].numbers == trained.members[0].numbers


def test_workers_give_the_same(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    here = ablate(run, recipe="momentum", seeds=2, workers=0)
    assert ablate(other, recipe="momentum", seeds=2, workers=2) == here


def test_two_at_once(run: Path) -> None:
    from filelock import FileLock

    from methodic.files import make_folder

    make_folder(run / "work")
    with FileLock(run / "work" / "lock"), pytest.raises(InputError, match="another process"):
        ablate(run, seeds=2)
    assert (run / "work").exists(), "it belongs to the other one"


def test_in_cross_validation_each_seed_keeps_its_split(
    make_plan: MakePlan, prepared: Prepared, iris: DataSet, tmp_path: Path
) -> None:
    plan = make_plan(PLAIN, recipe("other"), step=0.2, seeds=6, splits="cv")
    folder = tmp_path / "run"
    # Without a budget no seeds are dropped, however busy the machine is.
    execute(plan.model_copy(update={"budget": None}), folder, prepared, data=iris)
    for path in (folder / "records").glob("ablate-*"):
        path.unlink()
    result = ablate(folder, recipe="plain", data=iris, seeds=3, workers=0)
    assert result.seeds == 3
    confirmed = {
        each.member.seed: (whole.unit.split, each.validation)
        for whole in map(record_of, (folder / "records").glob("confirm-*.json"))
        for each in whole.members
        if each.member.recipe == "plain"
    }
    less = [record_of(path) for path in (folder / "records").glob("ablate-*.json")]
    assert sorted(each.unit.split for each in less) == [1, 2, 3]
    differences = []
    for found in less:
        for each in found.members:
            split, full = confirmed[each.member.seed]
            assert found.unit.split == split
            differences.append((full["accuracy"] or 0) - (each.validation["accuracy"] or 0))
    assert result.effects[0].effect.mean == pytest.approx(np.mean(differences))


def test_a_network_of_the_user_s_own(iris: DataSet, tmp_path: Path) -> None:
    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    done = runs.run(
        iris,
        recipes=[PLAIN, MOMENTUM],
        model=network,
        budget=20,
        seeds=2,
        splits="one",
        workers=0,
        out=tmp_path / "run",
    )
    with pytest.raises(InputError, match="model"):
        ablate(done, recipe="momentum")
    result = ablate(done, recipe="momentum", model=network, workers=0)
    assert {each.key for each in result.effects} == KEYS - {"dropout"}, "the network has its own"
