"""Features that have collapsed, and features that only look as if they had."""

from __future__ import annotations

from typing import Any

import pytest

from methodic.diagnosis.findings import Finding
from methodic.diagnosis.representations import COLLAPSED, added, collapsed, directions
from methodic.evidence.closer.representation import Quality, Representation
from methodic.plan import DataFacts


def facts(classes: int = 10, task: str = "multiclass", others: int = 0) -> DataFacts:
    return DataFacts(
        name="d",
        source=None,
        fingerprint="f",
        task=task,  # type: ignore[arg-type]
        target="t",
        classes=tuple(map(str, range(classes))),
        rows=(60, 20, 20),
        numeric=4,
        categorical=0,
        split_seed=0,
        others=tuple(map(str, range(others))),
    )


def seen(
    method: str = "byol", unit: str = "u", *, before: float = 0.5, **after: Any
) -> Representation:
    trained = {"probe": 0.9, "neighbours": 0.9, "rank": 20.0, "idle": 0.1, **after}
    return Representation(
        unit=unit,
        member=0,
        method=method,
        seed=1,
        features=64,
        rows=(2000, 1234),
        every=1999,
        score="accuracy",
        trained=Quality(**trained),
        untrained=Quality(probe=before, neighbours=0.5, rank=12.3, idle=0.05),
    )


@pytest.mark.parametrize(
    ("data", "network", "expected"),
    [
        (facts(), seen(), False),
        (facts(), seen(idle=0.51), True),
        (facts(), seen(idle=0.5), False),
        (facts(), seen(rank=1.99), True),
        (facts(), seen(rank=2.0), False),
        (facts(), seen(rank=0.0, idle=1.0, probe=None), True),
        # One direction is all that two classes need, and two are enough for three.
        (facts(2, "binary"), seen(rank=1.01), False),
        (facts(2, "binary"), seen(rank=1.01, probe=0.5, before=0.6), True),
        (facts(2, "binary"), seen(rank=1.01, probe=0.99, before=1.0), False),
        (facts(2, "binary"), seen(rank=1.01, probe=None), True),
        (facts(3), seen(rank=1.8), False),
        (facts(3), seen(rank=1.8, before=0.95), True),
        (facts(0, "regression"), seen(rank=1.0), False),
        (facts(0, "regression"), seen(rank=1.0, before=0.95), True),
        (facts(0, "regression", others=5), seen(rank=1.0), True),
        (facts(8, "multilabel"), seen(rank=1.0), True),
    ],
)
def test_what_counts_as_collapsed(data: DataFacts, network: Representation, expected: bool) -> None:
    assert bool(collapsed([network], data)) is expected


def test_directions_that_an_answer_needs() -> None:
    assert directions(facts(10)) == 9
    assert directions(facts(2, "binary")) == 1
    assert directions(facts(5, "multilabel")) == 5
    assert directions(facts(0, "regression", others=2)) == 3


def test_one_finding_for_a_method_with_the_worst_network() -> None:
    networks = [
        seen("byol", "a", rank=1.8, idle=0.2),
        seen("byol", "b", rank=1.3, idle=0.81),
        seen("byol", "c"),
        seen("vicreg", "d"),
    ]
    (found,) = collapsed(networks, facts())
    assert found.name == COLLAPSED
    assert not found.serious
    assert found.what.startswith("The features of byol have collapsed")
    assert found.evidence == (
        "Its 64 features are worth 1.3 (effective rank on 1,999 training rows; 12.3 before the "
        "first step).",
        "81% of them have no variance (5% before the first step).",
        "2 of 3 networks have such features; this is the worst.",
    )
    for word in ("variance", "project", "smaller learning rate"):
        assert word in found.advice
    assert found.numbers == {"networks": 2, "effective_rank": 1.3, "idle": 0.81, "features": 64}
    (alone,) = collapsed(networks[1:2], facts())
    assert len(alone.evidence) == 2


def test_features_that_collapsed_before_targets_changed_them() -> None:
    network = seen().model_copy(
        update={"learnt": Quality(probe=0.2, neighbours=0.2, rank=1.1, idle=0.9)}
    )
    (found,) = collapsed([network], facts())
    assert found.numbers["idle"] == 0.9
    assert found.evidence[-1] == "So the last stage without targets left them."
    # Two classes need one direction: what is kept is fine, and what was learnt before is not.
    kept = seen(rank=1.05)
    bad = Quality(probe=0.4, neighbours=0.4, rank=1.6, idle=0.1)
    (found,) = collapsed([kept.model_copy(update={"learnt": bad})], facts(2, "binary"))
    assert found.numbers["effective_rank"] == 1.6
    fine = seen().model_copy(update={"learnt": seen().trained})
    assert collapsed([fine], facts()) == []


def test_they_take_the_place_of_earlier_ones() -> None:
    def other(serious: bool) -> Finding:
        return Finding(name="shift", what="w", evidence=(), advice="", serious=serious)

    (new,) = collapsed([seen(rank=1.0)], facts())
    (old,) = collapsed([seen("old", rank=1.0)], facts())
    assert added([old, other(False), other(True)], [new]) == (other(True), other(False), new)
    assert added([other(True)], []) == (other(True),)
