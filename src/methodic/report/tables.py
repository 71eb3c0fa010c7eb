"""The ranking as text (Markdown, CSV), and how its cells are written everywhere."""

from __future__ import annotations

import csv as _csv
import io
import json
import math
from collections.abc import Mapping

from methodic.evidence.leaderboard import Interval, Leaderboard, Row
from methodic.metrics import METRICS
from methodic.plan import Plan

NOTHING = "–"
"""The cell of a number that was not measured."""


# --- cells ------------------------------------------------------------------------------------


def title(metric: str) -> str:
    """``metric`` as words: "log_loss" → "log loss"; short names of scores in capitals."""
    return {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "mse": "MSE", "r2": "R²", "f1": "F1"}.get(
        metric, metric.replace("_", " ")
    )


def score(x: float | None, metric: str) -> str:
    """One score: a percentage with one decimal, or a number with 4 digits.

    Example:
        >>> score(0.9731, "accuracy"), score(0.51234567, "rmse"), score(None, "rmse")
        ('97.3%', '0.5123', '–')
    """
    return METRICS[metric].format(x)


def difference(x: float, metric: str) -> str:
    """A difference of two scores with its sign: "+0.42 points"."""
    if abs(x) < 1e-12:  # what rounding leaves of a difference of equal scores
        x = 0.0
    sign = "+" if x > 0 else "−" if x < 0 else ""
    return sign + METRICS[metric].format_difference(x)


def interval(value: Interval | None, metric: str) -> str:
    """Mean ± half-width, with as many decimals as the half-width needs to show one digit.

    Example:
        >>> interval(Interval(mean=0.9731, low=0.9694, high=0.9768, n=10), "accuracy")
        '97.3% ± 0.4%'
        >>> interval(Interval(mean=0.5123, low=0.5012, high=0.5234, n=10), "rmse")
        '0.512 ± 0.011'
    """
    if value is None:
        return NOTHING
    half = half_width(value)
    if half is None:
        return score(value.mean, metric)
    if METRICS[metric].percent:
        places = max(1, _leading_place(100 * half))
        return f"{100 * value.mean:.{places}f}% ± {100 * half:.{places}f}%"
    places = _leading_place(half) + 1
    if places > 6 or abs(value.mean) >= 1e6:
        return f"{value.mean:.4g} ± {half:.2g}"
    places = max(places, 0)
    return f"{value.mean:.{places}f} ± {half:.{places}f}"


def half_width(value: Interval) -> float | None:
    """Half the length of the interval; None below two seeds."""
    if value.low is None or value.high is None:
        return None
    return (value.high - value.low) / 2


def _leading_place(x: float) -> int:
    """The decimal place of the first digit of ``x`` that isn't 0: 0.034 → 2; at most 6."""
    if x <= 0 or not math.isfinite(x):
        return 1
    return min(6, -math.floor(math.log10(x)))


def seconds(x: float) -> str:
    """A duration that reads well.

    Example:
        >>> seconds(0.0421), seconds(3.14159), seconds(75), seconds(130), seconds(4000)
        ('0.04 s', '3.1 s', '75 s', '2 min 10 s', '1 h 07 min')
    """
    if x < 0.995:
        return f"{x:.2f} s" if x >= 0.005 or x == 0 else "< 0.01 s"
    if x < 59.95:
        return f"{x:.1f} s"
    whole = round(x)
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 seed", "10 seeds", "1,797 rows"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def setting(numbers: Mapping[str, float]) -> str:
    """The chosen numbers by their shortest clear names: "lr 0.003, weight_decay 0.01"."""
    parts = [path.split(".") for path in numbers]
    shown = []
    for path, x in zip(parts, numbers.values(), strict=True):
        length = 1
        while length < len(path) and sum(each[-length:] == path[-length:] for each in parts) > 1:
            length += 1
        shown.append(f"{'.'.join(path[-length:])} {x:.4g}")
    return ", ".join(shown) or NOTHING


def name(row: Row) -> str:
    """A row's name for people; kinds of baselines in words."""
    return row.name.replace("_", " ") if row.kind == "baseline" else row.name


def groups(row: Row) -> str:
    """The row's letters in one word."""
    return "".join(row.groups) or NOTHING


def diverged(row: Row) -> str:
    """How many of its members diverged."""
    return f"{row.diverged} of {row.members}" if row.diverged else "0"


def remarks(row: Row, leaderboard: Leaderboard) -> list[str]:
    """What sets a row apart, in words."""
    found = []
    if row.name == leaderboard.winner:
        found.append("best")
    if row.name == leaderboard.shipped and row.name != leaderboard.winner:
        found.append("saved")
    if row.kind == "baseline":
        found.append("baseline")
    if row.diverged:
        found.append(f"{row.diverged} diverged")
    return found


