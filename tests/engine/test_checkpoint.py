"""Checkpoints: to the bit there and back, from every possible stop, and when damaged."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import checkpoint, loop
from methodic.engine.checkpoint import Standing, UnusableError
from methodic.engine.evaluation import Judge
from methodic.engine.keeper import Keeper
from methodic.engine.monitor import Fate, Memory, Window
from methodic.engine.parts import Cohort, State
from methodic.errors import Interrupted
from methodic.models.mlp import Inputs
from methodic.plan import CurvePoint
from methodic.recipes.types import Recipe
from tests.engine.conftest import ROWS

CPU = torch.device("cpu")
NEVER = 10.0**9  # seconds


# --- there and back ---------------------------------------------------------------------------


def bits(x: Tensor) -> tuple[Any, ...]:
    return x.dtype, x.shape, x.contiguous().view(torch.uint8).tolist()


def same(one: Any, other: Any) -> bool:
    """Equal to the bit, through all containers; NaN equals itself."""
    if isinstance(one, Tensor):
        return bits(one) == bits(other)
    if isinstance(one, Window):
        pair = one, other
        full = all(len(window) for window in pair)
        return len(one) == len(other) and (
            not full or same([*one.tables(), one.folded], [*other.tables(), other.folded])
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Fate | State | Memory | Standing | loop.Trained):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, float):
        return repr(one) == repr(other)
    return bool(one == other)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.lists(st.text("ab/. é", min_size=1, max_size=4), max_size=3, unique=True)


@st.composite
def standings(draw: Callable[..., Any]) -> Standing:
    members = draw(st.integers(1, 3))

    def tensor(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        size = torch.Size(shape).numel()
        if dtype is torch.bool:
            values = draw(st.lists(st.booleans(), min_size=size, max_size=size))
            return torch.tensor(values, dtype=dtype).view(shape)
        raw = draw(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=size, max_size=size))
        whole = torch.tensor(raw, dtype=torch.int32)  # any bits: NaN, -0.0, infinities
        return whole.view(dtype).view(shape) if dtype is torch.float32 else whole.long().view(shape)

    def named(**more: Any) -> dict[str, Tensor]:
        return {name: tensor(members, 2, **more) for name in draw(NAMES)}

    def fate() -> Fate:
        return Fate(
            draw(st.sampled_from(["finished", "stopped", "diverged"])),
            draw(st.text(max_size=5)),
            draw(st.none() | st.integers(0, 2**40)),
            draw(st.integers(0, 2**40)),
            *(draw(NUMBERS) for _ in range(2)),
            draw(st.integers(0, 9)),
            draw(st.integers(0, 9)),
            *(draw(NUMBERS) for _ in range(2)),
        )

    finite = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    points = st.builds(
        CurvePoint, step=st.integers(0), train_loss=finite, validation_loss=finite, score=finite
    )
    flat = tensor(members, 3)
    seen = draw(st.integers(0, 3))
    tables = [tensor(seen, members), tensor(seen, members), tensor(seen, members, dtype=torch.bool)]
    state = State(
        flat=flat,
        buffers={**named(), "count": tensor(members, dtype=torch.int64)},
        rules=[named() for _ in range(draw(st.integers(0, 3)))],
        average={"start": flat, **named()},  # the same memory under two names
        alive=tensor(members, dtype=torch.bool),
        pace=named(),
        learnt=named(),
        batches_seen=draw(st.integers(0, 2**40)),
        steps_taken=draw(st.integers(0, 2**40)),
    )
    kept = draw(st.booleans())
    memory = Memory(
        fates=[fate() for _ in range(members)],
        curves=[draw(st.lists(points, max_size=2)) for _ in range(members)],
        fresh=draw(st.lists(st.booleans(), min_size=members, max_size=members)),
        flat=tensor(members, 3) if kept else None,
        buffers=named() if kept else {},
    )
    counts = [draw(st.integers(0, 2**40)) for _ in range(3)]
    sums = torch.arange(4.0 * members, dtype=torch.float64).view(4, members)
    folded = sums if seen and draw(st.booleans()) else None
    return Standing(*counts, state, memory, Window(tables, folded))


@settings(deadline=None, max_examples=40)
@given(standing=standings())
def test_there_and_back(standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("c")
    checkpoint.save(folder, 7, "training", standing, 1.5)
    found, seconds = checkpoint.read(folder, 7, "training", CPU)
    assert seconds == 1.5
    assert same(standing, found)


def test_whatever_a_state_may_come_to_hold_has_to_be_saved() -> None:
    names = {f.name for f in fields(State)}
    saved = {"flat", "buffers", "rules", "average", "alive", "pace", "learnt"}
    saved |= {"batches_seen", "steps_taken"}
    assert names == saved, "save it in engine/checkpoint.py, then add it here"
    assert {f.name for f in fields(Memory)} == {"fates", "curves", "fresh", "flat", "buffers"}


# --- from every possible stop -----------------------------------------------------------------

STEPS = (10, 14)
LOOKS = (3, 6, 9, 12, 15, 18, 21, 24)


def make_cohort(keep: str = "best", places: Sequence[int] = range(4)) -> Cohort:
    """Good, wild and lame members in two stages: turns that alternate, then an average."""
    entropy = [{"kind": "cross_entropy"}]
    recipes = [
        Recipe.model_validate(
            {
                "name": "a",
                "model": {
                    "kind": "mlp",
                    "width": 8,
                    "depth": 1,
                    "dropout": 0.2,
                    "normalization": "batch",
                },
                "stages": [
                    {
                        "name": "alternate",
                        "share": 0.4,
                        "batch": 16,
                        "turns": [
                            {
                                "objectives": entropy,
                                "parameters": ["hidden"],
                                "optimizer": {"kind": "adam", "lr": 0.01},
                                "schedule": {"kind": "cosine", "warmup": 0.2},
                            },
                            {
                                "objectives": entropy,
                                "parameters": ["head"],
                                "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9},
                            },
                        ],
                    },
                    {
                        "name": "together",
                        "share": 0.6,
                        "batch": 24,
                        "objectives": entropy,
                        "optimizer": {"kind": "sgd", "lr": lr, "momentum": 0.9},
                        "schedule": {"kind": "cosine"},
                        "regularizers": [{"kind": "ema", "decay": 0.8}],
                    },
                ],
                "stop": {"patience": 2, "keep": keep},
            }
        )
        for lr in (1.0, 1e30, 50.0, 0.5)
    ]
    recipes = [recipes[place] for place in places]
    return build.cohort(
        recipes,
        list(places),
        steps=STEPS,
        inputs=Inputs(numeric=4),
        outputs=2,
        rows=ROWS,
    )


class Polls:
    """Asks a training to stop at the ``at``-th time that it looks; counts how often it looks."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.count = at, 0

    def __call__(self) -> bool:
        self.count += 1
        return self.at is not None and self.count >= self.at


