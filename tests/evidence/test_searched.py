from __future__ import annotations

import pytest
from report.searched import STEPS, Search

from methodic.evidence.searched import Tuning, last, tunings
from methodic.tuning import CandidateRecord, Rung

HALVED = Search(methods=("adamw",), settings=27, strategy="halving")


def candidate(*scores: float | None, status: str = "finished", **fields: object) -> CandidateRecord:
    """Looked at after each third."""
    rungs = [
        Rung(step=300 * (i + 1), until=(i + 1) / 3, score=x, loss=x, setting={})
        for i, x in enumerate(scores)
    ]
    return CandidateRecord.model_validate(
        {
            "recipe": "a",
            "number": 0,
            "setting": {},
            "rungs": rungs,
            "status": status,
            "seconds": 1.0,
        }
        | fields
    )


def of(*candidates: CandidateRecord, greater: bool = True) -> Tuning:
    numbered = [each.model_copy(update={"number": i}) for i, each in enumerate(candidates)]
    return Tuning("a", STEPS, tuple(numbered), numbered[0], greater)


def test_methods_in_the_order_of_the_studies() -> None:
    found = tunings(Search().make())
    assert [each.name for each in found] == ["adamw", "momentum", "sgd"]
    assert all(each.untuned is each.candidates[0] for each in found)
    together = tunings(Search(together=True).make())
    assert [each.name for each in together] == ["adamw", "momentum", "sgd"]
    assert sum(len(each.candidates) for each in together) == 16
    assert [each.untuned.number for each in together if each.untuned] == [0, 1, 2]


def test_the_untuned_one_may_be_anothers() -> None:
    """Of several processes one tries it; the others' first candidate is the sampler's."""
    (study,) = Search(methods=("adamw",)).make().studies
    first, *rest = study.candidates
    other = first.model_copy(update={"untuned": False})
    record = Search(methods=("adamw",)).make()

    def untuned(*candidates: CandidateRecord) -> CandidateRecord | None:
        one = study.model_copy(update={"candidates": candidates})
        return tunings(record.model_copy(update={"studies": (one,)}))[0].untuned

    assert untuned(first, *rest) == first
    assert untuned(other, *rest) is None
    again = first.model_copy(update={"number": len(study.candidates)})
    assert untuned(other, *rest, again) == again, "a dead one's, for instance"


def test_the_last_score() -> None:
    assert last(candidate(0.1, 0.2)) == 0.2
    assert last(candidate(0.1, None)) is None
    assert last(candidate(0.1, status="diverged")) is None
    assert last(candidate()) is None
    assert last(candidate(float("inf"))) is None


def test_the_best_trained_furthest() -> None:
    early, late = candidate(0.9, status="dropped"), candidate(0.1, 0.2, 0.3)
    assert of(early, late).best.number == 1
    assert of(early, candidate(0.95, status="dropped")).best.number == 1, "none finished"
    assert of(late, late).best.number == 0, "the first of equals"
    assert of(candidate(0.3, 0.2, 0.1), candidate(0.1, 0.2, 0.2), greater=False).best.number == 0
    assert of(candidate(None, status="diverged")).best is None


def test_scores_are_compared_after_equal_training() -> None:
    dropped, whole = candidate(0.5, status="dropped"), candidate(0.4, 0.6, 0.8)
    stopped = candidate(0.45, 0.7)  # by its recipe
    lost = candidate(0.3, 0.4, status="diverged")
    found = of(dropped, whole, stopped, lost)
    assert found.common == 0.33
    scores = [found.reached(each, 0.33) for each in found.candidates]
    assert scores == [0.5, 0.4, 0.45, None]
    assert [found.reached(each, 1.0) for each in found.candidates] == [None, 0.8, 0.7, None]
    assert of(whole, stopped).common == 1.0, "of equally many, the latest"
    assert of(candidate()).common == 0.0


def test_what_it_took() -> None:
    (found,) = tunings(HALVED.make())
    assert found.trainings == pytest.approx(7.0)
    assert found.count("finished") == 3
    assert found.count("dropped", "finished") == 27
    assert found.seconds > 0
    parent, copy = candidate(0.1, 0.2, 0.3), candidate(0.5, parent=0)
    copy = copy.model_copy(update={"rungs": (candidate(0, 0, 0.9).rungs[-1],)})
    both = of(parent, copy)
    assert both.start(both.candidates[1]) == pytest.approx(0.67)
    assert both.trainings == pytest.approx(4 / 3, abs=0.01)
    assert both.curve(both.candidates[1]) == [(1.0, 0.9)]
