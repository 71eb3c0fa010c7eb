"""Data made ready for training: split, encoded, resident; and kept where workers can read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from methodic.baselines import Rows as BaselineRows
from methodic.data.batches import Rows
from methodic.data.dataset import DataSet
from methodic.data.encoding.encoders import Encoders
from methodic.data.large.maps import Mapped
from methodic.data.predicted import answers
from methodic.data.splits import fold, grouped, split
from methodic.data.unlabelled import stacked
from methodic.data.weights import weights_of
from methodic.engine.evaluation import Judge
from methodic.errors import InputError
from methodic.files import file_hash, make_folder, read_json, write_json, write_with
from methodic.metrics import get_metric
from methodic.models.mlp import Inputs
from methodic.plan import FORMAT, Plan
from methodic.runs.rows import besides, streaming, teaching

PARTS = ("train", "validation", "test")
_FILES = ("rows.safetensors", "encoders.json")
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Prepared:
    """Encoded rows of the three parts, with what decodes predictions.

    Args:
        encoders: fitted on the training rows; those of inputs on the ones without a target, too.
        rows: part → encoded rows, with their weights where they have any: 1 on average. Those of
            training that have no target stand behind the others, and a teacher says something about
            all of them.
        raw: part → host-side inputs before the numeric encoder, for the baselines: of rows with a
            target, as everything below.
        truth: part → classes int64 [N], labels int64 [N, C], or numbers in the targets' units
            float64 [N], of several targets [N, T].
        groups: validation and test → the group of each row, from 0 on int64 [N], where the user
            named a column of them and the rows are in memory.
        notes: what a reader of the scores should know about these rows; not saved.
        sources: files beside the data that were read; their hashes are kept.
    """

    encoders: Encoders
    rows: dict[str, Rows]
    raw: dict[str, dict[str, Tensor]]
    truth: dict[str, npt.NDArray[Any]]
    groups: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def inputs(self) -> Inputs:
        """What enters a network."""
        return Inputs(
            numeric=self.encoders.width,
            categorical=self.encoders.columns,
            codes=self.encoders.cardinality,
            array=int(np.prod(self.encoders.array_shape)) if self.encoders.array_shape else 0,
            shape=tuple(self.encoders.array_shape),
            sizes=self.encoders.sizes,
            scaling=self.encoders.scaling,
        )

    @property
    def outputs(self) -> int:
        """C: classes, labels, or numbers."""
        return answers.outputs(self.encoders.schema)

    def weights(self, part: str) -> npt.NDArray[np.float64] | None:
        """How much each row of a part counts, [N]; None where all count alike."""
        found = self.rows[part].weight
        return None if found is None else found.double().numpy()

    @property
    def class_counts(self) -> Tensor:
        """Training rows of each class (or label; see `Encoders`), or their weights' sums."""
        weights = self.weights("train")
        if weights is None:
            return self.encoders.class_counts
        return answers.counts(self.truth["train"], self.encoders.schema, weights)

    @property
    def block(self) -> int:
        """Training rows that are read together from a file; 0: they are in memory."""
        rows = self.rows["train"]
        return rows.block if isinstance(rows, Mapped) else 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Training, validation and test rows that have a target."""
        train, validation, test = (len(self.rows[part]) for part in PARTS)
        return train, validation, test

    @property
    def unlabelled(self) -> int:
        """Training rows without a target."""
        return self.rows["train"].every - len(self.rows["train"])

    def judge(self, metric: str, device: torch.device, count: int | None = None) -> Judge:
        """Scores members on the validation rows, or on ``count`` of them, evenly spread."""
        rows, truth = self.rows["validation"], self.truth["validation"]
        if count is not None and count < len(rows):
            rows, truth = rows.spread(count), truth[np.arange(count) * len(truth) // count]
        return Judge(
            rows.to(device),
            get_metric(metric, self.encoders.schema.task),
            self.encoders.predictions,
            truth,
            labels=self.encoders.schema.task == "multilabel",
        )

    def baseline_rows(self, part: str) -> BaselineRows:
        """Rows as the baselines take them; of training rows in a file, those kept for them."""
        raw = {name: value.flatten(1).numpy() for name, value in self.raw[part].items()}
        numeric = [raw[name] for name in ("numeric", "array") if name in raw]
        kept = len(next(iter(raw.values()))) if raw else len(self.truth[part])
        some = slice(None, None, -(-len(self.truth[part]) // kept))
        weights = self.weights(part)
        return BaselineRows(
            numeric=np.concatenate(numeric, axis=1) if numeric else None,
            categorical=raw.get("categorical"),
            target=self.truth[part][some],
            weight=None if weights is None else weights[some],
        )


def prepare(
    data: DataSet, split_seed: int, number: int = 0, folder: Path | None = None
) -> Prepared:
    """Split and encode ``data``; encoders see training rows only, those without a target too.

    Args:
        data: what to split.
        split_seed: of the run.
        number: 0 for the run's own split; from 1 on those of repeated cross-validation.
        folder: where rows that don't fit into memory are kept; by default a temporary one.

    Raises:
        InputError: the data can't be split, or the teacher doesn't fit them.
    """
    if data.large is not None:
        folder, said = streaming.write(data, split_seed, number, folder)
        return replace(_from_file(folder), notes=said)
    cut = fold(data, number - 1, split_seed) if number else split(data, split_seed)
    frames = {
        "train": data.frame[cut.train],
        "validation": data.frame[cut.validation],
        "test": (data.frame if data.test is None else data.test)[cut.test],
    }
    without = besides.rows(data, cut)
    every = frames["train"] if without is None else stacked([frames["train"], without])
    encoders = Encoders.fit(every, data.schema)
    teacher = teaching.Teacher.of(data)
    rows, raw, truth = {}, {}, {}
    for part, frame in frames.items():
        inputs = encoders.inputs(every if part == "train" else frame)
        target, weight = encoders.target(frame), weights_of(frame, data.schema)
        rows[part] = Rows(
            encoders.encoded(inputs),
            target,
            None if weight is None else torch.from_numpy(weight.astype(np.float32)),
            None if teacher is None or part != "train" else teacher.says(every, encoders),
        )
        raw[part] = {name: x[: frame.height] for name, x in inputs.items()}
        truth[part] = encoders.truth(frame)
    name = data.schema.group
    judging = [part for part in PARTS[1:] if name is not None and name in frames[part].columns]
    groups = {part: grouped.named(frames[part][str(name)]) for part in judging}
    notes = besides.notes(data.schema, without, frames["test"], frames["validation"].height)
    read = [data.reading.unlabelled] if data.reading.unlabelled is not None else []
    if teacher is not None:
        notes += teacher.doubts(data, split_seed)
        read.append(str(teacher.manifest))
    return Prepared(encoders, rows, raw, truth, groups, tuple(notes), tuple(read))


def save(prepared: Prepared, folder: Path, sources: Iterable[str | None] = ()) -> None:
    """Write what workers need into ``folder``; the manifest comes last.

    Args:
        prepared: the data.
        folder: RUN/work.
        sources: where the data were read; the manifest keeps a hash of those that are files.
    """
    state, tensors = prepared.encoders.state()
    flat = {f"encoders/{name}": value for name, value in tensors.items()}
    for part in PARTS:
        for name, value in prepared.rows[part].inputs.items():
            flat[f"{part}/inputs/{name}"] = value
        for name, value in prepared.raw[part].items():
            flat[f"{part}/raw/{name}"] = value
        flat[f"{part}/target"] = prepared.rows[part].target
        weight = prepared.rows[part].weight
        if weight is not None:
            flat[f"{part}/weight"] = weight
        soft = prepared.rows[part].soft
        if soft is not None:
            flat[f"{part}/soft"] = soft
        flat[f"{part}/truth"] = torch.from_numpy(np.ascontiguousarray(prepared.truth[part]))
        if part in prepared.groups:
            flat[f"{part}/group"] = torch.from_numpy(prepared.groups[part])
    if prepared.block:
        streaming.move(prepared.rows["train"], folder)
    else:
        contiguous = {name: value.contiguous().clone() for name, value in flat.items()}
        write_with(folder / "rows.safetensors", lambda path: save_file(contiguous, path))
    write_json(folder / "encoders.json", state)
    write_json(
        folder / _MANIFEST,
        {
            "format": FORMAT,
            "files": {name: file_hash(folder / name) for name in _FILES},
            "sources": {
                each: known
                for each in (*sources, *prepared.sources)
                if each and (known := _hash(each)) is not None
            },
        },
    )


def place(work: Path, number: int) -> Path:
    """Where the rows of a split lie; number 0 is the run's own."""
    return work / f"split-{number:03d}" if number else work


