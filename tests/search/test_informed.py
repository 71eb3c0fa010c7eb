import pytest
from optuna.samplers import CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from methodic.search.backend import Axis, empty, quiet
from methodic.search.informed import population, sampler
from tests.search.spaces import FLAT, TREE


def axes(space):
    return {each.path: Axis(each) for each in space}


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        ("random", RandomSampler),
        ("sobol", QMCSampler),
        ("tpe", TPESampler),
        ("gp", GPSampler),
        ("cmaes", CmaEsSampler),
    ],
)
@pytest.mark.parametrize("space", [FLAT, TREE], ids=["flat", "tree"])
def test_they_are_optunas(kind, base, space):
    with quiet():
        assert isinstance(sampler(kind, 1, 2, axes(space), 8), base)


def test_sobol_covers_what_holds_in_some_settings_only():
    with quiet():
        each = sampler("sobol", 1, 2, axes(TREE), 8)
    study = empty()
    assert set(each.infer_relative_search_space(study, None)) == set(axes(TREE))


def test_cmaes_searches_numbers_from_the_first_setting():
    each = sampler("cmaes", 1, 2, axes(FLAT), 8)
    study = empty()
    space = each.infer_relative_search_space(study, None)
    assert set(space) == {"lr", "dropout", "depth", "batch"}
    study.sampler = each
    assert set(study.ask().relative_params) == set(space)


def test_a_generation_is_at_least_a_batch():
    assert population(3, 8) == 8
    assert population(100, 8) == 4 + 13
    assert population(0, 8) == 8
