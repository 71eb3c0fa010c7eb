from __future__ import annotations

import pickle

import pytest

from methodic.errors import InputError, Interrupted, MethodicError, nearest, shifted, unknown


def test_a_message_shows_only_what_is_known() -> None:
    assert str(InputError("bad")) == "bad"
    error = InputError("bad", found=0, accepted=[1], advice="Try 1.")
    assert str(error) == "bad\n  found: 0\n  accepted: [1]\n  do: Try 1."


def test_errors_cross_process_borders_whole() -> None:
    error = InputError("bad", found=0, accepted=1, advice="Try 1.")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, InputError)
    assert (copy.problem, copy.found, copy.accepted, copy.advice) == ("bad", "0", "1", "Try 1.")
    assert str(copy) == str(error)


def test_one_base() -> None:
    assert issubclass(InputError, MethodicError)
    assert issubclass(Interrupted, MethodicError)


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("prise", ["price", "area"], "price"),
        ("PRICE", ["area", "Price"], "Price"),
        ("xyz", ["price", "area"], None),
        ("", ["price"], None),
        ("price", [], None),
    ],
)
def test_nearest(name: str, names: list[str], expected: str | None) -> None:
    assert nearest(name, names) == expected


def test_unknown_names() -> None:
    error = unknown("column", "prise", ["price", "area"], "a.csv")
    assert error.problem == "a.csv: there is no column 'prise'"
    assert error.accepted == "price, area"
    assert error.advice == "Did you mean 'price'?"
    many = unknown("column", "zzz", [f"c{i}" for i in range(50)])
    assert many.accepted is not None
    assert many.accepted.endswith("c19, … (50 in all)")
    assert many.advice is None
    assert unknown("column", "a", []).accepted == "none"


def test_shifted_errors_keep_what_they_say():
    error = shifted(InputError("x: row 1,002 is bad, line 3", found=7, advice="Mend it."), 1000)
    assert error.problem == "x: row 2,002 is bad, line 3"
    assert (error.found, error.advice) == ("7", "Mend it.")


def test_shifted_errors_shift_what_they_list():
    error = InputError("x: 2 images can't be read", found="row 3: no\n    row 1,004: row 5\n and 7")
    assert shifted(error, 10).found == "row 13: no\n    row 1,014: row 5\n and 7"
    assert shifted(InputError("x", found="'row 5: no'"), 10).found == "'row 5: no'"
