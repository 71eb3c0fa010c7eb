"""The texts' autoencoder beside principal components and Keras; joint steps beside their parts.

As a program: Keras's steps per second, in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import _shared as shared
import numpy as np
import numpy.typing as npt

EPOCHS, BATCH, CODE, PIXELS = 50, 256, 32, 784
ROUNDS, TIMED = 5, 200  # interleaved rounds, steps in each
WANTED, COST = 2.0, 1.15
Bytes = npt.NDArray[np.uint8]


def images(quick: bool) -> tuple[Bytes, Bytes]:
    """Fashion-MNIST, [N, 28, 28] each."""
    from methodic.data.encoding.encoders import Encoders
    from methodic.data.loading import load

    data = load(shared.DATA / "fashion-mnist")
    encoders = Encoders.fit(data.frame, data.schema)
    assert data.test is not None
    found = [encoders.encode(frame)["array"].numpy() for frame in (data.frame, data.test)]
    train, test = (each.reshape(-1, 28, 28) for each in found)
    return (train[:4096], test[:1000]) if quick else (train, test)


class Engine:
    """The autoencoder 784-64-32-784, trained by the engine.

    Args:
        train: images.
        loss: "squared" or "binary".
        steps: of the whole training.
    """

    def __init__(self, train: Bytes, loss: str, steps: int) -> None:
        import torch

        from methodic import build
        from methodic.data.batches import Rows
        from methodic.engine import loop
        from methodic.models.inputs import Inputs
        from methodic.recipes.types import Recipe

        pixels = torch.from_numpy(train).reshape(-1, 1, 28, 28)
        mean, deviation = float(train.mean() / 255), float(train.std() / 255)
        self.rows = Rows({"array": pixels}, torch.zeros(len(pixels), dtype=torch.int64))
        model = {"kind": "autoencoder", "encoder": [64, 32], "decoder": []}
        stage = {
            "rows": "all",
            "batch": BATCH,
            "objectives": [{"kind": "reconstruction", "loss": loss}],
            "rates": [{"parameters": ["head"], "factor": 0.0}],
            "optimizer": {"kind": "adam", "lr": 0.001},
        }
        recipe = Recipe.model_validate({"name": "ae", "model": model, "stages": [stage]})
        inputs = Inputs(array=PIXELS, shape=(1, 28, 28), scaling=((mean, deviation),))
        recipe = build.resolve(recipe, "multiclass", len(self.rows), inputs)
        self.cohort = build.cohort(
            [recipe],
            [0],
            steps=[steps],
            inputs=inputs,
            outputs=10,
            rows=len(self.rows),
            compiled=True,
        )
        self.loop, self.loss, self.scaling = loop, loss, (mean, deviation)
        self.stage = self.cohort.stages[0]
        self.state = loop.begin(self.stage, loop.initial_state(self.cohort))

    def advance(self, steps: int) -> None:
        """So many further steps."""
        while steps:
            taken = self.state.steps_taken
            some = min(steps, 250)
            self.state = self.loop.advance(
                self.cohort, self.stage, self.state, self.rows, some, lambda _: None
            )
            steps -= self.state.steps_taken - taken

    def error(self, test: Bytes) -> float:
        """Mean squared error of pixels from 0 to 1."""
        import torch

        from methodic.models.around import encoder
        from methodic.types import Pass

        views = self.cohort.layout.views(self.state.flat)
        run = Pass(views, {}, {}, self.cohort.numbers, training=False)
        wanted = torch.from_numpy(test).float().div(255).reshape(1, -1, 1, 28, 28)
        objective: Any = self.stage.turns[0].objectives[0][0]
        with torch.no_grad():
            code = encoder(self.cohort.model).encoded(run, {"array": wanted})
            found = objective.decoded(run, code)
        if self.loss == "binary":
            found = torch.sigmoid(found)
        else:
            found = found * self.scaling[1] + self.scaling[0]
        return float(((found - wanted.flatten(2)) ** 2).mean())


def error(report: shared.Report, quick: bool) -> None:
    """Reconstruction errors, and steps per second beside Keras."""
    if not (shared.DATA / "fashion-mnist").exists():
        report.say(f"Autoencoder: skipped, there is no {shared.DATA}.")
        return
    train, test = images(quick)
    epoch = len(train) // BATCH
    flat, other = (each.reshape(len(each), -1).astype(np.float64) / 255 for each in (train, test))
    mean = flat.mean(0)
    _, axes = np.linalg.eigh(np.cov(flat, rowvar=False))
    axes = axes[:, -CODE:]
    back = mean + (other - mean) @ axes @ axes.T
    rows: list[list[object]] = [["mean image", f"{((other - mean) ** 2).mean():.5f}"]]
    linear = float(((other - back) ** 2).mean())
    rows.append([f"{CODE} principal components", f"{linear:.5f}"])
    for loss in ("binary", "squared"):
        engine = Engine(train, loss, EPOCHS * epoch)
        engine.advance((2 if quick else EPOCHS) * epoch)
        found = engine.error(test)
        rows.append([f"autoencoder, {loss} loss, {EPOCHS} epochs", f"{found:.5f}"])
        report.raw[f"autoencoder: {loss}"] = found
        report.say(
            f"- {loss} loss below {CODE} components: {'yes' if found < linear else '**no**'}"
        )
    report.raw["components"] = linear
    report.say("\n### The autoencoder 784-64-32-784 on Fashion-MNIST\n")
    report.table(["", "mean squared error of test pixels"], rows)
    _speed(report, train, quick)


def _speed(report: shared.Report, train: Bytes, quick: bool) -> None:
    rounds = 1 if quick else ROUNDS
    engines = {"methodic": Engine(train, "binary", 10**6)}
    found: dict[str, list[float]] = {name: [] for name in (*engines, "Keras, jax", "Keras, torch")}
    for engine in engines.values():
        engine.advance(20)
    for _ in range(rounds):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.advance(TIMED)
            found[name].append(TIMED / (time.perf_counter() - start))
        for name in ("Keras, jax", "Keras, torch"):
            environment = shared.clean_environment() | {"KERAS_BACKEND": name.split(", ")[1]}
            done = subprocess.run(
                [shared.PYTHON, str(Path(__file__).resolve())],
                capture_output=True,
                text=True,
                env=environment,
            )
            if done.returncode:
                raise RuntimeError(done.stderr[-2000:])
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    best = {name: max(rates) for name, rates in found.items()}
    report.raw["steps per second"] = found
    report.table(
        ["steps per second, best of rounds", "", "methodic's factor"],
        [[name, f"{rate:.0f}", f"{best['methodic'] / rate:.2f}×"] for name, rate in best.items()],
    )
    rival = max(best["Keras, jax"], best["Keras, torch"])
    factor = best["methodic"] / rival
    verdict = "yes" if factor >= WANTED else "**no**"
    report.say(
        f"- at least {WANTED:g}× Keras: {factor:.2f}×, {verdict}; load {os.getloadavg()[0]:.2f}"
    )


def joint(report: shared.Report, quick: bool) -> None:
    """Milliseconds of a joint step, and of each of its objectives alone."""
    import torch

    from methodic import build
    from methodic.data.batches import Rows
    from methodic.engine import loop
    from methodic.models.inputs import Inputs
    from methodic.recipes.types import Recipe

    report.say("\n### A joint step beside the sum of its parts\n")
    rows: list[list[object]] = []
    for what, model, shape in (
        ("mlp 784-256-256", {"kind": "mlp", "width": 256, "depth": 2}, (784,)),
        (
            "small convolutional net",
            {"kind": "cnn", "channels": [32, 64, 128], "normalization": "batch"},
            (1, 28, 28),
        ),
    ):
        inputs = Inputs(array=PIXELS, shape=shape, scaling=((0.3, 0.35),) if len(shape) > 1 else ())
        x = torch.randint(0, 256, (4096, *shape), dtype=torch.uint8)
        data = Rows({"array": x}, torch.randint(0, 10, (512,)))
        objectives = {
            "supervised": [{"kind": "supervised"}],
            "reconstruction": [{"kind": "reconstruction"}],
            "both": [{"kind": "supervised"}, {"kind": "reconstruction"}],
        }
        advancing = {}
        for name, some in objectives.items():
            stage: dict[str, Any] = {"batch": 128, "objectives": some}
            if name == "reconstruction":
                stage |= {"rows": "all", "rates": [{"parameters": ["head"], "factor": 0.0}]}
            elif name == "both":
                stage |= {"unlabelled": 128}
            recipe = Recipe.model_validate({"name": "a", "model": model, "stages": [stage]})
            recipe = build.resolve(recipe, "multiclass", 512, inputs)
            cohort = build.cohort(
                [recipe],
                [0],
                steps=[10**6],
                inputs=inputs,
                outputs=10,
                rows=len(data),
                every=data.every,
            )
            state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
            advancing[name] = _timer(loop, cohort, state, data, 10 if quick else 50)
        seconds = shared.interleaved(advancing, 2 if quick else 9)
        best = {name: min(each) * 1000 for name, each in seconds.items()}
        ratio = best["both"] / (best["supervised"] + best["reconstruction"])
        report.raw[f"joint: {what}"] = seconds
        rows.append([what, *(f"{best[n]:.2f}" for n in objectives), f"{ratio:.2f}"])
    report.table(["ms a step", *objectives, "both ÷ sum"], rows)
    report.say(
        f"- at most {COST:g}: {'yes' if max(float(r[-1]) for r in rows) <= COST else '**no**'}"
    )  # type: ignore[arg-type]


def _timer(loop: Any, cohort: Any, state: Any, rows: Any, steps: int) -> Any:
    """A function that takes some steps and says how many seconds one took."""
    now = [loop.advance(cohort, cohort.stages[0], state, rows, 5, lambda _: None)]

    def run() -> float:
        start = time.perf_counter()
        now[0] = loop.advance(cohort, cohort.stages[0], now[0], rows, steps, lambda _: None)
        return (time.perf_counter() - start) / steps

    return run


def main() -> None:
    """Keras: steps per second of `fit`, the first epoch, which compiles, left out."""
    import keras

    keras.utils.set_random_seed(0)
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(shared.CORES)
    x = np.random.default_rng(0).random((TIMED * BATCH, PIXELS), dtype=np.float32)
    net = keras.Sequential(
        [
            keras.Input((PIXELS,)),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(CODE, "relu"),
            keras.layers.Dense(PIXELS, "sigmoid"),
        ]
    )
    net.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    net.fit(x[: 4 * BATCH], x[: 4 * BATCH], BATCH, epochs=1, verbose=0)
    start = time.perf_counter()
    net.fit(x, x, BATCH, epochs=1, verbose=0)
    print(json.dumps(TIMED / (time.perf_counter() - start)))


if __name__ == "__main__":
    main()
