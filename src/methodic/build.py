"""From recipes to parts: the only file that knows both the recipes' names and the classes.

A cohort is built from recipes that differ in Numbers only (see `recipes.numbers.split`), so the
first one stands for the structure of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from methodic.data.batches import Order
from methodic.engine.parts import Cohort, Layout, Stage, StopRule, Turn
from methodic.errors import InputError
from methodic.files import fingerprint
from methodic.models.mlp import MLP, Inputs
from methodic.models.module import ModuleModel
from methodic.objectives.supervised import CrossEntropy, MeanSquaredError
from methodic.optimizers.adam import Adam, AdamW
from methodic.optimizers.descent import SGD
from methodic.optimizers.rms import RMSprop
from methodic.plan import Precision, Task
from methodic.recipes import types as recipe
from methodic.recipes.numbers import is_number, split
from methodic.regularizers.averaging import EMA
from methodic.regularizers.penalties import L1, L2
from methodic.regularizers.proximal import ProximalL1
from methodic.schedules import constant, cosine, exponential
from methodic.types import Average, FloatArray, Model, Objective, Penalty, Proximal, Rule, Schedule

_SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "exponential": exponential,
    "cosine": cosine,
}


def resolve(chosen: recipe.Recipe, task: Task, rows: int) -> recipe.Recipe:
    """The recipe with everything that the data decide written out.

    Args:
        chosen: may have an automatic model and "supervised" objectives.
        task: decides the loss.
        rows: training rows; they decide the size of an automatic network.

    Raises:
        InputError: an objective that doesn't fit the task.
    """
    stages = tuple(
        stage.model_copy(
            update={
                "turns": tuple(
                    turn.model_copy(
                        update={"objectives": tuple(_fitting(o, task) for o in turn.objectives)}
                    )
                    for turn in stage.turns
                )
            }
        )
        for stage in chosen.stages
    )
    network = automatic(rows) if isinstance(chosen.model, recipe.Auto) else chosen.model
    return chosen.model_copy(update={"stages": stages, "model": network})


def automatic(rows: int) -> recipe.MLP:
    """The network for a table of ``rows`` training rows: larger and less damped with more data."""
    if rows < 5_000:
        return recipe.MLP(width=128, depth=2, dropout=0.2)
    if rows < 50_000:
        return recipe.MLP(width=256, depth=2, dropout=0.1)
    return recipe.MLP(width=256, depth=3, dropout=0.1)


def _fitting(objective: recipe.Objective, task: Task) -> recipe.Objective:
    if isinstance(objective, recipe.Supervised):
        if task == "regression":
            return recipe.MeanSquaredError(weight=objective.weight)
        return recipe.CrossEntropy(weight=objective.weight)
    fits = "mean_squared_error" if task == "regression" else "cross_entropy"
    if objective.kind != fits:
        raise InputError(
            f"objective '{objective.kind}' doesn't fit a {task} task",
            accepted=f"supervised, {fits}",
        )
    return objective


def cohort(
    recipes: Sequence[recipe.Recipe],
    seeds: Sequence[int],
    *,
    steps: Sequence[int],
    inputs: Inputs,
    outputs: int,
    rows: int,
    class_counts: Tensor | None = None,
    device: torch.device | None = None,
    module: nn.Module | ModuleModel | None = None,
    compiled: bool = False,
    precision: Precision = "float32",
    born: Sequence[int] = (),
    changing: bool = False,
    shared_batches: bool = False,
) -> Cohort:
    """Members of one shape, ready to train.

    Args:
        recipes: one for each member, resolved and without ranges, alike but for their Numbers.
        seeds: one for each member.
        steps: optimizer steps, by stage.
        inputs, outputs: what enters and leaves the network.
        rows: training rows, for "full" batches.
        class_counts: training rows of each class, for balanced class weights.
        device: where to train.
        module: a user's own network in place of the recipe's model. A module is one member; for
            several, a `ModuleModel` with a start for each.
        compiled: turn gradient and update into machine code at the first step.
        precision: of the gradient; see `models.precision`.
        born: the step of the cohort at which each member started, so that its own clock runs from
            there; () if all start with the cohort.
        changing: members will come and go, so what is built must not depend on their Numbers.
        shared_batches: all members see one order of rows, whatever their seeds: common random
            numbers. It is the same in every cohort.

    Raises:
        InputError: members arrive where they can't: between the stages or turns of a recipe.
    """
    device = device or torch.device("cpu")
    first = recipes[0]
    keys_and_numbers = [split(each) for each in recipes]
    assert len({key for key, _ in keys_and_numbers}) == 1, "members of one cohort share a skeleton"
    _check_arrivals(first, born)
    host: dict[str, FloatArray] = {
        path: np.array([numbers[path] for _, numbers in keys_and_numbers])
        for path in keys_and_numbers[0][1]
    }
    own = ModuleModel(module, outputs) if isinstance(module, nn.Module) else module
    model: Model = own if own is not None else _model(first.model, inputs, outputs)
    layout = Layout(model.parameters())
    numbers = {
        path: torch.tensor(values, dtype=torch.float32, device=device)
        for path, values in host.items()
        if ".optimizer." not in path and ".schedule." not in path
    }
    for path in [p for p in numbers if ".objectives." in p and bool((host[p] == 1).all())]:
        if path.endswith(".weight") and not changing:
            del numbers[path]  # an objective times 1 is that objective: one kernel saved
    stages = tuple(
        _stage(spec, f"stages.{i}", steps[i], host, layout, rows, class_counts, device)
        for i, spec in enumerate(first.stages)
    )
    stop = StopRule(
        first.stop.loss, first.stop.gradient_norm, first.stop.patience, first.stop.keep == "best"
    )
    shuffled = ("shared order", [0] * len(seeds)) if shared_batches else ("order", seeds)
    orders = {
        s.name: Order(shuffled[1], rows, s.batch, f"{shuffled[0]}/{s.name}", born) for s in stages
    }
    program = None
    if compiled:
        refused = own is not None or device.type != "cpu" or precision != "float32"
        assert not refused, "runs.compiling asks for none of these"
        # Other splits of the same data have other counts of rows, which most methods don't know.
        counted = rows if any(order.full for order in orders.values()) else None
        weighed = class_counts if "balanced" in first.model_dump_json() else None
        built = (keys_and_numbers[0][0], inputs, outputs, counted, weighed)
        program = fingerprint(*(str(each) for each in built))
    return Cohort(
        model=model,
        layout=layout,
        seeds=tuple(seeds),
        stages=stages,
        numbers=numbers,
        stop=stop,
        device=device,
        orders=orders,
        program=program,
        born=tuple(born),
        precision=precision,
    )


def _check_arrivals(chosen: recipe.Recipe, born: Sequence[int]) -> None:
    """Stages would have to begin at another step for each member, and turns to alternate."""
    if any(born) and len(chosen.stages) > 1:
        raise InputError(
            f"recipe {chosen.name} has several stages, so no member can join after the start",
            found=f"{len(chosen.stages)} stages",
            advice="Let all members start together; they may leave at any time.",
        )
    turns = len(chosen.stages[0].turns)
    if any(step % turns for step in born):
        raise InputError(
            f"recipe {chosen.name} alternates between {turns} turns, so a member can't join "
            "in between",
            found="step " + ", ".join(str(step) for step in sorted({*born}) if step % turns),
            accepted=f"steps that are multiples of {turns}",
        )


def network(spec: recipe.Model, inputs: Inputs, outputs: int) -> Model:
    """The network of a resolved recipe."""
    return _model(spec, inputs, outputs)


def batch_rows(stage: recipe.Stage, rows: int) -> int:
    """B: rows of a batch, when there are ``rows`` training rows."""
    return rows if stage.batch == "full" else min(stage.batch, rows)


def _model(spec: recipe.Model, inputs: Inputs, outputs: int) -> Model:
    match spec:
        case recipe.Linear():
            return MLP(
                inputs,
                outputs,
                depth=0,
                initialization=spec.initialization,
                embedding=spec.embedding,
            )
        case recipe.MLP():
            return MLP(
                inputs,
                outputs,
                width=spec.width,
                depth=spec.depth,
                activation=spec.activation,
                normalization=spec.normalization,
                dropout="model.dropout" if spec.dropout else None,
                initialization=spec.initialization,
                embedding=spec.embedding,
            )
        case recipe.Auto():
            raise AssertionError("resolve the recipe first")


def _stage(
    spec: recipe.Stage,
    path: str,
    steps: int,
    host: Mapping[str, FloatArray],
    layout: Layout,
    rows: int,
    class_counts: Tensor | None,
    device: torch.device,
) -> Stage:
    trained = {name for turn in spec.turns for name in _trained(turn.parameters, layout)}
    shrinking = tuple(name for name in layout.decaying() if name in trained)
    penalties: list[Penalty] = []
    proximal: list[Proximal] = []
    average: Average | None = None
    for i, regularizer in enumerate(spec.regularizers):
        at = f"{path}.regularizers.{i}"
        match regularizer:
            case recipe.L1() | recipe.L2() | recipe.ProximalL1() if regularizer.weight == 0:
                pass
            case recipe.L1():
                penalties.append(L1(at, shrinking))
            case recipe.L2():
                penalties.append(L2(at, shrinking))
            case recipe.ProximalL1():
                proximal.append(ProximalL1(at, shrinking))
            case recipe.EMA():
                if average is not None:
                    raise InputError(f"{path}: a stage has one average of weights", found="two")
                average = EMA(at)
    turns = tuple(
        _turn(turn, f"{path}.turns.{i}", host, layout, tuple(penalties), class_counts, device)
        for i, turn in enumerate(spec.turns)
    )
    return Stage(spec.name, steps, batch_rows(spec, rows), turns, tuple(proximal), average)


def _turn(
    spec: recipe.Turn,
    path: str,
    host: Mapping[str, FloatArray],
    layout: Layout,
    penalties: tuple[Penalty, ...],
    class_counts: Tensor | None,
    device: torch.device,
) -> Turn:
    trains = _trained(spec.parameters, layout)
    members = len(host[f"{path}.optimizer.lr"])
    numbers = _numbers(spec.optimizer, host, f"{path}.optimizer.", members)
    lr = numbers.pop("lr")
    masked = bool(spec.optimizer.weight_decay) and spec.optimizer.decays == "weights"
    return Turn(
        objectives=tuple(
            (_objective(objective, f"{path}.objectives.{i}", class_counts), weight)
            for i, objective in enumerate(spec.objectives)
            if objective.weight != 0
            for weight in (f"{path}.objectives.{i}.weight",)
        ),
        penalties=penalties,
        trains=trains,
        mask=None if len(trains) == len(layout.names) else layout.mask(trains, device),
        rule=_rule(spec.optimizer),
        rule_numbers=numbers,
        lr=lr,
        schedule=_SCHEDULES[spec.schedule.kind],
        schedule_numbers=_numbers(spec.schedule, host, f"{path}.schedule.", members),
        decay_mask=layout.mask(layout.decaying(), device) if masked else None,
        clip_norm=_limits(host, f"{path}.clip.norm", device),
        clip_value=_limits(host, f"{path}.clip.value", device),
    )


def _objective(spec: recipe.Objective, path: str, class_counts: Tensor | None) -> Objective:
    match spec:
        case recipe.CrossEntropy():
            weights = None
            if spec.class_weights == "balanced" and class_counts is not None:
                counts = class_counts.float().clamp(min=1)  # rare classes may miss in training
                weights = class_counts.sum() / (counts.numel() * counts)
            return CrossEntropy(path, smoothing=bool(spec.label_smoothing), class_weights=weights)
        case recipe.MeanSquaredError():
            return MeanSquaredError(path)
        case recipe.Supervised():
            raise AssertionError("resolve the recipe first")


def _rule(spec: recipe.Optimizer) -> Rule:
    decay = bool(spec.weight_decay)
    match spec:
        case recipe.SGD():
            return SGD(momentum=bool(spec.momentum), nesterov=spec.nesterov, decay=decay)
        case recipe.RMSprop():
            return RMSprop(momentum=bool(spec.momentum), centered=spec.centered, decay=decay)
        case recipe.Adam():
            return Adam(decay=decay)
        case recipe.AdamW():
            return AdamW(decay=decay)


def _trained(prefixes: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    if not prefixes:
        return layout.names
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in layout.names):
            raise InputError(
                f"no parameter's name starts with '{prefix}'",
                accepted=", ".join(layout.names),
            )
    return tuple(name for name in layout.names if name.startswith(prefixes))


def _numbers(
    spec: recipe.Part, host: Mapping[str, FloatArray], prefix: str, members: int
) -> dict[str, FloatArray]:
    """All Numbers of a part by field name, [M] each; those that are 0 everywhere too."""
    return {
        name: host.get(prefix + name, np.zeros(members))
        for name, field in type(spec).model_fields.items()
        if is_number(field)
    }


def _limits(host: Mapping[str, FloatArray], path: str, device: torch.device) -> Tensor | None:
    values = host.get(path)
    if values is None:
        return None
    return torch.tensor(values, dtype=torch.float32, device=device)
