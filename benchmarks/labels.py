"""What rows without a target are worth: few labels, and all other rows without.

pictures     Fashion-MNIST and CIFAR-10 with 100, 500 and 2,500 labels of all training rows, the
             same network everywhere: supervised only, with the best of some augmentations;
             pretraining and fine-tuning; a joint sum; turns; FixMatch.
tables       Adult with 0.5% and 5% of its labels, California with 1%: supervised only, SCARF, VIME,
             a joint autoencoder.
autoencoder  784-64-32-784 on Fashion-MNIST: its error beside that of 32 principal components, and
             its steps per second beside Keras.
steps        What a joint step costs beside the sum of its parts.

Each method gets the same minutes of both cores for everything: each of its settings on five subsets
of the labels with a seed each, two trainings at a time, a core each. The setting that speaks for a
method has the best mean score on the validation rows of all five subsets, which come out of the
labelled rows; test rows choose nothing. Each training is `methodic train --labels N` as its user
starts it.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import _autoencoding
import _shared as shared
import numpy as np
import tables as tables_of

MINUTES = {"pictures": 10.0, "tables": 2.0}  # of a method, on both cores
SEEDS = 5  # and subsets of the labels
PROTOCOL = "every setting on every subset"  # results of another one don't stand beside these
WANTED = 0.04  # points more than supervised only, at 100 labels

NET = {"kind": "cnn", "channels": [16, 32, 64], "width": 64, "normalization": "batch"}
COSINE = {"kind": "cosine", "warmup": 0.1}
SUPERVISED = {"kind": "supervised"}
GREY_VIEWS = [
    {"kind": "crop", "padding": 3},
    {"kind": "affine", "degrees": 15, "shift": 0.1, "zoom": 0.25, "shear": 10},
    {"kind": "cutout", "share": 0.15},
]
COLOUR_VIEWS = [
    {"kind": "crop", "padding": 4},
    {"kind": "flip"},
    {"kind": "colour", "strength": 0.4},
    {"kind": "cutout", "share": 0.15},
]
STRONG = [{"kind": "randaugment", "count": 2, "strength": 0.4}, {"kind": "cutout", "share": 0.25}]
Stage = dict[str, Any]


def adamw(lr: float, decay: float = 0.05) -> dict[str, Any]:
    """The rule that all methods share."""
    return {"kind": "adamw", "lr": lr, "weight_decay": decay}


def pictures(views: Sequence[Stage]) -> dict[str, list[list[Stage]]]:
    """Method → its settings, three each; a setting is a recipe's stages.

    ``views``: the changes that make a view; those in front of "affine" or "colour" are weak ones.
    """
    moved = [dict(each) for each in views]
    weak = [each for each in moved if each["kind"] in ("crop", "flip")]
    strong = [*weak, *STRONG]

    def supervised(lr: float, share: float = 1.0, changes: Sequence[Stage] = strong) -> Stage:
        return {
            "name": "supervised",
            "share": share,
            "batch": 64,
            "objectives": [SUPERVISED],
            "optimizer": adamw(lr),
            "schedule": COSINE,
            "regularizers": list(changes),
        }

    def before(objective: Stage, share: float, batch: int) -> list[Stage]:
        first = {
            "name": "pretrain",
            "share": share,
            "rows": "all",
            "batch": batch,
            "objectives": [objective],
            "optimizer": adamw(0.002),
            "schedule": COSINE,
        }
        return [first, supervised(0.002, round(1 - share, 3))]

    def joint(
        objective: Stage, lr: float, *more: Stage, own: Sequence[Stage] = strong
    ) -> list[Stage]:
        changes = [*own, *more]
        both = {"unlabelled": 128, "objectives": [SUPERVISED, objective]}
        return [supervised(lr, changes=changes) | both]

    def turns(lr: float, other: float) -> list[Stage]:
        rule = {"schedule": COSINE, "optimizer": adamw(other)}
        own = {"objectives": [SUPERVISED], "optimizer": adamw(lr), "schedule": COSINE}
        stage = {k: v for k, v in supervised(lr).items() if k not in own}
        alternating = [own, {"objectives": [{"kind": "vicreg", "views": moved}], **rule}]
        return [stage | {"unlabelled": 128, "turns": alternating}]

    ema = {"kind": "ema", "decay": 0.98}
    match = {"kind": "fixmatch", "weak": weak, "strong": strong}
    back = {"kind": "reconstruction", "views": [{"kind": "cutout", "share": 0.2}]}
    return {
        "supervised only": [
            [supervised(0.002)],
            [supervised(0.005)],
            [supervised(0.002, changes=moved)],
        ],
        "pretrain, fine-tune": [
            before(back, 0.3, 256),
            before({"kind": "vicreg", "views": moved}, 0.6, 128),
            before({"kind": "simclr", "views": moved, "temperature": 0.2}, 0.6, 128),
        ],
        "joint": [
            joint({"kind": "vicreg", "views": moved, "weight": 0.05}, 0.002),
            joint({"kind": "vicreg", "views": moved, "weight": 0.02}, 0.005),
            joint({"kind": "simclr", "views": moved, "weight": 0.5}, 0.002),
        ],
        "alternate": [turns(0.002, 0.002), turns(0.002, 0.0005), turns(0.005, 0.002)],
        "fixmatch": [
            joint({**match, "threshold": 0.8, "alignment": 1.0}, 0.002, ema, own=weak),
            joint({**match, "threshold": 0.95}, 0.002, ema),
            joint({**match, "threshold": 0.8, "alignment": 1.0}, 0.005, ema, own=weak),
        ],
    }


def tables() -> dict[str, list[list[Stage]]]:
    """Method → its settings; a setting is a recipe's stages."""
    rates = (0.001, 0.003, 0.01)

    def fine(lr: float, share: float = 1.0) -> Stage:
        return {
            "name": "fine-tune",
            "share": share,
            "batch": 64,
            "objectives": [SUPERVISED],
            "optimizer": adamw(lr, 0.01),
            "schedule": COSINE,
        }

    def first(objective: Stage) -> Stage:
        return {
            "name": "pretrain",
            "share": 0.5,
            "rows": "all",
            "batch": 256,
            "objectives": [objective],
            "optimizer": adamw(0.001, 0.01),
            "schedule": COSINE,
        }

    back = {"kind": "reconstruction", "weight": 0.3, "views": [{"kind": "swap", "share": 0.2}]}
    joint = {"unlabelled": 256, "objectives": [SUPERVISED, back]}
    return {
        "supervised only": [[fine(lr)] for lr in rates],
        "scarf": [[first({"kind": "scarf"}), fine(lr, 0.5)] for lr in rates],
        "vime": [[first({"kind": "masked", "share": 0.3}), fine(lr, 0.5)] for lr in rates],
        "joint autoencoder": [[{**fine(lr), **joint}] for lr in rates],
    }


