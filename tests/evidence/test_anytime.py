import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.evidence.anytime import Anytime, anytime, target
from methodic.metrics import METRICS
from methodic.plan import BaselineRecord, CurvePoint, Member, MemberRecord, Unit, UnitRecord

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]
STEPS = 200


def curve(scores, steps=STEPS):
    """Evaluations at even steps."""
    return tuple(
        CurvePoint(
            step=math.ceil(steps * i / len(scores)), train_loss=1.0, validation_loss=1.0, score=x
        )
        for i, x in enumerate(scores, 1)
    )


def record(name, curves, statuses=None, taken=None, seconds=4.0) -> UnitRecord:
    members = tuple(Member(recipe=name, setting=0, seed=i) for i in range(len(curves)))
    statuses = statuses or ["finished"] * len(curves)
    taken = taken or [STEPS] * len(curves)
    return UnitRecord(
        unit=Unit(
            id=f"confirm-000-{name}",
            phase="confirm",
            block=0,
            members=members,
            steps=(150, 50),
            evaluate=(STEPS,),
        ),
        members=tuple(
            MemberRecord(
                member=member,
                numbers={},
                status=status,
                steps_taken=steps,
                batches_seen=steps,
                best_step=steps,
                validation={"accuracy": 0.5, "loss": 1.0},
                seconds=seconds,
            )
            for member, status, steps in zip(members, statuses, taken, strict=True)
        ),
        curves=tuple(curves),
        seconds=seconds * len(curves),
        threads=1,
    )


def baseline(kind, score, metric="accuracy") -> BaselineRecord:
    return BaselineRecord(kind=kind, about="", validation={metric: score}, seconds=1.0)


def test_points_by_hand():
    up = [i / 20 for i in range(1, 21)]
    records = [record("adam", [curve(up)]), record("adam", [curve([x / 2 for x in up])])]
    (found,) = anytime(records, ACCURACY, None)
    assert (found.name, found.seeds, found.reached) == ("adam", 2, None)
    assert [(p.fraction, p.step, p.seconds) for p in found.points] == [
        (0.1, 20, pytest.approx(0.4)),
        (0.3, 60, pytest.approx(1.2)),
        (1.0, 200, pytest.approx(4.0)),
    ]
    means = [p.score.mean for p in found.points]
    assert means == pytest.approx([(0.1 + 0.05) / 2, (0.3 + 0.15) / 2, 0.75])
    assert all(p.score.n == 2 and p.score.low is not None for p in found.points)
    assert Anytime.model_validate_json(found.model_dump_json()) == found


def test_time_to_a_target_by_hand():
    curves = [curve([0.2, 0.5, 0.9, 0.8]), curve([0.5, 0.5, 0.5, 0.5]), curve([0.1, 0.2, 0.3, 0.6])]
    (found,) = anytime([record("adam", curves)], ACCURACY, 0.5)
    assert found.reached.share == 1.0
    assert found.reached.seconds == pytest.approx(2.0)  # after 2, 1 and 4 seconds
    (found,) = anytime([record("adam", curves)], ACCURACY, 0.55)
    assert found.reached.share == pytest.approx(2 / 3)
    assert found.reached.seconds == pytest.approx(4.0)  # after 3 and 4; the third never
    (found,) = anytime([record("adam", curves)], ACCURACY, 0.7)
    assert found.reached.share == pytest.approx(1 / 3)
    assert found.reached.seconds is None  # half of the seeds never came there
    # An error is reached from above.
    (found,) = anytime([record("adam", curves)], RMSE, 0.15)
    assert found.reached.share == pytest.approx(1 / 3)


def test_a_diverged_member_is_in_no_score_and_counts_as_not_reached():
    curves = [curve([0.9] * 20), curve([0.5] * 20)]
    both = record("adam", curves, ["diverged", "finished"], [120, STEPS])
    (found,) = anytime([both], ACCURACY, 0.5)
    assert [p.score.mean for p in found.points] == [0.5] * 3
    assert [p.score.n for p in found.points] == [1] * 3
    assert (found.seeds, found.reached.share) == (2, 0.5)
    lost = record("adam", curves[:1], ["diverged"], [120])
    (found,) = anytime([lost], ACCURACY, 0.5)
    assert (found.points, found.reached.share, found.reached.seconds) == ((), 0.0, None)


