import numpy as np
import pytest
from scipy import stats

from methodic.evidence.closer import slices
from methodic.evidence.closer.slices import Column, Slice, worst_slices

WORDS = ("red", "green", "blue", "grey", "black")


def table(random, rows=600):
    """Four numeric columns, one with missing values, and two categorical ones."""
    numbers = random.normal(size=(rows, 4))
    numbers[random.random(rows) < 0.1, 0] = np.nan
    found = [Column(f"x{i}", numbers[:, i].astype(np.float32)) for i in range(4)]
    found.append(Column("colour", random.integers(0, 5, rows), WORDS))
    found.append(Column("month", random.integers(0, 12, rows), tuple(f"m{i}" for i in range(12))))
    return found


def wrong(random, rows, rate):
    return (random.random(rows) < rate).astype(float)


def squares(random, rows):
    """Squared errors with heavy tails."""
    return random.standard_t(4, rows) ** 2


def alarms(draw, squared, trials=200, seed=0) -> int:
    """In how many data sets without any bad slice one is named."""
    random = np.random.default_rng(seed)
    return sum(bool(worst_slices(table(random), draw(random), squared)[0]) for _ in range(trials))


# 5% of 200 data sets are 10; more than 17 have a chance of 1% at that rate.
@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_no_slice_is_claimed_where_there_is_none(rate):
    assert alarms(lambda random: wrong(random, 600, rate), squared=False) <= 17


def test_no_slice_is_claimed_where_there_is_none_for_numbers():
    assert alarms(lambda random: squares(random, 600), squared=True) <= 17
    # Losses of two values are what makes a small slice look certain.
    assert alarms(lambda random: 1 - wrong(random, 600, 0.08), squared=True) <= 17


def test_one_t_test_alone_or_no_correction_would_cry_wolf(monkeypatch):
    monkeypatch.setattr(slices, "holm", list)
    assert alarms(lambda random: wrong(random, 600, 0.3), squared=False, trials=50) > 25
    monkeypatch.undo()

    def welch_only(n, sums, squares, losses):
        found = []
        for rows, total, square in zip(n, sums, squares, strict=True):
            mean, rest = total / rows, (losses.sum() - total) / (len(losses) - rows)
            spread = max(square / rows - (mean - losses.mean()) ** 2, 0.0) ** 0.5
            test = stats.ttest_ind_from_stats(
                mean, spread, rows, rest, losses.std(), len(losses) - rows,
                equal_var=False, alternative="greater",
            )  # fmt: skip
            found.append(test.pvalue)
        return np.array(found)

    monkeypatch.setattr(slices, "_p_of_means", welch_only)
    found = alarms(lambda random: 1 - wrong(random, 600, 0.08), squared=True, trials=200)
    assert found > 17


@pytest.mark.parametrize("squared", [False, True])
def test_a_planted_slice_is_found(squared):
    random = np.random.default_rng(1)
    columns = table(random, 1000)
    bad = columns[4].values == WORDS.index("blue")
    if squared:
        losses = random.normal(size=1000) ** 2 * np.where(bad, 9.0, 1.0)
    else:
        losses = wrong(random, 1000, np.where(bad, 0.4, 0.1))
    (worst, *more), tried = worst_slices(columns, losses, squared)
    assert (worst.column, worst.value, worst.rows) == ("colour", "blue", int(bad.sum()))
    assert worst.p < 1e-6
    mean, rest = losses[bad].mean(), losses[~bad].mean()
    if squared:
        assert (worst.score, worst.rest) == pytest.approx((mean**0.5, rest**0.5))
    else:
        assert (worst.score, worst.rest) == pytest.approx((1 - mean, 1 - rest))
    assert not more
    # Four quarters of each number, the missing values of one, 5 and 12 words.
    assert tried == 5 + 3 * 4 + 5 + 12
    assert Slice.model_validate_json(worst.model_dump_json()) == worst


def test_a_bad_quarter_and_missing_values_are_found_and_named():
    random = np.random.default_rng(2)
    values = np.arange(400.0)
    random.shuffle(values)
    values[:40] = np.nan
    known = np.sort(values[40:])
    low, high = known[179], known[269]  # the third quarter of 360 values
    bad = (values > low) & (values <= high)
    (found,), tried = worst_slices([Column("age", values)], bad * 1.0, squared=False)
    assert (found.column, found.value, found.rows) == ("age", f"{low:.4g} to {high:.4g}", 90)
    assert (found.score, found.rest) == (0.0, 1.0)
    assert tried == 5
    (found,), _ = worst_slices([Column("age", values)], np.isnan(values) * 1.0, squared=False)
    assert (found.value, found.rows) == ("missing", 40)
    outer = [
        worst_slices([Column("age", values)], losses * 1.0, squared=False)[0][0].value
        for losses in (values <= known[89], values > known[269])
    ]
    assert outer == [f"≤ {known[89]:.4g}", f"> {known[269]:.4g}"]


