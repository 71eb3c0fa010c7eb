"""Which records of a search can be compared."""

from __future__ import annotations

from methodic.evidence.whole import whole
from methodic.plan import UnitRecord
from methodic.tuning import Segment
from tests.evidence.conftest import unit_record


def rung(name: str, scores: list[float | None], until: int, setting: int = 0) -> UnitRecord:
    """Members of a search that halt after ``until`` of 100 steps."""
    record = unit_record("screen", name, scores, setting=setting)
    segments = (Segment(until=until, settings=({},) * len(scores)),)
    unit = record.unit.model_copy(update={"segments": segments, "id": f"{name}-{until}-{setting}"})
    return record.model_copy(update={"unit": unit})


def ended(record: UnitRecord, place: int) -> UnitRecord:
    """The same, but a stop criterion held for one member."""
    members = list(record.members)
    members[place] = members[place].model_copy(update={"status": "stopped"})
    return record.model_copy(update={"members": tuple(members)})


def test_without_a_search_all_are() -> None:
    records = [unit_record("screen", "a", [0.5, None]), unit_record("screen", "b", [0.7])]
    assert whole(records) == records
    assert whole([]) == []


def test_whoever_was_dropped_is_left_out() -> None:
    first, last = rung("a", [0.9, 0.8, 0.1], 30), rung("a", [0.95], 100)
    assert whole([first, last]) == [last]


def test_whoever_ended_by_itself_competes() -> None:
    first = ended(rung("a", [0.9, 0.8, 0.1], 30), 1)
    last = rung("a", [0.95], 100, setting=5)
    kept, other = whole([first, last])
    assert other == last
    assert [each.validation["accuracy"] for each in kept.members] == [0.8]
    assert kept.unit.members == (first.unit.members[1],)
    assert len(kept.curves) == 1


def test_where_nobody_came_to_the_end_the_furthest_are_compared() -> None:
    """Of each method by itself."""
    records = [rung("a", [0.5, 0.6], 10), rung("a", [0.7], 30), rung("b", [0.4], 100)]
    assert whole(records) == records[1:]


def test_whoever_diverged_at_last_leaves_the_place_to_others() -> None:
    """The only one in the last rung is lost: those of the rung before are compared."""
    first, last = rung("a", [0.9, 0.8], 30), rung("a", [None], 100, setting=5)
    assert whole([first, last]) == [first]
    everyone = [rung("b", [None, None], 30)]
    assert whole(everyone) == everyone, "all of them: that is what there is to say"


def test_whoever_diverged_later_has_no_earlier_score_either() -> None:
    first, other = rung("a", [0.9], 30, setting=1), rung("a", [0.5], 30, setting=2)
    lost = rung("a", [None], 100, setting=1)
    assert whole([first, other, lost]) == [other]
