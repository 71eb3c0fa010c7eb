import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.evidence.design import LARGEST_GRID, finalists, grid, seeds, standings
from methodic.metrics import METRICS
from methodic.plan import ConfirmPlan
from methodic.recipes.spaces import concrete
from methodic.recipes.types import Recipe
from tests.evidence.conftest import unit_record

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]
OPTIMIZER = "stages.0.turns.0.optimizer"


def with_optimizer(**optimizer) -> Recipe:
    return Recipe.model_validate({"name": "a", "stages": [{"optimizer": optimizer}]})


def test_the_grid_is_the_product_of_all_ranges():
    recipe = Recipe.model_validate(
        {
            "name": "a",
            "model": {"kind": "mlp", "dropout": {"choice": [0.0, 0.5]}},
            "stages": [
                {
                    "optimizer": {"kind": "adam", "lr": {"log_uniform": [0.001, 0.1]}},
                    "objectives": [
                        {"kind": "cross_entropy", "label_smoothing": {"uniform": [0.0, 0.2]}}
                    ],
                    "regularizers": [
                        {"kind": "l2"},
                        {"kind": "l1", "weight": {"choice": [0.1, 0.2]}},
                    ],
                }
            ],
        }
    )
    found = grid(recipe, 3)
    paths = (
        "model.dropout",
        "stages.0.turns.0.objectives.0.label_smoothing",
        "stages.0.turns.0.optimizer.lr",
        "stages.0.regularizers.1.weight",
    )
    values = product([0.0, 0.5], [0.0, 0.1, 0.2], [0.001, 0.01, 0.1], [0.1, 0.2])
    assert [tuple(s[p] for p in paths) for s in found] == list(values)
    assert all(set(setting) == set(paths) for setting in found)
    for setting in found:
        assert concrete(recipe, setting).model.dropout == setting["model.dropout"]


def test_a_recipe_without_ranges_has_one_setting():
    recipe = with_optimizer(kind="sgd", lr=0.1)
    assert grid(recipe, 3) == ({},)
    assert concrete(recipe, {}) == recipe
    with pytest.raises(ValueError, match="at least 1"):
        grid(recipe, 0)


def test_large_grids_are_cut_and_learning_rates_last():
    recipe = with_optimizer(
        kind="adam",
        lr={"log_uniform": [0.001, 0.1]},
        beta1={"uniform": [0.5, 0.9]},
        beta2={"uniform": [0.9, 0.99]},
        weight_decay={"log_uniform": [0.001, 0.1]},
    )

    def counts(points):
        found = grid(recipe, points)
        count = {path.rpartition(".")[2]: len({s[path] for s in found}) for path in found[0]}
        assert math.prod(count.values()) == len(found) <= LARGEST_GRID
        return count

    assert set(counts(2).values()) == {2}
    assert sorted(counts(3).values()) == [2, 3, 3, 3]
    assert counts(3)["lr"] == 3
    assert sorted(counts(10).values()) == [2, 3, 3, 3]


def test_rounded_ends_stay_inside_and_are_not_repeated():
    recipe = with_optimizer(kind="sgd", momentum={"uniform": [0.99999, 0.999999]})
    (setting,) = grid(recipe, 1)
    assert 0.99999 <= setting[f"{OPTIMIZER}.momentum"] <= 0.999999


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 200), st.integers(1, 200))
def test_seeds_are_fresh(a, b, n, m):
    phases = ("screen", "confirm", "train")
    sets = {(run, phase): seeds(run, phase, n) for run in {a, b} for phase in phases}
    assert len(set().union(*sets.values())) == n * len(sets)
    longer, shorter = seeds(a, "screen", max(n, m)), seeds(a, "screen", min(n, m))
    assert longer[: len(shorter)] == shorter


def test_seeds_out_of_range():
    for bad in ((-1, "screen", 3), (0, "screen", -1), (0, "screen", 10**6)):
        with pytest.raises(ValueError, match="out of range"):
            seeds(*bad)


def test_standings_choose_the_best_setting_and_sort_recipes(make_record):
    records = [
        make_record("screen", "a", [0.7, 0.9], setting=0),
        make_record("screen", "a", [0.85, 0.85], setting=1),
        make_record("screen", "b", [0.9, 0.92], setting=0),
        make_record("screen", "b", [0.1, 0.2], setting=1),
    ]
    found = standings(records, ACCURACY)
    assert [(s.recipe, s.setting) for s in found] == [("b", 0), ("a", 1)]
    assert found[0].scores == (0.9, 0.92)
    assert found[0].mean == pytest.approx(0.91)
    assert (found[0].members, found[0].diverged, found[0].seconds) == (2, 0, 1.0)
    assert standings(records[::-1], ACCURACY) == found
    # Where small is good, all turns round.
    assert [(s.recipe, s.setting) for s in standings(records, RMSE)] == [("b", 1), ("a", 0)]


def test_ties_are_broken_by_loss_and_then_by_index(make_record):
    tie = [
        make_record("screen", "a", [0.5, 0.5], setting=0, losses=[2.0, 2.0]),
        make_record("screen", "a", [0.4, 0.6], setting=1, losses=[1.0, 1.5]),
        make_record("screen", "a", [0.5, 0.5], setting=2, losses=[1.5, 1.0]),
        make_record("screen", "a", [0.5, 0.5], setting=3, losses=[0.1, None]),
    ]
    (found,) = standings(tie[::-1], ACCURACY)
    assert (found.setting, found.loss) == (1, 1.25)


