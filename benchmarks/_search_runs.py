"""One search each of search.py: by `methodic run` as a process, or by a peer as a process."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _shared as shared
import tables

_BATCH = 128


@dataclass(frozen=True)
class Case:
    """A data set; ``epochs`` of a whole training, a multiple of 9 for whole epochs in each rung."""

    title: str
    name: str
    metric: str
    epochs: int
    target: str | None = None

    @property
    def sign(self) -> float:
        """−1 where less is better."""
        return -1.0 if self.metric == "rmse" else 1.0


CASES = (
    Case("digits", "digits", "accuracy", 198),
    Case("Adult", "adult", "auc", 18, "income"),
    Case("California housing", "california_housing", "rmse", 54, "MedHouseVal"),
)


def copied(case: Case, scratch: Path, quick: bool) -> str | None:
    """What is read: a built-in name, or a copy of a file."""
    if case.target is None:
        return case.name
    path = tables.find(next(each for each in tables.CASES if each.file == case.name))
    if path is None:
        return None
    table = scratch / f"{case.name}.parquet"
    tables.copy(path, table, tables.QUICK_ROWS if quick else None)
    return str(table)


def halved(case: Case, source: str, job: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """A run until its search is done, without a budget: as many steps as a peer takes."""
    rows = count(Path(job["folder"]))
    steps = job["epochs"] * rows // _BATCH
    recipe = scratch / "searched.yaml"
    recipe.write_text(
        "name: searched\n"
        f"model: {{kind: mlp, width: {job['width']}, depth: 2}}\n"
        "stages:\n"
        f"  - batch: {_BATCH}\n"
        "    optimizer: {kind: adamw, lr: {log_uniform: [1.0e-4, 3.0e-2]},"
        " weight_decay: {log_uniform: [1.0e-6, 1.0e-1]}}\n"
        "    schedule: {kind: constant}\n"
        f"stop: {{steps: {steps}, keep: last}}\n"
    )
    options = ["--recipe", str(recipe), "--sampler", "random", "--strategy", "halving"]
    options += ["--settings", str(job["settings"])]
    return searched(case, source, options, job["seed"], scratch / "run", steps, whole=False)


def searched(
    case: Case,
    source: str,
    options: Sequence[str],
    seed: int,
    out: Path,
    steps: int,
    whole: bool = True,
) -> dict[str, Any]:
    """`methodic run` with a search, compiled code from an empty cache.

    Args:
        case, source, options, seed, out: of the run.
        steps: that it must take.
        whole: to the end of the run; else it is ended as soon as its search is over.
    """
    command = [shared.METHODIC, "run", source, *options, "--metric", case.metric]
    command += ["--target", case.target] if case.target else []
    command += ["--seed", str(seed), "--finalists", "1", "--seeds", "1", "--splits", "one"]
    command += ["--budget", "none", "--quiet", "--out", str(out)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**shared.clean_environment(), "XDG_CACHE_HOME": cache}
        begun = time.time()
        run = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        )
        while not whole and run.poll() is None and not (out / "search.json").exists():
            time.sleep(0.02)
        if not whole and run.poll() is None:
            run.kill()
            run.wait()
        else:
            _, said = run.communicate()
            if run.returncode:
                raise RuntimeError(f"{' '.join(command)}: {said[-2000:]}")
    record = json.loads((out / "search.json").read_text())
    (study,) = record["studies"]
    if list(study["steps"].values()) != [steps]:
        raise RuntimeError(f"{study['steps']} steps were planned, not {steps}")
    ends = [each for each in study["candidates"] if each["status"] == "finished"]
    scores = [each["rungs"][-1]["score"] for each in ends]
    return {
        "seconds": (out / "search.json").stat().st_mtime - begun,
        "score": case.sign * max(case.sign * score for score in scores),
        "steps": steps,
        "asked": [each["rungs"][-1]["score"] for each in study["candidates"]],
        "training": sum(each["seconds"] for each in study["candidates"]),
        "test": _test(out) if whole else None,
        "machine": json.loads((out / "plan.json").read_text())["machine"],
    }


def _test(out: Path) -> float:
    card = json.loads((out / "model" / "bundle.json").read_text())["card"]
    return float(card["test"])


def count(folder: Path) -> int:
    import polars as pl

    return int(pl.scan_parquet(folder / "train.parquet").select(pl.len()).collect().item())


def peer(which: str, job: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "result.json"
        script = str(shared.HERE / f"_search_{which}.py")
        begun = time.perf_counter()
        done = subprocess.run(
            [shared.PYTHON, script, json.dumps(dict(job)), str(out)],
            capture_output=True,
            text=True,
            env=shared.clean_environment(),
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            raise RuntimeError(f"{which}: {done.stderr[-2000:]}")
        return {"seconds": seconds, **json.loads(out.read_text())}


def sampled(
    case: Case, source: str, sampler: str, seed: int, epochs: int, settings: int, scratch: Path
) -> dict[str, Any]:
    """A run whose settings come from a sampler, all trained to the end, over four numbers."""
    steps = epochs * count(scratch / "rows") // _BATCH
    recipe = scratch / "searched.yaml"
    recipe.write_text(
        "name: searched\n"
        "model: {kind: mlp, width: {choice: [32, 64, 128]}, depth: 2,"
        " dropout: {uniform: [0.01, 0.5]}}\n"
        "stages:\n"
        f"  - batch: {_BATCH}\n"
        "    optimizer: {kind: adamw, lr: {log_uniform: [1.0e-5, 1.0e-1]},"
        " weight_decay: {log_uniform: [1.0e-6, 1.0]}}\n"
        "    schedule: {kind: cosine, warmup: 0.1}\n"
        f"stop: {{steps: {steps}, keep: last}}\n"
    )
    options = ["--recipe", str(recipe), "--sampler", sampler, "--strategy", "full"]
    options += ["--settings", str(settings)]
    return searched(case, source, options, seed, scratch / "run", steps)