def train(
    folder: Path,
    rows: Rows,
    judge: Judge,
    polls: Polls,
    looks: Sequence[int] = LOOKS,
    keep: str = "best",
) -> loop.Trained | None:
    """None: it was stopped."""
    try:
        with Keeper(folder, "it", polls, NEVER) as keeper:
            return loop.train(make_cohort(keep), rows, judge, looks, keeper)
    except Interrupted:
        return None


@pytest.fixture
def whole(rows: Rows, judge: Judge) -> loop.Trained:
    return loop.train(make_cohort(), rows, judge, LOOKS)


def test_the_training_has_all_that_can_get_lost(whole: loop.Trained) -> None:
    good, wild, lame, _ = whole.fates
    assert [good.status, wild.status, lame.status] == ["finished", "diverged", "stopped"]
    assert wild.ended is not None
    assert lame.ended is not None
    assert STEPS[0] < wild.ended < lame.ended < sum(STEPS)
    assert good.best_step < sum(STEPS), "the best weights aren't the last ones"
    assert whole.steps_taken == sum(STEPS)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_going_on_from_every_possible_stop(
    keep: str, rows: Rows, judge: Judge, tmp_path: Path
) -> None:
    whole = loop.train(make_cohort(keep), rows, judge, LOOKS)
    polls = Polls()
    assert same(train(tmp_path / "never", rows, judge, polls, keep=keep), whole)
    assert polls.count > sum(STEPS)
    stood = set()
    for at in range(1, polls.count + 1):
        folder = tmp_path / str(at)
        assert train(folder, rows, judge, Polls(at), keep=keep) is None
        (number,) = checkpoint.complete(folder)
        standing, _ = checkpoint.read(folder, number, "it", CPU)
        stood.add(standing.steps + standing.state.steps_taken)
        resumed = train(folder, rows, judge, Polls(), keep=keep)
        assert same(resumed, whole), f"stopped at look {at}"
    assert stood == set(range(1, sum(STEPS) + 1))


