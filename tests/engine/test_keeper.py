"""When checkpoints are written, how many there are, and what happens when that fails."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from methodic.data.batches import Rows
from methodic.engine import checkpoint, keeper, loop
from methodic.engine.checkpoint import Standing
from methodic.engine.evaluation import Judge
from methodic.engine.keeper import Count, Keeper
from methodic.engine.monitor import Fate, Memory, Window
from methodic.engine.parts import State
from methodic.errors import InputError, Interrupted
from tests.engine.conftest import MakeCohort

CPU = torch.device("cpu")


def standing(step: int, size: int = 3) -> Standing:
    state = State(
        torch.full((1, size), float(step)), {}, [{}], {}, torch.ones(1).bool(), step, step
    )
    return Standing(0, 0, 0, state, Memory([Fate()], [[]], [True], None, {}), Window())


def steps(folder: Path) -> list[int]:
    """Steps of the checkpoints in a folder, all of them sound, the newest first."""
    found = [checkpoint.read(folder, n, "it", CPU)[0] for n in checkpoint.complete(folder)]
    return [each.state.steps_taken for each in found]


def written(kept: Keeper) -> None:
    """Wait for the write that is under way."""
    assert kept._writer is not None
    kept._writer.join()


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(keeper, "time", made)
    return made


def test_time_decides_when_and_two_are_kept(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "deep" / "unit"
    with Keeper(folder, "it", lambda: False, 10.0) as kept:
        assert kept.load(CPU) is None
        for step in (1, 2, 3):
            clock.now += 9.9
            assert not kept.due()
            clock.now += 0.2
            assert kept.due()
            kept.keep(standing(step))
            written(kept)
            assert not kept.due()
    assert steps(folder) == [3, 2]
    assert len(list(folder.iterdir())) == 6
    with Keeper(folder, "it", lambda: False) as kept:
        found = kept.load(CPU)
        assert found is not None
        assert found.state.steps_taken == 3
        assert kept.seconds == pytest.approx(30.3)
        kept.remove()
    assert not folder.exists()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Writing waits until this is set."""
    opened, save = threading.Event(), checkpoint.save

    def slow(*arguments: Any) -> None:
        opened.wait()
        save(*arguments)

    monkeypatch.setattr(checkpoint, "save", slow)
    yield opened
    opened.set()


def test_one_write_at_a_time_and_nobody_waits_for_it(
    tmp_path: Path, clock: Clock, gate: threading.Event
) -> None:
    with Keeper(tmp_path, "it", lambda: False, 10.0) as kept:
        clock.now += 11
        kept.keep(standing(1))  # returns although nothing can be written yet
        clock.now += 30
        assert not kept.due()
        gate.set()
        written(kept)
        clock.now += 9
        assert not kept.due(), "the time begins when the last write ends"
        clock.now += 2
        assert kept.due()
    assert steps(tmp_path) == [1]


def test_being_asked_to_stop(tmp_path: Path, gate: threading.Event) -> None:
    """It waits for the write that is under way and saves what is newer."""
    asked: list[bool] = []
    kept = Keeper(tmp_path, "it", lambda: bool(asked), 0.0)
    kept.keep(standing(1))
    assert not kept.due()
    asked.append(True)
    assert kept.due()
    threading.Timer(0.1, gate.set).start()
    with pytest.raises(Interrupted):
        kept.keep(standing(2))
    assert steps(tmp_path) == [2, 1]


