"""Checkpoints on disk: where the training of a unit of work stands, to the bit.

A checkpoint is two files, tensors (safetensors) and everything else (JSON), and a manifest with
their hashes that is written last. Files without a manifest are what a kill left behind, and are
ignored.

Shapes: M members, T steps since the last evaluation, P parameters.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from methodic.engine.monitor import Fate, Memory, Window
from methodic.engine.parts import State, left, picked
from methodic.errors import InputError
from methodic.files import file_hash, fingerprint, read_json, write_json, write_text, write_with
from methodic.plan import CurvePoint, Value

FORMAT = 2
"""Version of checkpoints; another one isn't used."""
_MANIFEST = ".manifest.json"
_WINDOW = ("loss", "gradient_norm", "finite")


@dataclass(frozen=True)
class Standing:
    """Where a training stands between two steps: all that it needs to go on to the bit.

    Args:
        stage: index of the stage.
        steps, batches: optimizer steps and batches of the stages before it.
        state: in the stage. Its tensors are never written to, so it holds them without a copy.
        memory: the monitor's.
        window: steps since the last evaluation; empty at the start of a stage.
    """

    stage: int
    steps: int
    batches: int
    state: State
    memory: Memory
    window: Window


_NOT_FINITE_TOO = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def joined(standings: Sequence[Standing], rows: Sequence[int]) -> Standing:
    """Members of several standings as one, all of which stand at the same step.

    Args:
        standings: laid one behind the other; each was evaluated just now, so no step has to be
            remembered beside the state. One in which all have ended may stand at an earlier one.
        rows: who goes on, and in which order; somebody may be named twice.
    """
    first = max(standings, key=lambda each: (each.stage, each.state.steps_taken))
    states = [_abreast(each, first) for each in standings]
    members = [
        (fate, curve, fresh)
        for each in standings
        for fate, curve, fresh in zip(
            each.memory.fates, each.memory.curves, each.memory.fresh, strict=True
        )
    ]
    index = torch.tensor(rows, device=first.state.flat.device)

    def kept(parts: Sequence[Tensor | None]) -> Tensor | None:
        there = [part for part in parts if part is not None]
        return torch.cat(there).index_select(0, index) if len(there) == len(parts) else None

    buffers = {
        name: torch.cat([each.memory.buffers[name] for each in standings]).index_select(0, index)
        for name in first.memory.buffers
    }
    return Standing(
        first.stage,
        first.steps,
        first.batches,
        replace(
            picked(states, index),
            batches_seen=first.state.batches_seen,
            steps_taken=first.state.steps_taken,
        ),
        Memory(
            [replace(members[row][0]) for row in rows],
            [list(members[row][1]) for row in rows],
            [members[row][2] for row in rows],
            kept([each.memory.flat for each in standings]),
            buffers,
        ),
        Window(),
    )


def _abreast(standing: Standing, first: Standing) -> State:
    """The state of members who ended in an earlier stage, with room for what a later one needs.

    Nobody trains them any more, so it doesn't matter whose moments they have.
    """
    if standing.stage == first.stage:
        return standing.state
    like = picked([first.state], torch.zeros_like(standing.state.alive, dtype=torch.long))
    own = standing.state
    learnt = own.learnt if own.learnt or not like.learnt else left(own)
    return replace(like, flat=own.flat, buffers=own.buffers, alive=own.alive, learnt=learnt)


class _Member(Value):
    model_config = _NOT_FINITE_TOO

    fate: Fate
    curve: tuple[CurvePoint, ...]
    fresh: bool


class _Words(Value):
    """All of a standing that is no tensor."""

    model_config = _NOT_FINITE_TOO

    stage: int
    steps: int
    batches: int
    steps_taken: int
    batches_seen: int
    turns: int
    members: tuple[_Member, ...]
    tensors: tuple[str, ...]  # in the order of their dictionaries
    seconds: float


class UnusableError(Exception):
    """Why a checkpoint can't be used, in a few words."""


def save(folder: Path, number: int, training: str, standing: Standing, seconds: float) -> None:
    """Write checkpoint ``number``.

    Args:
        folder: exists.
        number: greater than that of any file there.
        training: fingerprint of what is trained.
        standing: where.
        seconds: spent on it by now.

    Raises:
        InputError: the disk is full, or the folder can't be written; what was there is unharmed.
    """
    tensors = _tensors(standing)
    words = _words(standing, tuple(tensors), seconds)
    weights, text = _files(folder, number)
    write_with(weights, lambda path: save_file(tensors, path))
    write_text(text, words.model_dump_json())
    manifest = {
        "format": FORMAT,
        "training": training,
        "files": {path.name: file_hash(path) for path in (weights, text)},
    }
    write_json(folder / (_stem(number) + _MANIFEST), {**manifest, "seal": _seal(manifest)})


