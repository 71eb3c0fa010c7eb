"""Findings about representations: features that have collapsed.

Objectives without targets can be met by features that say nothing, such as the same for all rows.
Training goes on, the loss looks fine, and only the features themselves show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from methodic.diagnosis.findings import Finding
from methodic.evidence.closer.representation import Quality, Representation
from methodic.plan import DataFacts

COLLAPSED: Final = "collapsed representation"

LEAST_RANK = 2.0
MOST_IDLE = 0.5
LOSS = 0.02  # of a probe's accuracy or R²; less can be chance


def collapsed(networks: Sequence[Representation], data: DataFacts) -> list[Finding]:
    """A finding for each method of which a network's features have collapsed.

    More than half of them have no variance, or their effective rank is below 2. Few directions are
    all that a head for few classes or one number needs, so there a low rank counts only where a
    linear probe finds less in the features than in those of the untrained network.

    Args:
        networks: of all methods that learn without targets.
        data: say how many directions an answer has.
    """
    found = []
    for method in dict.fromkeys(each.method for each in networks):
        mine = [each for each in networks if each.method == method]
        bad = [each for each in mine if _collapsed(each, data)]
        if bad:
            found.append(_finding(method, bad, len(mine), data))
    return found


def _times(each: Representation) -> list[Quality]:
    """Its features as they are kept, and as they were learnt without targets."""
    return [each.trained, *([] if each.learnt is None else [each.learnt])]


def _collapsed(each: Representation, data: DataFacts) -> list[Quality]:
    """At which times its features have collapsed."""
    return [seen for seen in _times(each) if _bad(seen, each.untrained, data)]


def _bad(seen: Quality, before: Quality, data: DataFacts) -> bool:
    if seen.idle > MOST_IDLE:
        return True
    low = seen.rank < LEAST_RANK
    return low and (2 * seen.rank < directions(data) or _lost(seen.probe, before.probe))


def directions(data: DataFacts) -> int:
    """Directions that a head needs: one less than classes, or one for each label or number."""
    if data.task == "multilabel":
        return len(data.classes)
    return 1 + len(data.others) if data.task == "regression" else len(data.classes) - 1


def _lost(after: float | None, before: float | None) -> bool:
    """The probe finds less in the trained features than in the untrained ones."""
    return before is not None and (after is None or after < before - LOSS)


def _finding(method: str, bad: Sequence[Representation], looked: int, data: DataFacts) -> Finding:
    worst, after = min(
        ((each, seen) for each in bad for seen in _collapsed(each, data)),
        key=lambda pair: (1 - pair[1].idle) * pair[1].rank,
    )
    before = worst.untrained
    evidence = [
        f"Its {worst.features:,} features are worth {after.rank:.1f} (effective rank on "
        f"{worst.every:,} training rows; {before.rank:.1f} before the first step).",
        f"{100 * after.idle:.0f}% of them have no variance ({100 * before.idle:.0f}% before the "
        "first step).",
    ]
    if after is not worst.trained:
        evidence.append("So the last stage without targets left them.")
    if looked > 1:
        evidence.append(f"{len(bad)} of {looked} networks have such features; this is the worst.")
    return Finding(
        name=COLLAPSED,
        what=f"The features of {method} have collapsed: to it, rows look too much alike.",
        evidence=tuple(evidence),
        advice="Give what holds the features apart more weight (variance of vicreg, redundancy of "
        "barlow_twins), project to more units, or take a smaller learning rate.",
        serious=False,
        numbers={
            "networks": float(len(bad)),
            "effective_rank": after.rank,
            "idle": after.idle,
            "features": float(worst.features),
        },
    )


def added(known: Iterable[Finding], found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings with those about representations in place of earlier ones; serious ones first."""
    kept = [each for each in known if each.name != COLLAPSED]
    return tuple(sorted([*kept, *found], key=lambda each: not each.serious))
