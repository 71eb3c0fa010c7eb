"""Changes of rows that leave their targets alone: as regularizers, and as views of objectives."""

from __future__ import annotations

from typing import Literal

from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.recipes.kinds import regularizers as recipe
from methodic.regularizers.augmentation import Affine, Crop, Flip
from methodic.regularizers.colour import Colour, RandAugment
from methodic.regularizers.corruption import Cutout, InputNoise, Swap
from methodic.regularizers.mixing import Shape
from methodic.types import Mixing

_MOTIONS = ("degrees", "shift", "zoom", "shear")
_STRENGTHS = ("share", "deviation", "probability", "strength")
CHANGES = (Cutout, InputNoise, Swap, Crop, Flip, Affine, Colour, RandAugment)
"""The classes of all changes."""

_PHOTOGRAPH = 24  # pixels of a side; smaller images in colour are rarely photographs


def works(spec: recipe.Regularizer) -> bool:
    """Whether a change of rows has any strength; other parts do what they do."""
    if isinstance(spec, recipe.Affine):
        return any(getattr(spec, name) != 0 for name in _MOTIONS)
    return all(getattr(spec, field, 1) != 0 for field in _STRENGTHS)


def usual(inputs: Inputs, strength: Literal["weak", "middle", "strong"]) -> tuple[recipe.View, ...]:
    """Changes that keep what a row is about, where the recipe names none.

    Images are moved, those in colour mirrored and coloured as well; cells of tables come from other
    rows.
    """
    shape = image_shape(inputs)
    if shape is None:
        share = {"weak": 0.1, "middle": 0.3, "strong": 0.5}[strength]
        return (recipe.Swap(share=share),)
    side = min(shape[1:])
    padding = max(1, side // 8)
    moves: tuple[recipe.View, ...] = (recipe.Crop(padding=padding),) if side > padding else ()
    if shape[0] == 3 and side >= _PHOTOGRAPH:
        moves = (*moves, recipe.Flip())
    if strength == "weak":
        return moves
    if strength == "strong" and inputs.scaling:
        return (*moves, recipe.RandAugment(count=2, strength=0.5), recipe.Cutout(share=0.25))
    affine = recipe.Affine(degrees=15.0, shift=0.1, zoom=0.25, shear=10.0)
    colour = (recipe.Colour(strength=0.4),) if inputs.scaling else ()
    return (*moves, affine, *colour, recipe.Cutout(share=0.15))


def chosen(spec: recipe.Regularizer, inputs: Inputs) -> recipe.Regularizer:
    """The regularizer with the changes that the data decide written out."""
    if not isinstance(spec, recipe.Augment) or spec.changes is not None:
        return spec
    changes = () if image_shape(inputs) is None else usual(inputs, spec.level)
    return spec.model_copy(update={"changes": changes})


def view(spec: recipe.View, at: str, inputs: Inputs) -> Mixing:
    """A change of rows that leaves their targets alone, at ``at`` in the recipe.

    Raises:
        InputError: it finds nothing to act on.
    """
    match spec:
        case recipe.Cutout():
            _check_numbers(at, spec.kind, inputs)
            means = tuple(mean for mean, _ in inputs.scaling)
            return Cutout(at, columns(inputs), image_shape(inputs), means)
        case recipe.InputNoise():
            _check_numbers(at, spec.kind, inputs)
            counts = {"numeric": inputs.numeric, "array": inputs.array}
            spread = tuple(deviation for _, deviation in inputs.scaling)
            return InputNoise(at, {name: count for name, count in counts.items() if count}, spread)
        case recipe.Swap():
            if image_shape(inputs) is not None:
                raise InputError(
                    f"{at}: swap exchanges cells of tables, and these are images",
                    advice="Leave it out, or use cutout, crop, flip, colour or randaugment.",
                )
            cells = inputs.numeric + inputs.array + inputs.categorical
            return Swap(at, cells, f"{at}.share")
        case _:
            return _augmentation(spec, at, inputs)


_Augmentation = Crop | Flip | Affine | Colour | RandAugment


def _augmentation(
    spec: recipe.Crop | recipe.Flip | recipe.Affine | recipe.Colour | recipe.RandAugment,
    at: str,
    inputs: Inputs,
) -> _Augmentation:
    """What changes images, and only images."""
    shape = image_shape(inputs)
    if shape is None:
        raise InputError(
            f"{at}: {spec.kind} changes images, and these data have none",
            accepted="arrays of shape channels × height × width",
            advice="Leave it out, or use input_noise or cutout, which change numbers.",
        )
    if not inputs.scaling and isinstance(spec, recipe.Colour | recipe.RandAugment):
        raise InputError(
            f"{at}: {spec.kind} needs pixels from 0 to 1, and these arrays are other numbers",
            advice="Give the images as whole numbers from 0 to 255 (uint8).",
        )
    match spec:
        case recipe.Crop():
            if spec.padding >= min(shape[1:]):
                raise InputError(
                    f"{at}: crop moves an image by less than its sides",
                    found=f"padding {spec.padding}, images of {shape[1]} × {shape[2]}",
                )
            return Crop(at, shape, spec.padding, spec.edge)
        case recipe.Flip():
            return Flip(at, shape)
        case recipe.Affine():
            return Affine(at, shape, tuple(name for name in _MOTIONS if getattr(spec, name) != 0))
        case recipe.Colour():
            return Colour(at, shape)
        case recipe.RandAugment():
            return RandAugment(at, shape, spec.count)


def columns(inputs: Inputs, *, categorical: bool = False) -> dict[str, int]:
    """Name of an input → its columns; images aren't among them."""
    counts = {
        "numeric": inputs.numeric,
        "categorical": inputs.categorical if categorical else 0,
        "array": inputs.array if image_shape(inputs) is None else 0,
    }
    return {name: count for name, count in counts.items() if count}


def image_shape(inputs: Inputs) -> Shape | None:
    """Channels, height and width where images enter; None otherwise."""
    if len(inputs.shape) != 3:
        return None
    channels, height, width = inputs.shape
    return channels, height, width


def _check_numbers(path: str, kind: str, inputs: Inputs) -> None:
    if not inputs.numeric and not inputs.array:
        raise InputError(
            f"{path}: {kind} changes numbers, and all columns are categories",
            advice="Leave it out, or use mixup or cutmix, which exchange categories.",
        )