def read(folder: Path, number: int, training: str, device: torch.device) -> tuple[Standing, float]:
    """Checkpoint ``number`` and the seconds that were spent on it.

    Raises:
        UnusableError: it is damaged, or of another training or version.
    """
    try:
        manifest = read_json(folder / (_stem(number) + _MANIFEST), "manifest")
        if manifest.pop("seal") != _seal(manifest):
            raise UnusableError("its manifest is damaged")
        if manifest["format"] != FORMAT:
            raise UnusableError("another version of Methodic wrote it")
        if manifest["training"] != training:
            raise UnusableError("it belongs to another plan")
        weights, text = (_intact(path, manifest["files"]) for path in _files(folder, number))
        words = _Words.model_validate_json(text)
        # Cloned: products of matrices may round differently where memory isn't aligned as usual.
        found = {name: value.to(device).clone() for name, value in load(weights).items()}
        return _standing(words, {name: found[name] for name in words.tensors}), words.seconds
    except (InputError, OSError, SafetensorError, ValidationError) as error:
        raise UnusableError(str(error).splitlines()[0]) from None
    except (KeyError, TypeError, AttributeError):  # JSON, but not ours
        raise UnusableError("its manifest is damaged") from None


def _intact(path: Path, hashes: Mapping[str, str]) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UnusableError(f"{path.name} is missing") from None
    if hashlib.sha256(content).hexdigest() != hashes[path.name]:
        raise UnusableError(f"{path.name} is damaged")
    return content


def complete(folder: Path) -> list[int]:
    """Numbers of the checkpoints that have a manifest, the newest first."""
    return _numbers(folder, _MANIFEST)


def last(folder: Path) -> int:
    """The greatest number that any file there has, complete or not; 0 without files."""
    return max(_numbers(folder, ""), default=0)


def clean(folder: Path, kept: Iterable[int]) -> None:
    """Remove all files but those of ``kept``; one that can't be removed does no harm."""
    stems = {_stem(number) for number in kept}
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if path.name.split(".")[0] not in stems:
            with contextlib.suppress(OSError):
                path.unlink()


def _tensors(standing: Standing) -> dict[str, Tensor]:
    """Name → contiguous tensor on the host, no two of them in the same memory."""
    state, memory = standing.state, standing.memory
    named = {"flat": state.flat, "alive": state.alive}

    def add(prefix: str, tensors: Mapping[str, Tensor]) -> None:
        named.update({f"{prefix}/{name}": value for name, value in tensors.items()})

    add("buffers", state.buffers)
    add("average", state.average)
    add("pace", state.pace)
    add("learnt", state.learnt)
    for turn, rule in enumerate(state.rules):
        add(f"rules/{turn}", rule)
    if memory.flat is not None:
        named["kept"] = memory.flat
    add("kept_buffers", memory.buffers)
    if len(standing.window):
        add("window", dict(zip(_WINDOW, standing.window.tables(), strict=True)))
        if (folded := standing.window.folded) is not None:
            add("window", {"folded": folded})
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, value in named.items():
        host = value.detach().cpu().contiguous()
        place = host.untyped_storage().data_ptr()
        found[name] = host.clone() if place in taken else host
        taken.add(place)
    return found


def _words(standing: Standing, tensors: tuple[str, ...], seconds: float) -> _Words:
    state, memory = standing.state, standing.memory
    members = zip(memory.fates, memory.curves, memory.fresh, strict=True)
    return _Words(
        stage=standing.stage,
        steps=standing.steps,
        batches=standing.batches,
        steps_taken=state.steps_taken,
        batches_seen=state.batches_seen,
        turns=len(state.rules),
        members=tuple(
            _Member(fate=fate, curve=tuple(curve), fresh=fresh) for fate, curve, fresh in members
        ),
        tensors=tensors,
        seconds=seconds,
    )


def _standing(words: _Words, tensors: Mapping[str, Tensor]) -> Standing:
    def under(prefix: str) -> dict[str, Tensor]:
        start = prefix + "/"
        return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}

    window = under("window")
    return Standing(
        stage=words.stage,
        steps=words.steps,
        batches=words.batches,
        state=State(
            flat=tensors["flat"],
            buffers=under("buffers"),
            rules=[under(f"rules/{turn}") for turn in range(words.turns)],
            average=under("average"),
            alive=tensors["alive"],
            pace=under("pace"),
            learnt=under("learnt"),
            batches_seen=words.batches_seen,
            steps_taken=words.steps_taken,
        ),
        memory=Memory(
            fates=[member.fate for member in words.members],
            curves=[member.curve for member in words.members],
            fresh=[member.fresh for member in words.members],
            flat=tensors.get("kept"),
            buffers=under("kept_buffers"),
        ),
        window=Window([window[name] for name in _WINDOW], window.get("folded"))
        if window
        else Window(),
    )


def _stem(number: int) -> str:
    return f"{number:06d}"


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{_stem(number)}.safetensors", folder / f"{_stem(number)}.json"


def _seal(manifest: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(manifest, sort_keys=True))


def _numbers(folder: Path, ending: str) -> list[int]:
    if not folder.is_dir():
        return []
    stems = [path.name.split(".")[0] for path in folder.iterdir() if path.name.endswith(ending)]
    return sorted({int(stem) for stem in stems if stem.isdecimal()}, reverse=True)
