"""Plans executed again: what is the same, what was changed, and what can't be compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from methodic import runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError
from methodic.evidence import predictions
from methodic.evidence.sameness import Reproduction
from methodic.plan import Plan, RunState
from methodic.report.folder import load as read_folder
from methodic.report.terminal import Quiet
from methodic.runs import paths
from methodic.runs.outcome import reproduction
from methodic.runs.rows.preparation import Prepared
from methodic.tuning import SearchPlan
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute, stopping


@pytest.fixture(scope="module")
def plan(make_plan: MakePlan) -> Plan:
    """Two methods, ten seeds in two blocks, forty-odd steps each."""
    return make_plan(PLAIN, MOMENTUM, step=0.1, seeds=10)


@pytest.fixture(scope="module")
def done(plan: Plan, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "run"
    execute(plan, folder, prepared)
    return folder


@pytest.fixture(scope="module")
def twin(done: Path) -> tuple[Reproduction, Path]:
    """``done``, executed again."""
    out = done.parent / "again"
    return runs.reproduce(done, out=out, workers=0), out


def test_a_finished_run_comes_out_the_same_to_the_bit(
    done: Path, twin: tuple[Reproduction, Path]
) -> None:
    result, out = twin
    assert result.grade == "bit", result.differences
    assert {tally.kind for tally in result.tallies} == {
        "validation scores", "steps and ends", "learning curves", "test predictions", "baselines",
        "ranking and verdict", "shipped weights",
    }  # fmt: skip
    first = read_folder(done)
    members = sum(len(r.members) for r in (*first.screened, *first.confirmed, *first.ablated))
    by_kind = {tally.kind: tally.bit for tally in result.tallies}
    assert by_kind["learning curves"] == members
    assert by_kind["validation scores"] == 2 * members
    tested = sum(len(r.members) for r in first.confirmed)
    assert by_kind["test predictions"] == tested + len(first.baselines)
    assert not result.differences
    assert "to the bit" in result.verdict
    written = Reproduction.model_validate_json((out / reproduction.NAME).read_text())
    assert written == result
    again = runs.load_run(out)
    assert again.state.status == "finished"
    assert again.plan.budget is None, "time drops nothing"
    assert again.plan.command == f"methodic reproduce {done}"
    assert again.report_path.exists()


def changed(done: Path, tmp_path: Path, change: Callable[[Path], object]) -> Path:
    folder = tmp_path / "changed"
    shutil.copytree(done, folder)
    change(folder)
    return folder


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        change(document)
        (folder / name).write_text(json.dumps(document))

    return apply


def _score(by: float) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["members"][2]["validation"]["loss"] *= 1 + by

    return change


def _curve(document: dict[str, Any]) -> None:
    document["curves"][1][3]["train_loss"] *= 1.01


def _step(document: dict[str, Any]) -> None:
    document["members"][0]["best_step"] -= 1


def _prediction(folder: Path) -> None:
    path = paths.predictions_path(folder, "confirm-001-plain")
    stored = predictions.read(path)
    stored[3, 7, 1] += 0.25
    predictions.write(path, stored)


def _weight(folder: Path) -> None:
    path = folder / "model" / "weights.safetensors"
    tensors = {name: np.copy(value) for name, value in load_file(path).items()}
    name = next(name for name in sorted(tensors) if name.startswith("parameters/"))
    tensors[name].reshape(-1)[0] += 1.0
    save_file(tensors, path)


def _winner(document: dict[str, Any]) -> None:
    document["winner"] = "somebody else"


RECORD = "records/screen-001-plain.json"
CHANGES: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    # what was changed → how, the grade, the kind, words of the difference
    "a score": (edit(RECORD, _score(0.01)), "different", "validation scores", "validation loss"),
    "a last digit": (edit(RECORD, _score(1e-6)), "tolerance", "validation scores", "screen-001"),
    "a curve": (edit(RECORD, _curve), "different", "learning curves", "train loss at step"),
    "a best step": (edit(RECORD, _step), "different", "steps and ends", "best step"),
    "a prediction": (
        _prediction, "different", "test predictions", "confirm-001-plain, member 3: test "
        "predictions (row, output), furthest apart at [7, 1]",
    ),
    "a weight": (_weight, "different", "shipped weights", "model/weights.safetensors: parameters/"),
    "the winner": (
        edit("leaderboard.json", _winner), "different", "ranking and verdict", "winner",
    ),
    "a baseline": (
        edit("records/baseline-linear.json", lambda d: d["validation"].update(accuracy=0.1)),
        "different", "baselines", "linear: validation accuracy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_found_and_named(
    name: str, done: Path, twin: tuple[Reproduction, Path], tmp_path: Path
) -> None:
    change, grade, kind, words = CHANGES[name]
    folder = changed(done, tmp_path, change)
    again = tmp_path / "again"
    shutil.copytree(twin[1], again)
    result = runs.reproduce(folder, out=again)
    assert result.grade == grade
    (difference,) = result.differences
    assert difference.grade == grade
    assert words in difference.what
    assert difference.first != difference.again
    (tally,) = [t for t in result.tallies if t.tolerance or t.different]
    assert tally.kind == kind
    assert result.count("bit") == twin[0].count("bit") - 1
    assert "a file of the first run was changed" in result.verdict
    assert kind in result.verdict or grade == "tolerance"


def test_dropped_blocks_stay_dropped(plan: Plan, prepared: Prepared, tmp_path: Path) -> None:
    """Time was up from the start, so only the first blocks were done."""
    short = plan.model_copy(update={"budget": 1.0})
    execute(short, tmp_path / "run", prepared, started=0.0)
    state = RunState.model_validate_json((tmp_path / "run" / "run.json").read_text())
    assert {a.phase for a in state.amendments} == {"screen", "confirm", "ablate"}
    result = runs.reproduce(tmp_path / "run", out=tmp_path / "again", workers=0)
    assert result.grade == "bit"
    again = runs.load_run(tmp_path / "again")
    assert again.state.amendments == state.amendments
    names = [sorted(p.name for p in (tmp_path / x / "records").glob("*-*")) for x in
             ("run", "again")]  # fmt: skip
    assert names[0] == names[1]


@pytest.mark.parametrize("units", [3, 8])
def test_an_interrupted_run_is_reproduced_as_far_as_it_came(
    units: int, plan: Plan, prepared: Prepared, tmp_path: Path
) -> None:
    """After 3 units the screening is half done; after 8, the confirmation."""
    with stopping(units):
        execute(plan, tmp_path / "run", prepared)
    result = runs.reproduce(tmp_path / "run", out=tmp_path / "again", workers=0)
    assert result.grade == "bit"
    again = runs.load_run(tmp_path / "again")
    assert again.state.status == "finished"
    first = read_folder(tmp_path / "run")
    second = read_folder(tmp_path / "again")
    for phase in ("screened", "confirmed"):
        blocks = [{r.unit.block for r in getattr(each, phase)} for each in (first, second)]
        assert blocks[0] == blocks[1]
    reasons = {a.reason for a in again.state.amendments}
    assert reasons == {"the first execution was stopped before them"}


def test_a_reproduction_that_was_stopped_goes_on(done: Path, tmp_path: Path) -> None:
    with stopping(4):
        runs.reproduce(done, out=tmp_path / "again", workers=0)
    assert not (tmp_path / "again" / reproduction.NAME).exists()
    with pytest.raises(InputError, match="has begun"):
        runs.reproduce(done, out=tmp_path / "again", workers=1)
    assert runs.reproduce(done, out=tmp_path / "again").grade == "bit"


@pytest.mark.heavy
def test_two_workers_and_one_make_the_same_bits(
    iris: DataSet, prepared: Prepared, plan: Plan, tmp_path: Path
) -> None:
    two = plan.model_copy(update={"machine": plan.machine.model_copy(update={"workers": 2})})
    out = tmp_path / "two"
    state = RunState(status="running")
    reproduction.execute(two, state, iris, out, "two", Quiet())
    assert {r.threads for r in read_folder(out).screened} == {1}
    result = runs.reproduce(out, iris, tmp_path / "one", workers=1)
    assert result.grade == "bit", result.differences
    assert runs.load_run(tmp_path / "one").plan.machine.workers == 1


def test_one_method_trained_alone(iris: DataSet, tmp_path: Path) -> None:
    runs.train_method(iris, PLAIN, steps=80, seed=2, out=tmp_path / "a")
    result = runs.reproduce(tmp_path / "a", out=tmp_path / "b")
    assert result.grade == "bit"
    assert not result.reasons


CSV = "size,colour,junk,price\n" + "".join(
    f"{i % 7 + 0.5},{'red' if i % 3 else 'blue'},{i * 7 % 11},{i * 1.5 + (i % 5)}\n"
    for i in range(60)
)


def test_data_are_read_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Target, task, dropped column and the user's own test rows all come from the plan."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(CSV)
    Path("mine.csv").write_text(CSV)
    data = load("t.csv", "price", drop=["junk"], test="mine.csv")
    run = runs.train_method(data, PLAIN, steps=40, out="a", metric="mae")
    assert run.plan.data.reading.drop == ("junk",)
    assert run.plan.data.reading.test == str(tmp_path / "mine.csv")
    assert runs.reproduce("a", out="b").grade == "bit"
    # The files moved away.
    Path("t.csv").rename("moved.csv")
    Path("mine.csv").rename("moved_too.csv")
    with pytest.raises(InputError, match=r"t\.csv: no such file"):
        runs.reproduce("a", out="c")
    assert not Path("c").exists()
    assert runs.reproduce("a", "moved.csv", out="c", test="moved_too.csv").grade == "bit"
    # What changed is named.
    rows = CSV.splitlines()
    cases = {
        "60 rows then, 59 now": rows[:-1],
        "other values in 'size'": [rows[0], rows[1].replace("0.5", "0.75", 1), *rows[2:]],
    }
    for words, lines in cases.items():
        Path("moved.csv").write_text("\n".join(lines) + "\n")
        with pytest.raises(InputError, match=words) as caught:
            runs.reproduce("a", "moved.csv", out="d", test="moved_too.csv")
        assert "these are not the data" in str(caught.value)
        assert not Path("d").exists()


def test_data_from_memory_have_to_be_given(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": range(60), "z": [i % 7 for i in range(60)]})
    truth = [i % 2 for i in range(60)]
    data = load(frame, truth)
    runs.train_method(data, PLAIN, steps=20, out=tmp_path / "a")
    with pytest.raises(InputError, match="lived in memory"):
        runs.reproduce(tmp_path / "a", out=tmp_path / "b")
    with pytest.raises(InputError, match="not the data"):
        runs.reproduce(tmp_path / "a", load(frame[:50], truth[:50]), tmp_path / "b")
    assert runs.reproduce(tmp_path / "a", data, tmp_path / "b").grade == "bit"


def test_another_machine_is_the_likely_reason(
    done: Path, twin: tuple[Reproduction, Path], tmp_path: Path
) -> None:
    folder = changed(done, tmp_path, edit(RECORD, _score(1e-6)))
    edit("plan.json", lambda d: d["machine"].update(capability="AVX1024", torch="1.0"))(folder)
    result = runs.reproduce(folder, out=twin[1])
    assert result.grade == "tolerance"
    assert "processor capability AVX1024 then" in result.verdict
    assert "torch 1.0 then" in result.verdict


def test_what_cannot_be_reproduced(
    done: Path, plan: Plan, twin: tuple[Reproduction, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        runs.reproduce(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(done / "plan.json", empty)
    with pytest.raises(InputError, match="no record yet"):
        runs.reproduce(empty)
    with pytest.raises(InputError, match="names the run itself"):
        runs.reproduce(done, out=done)
    other = tmp_path / "other"
    shutil.copytree(twin[1], other)
    edit("plan.json", lambda d: d["contenders"][0].update(steps=[1]))(other)
    with pytest.raises(InputError, match="another plan"):
        runs.reproduce(done, out=other)
    for name in ("records/confirm-000-plain.predictions.parquet", "model/weights.safetensors"):
        folder = tmp_path / name.replace("/", "-")
        shutil.copytree(done, folder)
        (folder / name).write_bytes(b"PAR1 but no more")
        with pytest.raises(InputError, match="damaged") as caught:
            runs.reproduce(folder, out=tmp_path / "never")
        assert name in str(caught.value)
        assert not (tmp_path / "never").exists()


def test_a_search_that_found_nothing_is_over_when_its_run_is(done: Path, tmp_path: Path) -> None:
    """Where all candidates diverged there is nothing to go on with either."""
    folder = tmp_path / "diverged"
    shutil.copytree(done, folder)
    search = SearchPlan(sampler="random", settings=2, strategy="full")
    edit("plan.json", lambda d: d.update(search=search.model_dump()))(folder)
    assert reproduction.begin(folder).state.found == ()
    edit("run.json", lambda d: d.update(status="interrupted"))(folder)
    with pytest.raises(InputError, match="isn't over"):
        reproduction.begin(folder)
