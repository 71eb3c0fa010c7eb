"""The bundled data sets."""

from __future__ import annotations

import pytest

from methodic.data.builtin import builtin, builtin_names
from methodic.errors import InputError

SHAPES = {
    "digits": (1797, 65),
    "breast_cancer": (569, 31),
    "wine": (178, 14),
    "iris": (150, 5),
    "diabetes": (442, 11),
}


def test_each_set_has_its_published_size_and_a_description() -> None:
    assert set(SHAPES) == set(builtin_names())
    for name, shape in SHAPES.items():
        frame, target, about = builtin(name)
        assert frame.shape == shape
        assert target == frame.columns[-1] == "target"
        assert len(about) > 20


def test_classes_are_named_where_they_have_names() -> None:
    counts = builtin("breast_cancer")[0]["target"].value_counts()
    assert dict(counts.iter_rows()) == {"malignant": 212, "benign": 357}
    assert sorted(set(builtin("digits")[0]["target"])) == list(range(10))


def test_digits_are_read_as_scikit_learn_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file by its function, and by us without it."""
    ours = builtin("digits")[0]
    monkeypatch.setattr("methodic.data.builtin._digits", lambda: None)
    assert ours.equals(builtin("digits")[0])
    assert ours.schema == builtin("digits")[0].schema


def test_a_moved_file_of_digits_is_left_to_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("methodic.data.builtin.find_spec", lambda _: None)
    assert builtin("digits")[0].shape == SHAPES["digits"]


def test_unknown_name() -> None:
    with pytest.raises(InputError, match="Did you mean 'diabetes'"):
        builtin("diabetis")
