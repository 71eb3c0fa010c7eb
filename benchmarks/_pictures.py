"""Pictures: images per second beside other libraries, and accuracy in minutes.

speed     CIFAR-10, three epochs of a small convolutional net (three blocks of convolution, batch
          norm, relu and 2 × 2 maximum with 32, 64 and 128 channels; a hidden layer of 128), batch
          128, AdamW: by the engine with what `methodic train` chooses, by the float32 loop that
          people write with a DataLoader, and by Keras. Everybody has the same rows, already
          decoded, and both cores; importing and the first two steps don't count. The float32
          engine is there too, so that bfloat16 has something to be compared with.
minutes   `methodic train` with a library recipe: CIFAR-10 in 20 minutes by quicknet, Fashion-MNIST
          in 5 by convnet, with the curve on validation rows. Reading, measuring and the predictions
          of test rows are part of the budget.

As a program: one contestant of the first table, in a process of its own.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _shared as shared
import numpy as np

EPOCHS, BATCH, LR, DECAY, CLASSES = 3, 128, 0.002, 0.05, 10
CHANNELS, WIDTH, SEEDS, WARMING = (32, 64, 128), 128, 5, 2
CONTESTANTS = ("methodic", "methodic, float32", "PyTorch, DataLoader", "Keras, jax", "Keras, torch")
WANTED, GREY = 2.0, 0.92  # times the images per second; accuracy on Fashion-MNIST
MINUTES = (
    ("CIFAR-10", "cifar10-train.parquet", "cifar10-test.parquet", "quicknet", 20.0),
    ("Fashion-MNIST", "fashion-mnist", None, "convnet", 5.0),
)
Job = dict[str, Any]


def measure(report: shared.Report, quick: bool, keep: bool = False) -> None:
    """Both parts; they are skipped, saying so, where the data aren't at hand.

    ``keep``: results are kept as soon as they are there, and read by the next call.
    """
    if not (shared.DATA / "cifar10-train.parquet").exists():
        report.say(f"Pictures: skipped, there is no {shared.DATA}.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        kept = shared.Kept("pictures", keep and not quick)
        _speed(report, quick, Path(scratch), kept)
        _minutes(report, quick, Path(scratch), kept)


def _speed(report: shared.Report, quick: bool, scratch: Path, kept: shared.Kept) -> None:
    report.say("\n### CIFAR-10: three epochs of a small convolutional net\n")
    decoded = scratch / "cifar10.npz"
    np.savez(decoded, **_decoded(2_000 if quick else 50_000, 1_000 if quick else 10_000))
    found: dict[str, list[Job]] = {name: [] for name in CONTESTANTS}
    for seed in range(1 if quick else SEEDS):
        for name in CONTESTANTS if seed % 2 == 0 else reversed(CONTESTANTS):
            job = functools.partial(_contestant, name, decoded, seed, 1 if quick else EPOCHS)
            found[name].append(kept.get(f"{name}, seed {seed}", job))
    rates = {name: [each["rate"] for each in runs] for name, runs in found.items()}
    rows = [
        [
            name,
            shared.mean_interval(rates[name], 0),
            f"{np.mean(rates['methodic']) / np.mean(rates[name]):.2f}×",
            shared.mean_interval([each["accuracy"] for each in runs], 4),
        ]
        for name, runs in found.items()
    ]
    report.table(["contestant", "images/s", "methodic's factor", "test accuracy"], rows)
    for rival in CONTESTANTS[2:]:
        factor = np.mean(rates["methodic"]) / np.mean(rates[rival])
        verdict = "yes" if factor >= WANTED else "**no**"
        report.say(f"- at least {WANTED:g}× {rival}: {factor:.2f}×, {verdict}")
    report.raw["pictures: speed"] = found


def _decoded(training: int, test: int) -> dict[str, Any]:
    """CIFAR-10 as bytes [N, C, H, W] and classes."""
    from methodic.data.encoding.encoders import Encoders
    from methodic.data.loading import load

    train, path = shared.DATA / "cifar10-train.parquet", shared.DATA / "cifar10-test.parquet"
    data = load(train, test=path)
    frames = data.frame.head(training), data.test.head(test)  # type: ignore[union-attr]
    encoders = Encoders.fit(frames[0], data.schema)
    found: dict[str, Any] = {"scaling": np.array(encoders.scaling)}
    for part, frame in zip(("train", "test"), frames, strict=True):
        found[f"{part}_x"] = encoders.encode(frame)["array"].numpy()
        found[f"{part}_y"] = encoders.truth(frame)
    return found


def _contestant(name: str, data: Path, seed: int, epochs: int) -> Job:
    environment = shared.clean_environment()
    if name.startswith("Keras"):
        environment["KERAS_BACKEND"] = name.split(", ")[1]
    job = json.dumps({"name": name, "data": str(data), "seed": seed, "epochs": epochs})
    done = subprocess.run(
        [shared.PYTHON, str(Path(__file__).resolve()), job],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    result: Job = json.loads(done.stdout.splitlines()[-1])
    return result


def _engine(job: Job, data: Any, precision: str) -> tuple[float, float]:
    """The engine, as `methodic train` uses it: images per second, accuracy."""
    import torch

    from methodic import build
    from methodic.data.batches import Rows
    from methodic.engine import loop
    from methodic.engine.evaluation import outputs
    from methodic.models.inputs import Inputs
    from methodic.models.precision import has_bfloat16
    from methodic.recipes.types import Recipe

    torch.set_num_threads(shared.CORES)
    stage = {
        "batch": BATCH,
        "objectives": [{"kind": "cross_entropy"}],
        "optimizer": {"kind": "adamw", "lr": LR, "weight_decay": DECAY},
    }
    model = {"kind": "cnn", "channels": CHANNELS, "width": WIDTH, "normalization": "batch"}
    recipe = Recipe.model_validate({"name": "small", "model": model, "stages": [stage]})
    rows, test = (
        Rows({"array": torch.from_numpy(data[f"{part}_x"])}, torch.from_numpy(data[f"{part}_y"]))
        for part in ("train", "test")
    )
    shape = tuple(data["train_x"].shape[1:])
    pairs = [(float(mean), float(deviation)) for mean, deviation in data["scaling"]]
    steps = job["epochs"] * (len(rows) // BATCH)
    cohort = build.cohort(
        [recipe],
        [job["seed"]],
        steps=[steps],
        inputs=Inputs(array=int(np.prod(shape)), shape=shape, scaling=tuple(pairs)),
        outputs=CLASSES,
        rows=len(rows),
        precision="bfloat16" if precision != "float32" and has_bfloat16("cpu") else "float32",
    )
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    taken = (cohort, cohort.stages[0])
    state = loop.advance(*taken, state, rows, WARMING, lambda _: None)
    start = time.perf_counter()
    state = loop.advance(*taken, state, rows, steps - WARMING, lambda _: None)
    seconds = time.perf_counter() - start
    out = outputs(cohort.model, cohort.layout, state.flat, state.buffers, test, cohort.numbers)[0]
    right = (out.argmax(1) == test.target).float().mean()
    return (steps - WARMING) * BATCH / seconds, float(right)


def _torch(job: Job, data: Any) -> tuple[float, float]:
    """The loop that people write; images are floats already, which is kind to the DataLoader."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(shared.CORES)
    torch.manual_seed(job["seed"])
    mean, deviation = torch.tensor(data["scaling"], dtype=torch.float32).T.reshape(2, 1, 3, 1, 1)
    parts = {
        part: TensorDataset(
            (torch.from_numpy(data[f"{part}_x"]).float() / 255 - mean) / deviation,
            torch.from_numpy(data[f"{part}_y"]),
        )
        for part in ("train", "test")
    }
    layers: list[nn.Module] = []
    before, side = 3, 32
    for after in CHANNELS:
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        before, side = after, side // 2
    layers += [nn.Flatten(), nn.Linear(before * side**2, WIDTH, bias=False)]
    layers += [nn.BatchNorm1d(WIDTH), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(WIDTH, CLASSES))
    rule, loss = torch.optim.AdamW(net.parameters(), LR, weight_decay=DECAY), nn.CrossEntropyLoss()
    loader = DataLoader(parts["train"], BATCH, shuffle=True, drop_last=True)
    seen, start = 0, time.perf_counter()
    for epoch in range(job["epochs"]):
        for i, (x, y) in enumerate(loader):
            if epoch == 0 and i == WARMING:
                seen, start = 0, time.perf_counter()
            rule.zero_grad()
            loss(net(x), y).backward()
            rule.step()
            seen += len(y)
    seconds = time.perf_counter() - start
    net.eval()
    with torch.no_grad():
        right = [(net(x).argmax(1) == y).float() for x, y in DataLoader(parts["test"], 500)]
    return seen / seconds, float(torch.cat(right).mean())


