import logging
import math
import re
import subprocess
import sys
import warnings

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes.ranges import LogUniform, Options, Uniform
from methodic.recipes.spaces import Dimension
from methodic.search import informed, points
from methodic.search.samplers import MOST_FOR_GP, Sampler
from tests.search.spaces import (
    ACTIVATION,
    BATCH,
    BETA,
    DEPTH,
    DROPOUT,
    FINITE,
    FLAT,
    LR,
    OPTIMIZER,
    TREE,
    quality,
)

KINDS = ("grid", "random", "sobol", "tpe", "gp", "cmaes")
LEARNING = ("tpe", "gp", "cmaes")


def make(kind, space=FLAT, **changes):
    options = {"seed": 0, "greater_is_better": True, "settings": 128} | changes
    return Sampler(kind, space, **options)


def batches(sampler, sizes, score=quality):
    """Ask and tell; what was asked."""
    found = []
    for n in sizes:
        asked = sampler.ask(n)
        for i, setting in enumerate(asked, len(found)):
            sampler.tell(i, score(setting))
        found += asked
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [FLAT, TREE], ids=["flat", "tree"])
def test_settings_lie_in_the_space(kind, space):
    found = batches(make(kind, space), [8, 4, 2])
    assert len(found) == 14
    assert len({str(each) for each in found}) == 14
    for setting in found:
        assert list(setting) == [each.path for each in space if each.holds(setting)]
        assert 1e-4 <= setting["lr"] <= 1e-1
        assert setting["depth"] in (1, 2, 3, 4)
        assert isinstance(setting["depth"], int)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [FLAT, TREE], ids=["flat", "tree"])
def test_a_replay_asks_the_same(kind, space):
    sizes = [8, 4, 1, 3]
    whole = batches(make(kind, space), sizes)
    again = make(kind, space)
    half = batches(again, sizes[:2])
    assert half == whole[:12]
    assert half + [each for n in sizes[2:] for each in later(again, n, 12)] == whole[:16]
    assert batches(make(kind, space, seed=1), [8]) != whole[:8]


def later(sampler, n, start):
    number = getattr(sampler, "told_until", start)
    asked = sampler.ask(n)
    for i, setting in enumerate(asked, number):
        sampler.tell(i, quality(setting))
    sampler.told_until = number + len(asked)
    return asked


@pytest.mark.parametrize("kind", LEARNING)
def test_the_order_of_tells_between_two_asks_does_not_matter(kind):
    forwards, backwards = make(kind), make(kind)
    for sampler, turn in ((forwards, 1), (backwards, -1)):
        for start in (0, 11):
            asked = list(enumerate(sampler.ask(11 if start == 0 else 2), start))
            for i, setting in asked[::turn]:
                sampler.tell(i, quality(setting))
    assert forwards.ask(2) == backwards.ask(2)


def test_another_process_asks_the_same():
    code = "from tests.search.test_samplers import asked_in_all\nprint(asked_in_all())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(asked_in_all())


def asked_in_all():
    return [
        batches(make(kind, space), [11, 2])
        for kind in ("random", "sobol", "tpe", "gp", "cmaes")
        for space in (FLAT, TREE)
    ]


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_settings_do_not_depend_on_batches_where_nothing_is_learnt(kind):
    assert batches(make(kind), [16]) == batches(make(kind), [1, 3, 12])


@pytest.mark.parametrize("kind", KINDS)
def test_the_untuned_setting_comes_first(kind):
    first = {"lr": 0.003, "dropout": 0.25, "depth": 2, "batch": 64, "activation": "gelu"}
    found = batches(make(kind, first=[first]), [8, 8])
    assert found[0] == first
    assert first not in found[1:]


@pytest.mark.parametrize("kind", LEARNING)
def test_learning_beats_chance(kind):
    seeds, sizes = (range(2), [10, 4, 4]) if kind == "gp" else (range(5), [8] * 6)
    wins = 0
    for seed in seeds:
        best = [
            max(map(quality, batches(make(each, (LR, DROPOUT), seed=seed), sizes)[-8:]))
            for each in (kind, "random")
        ]
        wins += best[0] >= best[1]
    assert wins >= len(seeds) - 1


