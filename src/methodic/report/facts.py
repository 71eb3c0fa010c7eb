"""What the data are and what was planned, as pairs of a word and its value."""

from __future__ import annotations

from methodic.plan import Plan
from methodic.report import cells

_EQUAL = {
    "seconds": "the same measured seconds for each method",
    "steps": "the same optimizer steps for each method",
    "samples": "the same number of training rows seen by each method",
    "flops": "the same estimated arithmetic for each method",
}


def data_facts(plan: Plan) -> list[tuple[str, str]]:
    """What the data are, and what ties the run to them."""
    data = plan.data
    train, validation, test = data.rows
    task: str = data.task
    if data.classes:
        named = ", ".join(data.classes[:12]) + (", …" if len(data.classes) > 12 else "")
        words = ("label", "labels") if data.task == "multilabel" else ("class", "classes")
        task = f"{data.task}, {cells.count(len(data.classes), *words)}: {named}"
    targets = (data.target, *data.others)
    shown = ", ".join(targets[:12]) + (", …" if len(targets) > 12 else "")
    without = f" · {data.unlabelled:,} without a target" if data.unlabelled else ""
    weighed = [("weights", data.reading.weight)] if data.reading.weight else []
    return [
        ("data", data.name),
        ("source", data.source or "in memory"),
        ("targets" if data.others else "target", shown),
        ("task", task),
        *weighed,
        ("rows", f"{train:,} training · {validation:,} validation · {test:,} test{without}"),
        ("columns", f"{data.numeric:,} numeric · {data.categorical:,} categorical"),
        ("fingerprint", data.fingerprint),
    ]


def plan_facts(plan: Plan) -> list[tuple[str, str]]:
    """What was decided before the run."""
    facts = [
        ("metric", cells.title(plan.metric)),
        ("budget", "none" if plan.budget is None else cells.seconds(plan.budget)),
        ("split", f"seed {plan.data.split_seed}"),
        ("machine", _machine(plan)),
    ]
    if plan.confirm is None:
        seeds = {member.seed for unit in plan.train for member in unit.members}
        return [*facts, ("seeds", cells.spans(seeds))]
    return [*facts, ("equal shares", _EQUAL[plan.equal]), *_phases(plan)]


def _machine(plan: Plan) -> str:
    machine = plan.machine
    compiled = "compiled" if machine.compiled else "not compiled"
    layout = "channels last, " if machine.memory_format == "channels_last" else ""
    layout += f"at most {machine.width} at once, " if machine.width else ""
    return (
        f"{machine.device} ({machine.capability}), {cells.count(machine.workers, 'worker')} × "
        f"{cells.count(machine.threads, 'thread')}, {machine.precision}, {layout}{compiled}, "
        f"torch {machine.torch}"
    )


def _phases(plan: Plan) -> list[tuple[str, str]]:
    confirm = plan.confirm
    assert confirm is not None
    seeds = cells.count(len(confirm.seeds), "fresh seed")
    folds = f", each on a fold of {confirm.folds}-fold cross-validation" * (confirm.splits == "cv")
    return [
        _screening(plan),
        (
            "confirmation",
            f"up to {cells.count(confirm.finalists, 'finalist')} and {confirm.simplest}, "
            f"{seeds} ({cells.spans(confirm.seeds)}){folds}; a cohort gets "
            f"{confirm.scale:.2g} times a screening cohort's seconds",
        ),
    ]


def _screening(plan: Plan) -> tuple[str, str]:
    if plan.search is not None:
        whose = "in all" if plan.search.together else "of each method"
        how = f"{plan.search.sampler}, {plan.search.strategy}"
        return "search", f"{plan.search.settings} settings {whose}, {how}; validation rows only"
    seeds = {member.seed for unit in plan.screen for member in unit.members}
    models = sum(len(unit.members) for unit in plan.screen)
    return (
        "screening",
        f"{cells.count(models, 'model')}, {cells.count(len(seeds), 'seed')} a setting "
        f"({cells.spans(seeds)}), validation rows only",
    )
