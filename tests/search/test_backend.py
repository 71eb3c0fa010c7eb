import logging
import warnings

import optuna
import pytest

from methodic.recipes.ranges import Options
from methodic.recipes.spaces import Dimension
from methodic.search.backend import Axis, empty, ordered, quiet, same, silent, unconditional
from tests.search.spaces import ACTIVATION, BATCH, FLAT, LR, TREE


def test_quiet_ends_with_its_block():
    logger = logging.getLogger("optuna")
    before = logger.level, list(warnings.filters)
    with silent():
        warnings.warn("not heard", stacklevel=1)
        assert not logger.isEnabledFor(logging.WARNING)
    with quiet():
        warnings.warn("not heard", stacklevel=1)
    assert (logger.level, list(warnings.filters)) == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((32, 64, 128), True),
        ((0.95, 0.9), True),
        ((1, 3, 2), False),
        (("relu", "gelu"), False),
        ((True, False), False),
        ((1, "full"), False),
    ],
)
def test_numbers_that_rise_or_fall_are_ordered(options, expected):
    assert ordered(options) is expected
    assert Axis(Dimension("x", Options(choice=options))).numeric is expected


def test_true_is_not_one():
    assert same(1, 1.0)
    assert same(True, True)
    assert not same(1, True)
    axis = Axis(Dimension("x", Options(choice=(1, True))))
    assert (axis.told(1), axis.told(True)) == (0, 1)


@pytest.mark.parametrize("dimension", FLAT, ids=lambda each: each.path)
def test_what_is_asked_can_be_told(dimension):
    axis = Axis(dimension)
    study = empty()
    for _ in range(20):
        trial = study.ask()
        value = axis.asked(trial)
        assert axis.told(value) == trial.params[dimension.path]
        if axis.options is not None:
            assert value in axis.options
    assert Axis(LR).told(1e-9) == 1e-4, "an untuned value is at most rounded out of its range"


def test_conditions_are_not_common_to_all_settings():
    assert set(unconditional({each.path: Axis(each) for each in TREE})) == {
        "lr",
        "optimizer",
        "depth",
    }


def test_studies_are_made_in_silence(caplog):
    optuna.logging.enable_propagation()
    try:
        empty()
    finally:
        optuna.logging.disable_propagation()
    assert not caplog.records
    assert Axis(BATCH).distribution != Axis(ACTIVATION).distribution