def train(
    source: Sequence[str], stages: list[Stage], labels: str, seed: int, job: Mapping[str, Any]
) -> Any:
    """One `methodic train`: its scores, or the error's text."""
    # Some 18 validation images choose worse weights than the end of a schedule has, for everybody.
    keep = "last" if job.get("model") == NET else "best"
    recipe = {"name": "method", "stages": stages, "stop": {"keep": keep}}
    if job.get("model"):
        recipe["model"] = job["model"]
    with tempfile.TemporaryDirectory() as scratch:
        path, out = Path(scratch) / "method.yaml", Path(scratch) / "run"
        path.write_text(json.dumps(recipe))  # which is YAML, too
        command = [shared.METHODIC, "train", *source, "--recipe", str(path), "--labels", labels]
        command += ["--seed", str(seed), "--threads", "1", "--budget", f"{job['seconds']:.0f}s"]
        command += ["--out", str(out), "--quiet"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**shared.clean_environment(), "OMP_NUM_THREADS": "1"},
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
        board = json.loads((out / "leaderboard.json").read_text())
        row = next(each for each in board["rows"] if each["name"] == "method")
        record = json.loads((out / "records" / "train-method.json").read_text())
        return {
            "test": row["test"]["mean"],
            "validation": row["validation"],
            "loss": record["members"][0]["validation"]["loss"],
            "steps": record["members"][0]["steps_taken"],
            "seconds": record["seconds"],
        }