def test_who_does_not_want_to_wait_does_not(tmp_path: Path, gate: threading.Event) -> None:
    def impatient() -> None:
        with Keeper(tmp_path, "it", lambda: False, 0.0) as kept:
            kept.keep(standing(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        impatient()
    assert not steps(tmp_path)


def full(patch: pytest.MonkeyPatch, after: int = 0) -> None:
    """The disk is full after so many more files."""
    fsync, calls = os.fsync, []

    def fails(handle: int) -> None:
        calls.append(handle)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    patch.setattr(os, "fsync", fails)


@pytest.mark.parametrize("files", [0, 1, 2])
def test_a_full_disk_is_told_and_harms_nothing(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Keeper(tmp_path, "it", lambda: False, 0.0)
    for step in (1, 2):
        kept.keep(standing(step))
        written(kept)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patched:
        full(patched, files)
        kept.keep(standing(3))
        written(kept)
    assert kept.due(), "an error needs no interval"
    with pytest.raises(InputError) as caught:
        kept.keep(standing(4))
    assert "No space left" in str(caught.value)
    assert "Make room" in str(caught.value)
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert steps(tmp_path) == [2, 1]


def test_an_error_in_the_last_write_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(monkeypatch)

    def train() -> None:
        with Keeper(tmp_path, "it", lambda: False, 0.0) as kept:
            kept.keep(standing(1))

    with pytest.raises(InputError, match="can't be written"):
        train()
    assert not list(tmp_path.iterdir())


def test_an_error_stops_a_training(
    make_cohort: MakeCohort,
    rows: Rows,
    judge: Judge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full(monkeypatch)
    with (
        pytest.raises(InputError, match="can't be written"),
        Keeper(tmp_path, "it", lambda: False, 0.0) as kept,
    ):
        loop.train(make_cohort(steps=[100_000]), rows, judge, [100_000], kept)


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Keeper(tmp_path / "file" / "unit", "it", lambda: True)
    with pytest.raises(InputError, match="can't be written"):
        kept.keep(standing(1))


@pytest.mark.heavy
@pytest.mark.parametrize("room", [3_000, 40_000, 90_000])
def test_a_disk_that_is_really_full(room: int, tmp_path: Path) -> None:
    """Checkpoints of 40 kB: no room for the first one, for the second, for the third."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room + 20_000}", "none", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        kept = Keeper(place / "unit", "it", lambda: False, 0.0)

        def fill() -> None:
            for step in range(5):
                kept.keep(standing(step, 10_000))
                written(kept)

        with pytest.raises(InputError) as caught:
            fill()
        assert "No space left" in str(caught.value)
        sound = steps(place / "unit") if (place / "unit").exists() else []
        assert sound == list(range(len(sound)))[::-1]
        assert len(sound) == room // 40_000
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_write_while_training_goes_on(
    make_cohort: MakeCohort, rows: Rows, judge: Judge, tmp_path: Path
) -> None:
    """What is being written is what training has left behind meanwhile."""
    cohort = make_cohort([0.3], steps=[150])
    whole = loop.train(cohort, rows, judge, [75, 150])
    with Keeper(tmp_path, "it", lambda: False, 0.0) as kept:
        trained = loop.train(cohort, rows, judge, [75, 150], kept)
    assert torch.equal(whole.flat, trained.flat)
    newest = checkpoint.read(tmp_path, checkpoint.complete(tmp_path)[0], "it", CPU)[0]
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    state = loop.advance(
        cohort, cohort.stages[0], state, rows, newest.state.steps_taken, lambda _: None
    )
    assert torch.equal(state.flat, newest.state.flat)


def test_steps_of_all_parts_are_counted_together(tmp_path: Path) -> None:
    path = tmp_path / "steps" / "unit"
    count = Count(path)
    count._next = 0.0  # it is time to tell
    with Keeper(tmp_path / "unit", "x", lambda: False, count=count) as keeper:
        keeper.members = 5
        keeper.due(3)
        assert path.read_text() == "15"
        count._next = 0.0
        keeper.due()
        assert path.read_text() == "15", "to ask again takes no step"
        with keeper.part("members-0-1") as part:
            part.members = 2
            count._next = 0.0
            part.due(1)
            assert path.read_text() == "17"
        keeper.remove()
    assert path.exists(), "until there is a record of them"
    count.end()
    assert not path.exists()