def test_p_values_agree_with_scipy():
    random = np.random.default_rng(3)
    codes = np.repeat([0, 1, 1, 1], 50)
    errors = wrong(random, 200, np.where(codes == 0, 0.35, 0.15))
    (found,), tried = worst_slices([Column("c", codes, ("a", "b"))], errors, squared=False)
    inside = [errors[codes == c].sum() for c in (0, 1)]
    cells = [[inside[0], 50 - inside[0]], [inside[1], 150 - inside[1]]]
    assert tried == 1  # more than half of the rows are b
    assert found.p == pytest.approx(stats.fisher_exact(cells, alternative="greater").pvalue)
    losses = random.normal(size=200) ** 2 * np.where(codes == 0, 4.0, 1.0)
    (found,), _ = worst_slices([Column("c", codes, ("a", "b"))], losses, squared=True)
    p = [
        stats.ttest_ind(
            losses[codes == 0], losses[codes == 1], equal_var=equal, alternative="greater"
        ).pvalue
        for equal in (False, True)
    ]
    assert found.p == pytest.approx(max(p))
    assert p[0] != pytest.approx(p[1], rel=0.01)


def test_p_values_agree_with_permutations():
    random = np.random.default_rng(4)
    codes = np.repeat([0, 1, 1, 1], 30)
    errors = wrong(random, 120, np.where(codes == 0, 0.4, 0.25))
    parts = list(slices._parts(Column("c", codes, ("a", "b")), errors))
    (p,) = slices._p_of_counts(np.array([30]), np.array([parts[0].loss]), errors)
    shuffled = [random.permutation(errors)[:30].sum() >= parts[0].loss for _ in range(20_000)]
    assert p == pytest.approx(np.mean(shuffled), abs=0.015)


def test_small_and_large_parts_are_not_tried():
    codes = np.repeat([0, 1, 2], [19, 20, 61])
    losses = (codes < 2) * 1.0
    found, tried = worst_slices([Column("c", codes, ("a", "b", "c"))], losses, squared=False)
    assert tried == 1
    assert [each.value for each in found] == ["b"]
    assert worst_slices([], losses, squared=False) == ((), 0)


def test_better_slices_and_equal_losses_are_not_named():
    codes = np.repeat([0, 1, 1], 50)
    column = Column("c", codes, ("a", "b"))
    assert worst_slices([column], (codes == 1) * 1.0, squared=False)[0] == ()
    for constant in (0.0, 1.0):
        for squared in (False, True):
            assert worst_slices([column], np.full(150, constant), squared) == ((), 1)


def test_ten_at_most_and_worst_first():
    random = np.random.default_rng(5)
    codes = np.repeat(np.arange(30), 100)
    losses = wrong(random, 3000, np.where(codes < 15, 0.3 + codes / 30, 0.05))
    words = tuple(f"w{i}" for i in range(30))
    found, tried = worst_slices([Column("c", codes, words)], losses, squared=False)
    assert tried == 30
    assert len(found) == slices.MOST
    assert [each.score for each in found] == sorted(each.score for each in found)
    assert found[0].value in ("w14", "w13", "w12")


def test_cuts_of_few_values_near_values_and_infinite_ones():
    values = np.repeat([0.0, 1.0], [150, 50])
    codes, words = slices._coded(Column("flag", values))
    assert np.unique(np.array(words)[codes]).tolist() == ["> 0", "≤ 0"]
    near = 20_000 + np.repeat([0.1, 0.2, 0.3, 0.4], 50)
    _, words = slices._coded(Column("near", near))
    assert words[:3] == ("≤ 20000.1", "20000.1 to 20000.2", "20000.2 to 20000.3")
    wide = np.array([-np.inf, 1.0, 2.0, np.inf] * 20)
    codes, words = slices._coded(Column("wide", wide))
    assert words[0] == "≤ -inf"
    assert np.bincount(codes, minlength=4)[:4].tolist() == [20, 20, 20, 20]
    codes, words = slices._coded(Column("empty", np.full(9, np.nan)))
    assert (words, codes.max()) == (("missing",), 0)


def test_huge_losses_do_not_overflow():
    random = np.random.default_rng(6)
    codes = np.repeat([0, 1, 1, 1], 50)
    losses = random.normal(size=200) ** 2 * np.where(codes == 0, 9.0, 1.0)
    column = Column("c", codes, ("a", "b"))
    (plain,), _ = worst_slices([column], losses, squared=True)
    (huge,), _ = worst_slices([column], losses * 1e290, squared=True)
    assert huge.p == pytest.approx(plain.p)
    assert huge.score == pytest.approx(plain.score * 1e145)