def method(
    source: Sequence[str],
    settings: Sequence[list[Stage]],
    labels: str,
    minutes: float,
    model: Mapping[str, Any] | None,
) -> list[list[Any]]:
    """All settings of a method, each on all subsets, in so many minutes of both cores."""
    jobs = list(itertools.product(range(len(settings)), range(1, SEEDS + 1)))
    rounds = -(-len(jobs) // shared.CORES)
    job = {"seconds": minutes * 60 / rounds, "model": model}
    with ThreadPoolExecutor(shared.CORES) as pool:
        runs = list(pool.map(lambda j: train(source, settings[j[0]], labels, j[1], job), jobs))
    return [runs[i : i + SEEDS] for i in range(0, len(runs), SEEDS)]


def chosen(tried: Sequence[list[Mapping[str, Any]]], sign: int) -> list[Mapping[str, Any]]:
    """The runs of the setting that validation rows like best, by mean score; where equal, by loss.

    A subset of 100 labels has some 18 validation rows: one subset would choose by chance. And the
    loss of a network that knows its few rows by heart says how sure it is, not how often right.
    """

    def worth(runs: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
        return sign * validation(runs), -float(np.mean([run["loss"] for run in runs]))

    return max(tried, key=worth)


def validation(runs: Sequence[Mapping[str, Any]]) -> float:
    """The mean score on validation rows."""
    return float(np.mean([run["validation"]["mean"] for run in runs]))


Runs = Mapping[str, list[Mapping[str, Any]]]
"""Method → its networks: scores on test and validation rows, steps, seconds."""


def part(
    report: shared.Report,
    kept: shared.Kept,
    title: str,
    source: Sequence[str],
    methods: Mapping[str, list[list[Stage]]],
    labels: Sequence[str],
    minutes: float,
    model: Mapping[str, Any] | None = None,
    sign: int = 1,
) -> Mapping[str, Runs]:
    """A table of one data set; labels → method → trained networks. ``sign``: −1 for errors."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for count in labels:
        found[count] = {}
        for name, settings in methods.items():
            job = functools.partial(method, source, settings, count, minutes, model)
            said = hashlib.sha256(json.dumps([settings, model, PROTOCOL]).encode()).hexdigest()[:8]
            result = kept.get(f"{title}, {count} labels, {name}, {minutes:g} min, {said}", job)
            found[count][name] = chosen(result, sign)
    header = ["method", *(f"{count} labels" for count in labels)]
    rows = [
        [name, *(shared.mean_interval(scores(found[count][name]), 4) for count in labels)]
        for name in methods
    ]
    report.say(f"\n### {title}: {minutes:g} minutes a method\n")
    report.table(header, rows)
    return found


def scores(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    """On test rows."""
    return [run["test"] for run in runs]


def gained(report: shared.Report, found: Runs, title: str, sign: int) -> float:
    """Say what methods that use unlabelled rows gained over supervised only.

    Which of them speaks for all is chosen by the validation rows of the five subsets together: the
    best of several by test scores would be flattered by chance.
    """
    plain = scores(found["supervised only"])
    others = {name: runs for name, runs in found.items() if name != "supervised only"}
    gains = {
        name: [sign * (a - b) for a, b in zip(scores(runs), plain, strict=True)]
        for name, runs in others.items()
    }
    best = max(others, key=lambda name: sign * validation(others[name]))
    for name, difference in gains.items():
        mark = " (chosen by validation rows)" if name == best else ""
        report.say(f"- {title}: {name}{mark} gains {shared.mean_interval(difference, 4)}")
    return float(np.mean(gains[best]))


def measure_pictures(report: shared.Report, args: argparse.Namespace, kept: shared.Kept) -> None:
    """Fashion-MNIST and CIFAR-10."""
    cifar = [str(shared.DATA / "cifar10-train.parquet")]
    cifar += ["--split", str(shared.DATA / "cifar10-test.parquet")]
    for title, source, views in (
        ("Fashion-MNIST", [str(shared.DATA / "fashion-mnist")], GREY_VIEWS),
        ("CIFAR-10", cifar, COLOUR_VIEWS),
    ):
        if args.data and title not in args.data:
            continue
        counts = args.labels or ["100", "500", "2500"]
        found = part(report, kept, title, source, pictures(views), counts, args.minutes, NET)
        for count in counts:
            gain = gained(report, found[count], f"{title}, {count} labels", 1)
            if count == "100" and title == "Fashion-MNIST":
                verdict = "yes" if gain >= WANTED else "**no**"
                report.say(f"- at least {WANTED:.0%} more at 100 labels: {gain:.2%}, {verdict}")


def measure_tables(report: shared.Report, args: argparse.Namespace, kept: shared.Kept) -> None:
    """Adult and California."""
    minutes = args.minutes if args.quick else MINUTES["tables"]
    model = {"kind": "mlp", "width": 128, "depth": 2, "dropout": 0.1}
    for title, file, target, counts, sign in (
        ("Adult", "adult", "income", ["0.5%", "5%"], 1),
        ("California", "california_housing", "MedHouseVal", ["1%"], -1),
    ):
        if args.data and title not in args.data:
            continue
        path = tables_of.find(next(each for each in tables_of.CASES if each.file == file))
        if path is None:
            report.say(f"\n**{title}: skipped**, {file} could not be fetched.")
            continue
        source = [str(path), "--target", target]
        found = part(report, kept, title, source, tables(), counts, minutes, model, sign)
        for count in counts:
            gained(report, found[count], f"{title}, {count} of the labels", sign)


PARTS: dict[str, Callable[[shared.Report, argparse.Namespace, shared.Kept], None]] = {
    "autoencoder": lambda report, args, _: _autoencoding.error(report, args.quick),
    "steps": lambda report, args, _: _autoencoding.joint(report, args.quick),
    "tables": measure_tables,
    "pictures": measure_pictures,
}


def main() -> None:
    """All parts, or one."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--only", choices=list(PARTS), help="one part")
        parser.add_argument("--data", nargs="*", help="of the data sets, these")
        parser.add_argument("--labels", nargs="*", help="of pictures, so many labels")
        parser.add_argument("--minutes", type=float, default=MINUTES["pictures"])

    args = shared.options(__doc__, add)
    if args.quick:
        args.minutes, args.labels = 1.0, ["100"]
    report = shared.Report("labels", "What rows without a target are worth", args.quick)
    kept = shared.Kept("labels-runs", args.save and not args.quick)
    for name in itertools.filterfalse(lambda n: args.only not in (None, n), PARTS):
        PARTS[name](report, args, kept)
    report.end(args.save)


if __name__ == "__main__":
    main()
