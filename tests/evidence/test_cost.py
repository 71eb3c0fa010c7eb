import pytest

from methodic.evidence.cost import Cost, costs
from methodic.plan import BaselineRecord, Inference


def inference(row, single, parameters=100):
    return Inference(
        parameters=parameters, bytes=400, row_microseconds=row, single_milliseconds=single
    )


def test_costs_of_methods_and_baselines(make_record):
    blocks = [
        make_record("confirm", "adam", [0.9, 0.8]).model_copy(update={"inference": found})
        for found in (inference(2.0, 0.3), inference(1.5, 0.4), None)
    ]
    unmeasured = make_record("confirm", "sgd", [0.7])
    rivals = [
        BaselineRecord(
            kind="gradient_boosting",
            about="",
            validation={},
            seconds=seconds,
            inference=inference(5.0, 2.0, parameters=0),
        )
        for seconds in (3.0, 5.0)
    ]
    old = BaselineRecord(kind="linear", about="", validation={}, seconds=1.0)
    found = costs([*blocks, unmeasured], [*rivals, old])
    adam, boosting = found  # runs of older versions measured nothing
    assert adam == Cost(
        name="adam",
        parameters=100,
        bytes=400,
        row_microseconds=1.5,
        single_milliseconds=0.3,
        seconds=2.0,
    )
    assert (boosting.name, boosting.parameters) == ("gradient_boosting", None)
    assert boosting.seconds == pytest.approx(4.0)
    assert Cost.model_validate_json(adam.model_dump_json()) == adam
    assert costs([], []) == ()
