"""Objectives without targets, of recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from methodic.build.views import image_shape, usual, view, works
from methodic.errors import InputError
from methodic.models.around import encoder, inmost
from methodic.models.autoencoder import Autoencoder
from methodic.models.inputs import Inputs
from methodic.objectives.adversarial import Discriminator, Generator
from methodic.objectives.agreement import (
    Answers,
    Consistency,
    Distillation,
    MeanTeacher,
    SelfLabelled,
)
from methodic.objectives.cells import Cells
from methodic.objectives.contrast import SimCLR, SupervisedContrast
from methodic.objectives.decorrelation import BarlowTwins, VICReg
from methodic.objectives.foretelling import BYOL, SimSiam
from methodic.objectives.reconstruction import MaskedCells, MaskedPatches, Reconstruction
from methodic.objectives.unlabelled import Unlabelled
from methodic.recipes.kinds import unlabelled as recipe
from methodic.recipes.kinds.regularizers import View
from methodic.regularizers.corruption import Swap
from methodic.types import Mixing, Model

KINDS = (
    recipe.Reconstruction,
    recipe.Masked,
    recipe.SimCLR,
    recipe.Scarf,
    recipe.VICReg,
    recipe.BarlowTwins,
    recipe.BYOL,
    recipe.SimSiam,
    recipe.SupervisedContrastive,
    recipe.PseudoLabels,
    recipe.FixMatch,
    recipe.Consistency,
    recipe.MeanTeacher,
    recipe.Distillation,
    recipe.Discriminator,
    recipe.Generator,
)
"""All kinds."""
_LABELLED = (recipe.SupervisedContrastive,)  # they read classes, and so the labelled batch
_VIEWS = ("views", "weak", "strong")


def with_views(spec: recipe.Unlabelled, inputs: Inputs) -> recipe.Unlabelled:
    """The objective with the views that the data decide written out."""
    open_ones = [name for name in _VIEWS if getattr(spec, name, ()) is None]
    soft = isinstance(spec, recipe.Consistency | recipe.MeanTeacher)
    strength = {"views": "weak" if soft else "middle", "weak": "weak", "strong": "strong"}
    found = {name: usual(inputs, strength[name]) for name in open_ones}  # type: ignore[arg-type]
    return spec.model_copy(update=found)


@dataclass(frozen=True)
class Place:
    """Where an objective stands.

    Args:
        path: in the recipe.
        stage: its name.
        number: how many of its kind stand before it in the stage.
        beside: the stage has rows without targets beside its batches.
        network: to be trained.
        inputs: what enters it.
        kind: of its answers.
        shares: of the classes among labelled rows; () where they aren't known.
    """

    path: str
    stage: str
    number: int
    beside: bool
    network: Model
    inputs: Inputs
    kind: Answers
    shares: tuple[float, ...] = ()

    def changes(self, views: Sequence[View] | None, field: str = "views") -> tuple[Mixing, ...]:
        """The views of a field; those without any strength aren't there."""
        assert views is not None, "resolve the recipe first"
        return tuple(
            view(each, f"{self.path}.{field}.{i}", self.inputs)
            for i, each in enumerate(views)
            if works(each)
        )


def objective(spec: recipe.Unlabelled, place: Place) -> Unlabelled:
    """The objective of a resolved recipe.

    Raises:
        InputError: it doesn't fit the network or the data.
    """
    if not spec.kind.endswith(("labels", "match", "consistency", "teacher", "distillation")):
        _check_encoder(spec, place)
    name = "adversary" if spec.kind in ("discriminator", "generator") else spec.kind
    again = "" if not place.number or name == "adversary" else f".{place.number}"
    beside = place.beside and not isinstance(spec, _LABELLED)
    base = (place.path, f"{place.stage}.{name}{again}", place.network, beside)
    match spec:
        case recipe.Reconstruction() | recipe.Masked():
            return _back(spec, place, base)
        case recipe.Discriminator() | recipe.Generator():
            if place.inputs.categorical and spec.of == "rows":
                raise InputError(
                    f"{place.path}: a generator makes numbers, and these data have categories",
                    found=f"{place.inputs.categorical} categorical columns",
                    advice="Leave them out (--drop), or choose another objective, such as scarf.",
                )
            made = Discriminator if isinstance(spec, recipe.Discriminator) else Generator
            sizes = (spec.latent, spec.generator, spec.hidden)
            return made(*base, place.inputs, spec.of, *sizes, spec.prior == "rectified")
        case recipe.PseudoLabels():
            return SelfLabelled(*base, place.kind)
        case recipe.FixMatch():
            weak, strong = place.changes(spec.weak, "weak"), place.changes(spec.strong, "strong")
            return SelfLabelled(*base, place.kind, weak, strong, place.shares)
        case recipe.Consistency() | recipe.MeanTeacher():
            both = (place.changes(spec.views),) * 2
            kind = Consistency if isinstance(spec, recipe.Consistency) else MeanTeacher
            return kind(*base, place.kind, *both)
        case recipe.Distillation():
            return Distillation(*base, place.kind)
        case _:
            return _of_views(spec, place, base)


