"""A large run's folder: many methods, each confirmed on many seeds."""

from __future__ import annotations

from pathlib import Path

from report.runs import LR, STEPS, make_leaderboard, make_plan, put

from methodic.evidence.leaderboard import Comparison, Interval
from methodic.plan import CurvePoint, Member, MemberRecord, RunState, Unit, UnitRecord


def many(folder: Path, methods: int = 30, seeds: int = 10, points: int = 100) -> Path:
    """Write the folder of a run in which every method was a finalist.

    Args:
        folder: where to.
        methods: how many.
        seeds: of the confirmation.
        points: evaluations of each model.
    """
    (folder / "records").mkdir(parents=True)
    plan, board = make_plan(), make_leaderboard()
    names = [f"method-{i:02d}" for i in range(methods)]
    first = plan.contenders[-1]
    contenders = tuple(
        first.model_copy(update={"recipe": first.recipe.model_copy(update={"name": name})})
        for name in names
    )
    screen = tuple(_unit("screen", name, range(5), (0, 1, 2), points) for name in names)
    confirm = tuple(
        _unit("confirm", name, range(2, 3), tuple(range(1000, 1000 + seeds)), points)
        for name in names
    )
    put(folder / "plan.json", plan.model_copy(update={"contenders": contenders, "screen": screen}))
    for i, unit in enumerate(screen):
        put(folder / "records" / f"{unit.id}.json", _record(unit, 0.95 - i / 1000))
    for i, unit in enumerate(confirm):
        put(folder / "records" / f"{unit.id}.json", _record(unit, 0.97 - i / 1000))
    rows = tuple(
        board.rows[0].model_copy(update={"name": name, "test": _span(0.97 - i / 1000, seeds)})
        for i, name in enumerate(names)
    )
    pairs = tuple(
        Comparison(first=a, second=b, difference=_span((j - i) / 1000, seeds), p=0.01, adjusted=0.5)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j
    )
    changed = {"rows": rows, "comparisons": pairs, "winner": names[0], "shipped": names[0]}
    put(folder / "leaderboard.json", board.model_copy(update=changed))
    put(folder / "run.json", RunState(status="finished", finalists=tuple(names), seconds=900))
    return folder


def _span(mean: float, n: int) -> Interval:
    return Interval(mean=mean, low=mean - 0.002, high=mean + 0.002, n=n)


def _unit(phase: str, name: str, settings: range, seeds: tuple[int, ...], points: int) -> Unit:
    return Unit.model_validate(
        {
            "id": f"{phase}-000-{name}",
            "phase": phase,
            "block": 0,
            "members": [
                Member(recipe=name, setting=setting, seed=seed)
                for setting in settings
                for seed in seeds
            ],
            "steps": (STEPS,),
            "evaluate": tuple(STEPS * (k + 1) // points for k in range(points)),
        }
    )


def _record(unit: Unit, score: float) -> UnitRecord:
    curve = tuple(
        CurvePoint(step=step, train_loss=1 / step, validation_loss=2 / step, score=score - 1 / step)
        for step in unit.evaluate
    )
    return UnitRecord(
        unit=unit,
        members=tuple(
            MemberRecord(
                member=member,
                numbers={LR: 0.001 * 2**member.setting},
                status="finished",
                steps_taken=STEPS,
                batches_seen=STEPS,
                best_step=STEPS,
                validation={"accuracy": score - member.setting / 100 + member.seed % 7 / 1000},
                seconds=0.5,
            )
            for member in unit.members
        ),
        curves=(curve,) * len(unit.members),
        seconds=5.0,
        threads=1,
    )
