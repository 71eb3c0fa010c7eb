import json

import pytest
from report.across_runs import SEEDS, scored
from report.runs import FINALISTS, make_leaderboard, put

from methodic.errors import InputError
from methodic.plan import Reading
from methodic.report.across import compare, ranks


def test_methods_of_two_runs(tmp_path):
    first = scored(tmp_path, "one", means={"adam": 0.96, "sgd": 0.93})
    second = scored(tmp_path, "two", means={"adam": 0.90, "momentum": 0.95})
    found = compare([first, second])
    assert [row.name for row in found.rows] == ["one: adam", "momentum", "sgd", "two: adam"]
    assert {pair.test for pair in found.pairs} == {"paired"}
    assert all(row.test.n == 10 for row in found.rows)
    assert found.rows[1].seconds == 0.42
    assert found.rows[1].steps == 1200
    assert "one: adam" in found.verdict
    # Baselines are no methods.
    assert not {row.method for row in found.rows} & {"linear", "constant", "gradient_boosting"}


def test_other_seeds_are_not_paired(tmp_path):
    first = scored(tmp_path, "one", means={"adam": 0.96})
    second = scored(tmp_path, "two", means={"sgd": 0.93}, seeds=tuple(s + 50 for s in SEEDS))
    assert [pair.test for pair in compare([first, second]).pairs] == ["welch"]


def test_one_seed(tmp_path):
    first = scored(tmp_path, "one", means={"adam": 0.96})
    second = scored(tmp_path, "two", means={"sgd": 0.93}, seeds=(1000,))
    found = compare([first, second])
    assert found.rows[1].test.low is None
    assert any("sgd: one seed, so there is no interval" in note for note in found.notes)


@pytest.mark.parametrize(
    ("what", "told", "data"),
    [
        ("target", "one: target; two: digit", {"target": "digit"}),
        ("data", "; two: digits, ffff", {"fingerprint": "ffff"}),
        ("columns left out", "one: none; two: a, b", {"reading": Reading(drop=("b", "a"))}),
        ("split (seed)", "one: 0; two: 7", {"split_seed": 7}),
        (
            "test rows",
            "one: a part of the data; two: your own",
            {"reading": Reading(test="test.csv")},
        ),
        ("weights", "one: none; two: w", {"reading": Reading(weight="w")}),
        ("groups", "one: none; two: who", {"reading": Reading(group="who")}),
        ("order in time", "one: none; two: day", {"reading": Reading(time="day")}),
        ("column of the split", "one: by default; two: 20%", {"reading": Reading(split="20%")}),
        ("further targets", "one: none; two: z", {"others": ("z",)}),
        ("rows", "one: 1,077, 360, 360; two: 1,000, 400, 397", {"rows": (1000, 400, 397)}),
    ],
)
def test_other_data_are_refused_with_both_values(tmp_path, what, told, data):
    runs = [scored(tmp_path, "one"), scored(tmp_path, "two", data=data)]
    with pytest.raises(InputError, match="can't be compared") as caught:
        compare(runs)
    assert what in caught.value.problem
    assert told in caught.value.found


def test_the_same_data_may_go_by_two_names(tmp_path):
    runs = [scored(tmp_path, "one"), scored(tmp_path, "two", data={"name": "copy of digits"})]
    assert len(compare(runs).rows) == 8


def test_all_differences_are_told_at_once(tmp_path):
    data = {"task": "binary", "split_seed": 3}
    other = scored(tmp_path, "two", data=data, plan={"metric": "auc"})
    with pytest.raises(InputError, match=r"they differ in task and split \(seed\) and metric") as e:
        compare([scored(tmp_path, "one"), other])
    assert "metric: one: accuracy; two: auc" in e.value.found


def test_splits_have_to_be_the_same(tmp_path):
    runs = [scored(tmp_path, "one", means={"adam": 0.9})]
    confirm = json.loads((runs[0] / "plan.json").read_text(encoding="utf-8"))["confirm"]
    crossed = {**confirm, "splits": "cv", "folds": 5}
    for name in ("two", "three"):
        runs.append(scored(tmp_path, name, means={"sgd": 0.9}))
        path = runs[-1] / "plan.json"
        plan = json.loads(path.read_text(encoding="utf-8")) | {"confirm": crossed}
        path.write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(InputError, match="splits of the confirmation") as caught:
        compare(runs)
    assert "two: repeated cross-validation, 5 folds" in caught.value.found
    corrected, usual = compare(runs[1:]), compare([runs[0], scored(tmp_path, "x")])
    assert any("new data of this kind" in note for note in corrected.notes)
    assert not any("new data of this kind" in note for note in usual.notes)


