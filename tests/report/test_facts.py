from __future__ import annotations

from report.runs import make_plan

from methodic.report import facts


def test_plan_facts_name_budget_machine_and_seeds() -> None:
    found = dict(facts.plan_facts(make_plan()))
    assert found["budget"] == "60 s"
    assert "2 workers × 1 thread" in found["machine"]
    assert "90 models" in found["screening"]
    assert "1000–1009" in found["confirmation"]
    assert "measured seconds" in found["equal shares"]


def test_cross_validation_is_named() -> None:
    plan = make_plan()
    assert plan.confirm is not None
    folds = plan.confirm.model_copy(update={"splits": "cv", "folds": 5})
    found = dict(facts.plan_facts(plan.model_copy(update={"confirm": folds})))
    assert "5-fold cross-validation" in found["confirmation"]
    assert "fold" not in dict(facts.plan_facts(plan))["confirmation"].replace("folds", "")


def test_many_classes_are_cut() -> None:
    plan = make_plan()
    data = plan.data.model_copy(update={"classes": tuple(f"c{i}" for i in range(40))})
    task = dict(facts.data_facts(plan.model_copy(update={"data": data})))["task"]
    assert "40 classes" in task
    assert "c11, …" in task
    assert "c12" not in task


def test_rows_without_a_target_are_counted() -> None:
    plan = make_plan()
    assert "without" not in dict(facts.data_facts(plan))["rows"]
    data = plan.data.model_copy(update={"unlabelled": 54_321})
    rows = dict(facts.data_facts(plan.model_copy(update={"data": data})))["rows"]
    assert rows.endswith("360 test · 54,321 without a target")
