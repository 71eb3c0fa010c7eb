"""Of a search's records those of whole trainings: what chooses, and what a ranking shows."""

from __future__ import annotations

from collections.abc import Sequence

from methodic.plan import MemberRecord, UnitRecord


def whole(records: Sequence[UnitRecord]) -> list[UnitRecord]:
    """The records of members that trained to their end, whose scores can be compared.

    A candidate that was dropped on its way is left out; one whose recipe ended it is not. Of a
    method of which nobody came to the end those are kept that came furthest.

    Args:
        records: of a screening; without a search they are all whole.
    """
    if not any(record.unit.segments for record in records):
        return list(records)
    everyone = [(record, each) for record in records for each in record.members]
    lost = {_who(each) for _, each in everyone if each.status == "diverged"}
    furthest: dict[str, float] = {}
    for record, each in everyone:
        if _who(each) not in lost:
            name = each.member.recipe
            furthest[name] = max(furthest.get(name, 0.0), _share(record, each))

    def counts(record: UnitRecord, each: MemberRecord) -> bool:
        name = each.member.recipe
        if name not in furthest:  # all of them diverged, and that is what there is to say
            return True
        return _who(each) not in lost and _share(record, each) > furthest[name] - 1e-3

    found = []
    for record in records:
        kept = [place for place, each in enumerate(record.members) if counts(record, each)]
        if len(kept) == len(record.members):
            found.append(record)
        elif kept:
            members = tuple(record.unit.members[place] for place in kept)
            changes = {
                "unit": record.unit.model_copy(update={"members": members}),
                "members": tuple(record.members[place] for place in kept),
                "curves": tuple(record.curves[place] for place in kept),
            }
            found.append(record.model_copy(update=changes))
    return found


def _who(record: MemberRecord) -> tuple[str, int]:
    return record.member.recipe, record.member.setting


def _share(record: UnitRecord, member: MemberRecord) -> float:
    """How far a member came of its whole training."""
    if member.status == "stopped":
        return 1.0
    return record.unit.until / max(sum(record.unit.steps), 1)
