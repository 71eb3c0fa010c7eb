from __future__ import annotations

from methodic.evidence.anytime import Anytime, Point, Reached
from methodic.evidence.cost import Cost
from methodic.evidence.numbers.statistics import Interval
from methodic.report.tables import costs


def point(fraction: float, mean: float) -> Point:
    score = Interval(mean=mean, low=None, high=None, n=1)
    return Point(fraction=fraction, step=round(1000 * fraction), seconds=fraction, score=score)


def test_what_has_no_parameters_shows_none() -> None:
    net = Cost(
        name="adam_w",
        parameters=12_345,
        bytes=49_380,
        row_microseconds=1.5,
        single_milliseconds=0.31,
        seconds=4.2,
    )
    trees = net.model_copy(update={"name": "gradient_boosting", "parameters": None})
    table = costs.cost([net, trees])
    assert table.rows[0] == ("adam_w", "12,345", "49 kB", "1.5 µs", "310 µs", "4.2 s")
    assert table.rows[1][:2] == ("gradient boosting", "–")
    assert table.values[1][:2] == ("gradient_boosting", None)


def test_gaps_on_the_way_stay_gaps() -> None:
    soon = Reached(target=0.9, share=1.0, seconds=0.4)
    early = Anytime(name="a", seeds=4, points=(point(0.1, 0.8), point(1.0, 0.95)), reached=soon)
    some = Reached(target=0.9, share=0.25, seconds=None)
    late = Anytime(name="b", seeds=4, points=(point(1.0, 0.91),), reached=some)
    never = Anytime(
        name="c", seeds=4, points=(), reached=Reached(target=0.9, share=0.0, seconds=None)
    )
    table = costs.anytime([early, late, never], "accuracy")
    assert [column.title for column in table.columns] == [
        *("method", "at 10%", "at 100%", "time to 90.0%")
    ]
    assert table.rows[0] == ("a", "80.0%", "95.0%", "0.40 s")
    assert table.rows[1] == ("b", "–", "91.0%", "25% of seeds")
    assert table.rows[2] == ("c", "–", "–", "never")
    assert table.values[1][3:6] == (None, None, None)
    assert table.values[0][-3:] == (0.9, 1.0, 0.4)


def test_without_a_target_there_is_no_column_for_it() -> None:
    table = costs.anytime(
        [Anytime(name="a", seeds=1, points=(point(1.0, 0.9),), reached=None)], "rmse"
    )
    assert [column.title for column in table.columns] == ["method", "at 100%"]
    assert table.values[0][-3:] == (None, None, None)