def save_folds(data: DataSet, plan: Plan, work: Path) -> None:
    """Write the splits of repeated cross-validation, one for each seed of the plan's confirmation.

    Each has encoders of its own, fitted on its own training rows.
    """
    if plan.confirm is None or plan.confirm.splits == "one":
        return
    for i in range(len(plan.confirm.seeds)):
        folder = place(work, i + 1)
        make_folder(folder)
        save(prepare(data, plan.data.split_seed, i + 1), folder)


def check(folder: Path) -> None:
    """Compare what `save` wrote with its manifest, before a run goes on with it.

    Raises:
        InputError: a file is missing, or not as it was written.
    """
    files = _manifest(folder)["files"]
    for name in _FILES:
        file = folder / name
        if not file.is_file() or file_hash(file) != files.get(name):
            raise InputError(
                f"{file}: the prepared data of this run were changed",
                found="no such file" if not file.is_file() else "other bytes than at its start",
                advice="Restore the file from a copy, or start a new run.",
            )


def moved_on(folder: Path) -> list[str]:
    """Files which the data were read from, that are still there and have other bytes now."""
    sources = _manifest(folder)["sources"]
    return [path for path, was in sources.items() if _hash(path) not in (None, was)]


def _manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / _MANIFEST
    if not path.exists():
        raise InputError(
            f"{folder}: the prepared data of this run are gone",
            found=f"no {_MANIFEST} there",
            advice="Start a new run.",
        )
    manifest = read_json(path, "manifest")
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(part), dict) for part in ("files", "sources")
    ):
        raise InputError(
            f"{path}: this manifest is damaged",
            advice="Restore the file from a copy, or start a new run.",
        )
    return manifest