_Base = tuple[str, str, Model, bool]


def _of_views(spec: recipe.Unlabelled, place: Place, base: _Base) -> Unlabelled:
    if isinstance(spec, recipe.Scarf):
        if image_shape(place.inputs) is not None:
            raise InputError(
                f"{place.path}: scarf exchanges cells of tables, and these are images",
                advice="Choose simclr.",
            )
        cells = place.inputs.numeric + place.inputs.array + place.inputs.categorical
        swap = Swap(f"{place.path}/corruption", cells, f"{place.path}.corruption")
        return SimCLR(*base, (), (swap,), spec.projection)
    assert isinstance(
        spec,
        recipe.SimCLR
        | recipe.VICReg
        | recipe.BarlowTwins
        | recipe.SupervisedContrastive
        | recipe.BYOL
        | recipe.SimSiam,
    )
    changes = place.changes(spec.views)
    views = (changes, changes, spec.projection)
    match spec:
        case recipe.SimCLR():
            return SimCLR(*base, *views)
        case recipe.VICReg():
            if not (spec.invariance or spec.variance or spec.covariance):
                raise InputError(
                    f"{place.path}: vicreg has three parts, and all of them weigh 0",
                    found="invariance 0, variance 0, covariance 0",
                    accepted="at least one of them above 0",
                )
            return VICReg(*base, *views)
        case recipe.BarlowTwins():
            return BarlowTwins(*base, *views)
        case recipe.SupervisedContrastive():
            return SupervisedContrast(*base, *views)
        case recipe.BYOL():
            return BYOL(*base, *views, spec.predictor)
        case recipe.SimSiam():
            return SimSiam(*base, *views, spec.predictor)


def _back(
    spec: recipe.Reconstruction | recipe.Masked, place: Place, base: _Base
) -> Reconstruction | MaskedCells | MaskedPatches:
    inputs = place.inputs
    if inputs.categorical and not inputs.sizes:
        raise InputError(f"{place.path}: how many categories each column has isn't known")
    network = inmost(place.network)
    unit = isinstance(network, Autoencoder) and network.output_activation == "sigmoid"
    if isinstance(spec, recipe.Masked):
        shape = image_shape(inputs)
        if shape is None:
            return MaskedCells(*base, Cells(inputs), spec.decoder)
        image = Inputs(array=inputs.array, shape=inputs.shape, scaling=inputs.scaling)
        return MaskedPatches(*base, Cells(image), spec.decoder, shape, spec.patch)
    binary = spec.loss == "binary"
    if binary and (inputs.numeric or not inputs.scaling):
        raise InputError(
            f"{place.path}: the binary loss is for numbers between 0 and 1",
            found="columns of other numbers",
            accepted="images; for anything else loss: squared",
        )
    cells = Cells(inputs, unit or binary)
    changes = place.changes(spec.views)
    return Reconstruction(*base, cells, changes, spec.decoder, binary, spec.latent)


def _check_encoder(spec: recipe.Unlabelled, place: Place) -> None:
    halves = encoder(place.network)
    if not any(halves.half(name) == "encoder" for name in inmost(place.network).parameters()):
        raise InputError(
            f"{place.path}: {spec.kind} trains an encoder, and this network has no layer in front "
            "of its head",
            found="a linear model of numbers",
            advice="Choose another model, such as mlp.",
        )
