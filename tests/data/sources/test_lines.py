"""JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from methodic.data.sources import read
from methodic.errors import InputError


def rows(folder: Path, content: str, name: str = "f.jsonl") -> dict:
    (folder / name).write_text(content)
    return read(folder / name).to_dict(as_series=False)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "f.jsonl",
            '{"a":1,"b":"x"}\n{"b":" y ","a":null}\n\n{"a":3}',
            {"a": [1, None, 3], "b": ["x", "y", None]},
        ),
        ("f.ndjson", '{"a":1}\n{"a":"x"}\n{"a":true}', {"a": ["1", "x", "true"]}),
        ("f.json", '[{"a":1},{"a":2.5,"b":"?"}]', {"a": [1, 2.5], "b": [None, None]}),
        ("f.json", '{"a":{"b":1,"c":{"d":"x"}},"e":2}', {"a.b": [1], "a.c.d": ["x"], "e": [2]}),
        ("f.jsonl", '\ufeff{"a":1}\n{"a":2}', {"a": [1, 2]}),
        ("f.json", '\ufeff[{"a":1}]', {"a": [1]}),
        ("f.jsonl", '{"a":["x","y"]}\n{"a":[]}', {"a": [["x", "y"], []]}),
    ],
)
def test_what_is_read(tmp_path: Path, name: str, content: str, expected: dict) -> None:
    assert rows(tmp_path, content, name) == expected


def test_a_late_field_is_a_column(tmp_path: Path) -> None:
    lines = [json.dumps({"a": i}) for i in range(3000)] + ['{"a": 0.5, "b": "late"}']
    found = rows(tmp_path, "\n".join(lines))
    assert found["a"][-2:] == [2999, 0.5]
    assert found["b"][-2:] == [None, "late"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.jsonl", '{"a":1}\n{"a":\n', "line 2 is not JSON"),
        ("f.jsonl", '{"a":1}\n\n[1,2]\n', "line 3 is no object"),
        ("f.jsonl", '{"a":1}\n{"a":NaN}\n', "line 2 is not JSON"),
        ("f.jsonl", "3\n", "line 1 is no object"),
        ("f.json", '[{"a":1},{"a":2', "can't be read"),
        ("f.json", '[{"a":1},3]', "item 2 is no object"),
        ("f.json", "[" + '{"a":' * 3000 + "1" + "}" * 3000 + "]", "can't be read"),
        ("f.jsonl", '{"a":' * 3000 + "1" + "}" * 3000, "line 1 is not JSON"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        rows(tmp_path, content, name)
    assert "an object in each line" in str(caught.value)


def test_two_fields_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"f\.jsonl: two columns have the same name") as caught:
        rows(tmp_path, '{"a":{"b":1},"a.b":2}')
    assert "'a.b'" in str(caught.value)
