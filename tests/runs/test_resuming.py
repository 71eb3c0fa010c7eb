"""Going on with a stopped run: what is refused, what is only said, and what comes out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from methodic import runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.errors import InputError
from methodic.report.terminal import Quiet
from methodic.runs import paths
from methodic.runs.rows import origin, preparation
from tests.runs.conftest import MOMENTUM, PLAIN, pretend, stopping

UNITS = 8  # six of the screening, two of four of the confirmation


class Listening(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def table(iris: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "flowers.csv"
    iris.frame.write_csv(path)
    return path


@pytest.fixture(scope="module")
def half(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in its confirmation."""
    folder = tmp_path_factory.mktemp("half") / "run"
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, {"plain": (0.1, 0.0), "momentum": (0.1, 0.0)})
        with stopping(UNITS):
            runs.run(
                load(table),
                budget=60,
                recipes=[PLAIN, MOMENTUM],
                workers=0,
                seeds=10,
                splits="one",
                out=folder,
            )
    return folder


@pytest.fixture
def stopped(half: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(half, tmp_path / "run"))


@pytest.fixture(scope="module")
def whole(half: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """The same run, after going on without any trouble."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(half, folder)
    return runs.resume(folder)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_it_says_how_far_it_came(stopped: Path, whole: runs.Run) -> None:
    listening = Listening()
    done = runs.resume(stopped, listening)
    assert listening.said[0] == (
        "going on: 6 of 6 screening cohorts and 2 confirmation cohorts are done"
    )
    assert not done.state.notes
    assert done.state.status == "finished"
    assert runs.reproduce(stopped, out=whole.folder).grade == "bit"


def test_a_damaged_record_is_done_again(stopped: Path, whole: runs.Run) -> None:
    record = paths.record_path(stopped, "screen-001-plain")
    record.write_text(record.read_text()[:200])
    with pytest.raises(InputError, match="damaged") as caught:
        runs.resume(stopped)
    assert str(record) in str(caught.value)
    assert f"Delete this file, and its unit of work is done again: methodic resume {stopped}" in (
        caught.value.advice or ""
    )
    record.unlink()
    done = runs.resume(stopped)
    assert done.plan == whole.plan
    assert runs.reproduce(stopped, out=whole.folder).grade == "bit"


LOST: dict[str, tuple[Callable[[Path], object], str]] = {
    # what became of a confirmed unit's results, and the word that the error needs
    "no weights": (lambda f: paths.weights_path(f, "confirm-000-plain").unlink(), "no such file"),
    "half the weights": (
        lambda f: paths.weights_path(f, "confirm-000-plain").write_bytes(b"\0" * 50),
        "confirm-000-plain.safetensors",
    ),
    "no predictions": (
        lambda f: paths.predictions_path(f, "confirm-000-plain").unlink(),
        "no such file of predictions",
    ),
    "no predictions of validation rows": (
        lambda f: paths.validation_path(f, "confirm-000-plain").unlink(),
        "no such file of predictions",
    ),
    "another unit": (
        lambda f: edit(
            paths.record_path(f, "confirm-000-plain"), lambda d: d["unit"].update(id="other")
        ),
        "the record of other",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_results_that_are_gone_are_noticed_before_anything_runs(name: str, stopped: Path) -> None:
    change, words = LOST[name]
    change(stopped)
    with pytest.raises(InputError, match=words) as caught:
        runs.resume(stopped)
    assert str(paths.record_path(stopped, "confirm-000-plain")) in str(caught.value)
    assert "Delete this file" in (caught.value.advice or "")


def test_what_a_baseline_left_is_looked_at_too(stopped: Path) -> None:
    paths.predictions_path(stopped, "baseline-linear").write_bytes(b"no")
    with pytest.raises(InputError, match=r"baseline-linear\.json: this record can't be relied on"):
        runs.resume(stopped)


def test_a_record_of_another_plan(stopped: Path) -> None:
    edit(
        paths.record_path(stopped, "screen-000-plain"), lambda d: d["unit"].update(steps=[1, 2, 3])
    )
    with pytest.raises(InputError, match=r"isn't in plan\.json"):
        runs.resume(stopped)


@pytest.mark.parametrize("file", ["rows.safetensors", "encoders.json"])
def test_prepared_data_that_changed(stopped: Path, file: str) -> None:
    path = stopped / paths.WORK / file
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    with pytest.raises(InputError, match="were changed") as caught:
        runs.resume(stopped)
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        runs.resume(stopped)


def test_a_data_file_that_changed_is_only_said(stopped: Path, whole: runs.Run, table: Path) -> None:
    before = table.read_text()
    try:
        table.write_text(before.replace("setosa", "rosa"))
        listening = Listening()
        done = runs.resume(stopped, listening)
        note = (
            f"{table} changed after the run began; its results are about the data as they were "
            "then."
        )
        assert listening.said[1] == note
        assert done.state.notes == (note,)
        assert done.leaderboard is not None
        assert note in done.leaderboard.notes
    finally:
        table.write_text(before)
    assert whole.leaderboard is not None
    assert [row.name for row in done.leaderboard.rows] == [
        row.name for row in whole.leaderboard.rows
    ]


def test_a_data_file_that_says_the_same_in_other_bytes_is_no_news(
    stopped: Path, table: Path
) -> None:
    before = table.read_text()
    try:
        table.write_text(before.replace("\n", "\r\n"))
        assert preparation.moved_on(stopped / paths.WORK) == [str(table)]
        assert not runs.resume(stopped).state.notes
    finally:
        table.write_text(before)


@pytest.mark.parametrize("field", ["capability", "torch"])
def test_another_machine(stopped: Path, field: str) -> None:
    edit(stopped / "plan.json", lambda d: d["machine"].update({field: "AVX1024"}))
    with pytest.raises(InputError, match="another processor or another torch") as caught:
        runs.resume(stopped)
    assert "AVX1024 then" in (caught.value.found or "")
    assert "--any-machine" in (caught.value.advice or "")
    done = runs.resume(stopped, any_machine=True)
    (note,) = done.state.notes
    assert "AVX1024 then" in note
    assert done.leaderboard is not None
    assert note in done.leaderboard.notes
    assert note in done.report_path.read_text()


def test_compiled_cohorts_need_a_compiler(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(stopped / "plan.json", lambda d: d["machine"].update(compiled=True))
    monkeypatch.setattr(origin, "missing_compiler", lambda: "no C++ compiler on this machine")
    with pytest.raises(InputError, match="another processor") as caught:
        runs.resume(stopped)
    assert caught.value.found == "compiled then, not compiled now (no C++ compiler on this machine)"
    done = runs.resume(stopped, any_machine=True)
    assert done.plan.machine.compiled, "the plan stays as it is"
    assert "not compiled now" in done.state.notes[0]


def test_other_software_is_only_said(stopped: Path) -> None:
    edit(stopped / "origin.json", lambda d: d["software"].update(numpy="0.1"))
    (note,) = runs.resume(stopped).state.notes
    assert "numpy 0.1 then" in note


def test_a_device_that_is_not_here(stopped: Path) -> None:
    edit(stopped / "plan.json", lambda d: d["machine"].update(device="abacus"))
    with pytest.raises(InputError, match="abacus") as caught:
        runs.resume(stopped)
    assert caught.value.advice == "Go on where the run began."


def test_a_run_that_is_finished(whole: runs.Run) -> None:
    with pytest.raises(InputError, match="this run is finished") as caught:
        runs.resume(whole.folder)
    assert f"methodic reproduce {whole.folder}" in (caught.value.advice or "")
