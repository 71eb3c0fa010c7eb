"""The section about features, and the pictures that networks make."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

from report.reading import EVIL, Page
from report.represented import representations

from methodic.report import page, representation, tables
from methodic.report.folder import load
from methodic.report.gallery import figures


def test_features_and_pictures(make_whole: Any) -> None:
    folder = replace(load(make_whole()), representations=representations())
    found = Page(representation.section(folder, figures(folder)))
    for words in (
        *("Representation", "linear probe", "effective rank", "92.0% (70.0%)", "8.0 (12.0)"),
        *("The features of adamw-cosine", "Rows, and what the decoder gives back"),
        *("Made out of random numbers", "no claim about new rows"),
    ):
        assert words in found.words
    images = [attributes for tag, attributes in found.elements if tag == "img"]
    assert len(images) == 2
    for each in images:
        kind, _, data = (each["src"] or "").partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
        assert each["alt"]
        assert (each["width"], each["height"]) == ("8", "8")


def test_without_methods_that_learn_without_targets_there_is_none(make_whole: Any) -> None:
    folder = load(make_whole())
    assert folder.representations is None
    assert representation.section(folder, figures(folder)) == ""
    assert "Representation" not in Page(page.render(folder)).words
    assert "representation" not in [each.key for each in tables.all_tables(folder)]


def test_another_method_may_be_shipped(make_whole: Any) -> None:
    seen = representations().model_copy(update={"shown": None})
    folder = replace(load(make_whole()), representations=seen)
    found = Page(representation.section(folder, figures(folder)))
    assert "linear probe" in found.words
    assert "The features of" not in found.words
    assert not [tag for tag, _ in found.elements if tag == "img"]


def test_a_page_with_pictures_loads_nothing(make_whole: Any) -> None:
    run: Path = make_whole()
    (run / "representation.json").write_text(representations().model_dump_json())
    assert load(run).representations == representations()
    made = page.write(run).read_text(encoding="utf-8")
    found = Page(made)
    assert all(each.startswith("data:image/png;base64,") for each in found.loaded())
    assert "features" in found.figures
    order = ["A closer look at", "Representation", "Cost"]
    places = [found.words.index(words) for words in order]
    assert places == sorted(places)
    assert (run / "tables" / "representation.csv").exists()


def test_texts_stay_texts(make_whole: Any) -> None:
    seen = representations()
    assert seen.shown is not None
    picture = seen.shown.pictures[0].model_copy(update={"png": EVIL})
    named = seen.shown.quality.model_copy(update={"method": EVIL})
    shown = seen.shown.model_copy(update={"pictures": (picture,), "quality": named})
    folder = replace(
        load(make_whole()),
        representations=seen.model_copy(update={"networks": (named,), "shown": shown}),
    )
    made = representation.section(folder, figures(folder))
    assert "<script" not in made
    tags = [tag for tag, _ in Page(made).elements]
    assert tags.count("img") == 1