def test_stopping_after_each_step(
    whole: loop.Trained, rows: Rows, judge: Judge, tmp_path: Path
) -> None:
    pieces = [train(tmp_path, rows, judge, Polls(1)) for _ in range(sum(STEPS) + 1)]
    assert pieces[:-1] == [None] * sum(STEPS)
    assert same(pieces[-1], whole)


def test_writing_all_the_time_changes_nothing(
    whole: loop.Trained, rows: Rows, judge: Judge, tmp_path: Path
) -> None:
    others = set(threading.enumerate())

    def patient() -> bool:  # a slow disk would leave checkpoints out
        for writer in set(threading.enumerate()) - others:
            writer.join()
        return False

    with Keeper(tmp_path, "it", patient, 0.0) as keeper:
        assert same(loop.train(make_cohort(), rows, judge, LOOKS, keeper), whole)
    numbers = checkpoint.complete(tmp_path)
    assert len(numbers) == 2
    assert numbers[0] > 2
    assert same(train(tmp_path, rows, judge, Polls()), whole)


def forget(**parts: Callable[[Standing], Any]) -> Callable[[Standing], Standing]:
    """A standing of which some part is lost; "state_" and "memory_" name parts of these."""

    def damaged(standing: Standing) -> Standing:
        for name, value in parts.items():
            place, _, field = name.partition("_")
            if place in ("state", "memory"):
                inner = replace(getattr(standing, place), **{field: value(standing)})
                standing = replace(standing, **{place: inner})
            else:
                standing = replace(standing, **{name: value(standing)})
        return standing

    return damaged


def zeros(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in tensors.items()}