def _keras(job: Job, data: Any) -> tuple[float, float]:
    """`compile` and `fit`; a batch of each kind first, so that compilation doesn't count."""
    import keras

    keras.utils.set_random_seed(job["seed"])
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(shared.CORES)
    mean, deviation = data["scaling"].T.astype(np.float32).reshape(2, 1, 1, 1, 3)
    sets = {
        part: (data[f"{part}_x"].transpose(0, 2, 3, 1).astype(np.float32) / 255 - mean) / deviation
        for part in ("train", "test")
    }
    layers: list[Any] = [keras.Input((32, 32, 3))]
    for after in CHANNELS:
        layers.append(keras.layers.Conv2D(after, 3, padding="same", use_bias=False))
        layers += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]
        layers.append(keras.layers.MaxPooling2D())
    layers += [keras.layers.Flatten(), keras.layers.Dense(WIDTH, use_bias=False)]
    layers += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]
    net = keras.Sequential([*layers, keras.layers.Dense(CLASSES)])
    net.compile(
        keras.optimizers.AdamW(LR, weight_decay=DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    rows = len(sets["train"]) // BATCH * BATCH
    x, y = sets["train"][:rows], data["train_y"][:rows]
    net.fit(x[: WARMING * BATCH], y[: WARMING * BATCH], BATCH, epochs=1, verbose=0)
    start = time.perf_counter()
    net.fit(x, y, BATCH, epochs=job["epochs"], verbose=0)
    seconds = time.perf_counter() - start
    score = net.evaluate(sets["test"], data["test_y"], 500, verbose=0)[1]
    return job["epochs"] * rows / seconds, float(score)


def _minutes(report: shared.Report, quick: bool, scratch: Path, kept: shared.Kept) -> None:
    report.say("\n### Accuracy in minutes\n")
    rows: list[list[object]] = []
    for name, source, test, recipe, minutes in MINUTES:
        command = [shared.METHODIC, "train", str(shared.DATA / source), "--recipe", recipe]
        command += ["--split", str(shared.DATA / test)] if test else []
        command += ["--budget", "60s" if quick else f"{minutes:g}m", "--quiet"]
        job = functools.partial(_trained, name, command, scratch / name, recipe)
        found = kept.get(f"{name}, {minutes:g} minutes", job)
        rows.append(
            [
                name,
                recipe,
                f"{minutes:g}",
                f"{found['seconds'] / 60:.1f}",
                f"{found['epochs']:.1f}",
                f"{found['test']:.2%}",
            ]
        )
        looks = ", ".join(f"{at:.1f}: {score:.1%}" for at, score in found["curve"])
        report.say(f"- {name}, accuracy on validation rows by epoch: {looks}")
        report.raw.setdefault("pictures: minutes", {})[name] = found
        if name == "Fashion-MNIST" and not quick:
            verdict = "yes" if found["test"] >= GREY else "**no**"
            report.say(f"- Fashion-MNIST at least {GREY:.0%}: {found['test']:.2%}, {verdict}")
    header = ["data", "recipe", "budget, minutes", "took", "epochs", "test accuracy"]
    report.table(header, rows)


def _trained(name: str, command: list[str], out: Path, recipe: str) -> Job:
    """A training as its user starts it."""
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(out)],
        capture_output=True,
        text=True,
        env=shared.clean_environment(),
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return {"seconds": seconds, **_read(out, recipe)}


def _read(out: Path, recipe: str) -> Job:
    """What a training says about itself."""
    plan = json.loads((out / "plan.json").read_text())
    record = json.loads((out / "records" / f"train-{recipe}.json").read_text())
    board = json.loads((out / "leaderboard.json").read_text())
    row = next(each for each in board["rows"] if each["name"] == recipe)
    epoch = plan["data"]["rows"][0] / plan["contenders"][0]["batch"][0]
    return {
        "test": row["test"]["mean"],
        "epochs": sum(plan["contenders"][0]["steps"]) / epoch,
        "curve": [(each["step"] / epoch, each["score"]) for each in record["curves"][0]],
        "machine": plan["machine"],
        "notes": plan["notes"],
        "step_milliseconds": plan["contenders"][0]["milliseconds"],
    }


def main() -> None:
    """One contestant: the first argument says which; a line of JSON."""
    job = json.loads(sys.argv[1])
    data = np.load(job["data"])
    run: dict[str, Callable[[], tuple[float, float]]] = {
        "methodic": lambda: _engine(job, data, "chosen"),
        "methodic, float32": lambda: _engine(job, data, "float32"),
        "PyTorch, DataLoader": lambda: _torch(job, data),
        "Keras, jax": lambda: _keras(job, data),
        "Keras, torch": lambda: _keras(job, data),
    }
    rate, accuracy = run[job["name"]]()
    print(json.dumps({"rate": rate, "accuracy": accuracy, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
