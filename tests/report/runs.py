"""Run folders made by hand: six methods screened, four of them confirmed, three baselines."""

from __future__ import annotations

import math
import random
from pathlib import Path

from methodic.evidence.leaderboard import Comparison, Interval, Leaderboard, Row
from methodic.plan import (
    BaselinePlan,
    ConfirmPlan,
    Contender,
    CurvePoint,
    DataFacts,
    Machine,
    Member,
    MemberRecord,
    Phase,
    Plan,
    Unit,
    UnitRecord,
    Value,
)
from methodic.recipes.types import Recipe

LR = "stages.0.turns.0.optimizer.lr"
METHODS = {  # best score, best learning rate, lowest of the grid
    "gradient-descent": (0.931, 0.5, 0.01),
    "sgd": (0.962, 0.2, 0.005),
    "momentum": (0.970, 0.05, 0.001),
    "rmsprop": (0.966, 0.001, 0.0001),
    "adam": (0.971, 0.002, 0.0001),
    "adamw-cosine": (0.974, 0.004, 0.0001),
}
FINALISTS = ("adamw-cosine", "adam", "momentum", "sgd")
BASELINES = ("gradient_boosting", "linear", "constant")
STEPS = 1200
EVALUATE = tuple(range(40, STEPS + 1, 40))


def recipe(name: str) -> Recipe:
    optimizers = {
        "gradient-descent": {"kind": "sgd"},
        "sgd": {"kind": "sgd"},
        "momentum": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
        "rmsprop": {"kind": "rmsprop"},
        "adam": {"kind": "adam"},
        "adamw-cosine": {"kind": "adamw"},
    }
    low = METHODS.get(name, (0, 0, 1e-4))[2]
    lr = {"log_uniform": [low, low * 100]}
    return Recipe.model_validate(
        {
            "name": name,
            "about": f"The method {name}.",
            "source": "A paper, 2014",
            "use_when": "Always a good start.",
            "stages": [{"optimizer": {**optimizers.get(name, {"kind": "adam"}), "lr": lr}}],
        }
    )


def make_plan(metric: str = "accuracy", methods: tuple[str, ...] = tuple(METHODS)) -> Plan:
    contenders = tuple(
        Contender(
            recipe=recipe(name),
            settings=tuple({LR: METHODS[name][2] * 10 ** (i / 2)} for i in range(5)),
            batch=(1077,) if name == "gradient-descent" else (128,),
            steps=(STEPS,),
            confirm_steps=(STEPS,),
            milliseconds=1.4,
        )
        for name in methods
    )
    return Plan(
        command="methodic run digits --budget 60s --seed 0",
        data=DataFacts(
            name="digits",
            source="digits",
            fingerprint="0f3a5c9e11d2b470",
            task="multiclass" if metric == "accuracy" else "regression",
            target="target",
            classes=tuple("0123456789") if metric == "accuracy" else (),
            rows=(1077, 360, 360),
            numeric=64,
            categorical=0,
            split_seed=0,
        ),
        metric=metric,
        budget=60.0,
        machine=Machine(device="cpu", capability="AVX512", torch="2.13.0", workers=2, threads=1),
        contenders=contenders,
        baselines=tuple(BaselinePlan(kind=kind) for kind in BASELINES),
        screen=tuple(
            unit(f"screen-{i:03d}-{name}", "screen", name, range(5), (0, 1, 2))
            for i, name in enumerate(methods)
        ),
        confirm=ConfirmPlan(
            finalists=3, simplest="sgd", seeds=tuple(range(1000, 1010)), block=5, scale=1.0
        ),
        notes=("adamw-cosine: 15 members train together in one cohort.",),
    )


def unit(id: str, phase: Phase, name: str, settings: range, seeds: tuple[int, ...]) -> Unit:
    return Unit(
        id=id,
        phase=phase,
        block=0,
        members=tuple(
            Member(recipe=name, setting=setting, seed=seed)
            for setting in settings
            for seed in seeds
        ),
        steps=(STEPS,),
        evaluate=EVALUATE,
    )