def test_what_may_differ_is_noted(tmp_path):
    runs = [scored(tmp_path, "one"), scored(tmp_path, "two", plan={"budget": 20.0})]
    found = compare(runs)
    assert found.notes[0].startswith("The runs had different budgets: 60 s (one), 20.0 s (two)")


def test_lost_models_and_methods(tmp_path):
    runs = [scored(tmp_path, "one", means={"adam": 0.9}), scored(tmp_path, "two")]
    path = runs[0] / "records" / "scores.json"
    path.write_text(json.dumps({"adam": [[1000, None], [1001, 0.9]]}), encoding="utf-8")
    found = compare(runs)
    assert next(row for row in found.rows if row.run == "one").lost == 1
    path.write_text(json.dumps({"adam": [[1000, None]], "linear": [[-1, 0.5]]}), encoding="utf-8")
    with pytest.raises(InputError, match="no method of this run has a test score"):
        compare(runs)


# --- ranks ------------------------------------------------------------------------------------


def other_data(tmp_path, run, metric="accuracy", **more):
    return scored(tmp_path, run, metric=metric, data={"name": run, "fingerprint": run, **more})


def test_ranks_over_data_sets(tmp_path):
    runs = [other_data(tmp_path, name) for name in ("wine", "iris", "digits")]
    found = ranks(runs)
    assert found.data == ("wine", "iris", "digits")
    # The same ranking thrice; the constant prediction takes no part.
    assert [each.name for each in found.methods] == [
        "adamw-cosine",
        "adam",
        "momentum",
        "gradient_boosting",
        "sgd",
        "linear",
    ]
    assert found.methods[0].ranks == (1, 1, 1)
    assert found.methods[0].scores[0] == pytest.approx(0.972)


def test_methods_that_are_missing_somewhere_are_left_out_and_named(tmp_path):
    runs = [other_data(tmp_path, name) for name in ("wine", "iris")]
    board = make_leaderboard()
    kept = [row for row in board.rows if row.name not in ("adam", "linear")]
    put(runs[1] / "leaderboard.json", board.model_copy(update={"rows": tuple(kept)}))
    found = ranks(runs)
    assert "adam" not in [each.name for each in found.methods]
    assert found.notes[0] == "Left out, since not every run confirmed them: adam, linear."
    put(runs[1] / "leaderboard.json", board.model_copy(update={"rows": tuple(kept[:1])}))
    with pytest.raises(InputError, match="fewer than two confirmed methods in common"):
        ranks(runs)


def test_what_can_not_be_ranked(tmp_path):
    wine, iris = (other_data(tmp_path, name) for name in ("wine", "iris"))
    with pytest.raises(InputError, match="at least two runs"):
        ranks([wine])
    with pytest.raises(InputError, match="wine and again are runs on the same data"):
        ranks([wine, other_data(tmp_path, "again", fingerprint="wine")])
    numbers = other_data(tmp_path, "prices", metric="rmse")
    with pytest.raises(InputError, match="greater is better in some") as caught:
        ranks([wine, iris, numbers])
    assert "prices: rmse" in caught.value.found


def test_equal_names_of_data_are_told_apart_by_the_runs(tmp_path):
    runs = [other_data(tmp_path, run, name="train") for run in ("one", "two")]
    assert ranks(runs).data == ("one", "two")


def test_other_metrics_are_noted(tmp_path):
    runs = [other_data(tmp_path, "wine"), other_data(tmp_path, "iris")]
    path = runs[1] / "plan.json"
    plan = json.loads(path.read_text(encoding="utf-8")) | {"metric": "auc"}
    path.write_text(json.dumps(plan), encoding="utf-8")
    notes = ranks(runs).notes
    assert notes[0] == "The runs have different metrics: accuracy (wine), auc (iris)."
    assert set(FINALISTS) <= {each.name for each in ranks(runs).methods}