@pytest.mark.parametrize("kind", LEARNING)
def test_it_learns_that_something_diverges(kind):
    """Above 0.01 all diverges, and what diverged is told: it is asked for less and less."""

    def score(setting):
        return None if setting["lr"] > 0.01 else -setting["dropout"]

    sizes = [10, 4, 4, 4] if kind == "gp" else [8] * 8
    found = batches(make(kind, (LR, DROPOUT)), sizes, score)
    share = sum(score(each) is None for each in found[-12:]) / 12
    assert share <= 0.25, "by chance it is a third"


@pytest.mark.parametrize("kind", LEARNING)
def test_nothing_but_divergence_is_survived(kind):
    found = batches(make(kind), [8, 8], lambda setting: None)
    assert len(found) == 16


@pytest.mark.parametrize("kind", LEARNING)
def test_one_terrible_score_and_infinite_ones_do_no_harm(kind):
    scores = iter([-1e300, float("-inf"), float("nan"), 1e300])
    found = batches(make(kind), [8, 4, 1], lambda each: next(scores, quality(each)))
    assert len(found) == 13


def test_smaller_may_be_better():
    sampler = make("tpe", (LR, DROPOUT), greater_is_better=False)
    found = batches(sampler, [8] * 6, lambda each: -quality(each))
    assert max(map(quality, found[24:])) > -0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_finite_space_is_asked_once_and_ends(kind):
    sampler = make(kind, FINITE)
    assert sampler.most == 12
    found = batches(sampler, [5, 5, 5])
    assert len(found) == 12
    assert len({str(sorted(each.items())) for each in found}) == 12
    assert sampler.exhausted
    assert sampler.ask(3) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_space_without_dimensions_has_one_setting(kind):
    sampler = make(kind, (), first=[{}])
    assert sampler.ask(8) == [{}]
    assert sampler.exhausted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimension", [LR, ACTIVATION], ids=["number", "word"])