def _hash(source: str) -> str | None:
    """None for what is no file that can be read, as the name of a built-in set."""
    try:
        # A relative path can only be such a name; a file of the same name is not meant.
        return file_hash(Path(source)) if Path(source).is_absolute() else None
    except OSError:
        return None


def load(folder: Path) -> Prepared:
    """Read what `save` wrote; a worker does so once."""
    _manifest(folder)
    return _loaded(folder, file_hash(folder / _MANIFEST))


@lru_cache(maxsize=1)
def _loaded(folder: Path, content: str) -> Prepared:  # noqa: ARG001 - one folder may serve two runs
    return _from_file(folder)


def _from_file(folder: Path) -> Prepared:
    flat = load_file(folder / "rows.safetensors")

    def under(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in flat.items() if k.startswith(prefix)}

    encoders = Encoders.from_state(
        read_json(folder / "encoders.json", "encoder file"), under("encoders/")
    )
    rows = {
        part: Rows(
            under(f"{part}/inputs/"),
            flat[f"{part}/target"],
            flat.get(f"{part}/weight"),
            flat.get(f"{part}/soft"),
        )
        for part in PARTS
    }
    raw = {part: under(f"{part}/raw/") for part in PARTS}
    rows, raw = streaming.mapped(folder, rows, raw)
    truth, groups = (
        {part: flat[f"{part}/{what}"].numpy() for part in PARTS if f"{part}/{what}" in flat}
        for what in ("truth", "group")
    )
    return Prepared(encoders, rows, raw, truth, groups)