def test_a_diverged_member_outweighs_any_mean(make_record):
    records = [
        make_record("screen", "a", [0.99, None, 0.99], setting=0),
        make_record("screen", "a", [0.1, 0.1, 0.1], setting=1),
        make_record("screen", "b", [0.95, None], setting=0),
        make_record("screen", "c", [None, None], setting=0),
    ]
    found = standings(records, ACCURACY)
    assert [(s.recipe, s.setting, s.diverged) for s in found] == [
        ("a", 1, 0),
        ("b", 0, 1),
        ("c", 0, 2),
    ]
    assert math.isnan(found[2].mean)
    assert found[2].scores == ()


def test_a_diverged_member_counts_even_with_a_finite_score(make_record):
    record = make_record("screen", "a", [0.9, 0.8])
    frozen = record.members[0].model_copy(update={"status": "diverged"})
    record = record.model_copy(update={"members": (frozen, record.members[1])})
    (found,) = standings([record], ACCURACY)
    assert (found.scores, found.diverged) == ((0.8,), 1)


def plan(finalists: int, simplest: str) -> ConfirmPlan:
    return ConfirmPlan(finalists=finalists, simplest=simplest, seeds=(1,), block=1)


def test_finalists(make_record):
    records = [
        make_record("screen", name, [score], setting=i)
        for i, (name, score) in enumerate([("a", 0.9), ("b", 0.8), ("c", 0.7), ("d", None)])
    ]
    found = standings(records, ACCURACY)
    assert finalists(found, plan(2, "a")) == (("a", 0), ("b", 1))
    assert finalists(found, plan(2, "c")) == (("a", 0), ("b", 1), ("c", 2))
    assert finalists(found, plan(9, "d")) == (("a", 0), ("b", 1), ("c", 2))
    assert finalists(found[3:], plan(2, "d")) == ()


def ranked(make_record, order: str):
    scores = [0.9 - 0.1 * i for i in range(len(order))]
    records = [make_record("screen", n, [x]) for n, x in zip(order, scores, strict=True)]
    return standings(records, ACCURACY)


def chosen(found, most: int, simplest: str, kind: str = "", others: str = "") -> str:
    """``others``: of the other kind; by default all that aren't of the kind."""
    rest = others or {each.recipe for each in found} - set(kind)
    kinds = [set(kind), set(rest)] if kind else []
    return "".join(name for name, _ in finalists(found, plan(most, simplest), kinds))


def test_the_best_of_each_kind_is_confirmed(make_record):
    """u, v, w are of the kind; the simplest one stands last, as s."""
    found = ranked(make_record, "uvwabs")
    assert chosen(found, 2, "s") == "uvs", "nobody asks for kinds"
    assert chosen(found, 2, "s", "uvw") == "uas", "in the place of the last runner-up"
    assert chosen(found, 3, "s", "uvw") == "uvas"
    assert chosen(found, 1, "s", "uvw") == "uas", "the winner stays"
    assert chosen(found, 4, "s", "uvw") == "uvwas", "they are there by themselves"
    assert chosen(found, 2, "u", "uvw") == "uva", "the simplest is there, so there is room"
    assert chosen(found, 3, "a", "uvw") == "uvwa", "the simplest is the best of its kind"
    assert chosen(ranked(make_record, "abus"), 2, "s", "u") == "aus"
    assert chosen(found, 2, "s", "uvwabs") == "uvs", "all are of the kind"
    assert chosen(found, 2, "s", "xyz") == "uvs", "none is"
    assert chosen(found, 3, "s", "vw", "ab") == "uvas", "the winner may be of neither kind"
    assert chosen(found, 2, "s", "w", "b") == "uwbs"
    assert chosen(found, 1, "u", "w", "b") == "uwb"
    found = ranked(make_record, "tuas")
    assert chosen(found, 2, "s", "u", "a") == "tuas", "nobody may go"
    assert chosen(ranked(make_record, "tsua"), 2, "s", "u", "a") == "tsua"
    assert chosen(ranked(make_record, "tvsua"), 3, "s", "u", "a") == "tsua"


@settings(deadline=None, max_examples=200)
@given(
    st.permutations("abcdefg"),
    st.sets(st.sampled_from("abcdefg"), min_size=1, max_size=6),
    st.integers(1, 8),
    st.sampled_from("abcdefg"),
)
def test_both_kinds_take_no_more_room_than_the_plan_has(order, kind, most, simplest):
    found = ranked(unit_record, "".join(order))
    usual = chosen(found, most, simplest)
    names = chosen(found, most, simplest, "".join(kind))
    leaders = {next(n for n in order if (n in kind) is side) for side in (True, False)}
    assert {order[0], simplest, *leaders} <= set(names)
    assert list(names) == sorted(names, key=order.index)
    assert len(names) <= max(most, 2) + 1
    if leaders <= set(usual):
        assert names == usual
    assert len(set(usual) - set(names)) <= 1
