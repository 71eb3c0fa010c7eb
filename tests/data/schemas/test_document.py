"""schema.yaml, read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.schemas.document import Document, parse, quoted, read
from methodic.data.schemas.schema import Column
from methodic.errors import InputError
from methodic.plan import Reading

WHOLE = """\
# a remark
target: [price, "tax: all"]
task: regression
weight: w
group: "123"
split: 20%
columns:
  zip: categorical       # 5 digits
  level: {kind: numeric, words: [unknown, "1"]}
  note: {kind: text, numbers: 64}
  said: text
  picture: {kind: image, shape: [3, 32, 48], resize: pad}
  sold: date
  id: drop
"""


def test_all_that_can_be_said() -> None:
    found = parse(WHOLE, "s.yaml")
    assert found.targets == ("price", "tax: all")
    assert found.task == "regression"
    assert found.roles == {"weight": "w", "group": "123", "split": "20%"}
    assert found.columns == {
        "zip": Column(name="zip", kind="categorical"),
        "level": Column(name="level", kind="numeric", words=("unknown", "1")),
        "note": Column(name="note", kind="text", numbers=64),
        "said": Column(name="said", kind="text", numbers=256),
        "picture": Column(name="picture", kind="image", shape=(3, 32, 48), resize="pad"),
        "sold": Column(name="sold", kind="date"),
        "id": None,
    }
    assert found.texts() == ("zip", "note", "said")
    assert parse('columns: {a: {kind: numeric, notation: "1.234,5"}}', "s.yaml").texts() == ("a",)
    assert found.at("columns.level") == "s.yaml, line 9"
    assert found.at("group") == "s.yaml, line 5"


BAD = {
    "field": ("tarket: y", ["line 1", "'tarket'", "Did you mean 'target'"]),
    "kind": ("columns:\n  a: numerc", ["line 2", "'a'", "Did you mean 'numeric'", "drop"]),
    "no kind": ("columns: {a: {words: [x]}}", ["line 1", "'a'", "no kind"]),
    "option": ("columns: {a: {kind: text, words: [x]}}", ["'a'", "text column", "'words'"]),
    "century": ("columns: {a: {kind: date, notation: '%d.%m.%y since 1871'}}", ["'a'", "since"]),
    "century of full years": (
        "columns: {a: {kind: date, notation: '%d.%m.%Y since 1925'}}",
        ["'a'", "since"],
    ),
    "misspelt option": ("columns: {a: {kind: text, number: 9}}", ["Did you mean 'numbers'"]),
    "numbers": ("columns: {a: {kind: text, numbers: 1}}", ["'a'", "numbers", "8 to 4096"]),
    "no number": ("columns: {a: {kind: text, numbers: many}}", ["'a'", "many"]),
    "shape": ("columns: {a: {kind: image, shape: [32, 32]}}", ["'a'", "[3, 32, 32]"]),
    "channels": ("columns: {a: {kind: image, shape: [2, 32, 32]}}", ["'a'", "1 (grey), 3 or 4"]),
    "side": ("columns: {a: {kind: image, shape: [3, 32, 99999]}}", ["a side", "99999"]),
    "resize": ("columns: {a: {kind: image, resize: cut}}", ["'cut'", "crop, pad, stretch"]),
    "no mapping": ("target: y\ncolumns: [a, b]", ["line 2", "columns must be a mapping"]),
    "a list": ("- a", ["line 1", "the schema must be a mapping"]),
    "twice": ("target: a\ntask: binary\ntarget: b", ["line 3", "'target'", "second time"]),
    "column twice": ("columns:\n  a: date\n  a: drop", ["line 3", "'a'", "second time"]),
    "target": ("target: {a: b}", ["line 1", "target must be one word"]),
    "nothing": ("target:", ["line 1", "target must be one word"]),
    "empty": ("# nothing", ["s.yaml: empty"]),
    "alias": ("target: &a y\ngroup: *a", ["line 2", "alias *a"]),
    "tag": ("target: !!python/object/apply:os.system [ls]", ["line 1", "python/object"]),
    "two documents": ("target: a\n---\ntarget: b", ["line 2", "second document"]),
    "depth": ("[" * 50 + "]" * 50, ["line 1", "too deep"]),
    "no YAML": ("target: 'y", ["not YAML"]),
    "tab": ("columns:\n\ta: date", ["line 2", "not YAML"]),
    "complex key": ("? [a]\n: b", ["line 1", "a name must be a word"]),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_name_line_and_field(case: str) -> None:
    text, parts = BAD[case]
    with pytest.raises(InputError) as caught:
        parse(text, "s.yaml")
    message = str(caught.value)
    assert all(part in message for part in ["s.yaml", *parts]), message


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such schema file"):
        read(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="can't be read"):
        read(tmp_path)
    file = tmp_path / "s.yaml"
    file.write_bytes(b"target: \xff")
    with pytest.raises(InputError, match="not a text file"):
        read(file)
    with file.open("wb") as large:
        large.truncate(2**24 + 1)
    with pytest.raises(InputError, match="too long"):
        read(file)
    file.write_bytes("\ufefftarget: ä".encode())
    assert read(file).targets == ("ä",)


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=40) | st.text(alphabet="abct: {}[],-&*!\n'\"#?|>%@", max_size=60))
def test_any_text_is_a_document_or_an_error(text: str) -> None:
    try:
        found = parse(text, "s.yaml")
    except InputError as error:
        found = error
    assert isinstance(found, Document) or str(found).startswith("s.yaml")


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_quoted_names_are_read_back(name: str) -> None:
    line = f"target: {quoted(name)}\n"
    assert len(line.splitlines()) == 1
    assert parse(line, "s.yaml").targets == (name,)
    assert yaml.safe_load(line)["target"] == name


def test_options_and_file_are_joined() -> None:
    said = parse("target: y\ngroup: g\ncolumns: {a: date, b: drop}", "s.yaml")
    joined = said.joined(Reading(weight="w", drop=("b", "c")))
    assert (joined.targets, joined.group, joined.weight) == (("y",), "g", "w")
    assert said.joined(joined) == joined, "a run is resumed by what was joined"


@pytest.mark.parametrize(
    ("reading", "parts"),
    [
        (Reading(targets=("z",)), ["line 1", "--target", "y here, z there"]),
        (Reading(group="h"), ["line 2", "--group", "g here, h there"]),
        (Reading(drop=("a",)), ["line 3", "'a'", "--drop"]),
    ],
)
def test_contradictions(reading: Reading, parts: list[str]) -> None:
    said = parse("target: y\ngroup: g\ncolumns: {a: date}", "s.yaml")
    with pytest.raises(InputError) as caught:
        said.joined(reading)
    assert all(part in str(caught.value) for part in parts), caught.value
