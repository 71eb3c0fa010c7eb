"""Training a user's own torch.nn.Module by a recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from methodic import build
from methodic.bundle import module_outputs, outputs_of
from methodic.data.dataset import DataSet
from methodic.data.encoding.encoders import Encoders
from methodic.data.frames import as_frame
from methodic.durations import parse_budget
from methodic.engine import loop
from methodic.engine.evaluation import outputs
from methodic.engine.parts import Cohort
from methodic.errors import InputError
from methodic.metrics import default_metric, get_metric
from methodic.models.own.failures import copied
from methodic.models.own.module import put
from methodic.models.own.preflight import Preflight, preflight
from methodic.plan import CurvePoint, Status
from methodic.recipes import catalogue, spaces
from methodic.recipes.types import Auto, Recipe
from methodic.runs.given import Objects, owned
from methodic.runs.plans.units import evaluations
from methodic.runs.plans.wishes import check_teacher
from methodic.runs.rows.preparation import Prepared, prepare

_TRIAL = 10  # steps that are timed to turn a budget into steps
_CHECKED = 64  # rows of a preflight's batch, at most


@dataclass(frozen=True)
class TrainedModule:
    """A user's module after training.

    Args:
        module: a copy of the user's, in evaluation mode, with the kept weights and buffers.
        encoders: turn raw rows into its inputs, and its outputs into answers.
        recipe: with the numbers it was trained with.
        metric: of the scores.
        validation, test: scores of the kept weights; the test rows were scored once.
        status, why: how training ended.
        curve: the evaluations on the way.
        steps: optimizer steps taken.
        preflight: whether several such modules could train at once, and why; here there is one.

    Example:
        >>> import methodic as mt
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.1))
        >>> mt.train(net, mt.load("iris"), "adam", steps=5).preflight.reason
        "layer '1' (Dropout) draws from torch's generator"
    """

    module: nn.Module
    encoders: Encoders
    recipe: Recipe
    metric: str
    validation: float
    test: float
    status: Status
    why: str
    curve: Sequence[CurvePoint]
    steps: int
    preflight: Preflight

    def predict(self, source: Any) -> torch.Tensor:
        """Probabilities [N, C] or numbers [N, 1] for raw rows (frame or array)."""
        return predicted(self.module, self.encoders, source)


def predicted(module: nn.Module, encoders: Encoders, source: Any) -> torch.Tensor:
    """What a trained module in evaluation mode predicts for raw rows; see `TrainedModule`."""
    inputs = encoders.encode(as_frame(source))
    return encoders.predictions(module_outputs(module, inputs, outputs_of(encoders)))


def train_module(
    module: nn.Module,
    data: DataSet,
    recipe: str | Path | Recipe,
    *,
    own: Objects | None = None,
    steps: int | None = None,
    budget: str | float | None = None,
    seed: int = 0,
    metric: str | None = None,
    device: str = "cpu",
) -> TrainedModule:
    """Train ``module`` by a recipe, starting from the weights it has; the module itself stays.

    Args:
        module: takes the data's input as its only argument, or "numeric", "categorical" and
            "array" by name where the data have several; returns logits [B, C], or [B, 1].
            Parameters with requires_grad=False stay as they are; tied weights stay tied.
        data: from `methodic.load`.
        recipe: a name, a YAML file or a value; its model is left out, of a range the middle is
            taken.
        own: objects that the recipe names as your own, as for `run`.
        steps: optimizer steps ≥ 1; default as many as the budget pays.
        budget: seconds or "60s", "2m"; default 60 s.
        seed: of the split, the order of rows and the module's own randomness.
        metric: see `methodic.metrics`.
        device: a torch device.

    Raises:
        InputError: the module or the arguments don't fit, or the preflight found that the module
            would train otherwise than in plain PyTorch; it names the layer.

    Example:
        >>> import methodic as mt, torch
        >>> layers = torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)
        >>> net = torch.nn.Sequential(*layers)
        >>> mt.train(net, mt.load("iris"), "adam", steps=200).test > 0.8
        True
    """
    if not isinstance(module, nn.Module):
        raise InputError(
            "train(module, data, recipe): the first argument must be a torch.nn.Module",
            found=type(module).__name__,
            advice="For a recipe's own network use methodic.train_method(data, recipe).",
        )
    if steps is not None and steps < 1:
        raise InputError("steps must be at least 1", found=steps)
    started = time.monotonic()
    task = data.schema.task
    chosen = recipe if isinstance(recipe, Recipe) else catalogue.get(str(recipe))
    targets = len(data.schema.targets)
    scored = default_metric(task, None, targets) if metric is None else get_metric(metric, task)
    prepared = prepare(data, seed)
    check_teacher([chosen], data)
    resolved = build.resolve(chosen, task, prepared.counts[0], prepared.inputs)
    resolved = spaces.with_model(resolved, Auto())  # the module takes its place
    concrete = spaces.concrete(resolved, spaces.untuned(resolved))
    parts = owned(own, [concrete], 0)
    target = torch.device(device)
    rows = prepared.rows["train"].to(target)
    found = checked_module(
        module, prepared, build.batch_rows(concrete.stages[0], len(rows)), target
    )

    def cohort(count: int) -> Cohort:
        return build.cohort(
            [concrete],
            [seed],
            steps=[max(1, round(count * stage.share)) for stage in concrete.stages],
            inputs=prepared.inputs,
            outputs=prepared.outputs,
            rows=len(rows),
            every=rows.every,
            class_counts=prepared.class_counts,
            device=target,
            module=module,
            own=parts,
            block=prepared.block,
        )

    if steps is None:
        trial = cohort(_TRIAL)
        stage = trial.stages[0]
        state = loop.begin(stage, loop.initial_state(trial))
        state = loop.advance(trial, stage, state, rows, 2, lambda _: None)
        start = time.perf_counter()
        loop.advance(trial, stage, state, rows, _TRIAL, lambda _: None)
        one = (time.perf_counter() - start) / _TRIAL
        seconds = 60.0 if budget is None else parse_budget(budget)
        left = 0.85 * (seconds - (time.monotonic() - started))
        steps = max(1, math.floor(left / one))
    ready = cohort(steps)
    judge = prepared.judge(scored.name, target)
    trained = loop.train(ready, rows, judge, evaluations(sum(s.steps for s in ready.stages)))
    out = outputs(
        ready.model,
        ready.layout,
        trained.flat,
        trained.buffers,
        prepared.rows["test"].to(target),
        ready.numbers,
    )
    fate = trained.fates[0]
    predicted = prepared.encoders.predictions(out)[0].cpu().numpy()
    return TrainedModule(
        module=_with_weights(module, ready, trained),
        encoders=prepared.encoders,
        recipe=concrete,
        metric=scored.name,
        validation=fate.kept_score,
        test=scored.score(prepared.truth["test"], predicted, prepared.weights("test")),
        status=fate.status,
        why=fate.why,
        curve=trained.curves[0],
        steps=fate.ended if fate.ended is not None else trained.steps_taken,
        preflight=found,
    )


def checked_module(
    module: nn.Module, prepared: Prepared, batch: int, device: torch.device
) -> Preflight:
    """The preflight of a module on the first training rows, two batches of at most ``batch``."""
    rows = prepared.rows["train"]
    size = max(1, min(batch, _CHECKED, len(rows) // 2))
    batches = [rows.part(i * size, (i + 1) * size).to(device).inputs for i in range(2)]
    return preflight(module, prepared.outputs, batches)


def _with_weights(module: nn.Module, cohort: Cohort, trained: loop.Trained) -> nn.Module:
    values = {**cohort.layout.views(trained.flat), **trained.buffers}
    return put(copied(module).cpu().eval(), {name: x[0] for name, x in values.items()})