def test_one_dimension_is_enough(kind, dimension):
    found = batches(make(kind, (dimension,)), [4, 4], lambda each: len(str(each)))
    assert len(found) == (8 if dimension is LR else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_recipe_refuses_is_passed_over(kind):
    def accepts(setting):
        if setting["optimizer"] == "sgd":
            raise InputError("no sgd here")

    found = batches(make(kind, (OPTIMIZER, BETA, LR), accepts=accepts), [11, 2])
    assert len(found) == 13
    assert {each["optimizer"] for each in found} == {"adam"}
    few = batches(make(kind, FINITE, accepts=accepts), [20])
    assert len(few) == 8


def test_a_recipe_that_refuses_everything_says_so():
    def accepts(setting):
        raise InputError("not this either")

    with pytest.raises(InputError, match="not this either"):
        make("random", accepts=accepts).ask(1)
    assert make("tpe", FINITE, accepts=accepts).ask(1) == []


class Stuck(optuna.samplers.RandomSampler):
    """Sure of one setting, as a model may be."""

    def sample_independent(self, study, trial, name, distribution):
        return distribution.low


@pytest.fixture
def stuck(monkeypatch):
    def sampler(kind, seed, *rest):
        return optuna.samplers.RandomSampler(seed=seed) if kind == "random" else Stuck()

    monkeypatch.setattr(informed, "sampler", sampler)


@pytest.mark.usefixtures("stuck")
def test_a_sampler_that_repeats_itself_is_helped_by_chance():
    found = make("tpe", (LR,)).ask(6)
    assert found[0] == {"lr": 1e-4}
    assert len({each["lr"] for each in found}) == 6


@pytest.mark.usefixtures("stuck")
def test_one_refusal_is_not_blamed_for_all():
    """The recipe refuses what the sampler is sure of, and takes a third of the space."""

    def accepts(setting):
        if setting["lr"] < 1e-2:
            raise InputError("too slow")

    found = make("tpe", (LR, DROPOUT), accepts=accepts).ask(6)
    assert len({str(each) for each in found}) == 6
    assert all(each["lr"] >= 1e-2 for each in found)


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_a_range_of_two_numbers_is_exhausted_after_two(kind):
    """Endlessly many in name: two neighbours among the floating-point numbers."""
    few = Dimension("x", Uniform(uniform=(1.0, math.nextafter(1.0, 2.0))))
    sampler = make(kind, (few,))
    found = [each["x"] for each in sampler.ask(5)]
    assert len(set(found)) == len(found) <= 2
    assert sampler.exhausted


@given(
    space=st.lists(
        st.sampled_from([LR, DROPOUT, DEPTH, BATCH, ACTIVATION]), min_size=1, unique=True
    ),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_the_advice_of_a_grid_that_is_too_large_can_be_followed(space, data):
    """Whether or not the untuned setting is one of its points."""
    untuned = {each.path: data.draw(inside(each), each.path) for each in space}
    with pytest.raises(InputError) as error:
        make("grid", space, settings=1, first=[untuned])
    n = int(re.search(r"--settings (\d+)", str(error.value)).group(1))
    found = make("grid", space, settings=n, first=[untuned]).ask(n + 1)
    assert untuned in found
    assert len(found) == n
    for most in (n + 1, n + 2, 2 * n):
        assert len(make("grid", space, settings=most, first=[untuned]).ask(3 * n)) <= most


def inside(dimension):
    each = dimension.range
    if isinstance(each, LogUniform | Uniform):
        ends = each.log_uniform if isinstance(each, LogUniform) else each.uniform
        return st.floats(*ends) | st.sampled_from(ends)
    return st.sampled_from(points.values(dimension))


def test_true_and_one_are_different_options():
    space = (Dimension("x", Options(choice=(1, True, "yes"))),)
    found = make("random", space).ask(5)
    assert sorted(map(repr, (each["x"] for each in found))) == ["'yes'", "1", "True"]


def test_gaussian_processes_have_a_limit():
    make("gp", settings=MOST_FOR_GP)
    with pytest.raises(InputError, match="at most 200") as error:
        make("gp", settings=MOST_FOR_GP + 1)
    assert "tpe" in str(error.value)


def test_notes_say_what_is_left_to_chance():
    assert make("cmaes").notes == (
        "cmaes searches numbers that every setting has: random choices of activation",
    )
    assert "optimizer[sgd].momentum" in make("gp", TREE).notes[0]
    assert make("cmaes", (LR,)).notes == make("tpe", TREE).notes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_tell_is_one_more_observation(kind):
    sampler = make(kind)
    asked = sampler.ask(12)
    for i, setting in enumerate(asked):
        sampler.tell(i, quality(setting))
    more = sampler.ask(2)
    sampler.tell(3, 1.0)
    sampler.tell(12, quality(more[0]))
    assert len(sampler.ask(2)) == 2
    told = [
        trial.params
        for trial in sampler._memory.study.get_trials(deepcopy=False)
        if trial.state == optuna.trial.TrialState.COMPLETE
    ]
    twice = [each for each in told if told.count(each) > 1]
    if kind in LEARNING:
        assert len(told) == 12 + 2
        assert len(twice) == 2
        assert twice[0]["lr"] == asked[3]["lr"]
    else:
        assert told == [], "it looks at no trial"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [FLAT, TREE], ids=["flat", "tree"])
def test_optuna_says_nothing(kind, space, caplog):
    optuna.logging.enable_propagation()
    try:
        with warnings.catch_warnings(record=True) as heard, caplog.at_level(logging.INFO):
            batches(make(kind, space), [11, 1])
    finally:
        optuna.logging.disable_propagation()
    assert not heard
    assert not [each for each in caplog.records if each.name.startswith("optuna")]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["random", "sobol", "tpe", "cmaes"]),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    outcomes=st.lists(st.none() | st.floats(-1e6, 1e6), min_size=45, max_size=45),
    seed=st.integers(0, 2**40),
)
def test_replays_of_anything(kind, sizes, outcomes, seed):
    def play(sampler):
        told, found = iter(outcomes), []
        for n in sizes:
            asked = sampler.ask(n)
            for i, _ in enumerate(asked, len(found)):
                sampler.tell(i, next(told))
            found += asked
        return found

    assert play(make(kind, TREE, seed=seed)) == play(make(kind, TREE, seed=seed))
