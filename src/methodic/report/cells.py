"""How scores, differences, durations, sizes and names are written, everywhere alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from methodic.evidence.leaderboard import Interval, Leaderboard, Row
from methodic.metrics import METRICS
from methodic.tuning import Scalar

NOTHING = "–"
"""The cell of a number that was not measured."""


def title(metric: str) -> str:
    """``metric`` as words: "log_loss" → "log loss"; short names of scores in capitals."""
    return METRICS[metric].title


# --- scores -----------------------------------------------------------------------------------


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


def ends(value: Interval | None, metric: str) -> str:
    """Both ends of an interval that needn't be even about its mean: "96.1% to 98.2%"."""
    if value is None or value.low is None or value.high is None:
        return NOTHING
    return f"{score(value.low, metric)} to {score(value.high, metric)}"


def spread(value: Interval, metric: str) -> str:
    """Both ends of an interval of differences: "+0.1 to +0.9 points"."""
    if value.low is None or value.high is None:
        return NOTHING
    low = difference(value.low, metric).removesuffix(" points")
    return f"{low} to {difference(value.high, metric)}"


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


def share(x: float | None) -> str:
    """A part of a whole: "93%"; one decimal where it is close to an end."""
    if x is None:
        return NOTHING
    return f"{100 * x:.0f}%" if 0.1 <= x <= 0.9 or x in (0.0, 1.0) else f"{100 * x:.1f}%"


def probability(p: float) -> str:
    """A p-value: "0.042", "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def number(x: float | None, digits: int = 3) -> str:
    """A plain number with so many significant digits and a real minus sign."""
    return NOTHING if x is None else f"{x:.{digits}g}".replace("-", "−")


# --- durations, sizes, counts -----------------------------------------------------------------


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


def brief(x: float) -> str:
    """A duration far below a second, ``x`` in seconds: "4.2 µs", "310 µs", "1.3 ms"."""
    if x >= 0.995:
        return seconds(x)
    amount, unit = (x * 1e3, "ms") if x >= 0.9995e-3 else (x * 1e6, "µs")
    return f"{amount:.2g} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def size(count_of_bytes: int) -> str:
    """Memory or disk: "850 B", "39 kB", "1.2 MB"."""
    amount = float(count_of_bytes)
    for unit in ("B", "kB", "MB"):
        if amount < 999.5:
            return (
                f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:.0f} {unit}"
            )
        amount /= 1000
    return f"{amount:.1f} GB"


def count(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 seed", "10 seeds", "1,797 rows"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def spans(numbers: set[int] | tuple[int, ...]) -> str:
    """Whole numbers in short: {1, 2, 3, 7} → "1–3, 7"."""
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in runs)


# --- rows of the ranking ----------------------------------------------------------------------


def setting(numbers: Mapping[str, Scalar]) -> str:
    """The chosen numbers by their shortest clear names: "lr 0.003, weight_decay 0.01"."""
    names = short_names(numbers)
    return ", ".join(f"{names[path]} {value(x)}" for path, x in numbers.items()) or NOTHING


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """The shortest ends of the paths that tell them apart.

    Example:
        >>> short_names(["model.width", "stages.0.batch", "stages.1.batch"])
        {'model.width': 'width', 'stages.0.batch': '0.batch', 'stages.1.batch': '1.batch'}
    """
    parts = {path: path.split(".") for path in paths}
    shown = {}
    for path, words in parts.items():
        length = 1
        while length < len(words) and _alike(parts.values(), words[-length:]) > 1:
            length += 1
        shown[path] = ".".join(words[-length:])
    return shown


def _alike(paths: Iterable[list[str]], end: list[str]) -> int:
    return sum(words[-len(end) :] == end for words in paths)


def value(x: Scalar) -> str:
    """A number of a setting with four digits, a word as it is, true and false as in YAML.

    Example:
        >>> value(0.00123456), value(True), value("relu")
        ('0.001235', 'true', 'relu')
    """
    if isinstance(x, bool):
        return "true" if x else "false"
    return x if isinstance(x, str) else f"{x:.4g}"


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
