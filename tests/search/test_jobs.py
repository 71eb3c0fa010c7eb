import math

from methodic.search.jobs import Candidate, Job, Outcome, ranked


def outcome(score, loss=None, status="trained"):
    return Outcome(score=score, loss=loss, step=1, seconds=0.5, status=status)


def job(rung, until, setting=None):
    return Job(
        candidate=0, recipe="a", setting=setting or {}, since=rung - 1, rung=rung, until=until
    )


def test_ranked_by_score_then_loss_then_number():
    found = {
        0: outcome(0.5, 0.3),
        1: outcome(0.9, 0.4),
        2: outcome(0.5, 0.2),
        3: outcome(0.5, 0.2),
        4: outcome(0.5, math.nan),
        5: outcome(1.0, status="diverged"),
        6: outcome(None),
        7: outcome(math.inf),
    }
    assert [n for n, _ in ranked(found.items(), True)] == [1, 2, 3, 0, 4]
    assert [n for n, _ in ranked(found.items(), False)] == [2, 3, 0, 4, 1]


def test_a_candidate_remembers_how_far_it_came():
    each = Candidate(3, "a", {"lr": 0.1})
    assert (each.status, each.share, each.outcome) == ("dropped", 0.0, None)
    each.looks.append((job(1, 0.5, {"lr": 0.1}), outcome(0.4, 1.0)))
    assert (each.status, each.share) == ("dropped", 0.5)
    each.looks.append((job(2, 1.0, {"lr": 0.1}), outcome(0.6, 0.8)))
    record = each.record()
    assert record.status == "finished"
    assert [rung.score for rung in record.rungs] == [0.4, 0.6]
    assert record.seconds == 1.0
    assert record.number == 3


def test_what_becomes_of_candidates():
    ended, diverged, replaced, nameless = (Candidate(i, "a", {}) for i in range(4))
    ended.looks.append((job(1, 0.5), outcome(0.4, status="ended")))
    diverged.looks.append((job(1, 1.0), outcome(None, status="diverged")))
    replaced.looks.append((job(1, 0.5), outcome(0.1)))
    replaced.replaced = diverged.replaced = True
    nameless.looks.append((job(1, 1.0), outcome(None)))
    found = [each.status for each in (ended, diverged, replaced, nameless)]
    assert found == ["finished", "diverged", "replaced", "diverged"]


def test_an_outcome_by_the_weights_that_are_there():
    best = Outcome(score=0.9, loss=0.1, step=5, seconds=1.0)
    assert best.current is best
    fallen = Outcome(score=0.9, loss=0.1, step=5, seconds=1.0, now=(0.2, 3.0))
    assert (fallen.current.score, fallen.current.loss, fallen.current.step) == (0.2, 3.0, 5)
    assert fallen.able
    assert not Outcome(score=0.9, loss=0.1, step=5, seconds=1.0, now=(None, None)).current.able
