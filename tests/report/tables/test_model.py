from __future__ import annotations

from report.whole import analysis, classes

from methodic.report.tables import model


def test_every_score_in_its_own_form() -> None:
    rows = dict(model.scores(analysis("multiclass")).rows)
    assert (rows["accuracy"], rows["AUC"], rows["F1"]) == ("97.2%", "0.9983", "–")


def test_classes_keep_their_order_and_gaps() -> None:
    found = classes(("a", "b", "c"))
    never = found.rows[1].model_copy(update={"precision": None, "f1": None})
    table = model.classes(found.model_copy(update={"rows": (found.rows[0], never, found.rows[2])}))
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert table.rows[1][2] == table.rows[1][4] == "–"
    assert table.values[1][2] is None


def test_the_most_confused_pairs_come_first() -> None:
    found = classes(tuple("abc")).model_copy(
        update={"confusion": ((18, 2, 0), (5, 5, 0), (1, 0, 9))}
    )
    table = model.confused(found)
    assert [value[:3] for value in table.values] == [("b", "a", 5), ("a", "b", 2), ("c", "a", 1)]
    assert table.rows[0] == ("b", "a", "5", "50.0%")
    assert len(model.confused(found, 2).rows) == 2


def test_slices_name_column_and_value() -> None:
    table = model.slices(analysis("multiclass"), "accuracy")
    assert table.rows[0] == ("mean area: 12 to 20", "40", "81.0%", "98.0%", "< 0.001")
    assert table.values[1][:3] == ("region", "<north & east>", 33)
