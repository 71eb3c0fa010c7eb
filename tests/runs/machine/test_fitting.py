"""Units that don't fit into memory train in parts, with the same results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from methodic import build, runs
from methodic.data.dataset import DataSet
from methodic.engine import loop, memory
from methodic.engine.loop import Trained
from methodic.engine.memory import Need
from methodic.errors import InputError
from methodic.plan import Plan
from methodic.recipes.numbers import replace
from methodic.recipes.types import MLP
from methodic.runs.machine import fitting, measuring
from methodic.runs.machine.fitting import out_of_memory
from methodic.runs.plans.planning import machine
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import LR, PLAIN, MakePlan, execute


def too_large() -> RuntimeError:
    """The error that torch itself raises."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.float32)
    return caught.value


def records(folder: Path) -> dict[str, Any]:
    """Without the clocks and the notes."""
    found = {}
    for path in sorted((folder / "records").glob("*-*-*.json")):
        record = json.loads(path.read_text())
        notes = record.pop("notes")
        record.pop("seconds"), record.pop("inference")
        for member in record["members"]:
            member.pop("seconds")
        found[path.name] = (record, len(notes))
    return found


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, step=0.2, seeds=5).model_copy(update={"budget": None})


@pytest.mark.parametrize("room", [1, 2, 4])
def test_halves_give_the_same_results(
    plan: Plan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    execute(plan, tmp_path / "whole", prepared)
    original, error, widths = loop.train, too_large(), []

    def train(cohort: Any, *rest: Any) -> Any:
        if cohort.width > room:
            raise error
        widths.append(cohort.width)
        return original(cohort, *rest)

    monkeypatch.setattr(loop, "train", train)
    execute(plan, tmp_path / "parted", prepared)
    torch.set_num_threads(threads)
    whole, parted = records(tmp_path / "whole"), records(tmp_path / "parted")
    assert {name: record for name, (record, _) in parted.items()} == {
        name: record for name, (record, _) in whole.items()
    }
    assert max(widths) <= room
    assert all(notes == 0 for _, notes in whole.values())
    assert all(notes >= 1 for _, notes in parted.values())
    for path in (tmp_path / "whole" / "records").glob("*.parquet"):
        other = tmp_path / "parted" / "records" / path.name
        assert path.read_bytes() == other.read_bytes()
    assert not list((tmp_path / "parted").glob("work/checkpoints/*"))


@pytest.mark.parametrize("fits", [1, 2])
def test_what_would_not_fit_is_parted_before_it_begins(
    plan: Plan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: int
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    execute(plan, tmp_path / "whole", prepared)
    widths, original = [], loop.train

    def train(cohort: Any, *rest: Any) -> Any:
        widths.append(cohort.width)
        return original(cohort, *rest)

    monkeypatch.setattr(loop, "train", train)
    monkeypatch.setattr(memory, "need", lambda *_: Need(0, 100))
    monkeypatch.setattr(memory, "least", lambda _: 50)
    monkeypatch.setattr(memory, "share", lambda *_: 100 * fits + 99)
    execute(plan, tmp_path / "parted", prepared)
    torch.set_num_threads(threads)
    whole, parted = records(tmp_path / "whole"), records(tmp_path / "parted")
    assert {name: record for name, (record, _) in parted.items()} == {
        name: record for name, (record, _) in whole.items()
    }
    assert max(widths) == fits
    assert all(notes >= 1 for _, notes in parted.values())


def test_a_measurement_parts_a_cohort_as_training_will(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four members of which two fit cost two steps."""
    preparation.save(prepared, tmp_path)
    widths = []
    monkeypatch.setattr(measuring, "_MEASURING", 0.01)
    monkeypatch.setattr(memory, "need", lambda *_: Need(0, 100))
    monkeypatch.setattr(memory, "least", lambda _: 50)
    monkeypatch.setattr(memory, "share", lambda *_: 250)
    advance = loop.advance

    def noting(cohort: Any, *rest: Any) -> Any:
        widths.append(cohort.width)
        return advance(cohort, *rest)

    monkeypatch.setattr(loop, "advance", noting)
    one = replace(build.resolve(PLAIN, "multiclass", 90), {LR: 0.1}).model_dump_json()
    step, *_ = measuring.measure(tmp_path, [one] * 4, "accuracy", machine(Wishes((), "", 1.0)))
    assert set(widths) == {2}
    assert step > 0


@pytest.mark.parametrize("least", [1, 10**6])
def test_a_network_of_which_not_even_one_fits(
    iris: DataSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    least: int,
) -> None:
    """It is an error while the plan is made, and before anything large is."""
    monkeypatch.setattr(memory, "share", lambda *_: 1000)
    monkeypatch.setattr(memory, "least", lambda _: least)
    monkeypatch.setattr(memory, "need", lambda *_: Need(0, 2000))
    monkeypatch.setattr(loop, "initial_state", lambda _: pytest.fail("weights were made"))
    with pytest.raises(InputError, match="a single network needs more memory") as caught:
        runs.run(iris, budget=30, recipes=[PLAIN], workers=0, out=tmp_path / "run")
    assert "plain needs about" in (caught.value.found or "")
    assert not (tmp_path / "run").exists()


def test_the_widest_network_of_a_recipe(iris: DataSet, tmp_path: Path) -> None:
    """Two such layers would take 17 GB for one copy of the weights; nothing of it is made."""
    wide = PLAIN.model_copy(update={"model": MLP(width=65536, depth=30)})
    with pytest.raises(InputError, match="a single network needs more memory"):
        runs.train_method(iris, wide, steps=1, out=tmp_path / "run")


def test_not_even_one(
    plan: Plan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(loop, "train", train)
    with pytest.raises(InputError, match="a single network needs more memory") as caught:
        execute(plan, tmp_path / "run", prepared)
    assert "smaller network" in (caught.value.advice or "")


def test_members_that_ended_before_a_stage_without_targets() -> None:
    def trained(learnt: dict[str, torch.Tensor]) -> Trained:
        return Trained(torch.full((1, 2), 7.0), {"n": torch.ones(1, 3)}, [], [], 5, 5, None, learnt)

    later = {"flat": torch.zeros(1, 2), "buffers/n": torch.zeros(1, 3)}
    for order in ((0, 1), (1, 0)):
        done = [[trained({}), trained(later)][i] for i in order]
        found = fitting._learnt(done)
        assert found["flat"][:, 0].tolist() == [[7.0, 0.0][i] for i in order]
        assert found["buffers/n"].shape == (2, 3)
    assert fitting._learnt([trained({}), trained({})]) == {}


def test_other_errors_stay_what_they_are(
    plan: Plan, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(loop, "train", train)
    with pytest.raises(RuntimeError, match="something else"):
        execute(plan, tmp_path / "run", prepared)


def test_out_of_memory() -> None:
    assert out_of_memory(too_large())
    assert out_of_memory(MemoryError())
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not out_of_memory(RuntimeError("shape"))
