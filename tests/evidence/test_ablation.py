"""What ingredients do: paired by seed, the right way round, corrected, and said in words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from methodic.evidence.ablation import Ablation, assess
from methodic.plan import UnitRecord
from tests.evidence.conftest import LR, World, unit_record

# "fancy" is AdamW with a cosine schedule and warm-up.
KEYS = ("beta1", "weight_decay", "schedule", "warmup")


def ablated(key: str, scores: list[float | None], setting: int = 1, first: int = 1) -> UnitRecord:
    """Records of "fancy" without an ingredient; None diverged."""
    record = unit_record("ablate", "fancy", scores, setting, first_seed=first)
    members = tuple(
        each.model_copy(update={"member": each.member.model_copy(update={"off": key})})
        for each in record.members
    )
    unit = record.unit.model_copy(update={"members": tuple(each.member for each in members)})
    return record.model_copy(update={"members": members, "unit": unit})


def noise(n: int, scale: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=scale, size=n)


FULL = 0.9 + noise(10, 0.03, 0)
CLOSE = FULL - 0.02 + noise(10, 0.003, 1)  # each seed with its own: paired, it is plain to see
SAME = FULL + noise(10, 0.003, 2)
WORSE = FULL + 0.01 + noise(10, 0.003, 3)


def fancy(world: World, scores: np.ndarray | list[float | None] = FULL) -> World:
    return world.test("plain", [0.1] * 10, setting=1).test("fancy", list(scores), setting=1)


def found(world: World, *records: UnitRecord) -> Ablation:
    result = assess(world.plan(), world.confirmed, records)
    assert result is not None
    assert Ablation.model_validate_json(result.model_dump_json()) == result
    return result


def test_effects_are_paired_by_seed_and_corrected(world: World) -> None:
    fancy(world)
    result = found(
        world,
        ablated("weight_decay", list(SAME)),
        ablated("warmup", list(WORSE)),
        ablated("schedule", list(CLOSE)),
    )
    assert (result.recipe, result.setting, result.metric) == ("fancy", {LR: 0.1}, "accuracy")
    assert result.seeds == 10
    assert [each.key for each in result.effects] == ["schedule", "warmup", "weight_decay"]
    raw = [stats.ttest_rel(FULL, each) for each in (CLOSE, WORSE, SAME)]
    for each, test in zip(result.effects, raw, strict=True):
        interval = test.confidence_interval()
        assert each.effect.mean == pytest.approx((interval.low + interval.high) / 2)
        assert (each.effect.low, each.effect.high) == pytest.approx(tuple(interval))
        assert each.p == pytest.approx(test.pvalue)
    smallest = sorted(test.pvalue for test in raw)
    assert min(each.adjusted for each in result.effects) == pytest.approx(3 * smallest[0])
    assert [each.detected for each in result.effects] == [True, True, False]
    assert result.effects[0].effect.mean > 0 > result.effects[1].effect.mean
    # Had they not been paired, nothing would have been seen.
    assert stats.ttest_ind(FULL, WORSE).pvalue > 0.03


def test_the_order_of_seeds_does_not_matter(world: World) -> None:
    fancy(world)
    blocks = [ablated("schedule", list(CLOSE[5:]), first=6), ablated("schedule", list(CLOSE[:5]))]
    effect = found(world, *blocks).effects[0]
    assert effect == found(world, ablated("schedule", list(CLOSE))).effects[0]


def test_seeds_without_a_partner_are_left_out(world: World) -> None:
    fancy(world)
    result = found(world, ablated("schedule", list(CLOSE[:4])))
    assert (result.seeds, result.effects[0].effect.n) == (4, 4)


def test_the_complete_method_may_come_with_the_ablation(world: World) -> None:
    more = unit_record("ablate", "fancy", list(FULL), 1, first_seed=1)
    assert found(world, more, ablated("schedule", list(CLOSE))).effects[0].effect.n == 10
    other_setting = unit_record("confirm", "fancy", list(CLOSE), 0, first_seed=1)
    assert found(world, other_setting, ablated("schedule", list(CLOSE))).effects == ()


def test_holm_is_over_all_ingredients(world: World) -> None:
    """A p of 4% is a find among one, and none among four."""
    weak = FULL - 0.004 + noise(10, 0.0052, 5)
    p = stats.ttest_rel(FULL, weak).pvalue
    assert 0.0125 < p < 0.05
    fancy(world)
    assert found(world, ablated("schedule", list(weak))).effects[0].detected
    others = [ablated(key, list(SAME + noise(10, 0.003, 9))) for key in KEYS if key != "schedule"]
    four = found(world, ablated("schedule", list(weak)), *others)
    (same,) = [each for each in four.effects if each.key == "schedule"]
    assert same.p == pytest.approx(p)
    assert not same.detected
    (sentence,) = [text for text in four.text if text.startswith("cosine")]
    reach = max(abs(same.effect.low or 0), abs(same.effect.high or 0))
    assert sentence == f"cosine schedule: no detectable effect (±{100 * reach:.1f})"


def test_sentences_of_points(world: World) -> None:
    spread = [0.0, 0.004, -0.004, 0.002, -0.002]
    fancy(world, [0.9] * 5)
    lines = found(
        world,
        ablated("schedule", [0.891 - x for x in spread]),
        ablated("warmup", [0.95 - x for x in spread]),
        ablated("weight_decay", [0.9 - x for x in spread]),
        ablated("beta1", [0.8 - x / 10 for x in spread]),
    ).text
    # t(4) = 2.776, s = 0.00316, so ± 0.393 points.
    assert lines == (
        "momentum (beta1) +10.00 ± 0.04 points",
        "warm-up −5.0 ± 0.4 points",
        "cosine schedule +0.9 ± 0.4 points",
        "weight decay: no detectable effect (±0.4)",
    )


def test_errors_get_smaller(numbers_world: World) -> None:
    spread = [0.0, 0.004, -0.004, 0.002, -0.002]
    fancy(numbers_world, [0.5] * 5)
    result = found(
        numbers_world,
        ablated("schedule", [0.62 - x for x in spread]),
        ablated("warmup", [0.43 - x for x in spread]),
    )
    assert [each.effect.mean for each in result.effects] == pytest.approx([0.12, -0.07])
    assert result.text == (
        "cosine schedule lowers RMSE by 0.120 ± 0.004",
        "warm-up raises RMSE by 0.070 ± 0.004",
    )


def test_models_that_fail_without_it(world: World) -> None:
    fancy(world, [0.9, 0.91, None, 0.93])
    result = found(
        world,
        ablated("beta1", [None] * 4),
        ablated("schedule", [0.8, None, 0.8, 0.83]),
        ablated("warmup", [0.9, 0.91, 0.92, 0.93]),
    )
    assert [(each.key, each.diverged, each.effect.n) for each in result.effects] == [
        ("schedule", 1, 2),
        ("warmup", 0, 3),
    ]
    assert result.text[0] == (
        "momentum (beta1): no pair of models trained to the end; without it 4 of 4 models failed "
        "to train, and 1 with it"
    )
    assert result.text[1].endswith("; without it 1 of 4 models failed to train, and 1 with it")


def test_one_seed_has_no_interval(world: World) -> None:
    fancy(world, [0.9])
    result = found(world, ablated("schedule", [0.8]))
    assert result.effects[0].effect.low is None
    assert not result.effects[0].detected
    assert result.text == (
        "cosine schedule +10 points on one seed, which says nothing about chance",
    )


def test_overlapping_splits_are_corrected(world: World) -> None:
    fancy(world)
    alone = found(world, ablated("schedule", list(CLOSE))).effects[0]
    crossed = world.confirm.model_copy(update={"splits": "cv", "folds": 5})
    world.confirm = crossed
    wider = found(world, ablated("schedule", list(CLOSE))).effects[0]
    assert wider.effect.mean == alone.effect.mean
    assert alone.effect.low is not None
    assert wider.effect.low is not None
    ratio = (wider.effect.mean - wider.effect.low) / (alone.effect.mean - alone.effect.low)
    assert ratio == pytest.approx(((1 / 10 + 1 / 4) * 10) ** 0.5)


def test_nothing_was_ablated(world: World) -> None:
    fancy(world)
    assert assess(world.plan(), world.confirmed, []) is None
    assert assess(world.plan(), world.confirmed, world.confirmed) is None