MUTANTS = {
    "weights": forget(state_flat=lambda s: s.state.flat + 1e-7),
    "statistics": forget(state_buffers=lambda s: zeros(s.state.buffers)),
    "first rule": forget(
        state_rules=lambda s: [
            zeros(rule) if i == 0 else rule for i, rule in enumerate(s.state.rules)
        ]
    ),
    "second rule": forget(
        state_rules=lambda s: [
            zeros(rule) if i == 1 else rule for i, rule in enumerate(s.state.rules)
        ]
    ),
    "average": forget(state_average=lambda s: zeros(s.state.average)),
    "alive": forget(state_alive=lambda s: torch.ones_like(s.state.alive)),
    "batches": forget(state_batches_seen=lambda s: 0),
    "batches of stages before": forget(batches=lambda s: 0),
    "steps": forget(state_steps_taken=lambda s: s.state.steps_taken - 1),
    "steps of stages before": forget(steps=lambda s: 0),
    "stage": forget(stage=lambda s: 0),
    "fates": forget(memory_fates=lambda s: [Fate() for _ in s.memory.fates]),
    "curves": forget(memory_curves=lambda s: [[] for _ in s.memory.curves]),
    "kept weights": forget(memory_flat=lambda s: s.state.flat.clone()),
    "kept statistics": forget(memory_buffers=lambda s: zeros(dict(s.memory.buffers))),
    "fresh": forget(memory_fresh=lambda s: [False for _ in s.memory.fresh]),
    "window": forget(window=lambda s: Window()),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_is_forgotten_shows(
    mutant: str, rows: Rows, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison above has teeth: a checkpoint without this part ends elsewhere."""
    # Where no evaluation follows, the last weights are shipped unless others are kept.
    looks = LOOKS[:3] if mutant == "fresh" else LOOKS
    keep = "last" if mutant == "alive" else "best"
    whole = loop.train(make_cohort(keep), rows, judge, looks)
    read = checkpoint.read

    def forgetful(*arguments: Any) -> tuple[Standing, float]:
        standing, seconds = read(*arguments)
        return MUTANTS[mutant](standing), seconds

    different = []
    for at in (8, 22, 29):
        folder = tmp_path / str(at)
        assert train(folder, rows, judge, Polls(at), looks, keep) is None
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, "read", forgetful)
            try:
                resumed = train(folder, rows, judge, Polls(), looks, keep)
                different.append(not same(resumed, whole))
            except (RuntimeError, ValueError, TypeError, KeyError):  # it doesn't even fit
                different.append(True)
    assert any(different)


# --- damage -----------------------------------------------------------------------------------


@pytest.fixture
def standing() -> Standing:
    state = State(torch.ones(1, 3), {}, [{"m": torch.ones(1, 3)}], {}, torch.ones(1).bool(), 4, 4)
    return Standing(0, 0, 0, state, Memory([Fate()], [[]], [True], None, {}), Window())


def flip(path: Path, at: int = 5) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


FILES = (".safetensors", ".json", ".manifest.json")
DAMAGES: dict[str, Callable[[Path], Any]] = {
    "flipped": flip,
    "truncated": truncate,
    "emptied": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(bytes(range(256))),
    "other JSON": lambda path: path.write_text("[1, {}]"),
    "no file": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_told_and_the_one_before_used(
    file: str, damage: str, standing: Standing, tmp_path: Path
) -> None:
    folder = tmp_path / "screen-000-a"
    folder.mkdir()
    checkpoint.save(folder, 1, "it", standing, 1.0)
    checkpoint.save(folder, 2, "it", replace(standing, stage=1), 2.0)
    path = folder / f"000002{file}"
    DAMAGES[damage](path)
    with Keeper(folder, "it", lambda: False, NEVER) as keeper:
        found = keeper.load(CPU)
    assert found is not None
    assert same(found, standing)
    assert keeper.seconds == 1.0
    (note,) = keeper.notes
    assert note.startswith("screen-000-a: checkpoint 2 can't be used (")
    assert note.endswith("training went on from the one before")
    if file != ".manifest.json" and damage != "no file":
        assert f"{path.name} is damaged" in note


@pytest.mark.parametrize("file", FILES[:2])
def test_a_missing_file_is_told(file: str, standing: Standing, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, "it", standing, 1.0)
    (tmp_path / f"000001{file}").unlink()
    with pytest.raises(UnusableError, match=f"000001{file} is missing"):
        checkpoint.read(tmp_path, 1, "it", CPU)
    keeper = Keeper(tmp_path, "it", lambda: False, NEVER)
    assert keeper.load(CPU) is None
    assert "began anew" in keeper.notes[0]


def test_without_a_manifest_there_is_no_checkpoint(standing: Standing, tmp_path: Path) -> None:
    """A kill before the manifest: nothing is wrong, and nothing is said."""
    checkpoint.save(tmp_path, 1, "it", standing, 1.0)
    checkpoint.save(tmp_path, 2, "it", replace(standing, stage=1), 1.0)
    (tmp_path / "000002.manifest.json").unlink()
    (tmp_path / ".000003.safetensors.x.part").write_bytes(b"half")
    keeper = Keeper(tmp_path, "it", lambda: False, NEVER)
    assert same(keeper.load(CPU), standing)
    assert not keeper.notes
    # What the kill left is gone with the next checkpoint, which doesn't take its number.
    keeper = Keeper(tmp_path, "it", lambda: True)
    keeper.load(CPU)
    with pytest.raises(Interrupted):
        keeper.keep(standing)
    assert checkpoint.complete(tmp_path) == [3, 1]
    assert len(list(tmp_path.iterdir())) == 6


def test_no_flipped_bit_of_a_manifest_goes_unnoticed(standing: Standing, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, "it", standing, 1.0)
    path = tmp_path / "000001.manifest.json"
    sound = path.read_bytes()
    for at in range(0, len(sound) - 1, 3):
        flip(path, at)
        with pytest.raises(UnusableError):
            checkpoint.read(tmp_path, 1, "it", CPU)
        path.write_bytes(sound)
    assert same(checkpoint.read(tmp_path, 1, "it", CPU)[0], standing)


def test_checkpoints_of_something_else_are_not_used(standing: Standing, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, "that", standing, 1.0)
    keeper = Keeper(tmp_path, "this", lambda: False, NEVER)
    assert keeper.load(CPU) is None
    assert "another plan" in keeper.notes[0]


def test_another_version_is_not_used(
    standing: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
        checkpoint.save(tmp_path, 1, "it", standing, 1.0)
    with pytest.raises(UnusableError, match="version"):
        checkpoint.read(tmp_path, 1, "it", CPU)


def test_a_manifest_names_its_files_and_their_hashes(standing: Standing, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, "it", standing, 1.0)
    manifest = json.loads((tmp_path / "000001.manifest.json").read_text())
    assert set(manifest["files"]) == {"000001.safetensors", "000001.json"}
    assert {len(digest) for digest in manifest["files"].values()} == {64}