def unit_record(what: Unit, metric: str = "accuracy", diverges: int | None = None) -> UnitRecord:
    """Plausible scores: they fall with the distance of the learning rate from the best one."""
    records, curves = [], []
    for place, member in enumerate(what.members):
        noise = random.Random(f"{member.recipe} {member.setting} {member.seed} {what.phase}")
        top, best, low = METHODS[member.recipe]
        lr = low * 10 ** (member.setting / 2)
        final = top - 0.03 * math.log10(lr / best) ** 2 + noise.gauss(0, 0.004)
        lost = place == diverges
        curve = []
        for step in EVALUATE:
            x = final - (final - 0.1) * math.exp(-step / 120) + noise.gauss(0, 0.002)
            gone = lost and step > STEPS // 3
            value = x if metric == "accuracy" else 2 * (1.1 - x)
            curve.append(
                CurvePoint(
                    step=step,
                    train_loss=None if gone else 2.3 * (1 - x),
                    validation_loss=None if gone else 2.4 * (1 - x),
                    score=None if gone else value,
                )
            )
        final = final if metric == "accuracy" else 2 * (1.1 - final)
        records.append(
            MemberRecord(
                member=member,
                numbers={LR: lr},
                status="diverged" if lost else "finished",
                why=f"not finite at step {STEPS // 3}" if lost else "",
                steps_taken=STEPS // 3 if lost else STEPS,
                batches_seen=STEPS,
                best_step=STEPS - 40,
                validation={metric: None if lost else final},
                seconds=0.42,
            )
        )
        curves.append(tuple(curve))
    return UnitRecord(
        unit=what, members=tuple(records), curves=tuple(curves), seconds=6.3, threads=1
    )


def make_leaderboard(metric: str = "accuracy") -> Leaderboard:
    greater = metric == "accuracy"

    def shown(x: float) -> float:
        return x if greater else 2 * (1.1 - x)

    def span(x: float, half: float, n: int) -> Interval:
        return Interval(mean=shown(x), low=shown(x) - half, high=shown(x) + half, n=n)

    groups = {"adamw-cosine": ("a",), "adam": ("a", "b"), "momentum": ("b",), "sgd": ("c",)}
    rows = [
        Row(
            name=name,
            kind="method",
            about=f"The method {name}.",
            setting={LR: METHODS[name][1]},
            validation=span(METHODS[name][0], 0.0061, 3),
            test=span(METHODS[name][0] - 0.002, 0.0024, 10) if name in FINALISTS else None,
            groups=groups.get(name, ()),
            members=25 if name in FINALISTS else 15,
            diverged=1 if name == "sgd" else 0,
            seconds=0.42,
            steps=STEPS,
        )
        for name in (*FINALISTS, "rmsprop", "gradient-descent")
    ]
    rivals = [
        Row(
            name=kind,
            kind="baseline",
            about=f"The baseline {kind}.",
            setting={},
            validation=Interval(mean=shown(x), low=None, high=None, n=1),
            test=Interval(mean=shown(x - 0.004), low=None, high=None, n=1),
            groups=(letter,),
            members=1,
            diverged=0,
            seconds=seconds,
            steps=0,
        )
        for kind, x, letter, seconds in (
            ("gradient_boosting", 0.967, "b", 5.1),
            ("linear", 0.953, "d", 0.2),
            ("constant", 0.103, "e", 0.001),
        )
    ]
    tested = sorted(
        [row for row in (*rows, *rivals) if row.test],
        key=lambda row: -row.test.mean if greater else row.test.mean,
    )
    pairs = [(a, b) for i, a in enumerate(tested) for b in tested[i + 1 :]]
    return Leaderboard(
        metric=metric,
        greater_is_better=greater,
        rows=(*tested, *(row for row in rows if not row.test)),
        comparisons=tuple(
            Comparison(
                first=a.name,
                second=b.name,
                difference=Interval(
                    mean=a.test.mean - b.test.mean,
                    low=a.test.mean - b.test.mean - 0.003,
                    high=a.test.mean - b.test.mean + 0.003,
                    n=10,
                ),
                p=0.0123,
                adjusted=0.0984,
            )
            for a, b in pairs
        ),
        winner="adamw-cosine",
        shipped="adamw-cosine",
        verdict=(
            "adamw-cosine has the best mean test accuracy, 97.2% ± 0.2% over 10 fresh seeds, and "
            "can't be told apart from adam. gradient_boosting, the best baseline, reaches 96.3%, "
            "0.9 points less."
        ),
        notes=(
            "sgd: 1 of 25 members diverged; it is left out of the means.",
            "The intervals are about the seed: other splits of the data vary more.",
        ),
    )


def put(path: Path, value: Value) -> None:
    path.write_text(value.model_dump_json(), encoding="utf-8")