def test_a_stopped_member_keeps_its_last_score():
    short = curve([0.3, 0.6], steps=40)
    (found,) = anytime([record("adam", [short], ["stopped"], [40])], ACCURACY, 0.6)
    assert [p.score.mean for p in found.points] == [0.3, 0.6, 0.6]
    assert [p.seconds for p in found.points] == pytest.approx([2.0, 4.0, 4.0])
    assert found.reached.seconds == pytest.approx(4.0)


def test_evaluations_that_are_missing_or_not_finite():
    late = curve([0.5, None, 0.7])  # at steps 67, 134 and 200
    (found,) = anytime([record("adam", [late])], ACCURACY, None)
    assert [p.fraction for p in found.points] == [1.0]
    (found,) = anytime([record("adam", [curve([0.5] * 19 + [None])])], ACCURACY, None)
    assert [p.fraction for p in found.points] == [0.1, 0.3]
    (found,) = anytime([record("adam", [()])], ACCURACY, 0.5)
    assert (found.points, found.reached.share) == ((), 0.0)


scores = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=20)


@settings(deadline=None, max_examples=100)
@given(st.lists(scores, min_size=1, max_size=4), st.data())
def test_an_earlier_point_never_uses_a_later_evaluation(all_scores, data):
    curves = [curve(each) for each in all_scores]
    (found,) = anytime([record("adam", curves)], ACCURACY, 0.5)
    changed = [
        tuple(
            p.model_copy(update={"score": data.draw(st.floats(0, 1))}) if p.step > 60 else p
            for p in each
        )
        for each in curves
    ]
    (again,) = anytime([record("adam", changed)], ACCURACY, 0.5)
    assert [p for p in found.points if p.step <= 60] == [p for p in again.points if p.step <= 60]


@settings(deadline=None, max_examples=100)
@given(st.lists(scores, min_size=1, max_size=5), st.data())
def test_a_member_that_diverges_makes_nothing_faster(all_scores, data):
    curves = [curve(each) for each in all_scores]
    lost = data.draw(st.lists(st.booleans(), min_size=len(curves), max_size=len(curves)))
    (sound,) = anytime([record("adam", curves)], ACCURACY, 0.5)
    statuses = ["diverged" if each else "finished" for each in lost]
    (found,) = anytime([record("adam", curves, statuses)], ACCURACY, 0.5)
    assert found.reached.share <= sound.reached.share
    never = math.inf
    assert (found.reached.seconds or never) >= (sound.reached.seconds or never)
    assert (found.reached.seconds is None) == (2 * found.reached.share < 1)
    assert found.seeds == sound.seeds


def test_the_target_is_the_best_baseline():
    records = [record("adam", [curve([0.5, 0.9])])]
    rivals = [
        baseline("constant", 0.1),
        baseline("linear", 0.8),
        baseline("gradient_boosting", 0.7),
    ]
    assert target(ACCURACY, records, rivals) == 0.8
    errors = [baseline("constant", 3.0, "rmse"), baseline("linear", 2.0, "rmse")]
    assert target(RMSE, records, errors) == 2.0
    # Folds of repeated cross-validation count once, by their mean.
    folds = [baseline("linear", 0.6), baseline("linear", 0.8), baseline("gradient_boosting", 0.75)]
    assert target(ACCURACY, records, folds) == 0.75


def test_without_a_useful_baseline_the_target_lies_on_the_way_to_the_best_method():
    records = [
        record("adam", [curve([0.5, 0.9]), curve([0.5, 0.7])]),
        record("sgd", [curve([0.9, 0.5])]),
    ]
    assert target(ACCURACY, records, [baseline("constant", 0.2)]) == pytest.approx(0.2 + 0.95 * 0.6)
    worse = [baseline("constant", 0.2), baseline("linear", 0.1), baseline("boosting", None)]
    assert target(ACCURACY, records, worse) == pytest.approx(0.2 + 0.95 * 0.6)
    assert target(ACCURACY, records, [baseline("constant", 0.95)]) is None
    assert target(ACCURACY, [], [baseline("constant", 0.5)]) is None
    assert target(ACCURACY, records, []) is None
    assert target(RMSE, records, [baseline("constant", 0.9, "rmse")]) == pytest.approx(
        0.9 + 0.95 * (0.5 - 0.9)
    )
