"""Views of rows: which ones data get, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from methodic import build
from methodic.build.views import chosen, columns, image_shape, usual, view, works
from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.recipes import io
from methodic.recipes.ingredients import ingredients, without
from methodic.recipes.kinds import regularizers as recipe
from methodic.recipes.types import Recipe
from methodic.regularizers.augmentation import Crop
from methodic.regularizers.corruption import Cutout, InputNoise, Swap

TABLE = Inputs(numeric=4, categorical=2, codes=7, sizes=(3, 4))
GREY = Inputs(array=784, shape=(1, 28, 28), scaling=((0.3, 0.3),))
PHOTOGRAPHS = Inputs(array=3072, shape=(3, 32, 32), scaling=((0.5, 0.2),) * 3)
SMALL = Inputs(array=192, shape=(3, 8, 8), scaling=((0.5, 0.2),) * 3)
RAW = Inputs(array=784, shape=(1, 28, 28))


def kinds(inputs: Inputs, strength: Any) -> list[str]:
    return [each.kind for each in usual(inputs, strength)]


@pytest.mark.parametrize("strength", ["weak", "middle", "strong"])
def test_tables_get_cells_of_other_rows(strength: Any) -> None:
    for inputs in (TABLE, Inputs(numeric=4), Inputs(categorical=2, codes=7), Inputs(array=9)):
        assert kinds(inputs, strength) == ["swap"]
    shares = [usual(TABLE, each)[0].share for each in ("weak", "middle", "strong")]  # type: ignore[union-attr, arg-type]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[2] < 1  # type: ignore[operator]


def test_images_are_moved_and_those_in_colour_mirrored() -> None:
    """Digits and clothes aren't what their mirror images are; small pictures are no photographs."""
    assert kinds(GREY, "weak") == ["crop"]
    assert kinds(PHOTOGRAPHS, "weak") == ["crop", "flip"]
    assert kinds(SMALL, "weak") == ["crop"]
    assert kinds(GREY, "middle") == ["crop", "affine", "colour", "cutout"]
    assert kinds(PHOTOGRAPHS, "strong") == ["crop", "flip", "randaugment", "cutout"]
    assert kinds(RAW, "middle") == ["crop", "affine", "cutout"], "no colours of other numbers"
    assert kinds(RAW, "strong") == ["crop", "affine", "cutout"]
    assert kinds(Inputs(array=1, shape=(1, 1, 1)), "weak") == []


@pytest.mark.parametrize("strength", ["weak", "middle", "strong"])
@pytest.mark.parametrize("inputs", [TABLE, GREY, PHOTOGRAPHS, SMALL, RAW])
def test_the_usual_views_can_be_built(inputs: Inputs, strength: Any) -> None:
    for i, each in enumerate(usual(inputs, strength)):
        assert works(each)
        made = view(each, f"o.{i}", inputs)
        assert made.path == f"o.{i}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("inputs", "level", "expected"),
    [
        (TABLE, "strong", ()),
        (GREY, "weak", ("crop",)),
        (PHOTOGRAPHS, "weak", ("crop", "flip")),
        (PHOTOGRAPHS, "strong", ("crop", "flip", "randaugment", "cutout")),
    ],
)
def test_augment_is_what_suits_images(inputs: Inputs, level: Any, expected: Any) -> None:
    found = chosen(recipe.Augment(level=level), inputs)
    assert isinstance(found, recipe.Augment)
    assert found.changes is not None
    assert tuple(each.kind for each in found.changes) == expected
    own = recipe.Augment(changes=(recipe.Flip(),))
    assert chosen(own, inputs) is own, "what is written out is taken"


def test_a_stage_changes_images_by_what_augment_stands_for() -> None:
    stage = {"batch": 4, "regularizers": [{"kind": "ema"}, {"kind": "augment"}]}
    named = [{"kind": "ema"}, {"kind": "crop", "padding": 3}]
    raw = Recipe.model_validate({"name": "a", "stages": [stage]})
    made, plain = (
        build.resolve(each, "multiclass", 20, GREY)
        for each in (
            raw,
            Recipe.model_validate({"name": "a", "stages": [{**stage, "regularizers": named}]}),
        )
    )
    assert io.from_yaml(io.to_yaml(made), "a.yaml") == made, "written out, it is a recipe as well"
    (change,), (same,) = (
        build.cohort([each], [0], steps=[2], inputs=GREY, outputs=3, rows=20).stages[0].mixing
        for each in (made, plain)
    )
    assert isinstance(change, Crop)
    assert change.path == "stages.0.regularizers.1.changes.0"
    assert replace(change, path=same.path) == same  # type: ignore[attr-defined, type-var]
    assert [each.words for each in ingredients(made)][-2:] == [
        "averaging of weights",
        "random crops",
    ]
    left = without(made, "crop").stages[0].regularizers[1]
    assert left == recipe.Augment(changes=())


def test_parts_know_their_columns() -> None:
    swap = view(recipe.Swap(share=0.2), "o", TABLE)
    assert swap == Swap("o", 6, "o.share")
    assert view(recipe.Swap(), "o", Inputs(array=9)) == Swap("o", 9, "o.share")
    assert view(recipe.InputNoise(), "o", TABLE) == InputNoise("o", {"numeric": 4})
    cut = view(recipe.Cutout(), "o", GREY)
    assert cut == Cutout("o", {}, (1, 28, 28), (0.3,))
    assert isinstance(view(recipe.Crop(padding=3), "o", GREY), Crop)
    assert columns(TABLE) == {"numeric": 4}
    assert columns(TABLE, categorical=True) == {"numeric": 4, "categorical": 2}
    assert columns(GREY) == {}
    assert image_shape(GREY) == (1, 28, 28)
    assert image_shape(TABLE) is None


@pytest.mark.parametrize(
    "off",
    [
        recipe.Swap(share=0),
        recipe.Cutout(share=0),
        recipe.InputNoise(deviation=0),
        recipe.Flip(probability=0),
        recipe.Colour(strength=0),
        recipe.RandAugment(strength=0),
        recipe.Affine(degrees=0, shift=0, zoom=0, shear=0),
    ],
)
def test_what_has_no_strength_does_nothing(off: Any) -> None:
    assert not works(off)
    assert works(type(off)())


@pytest.mark.parametrize(
    ("spec", "inputs", "problem"),
    [
        (recipe.Swap(), GREY, "swap exchanges cells of tables, and these are images"),
        (recipe.Crop(), TABLE, "crop changes images, and these data have none"),
        (recipe.Flip(), Inputs(array=9), "flip changes images"),
        (recipe.Colour(), RAW, "colour needs pixels from 0 to 1"),
        (recipe.RandAugment(), RAW, "randaugment needs pixels from 0 to 1"),
        (recipe.Crop(padding=28), GREY, "moves an image by less than its sides"),
        (recipe.Cutout(), Inputs(categorical=1, codes=3), "cutout changes numbers"),
        (recipe.InputNoise(), Inputs(categorical=1, codes=3), "input_noise changes numbers"),
    ],
)
def test_errors(spec: Any, inputs: Inputs, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        view(spec, "stages.0.turns.0.objectives.0.views.1", inputs)
    assert str(caught.value).startswith("stages.0.turns.0.objectives.0.views.1: ")
    assert caught.value.advice or caught.value.found