# --- the plan, in pairs -----------------------------------------------------------------------


def data_facts(plan: Plan) -> list[tuple[str, str]]:
    """What the data are, as pairs of a word and its value."""
    data = plan.data
    train, validation, test = data.rows
    task: str = data.task
    if data.classes:
        named = ", ".join(data.classes[:12]) + (", …" if len(data.classes) > 12 else "")
        task = f"{data.task}, {count(len(data.classes), 'class', 'classes')}: {named}"
    return [
        ("data", data.name),
        ("source", data.source or "in memory"),
        ("target", data.target),
        ("task", task),
        ("rows", f"{train:,} training · {validation:,} validation · {test:,} test"),
        ("columns", f"{data.numeric:,} numeric · {data.categorical:,} categorical"),
        ("fingerprint", data.fingerprint),
    ]


def plan_facts(plan: Plan) -> list[tuple[str, str]]:
    """What was decided before the run, as pairs of a word and its value."""
    machine = plan.machine
    confirm = plan.confirm
    compiled = "compiled" if machine.compiled else "not compiled"
    layout = "channels last, " if machine.memory_format == "channels_last" else ""
    layout += f"at most {machine.width} at once, " if machine.width else ""
    facts = [
        ("metric", title(plan.metric)),
        ("budget", "none" if plan.budget is None else seconds(plan.budget)),
        ("split", f"seed {plan.data.split_seed}"),
        (
            "machine",
            f"{machine.device} ({machine.capability}), {count(machine.workers, 'worker')} × "
            f"{count(machine.threads, 'thread')}, {machine.precision}, {layout}{compiled}, "
            f"torch {machine.torch}",
        ),
    ]
    if confirm is None:
        seeds = {member.seed for unit in plan.train for member in unit.members}
        return [*facts, ("seeds", spans(seeds))]
    screening = {member.seed for unit in plan.screen for member in unit.members}
    models = sum(len(unit.members) for unit in plan.screen)
    return [
        *facts,
        (
            "screening",
            f"{count(models, 'model')}, {count(len(screening), 'seed')} a setting "
            f"({spans(screening)}), validation rows only",
        ),
        (
            "confirmation",
            f"up to {count(confirm.finalists, 'finalist')} and {confirm.simplest}, "
            f"{count(len(confirm.seeds), 'fresh seed')} ({spans(confirm.seeds)}); a cohort gets "
            f"{confirm.scale:.2g} times a screening cohort's seconds",
        ),
    ]


def spans(numbers: set[int] | tuple[int, ...]) -> str:
    """Whole numbers in short: {1, 2, 3, 7} → "1–3, 7"."""
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in runs)


# --- the ranking ------------------------------------------------------------------------------


def markdown(leaderboard: Leaderboard) -> str:
    """The ranking as a Markdown table, with the verdict above it."""
    metric = leaderboard.metric
    head = ["#", "method", f"test {title(metric)}", "n", "validation", "groups", "setting"]
    head += ["time of one model", "diverged"]
    lines = [
        _line(head),
        _line(["---:", "---", "---:", "---:", "---:", "---", "---", "---:", "---:"]),
    ]
    for rank, row in enumerate(leaderboard.rows, 1):
        cells = [str(rank), name(row) + (" (baseline)" if row.kind == "baseline" else "")]
        cells += [interval(row.test, metric), str(row.test.n) if row.test else NOTHING]
        cells += [interval(row.validation, metric), groups(row), setting(row.setting)]
        cells += [seconds(row.seconds), diverged(row)]
        lines.append(_line(cells))
    return "\n".join([leaderboard.verdict, "", *lines]) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def csv(leaderboard: Leaderboard) -> str:
    """The ranking as CSV (RFC 4180), every number in full; empty cells were not measured."""
    out = io.StringIO()
    write = _csv.writer(out)
    ends = ("mean", "low", "high", "n")
    write.writerow(
        ["rank", "name", "kind", "metric"]
        + [f"{part}_{end}" for part in ("test", "validation") for end in ends]
        + ["groups", "setting", "members", "diverged", "seconds", "steps"]
    )
    for rank, row in enumerate(leaderboard.rows, 1):
        write.writerow(
            [rank, row.name, row.kind, leaderboard.metric]
            + [
                None if part is None else getattr(part, end)
                for part in (row.test, row.validation)
                for end in ends
            ]
            + ["".join(row.groups), json.dumps(row.setting), row.members, row.diverged]
            + [row.seconds, row.steps]
        )
    return out.getvalue()
