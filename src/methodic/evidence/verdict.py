"""The verdict: which method, by how much and how sure, and what it cost. Two sentences.

A third says what several networks together gain, and what rows without a target were worth, where
that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from methodic.evidence.simplicity import simplest
from methodic.evidence.worth import sentence
from methodic.metrics import Metric, get_metric
from methodic.plan import Plan

if TYPE_CHECKING:
    from methodic.evidence.leaderboard import Comparison, Leaderboard, Row


def verdict(board: Leaderboard, plan: Plan, *, failed: bool = False) -> str:
    """The sentences on a ranking.

    One of: nothing measured; no network trained; a single method; nothing confirmed; one seed, so
    no interval; several that can't be told apart from the best (take the simplest of them); a
    baseline wins; a method wins.

    Args:
        board: the ranking; its own verdict isn't read.
        plan: its plan.
        failed: the confirmation was tried, and all its models diverged.
    """
    words = _Words(get_metric(board.metric, plan.data.task), board)
    told = _judged(board, plan, words, failed) + _together(board, words)
    if board.worth is None:
        return told
    return f"{told} {sentence(board.worth, words.metric, one_split=board.about == 'split')}"


def _judged(board: Leaderboard, plan: Plan, words: _Words, failed: bool) -> str:
    rows = {row.name: row for row in board.rows}
    if not board.winner:
        return _nothing(board.rows)
    best = rows[board.winner]
    if not board.shipped:
        return _no_network(board.rows, best, words)
    network = rows[board.shipped]
    if plan.confirm is None:
        return _alone(network, [r for r in board.rows if r.kind == "baseline"], words)
    if network.test is None:
        return _unconfirmed(best, network, words, failed)
    if network.test.n < 2:
        return _one_seed(best, network, words)
    tied = [r for r in board.rows if r != best and set(r.groups) & set(best.groups)]
    if tied:
        return _tied(best, tied, network, plan, words)
    if best.kind == "baseline":
        return _baseline_wins(best, network, words)
    return _method_wins(best, [r for r in board.rows if r.test and r != best], words)


def _together(board: Leaderboard, words: _Words) -> str:
    """What is kept in place of one network."""
    found = board.ensemble
    if found is None or not found.shipped:
        return ""
    gain = words.metric.format_difference(found.gain.mean)
    test = "" if found.test is None else f", with {words.titled(found.test)} on test rows"
    return (
        f" What is kept is the mean of {len(found.members)} networks, {gain} better than the best "
        f"of them on validation rows{test}."
    )


def _nothing(rows: Sequence[Row]) -> str:
    if diverged := sum(row.diverged for row in rows):
        return (
            f"{_every(diverged)} diverged, so there is no method to recommend and no model to "
            "keep. Try lower learning rates, and look for extreme values in the data."
        )
    return "Nothing has been measured yet. Resume the run to get a ranking."


def _no_network(rows: Sequence[Row], best: Row, words: _Words) -> str:
    result = f"the best baseline, {words.name(best)}, has {words.score(best)}"
    if diverged := sum(row.diverged for row in rows):
        return (
            f"{_every(diverged)} diverged, so there is no model to keep; {result}. "
            "Try lower learning rates, and look for extreme values in the data."
        )
    return f"No network has been trained yet; {result}. Resume the run to get a ranking."


def _alone(network: Row, baselines: Sequence[Row], words: _Words) -> str:
    where = "test" if network.test else "validation"
    beside = "".join(f"; {words.name(row)} has {words.score(row)}" for row in baselines)
    return (
        f"On {where} rows {network.name} has {words.score(network)}{beside}. "
        f"{words.cost(network)}; nothing was compared with it, so this says nothing of other "
        "methods."
    )


def _unconfirmed(best: Row, network: Row, words: _Words, failed: bool) -> str:
    beside = ""
    if best.kind == "baseline":
        beside = f", before the best network, {network.name}, with {words.validation(network)}"
    if failed:
        why = "every model of the confirmation diverged"
        then = "try lower learning rates, and look for extreme values in the data"
    else:
        why = "the rows that chose a method can't tell how good it is"
        then = "resume the run, or give it more time, for a confirmation on fresh seeds"
    return (
        f"Nothing is confirmed: {words.name(best)} leads the screening with "
        f"{words.validation(best)}{beside}, but {why}. {words.cost(network)}; {then}."
    )


def _one_seed(best: Row, network: Row, words: _Words) -> str:
    beside = ""
    if best.kind == "baseline":
        beside = f", before the best network, {network.name}, with {words.score(network)}"
    return (
        f"The best on test rows is {words.name(best)} with {words.score(best)}{beside}, which "
        f"gives no interval and no test of a difference. {words.cost(network)}; give the run "
        "more time for more seeds."
    )


def _tied(best: Row, tied: Sequence[Row], network: Row, plan: Plan, words: _Words) -> str:
    adjusted = [p for row in tied if (p := words.adjusted(best, row)) is not None]
    least = "smallest " if len(adjusted) > 1 else ""
    sure = f" ({least}{_p(min(adjusted))} after Holm's correction)" if adjusted else ""
    take = simplest([best, *tied], plan)
    own = "" if take == best else f", with {words.score(take)}"
    empty = ", so nothing useful was learnt" if take.name == "constant" else ""
    kept = f"; the model kept is {network.name}" if take != network else ""
    others = _list([words.name(row) for row in tied])
    return (
        f"The best on test rows is {words.name(best)} with {words.score(best)}, but it can't be "
        f"told apart from {others}{sure}: take the simplest of them, "
        f"{words.name(take)}{own}{empty}. {words.cost(take)}{kept}."
    )


def _baseline_wins(best: Row, network: Row, words: _Words) -> str:
    return (
        f"Use {words.name(best)} here: on test rows {words.score(best)}, "
        f"{words.margin(best, network)} than the best network, {network.name}, with "
        f"{words.score(network)}. {words.cost(best)}; the model kept is {network.name}, of "
        f"which one took {_seconds(network.seconds)}."
    )


def _method_wins(best: Row, others: Sequence[Row], words: _Words) -> str:
    than, alone = "", "; nothing was confirmed beside it"
    if others:
        than = f", {words.margin(best, others[0])} than the next, {words.name(others[0])}"
        alone = ""
    return f"Use {best.name}: on test rows {words.score(best)}{than}. {words.cost(best)}{alone}."


class _Words:
    """Numbers of a ranking as phrases, in the units of its metric."""

    def __init__(self, metric: Metric, board: Leaderboard) -> None:
        self.metric = metric
        self._comparisons = board.comparisons
        self._over = "splits" if board.about == "data" else "seeds"

    def name(self, row: Row) -> str:
        return row.name.replace("_", " ") if row.kind == "baseline" else row.name

    def score(self, row: Row) -> str:
        """The test score (without one, the validation score) and its interval."""
        if row.test is None:
            return self.validation(row)
        shown = self.titled(row.test.mean)
        if row.kind == "baseline" and row.test.n == 1:
            return shown
        if row.test.low is None or row.test.high is None:
            return f"{shown} (one seed)"
        low, high = self.metric.format(row.test.low), self.metric.format(row.test.high)
        return f"{shown} (95% interval {low} to {high}, {row.test.n} {self._over})"

    def titled(self, score: float) -> str:
        """A score with the name of its metric."""
        return f"{self.metric.title} {self.metric.format(score)}"

    def validation(self, row: Row) -> str:
        """The validation score, without an interval: its setting was chosen for it."""
        if row.validation is None:
            return f"no validation {self.metric.title}"
        shown = f"validation {self.metric.title} {self.metric.format(row.validation.mean)}"
        n = row.validation.n
        if row.kind == "baseline":
            return shown
        return f"{shown} ({'one seed' if n == 1 else f'mean of {n} seeds'})"

    def margin(self, best: Row, other: Row) -> str:
        """How much better, as "0.82 points better (95% interval …, p = …)"."""
        assert best.test is not None
        assert other.test is not None
        gap = best.test.mean - other.test.mean
        found = self._between(best, other)
        if found is not None:
            gap = found.difference.mean  # over the seeds that both finished
        text = f"{self.metric.format_difference(gap)} better"
        if found is None or found.difference.low is None or found.difference.high is None:
            return text
        low, high = sorted(
            map(abs, (found.difference.low, found.difference.high))
        )  # a significant difference has both ends on one side
        ends = [self.metric.format_difference(end) for end in (low, high)]
        spread = f"{ends[0].removesuffix(' points')} to {ends[1]}"
        return f"{text} (95% interval {spread}, {_p(found.adjusted)} after Holm's correction)"

    def adjusted(self, first: Row, second: Row) -> float | None:
        """The adjusted p of a tested pair."""
        found = self._between(first, second)
        return found.adjusted if found and found.difference.n > 1 else None

    def _between(self, first: Row, second: Row) -> Comparison | None:
        pair = {first.name, second.name}
        return next((c for c in self._comparisons if {c.first, c.second} == pair), None)

    def cost(self, row: Row) -> str:
        """A clause that can start a sentence: what the method took, and how often it failed."""
        if row.kind == "baseline":
            return f"Fitting {self.name(row)} took {_seconds(row.seconds)}"
        kept = row.test.n if row.test else 0
        failed = f", and {row.lost} of its {kept + row.lost} confirmed models diverged"
        return (
            f"Training one model of {row.name} took {_seconds(row.seconds)} for {row.steps} steps"
            f"{failed if row.lost else ''}"
        )


def _every(models: int) -> str:
    return "The only model" if models == 1 else f"All {models} models"


def _p(p: float) -> str:
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return "under 0.1 s"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _list(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
