"""Update rules of recipes."""

from __future__ import annotations

from methodic.build import own as owned
from methodic.build.own import Own
from methodic.engine.parts import Layout
from methodic.optimizers.adafactor import Adafactor
from methodic.optimizers.adam import Adam, AdamW
from methodic.optimizers.adan import Adan
from methodic.optimizers.adaptive import Adadelta, Adagrad
from methodic.optimizers.descent import SGD
from methodic.optimizers.lamb import LAMB
from methodic.optimizers.lbfgs import LBFGS
from methodic.optimizers.moments import Adamax, NAdam, RAdam
from methodic.optimizers.muon import Muon
from methodic.optimizers.pieces import ByParameter, pieces
from methodic.optimizers.prodigy import Prodigy
from methodic.optimizers.rms import RMSprop
from methodic.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from methodic.optimizers.sign import Lion
from methodic.optimizers.soap import SOAP
from methodic.optimizers.variational import IVON
from methodic.recipes.kinds import optimizers as recipe
from methodic.recipes.kinds.own import OwnRule
from methodic.types import Rule


def counted(spec: recipe.Optimizer, rows: int) -> recipe.Optimizer:
    """The optimizer of a resolved recipe: what depends on the number of training rows is known."""
    if isinstance(spec, recipe.IVON) and spec.ess == 0:
        return spec.model_copy(update={"ess": float(rows)})
    return spec


def rule(spec: recipe.Optimizer, layout: Layout, own: Own) -> Rule:
    """The rule of a turn.

    Args:
        spec: the optimizer of a resolved recipe.
        layout: of all parameters, for rules that must know what they train.
        own: the user's objects.

    Raises:
        InputError: a rule of the user's own that wasn't given.
    """
    decay = bool(spec.weight_decay)
    match spec:
        case OwnRule():
            return owned.rule(spec, own)
        case recipe.SGD():
            dampened = bool(spec.dampening)
            return SGD(bool(spec.momentum), spec.nesterov, decay, dampened)
        case recipe.RMSprop():
            return RMSprop(momentum=bool(spec.momentum), centered=spec.centered, decay=decay)
        case recipe.Adam():
            return Adam(decay=decay, amsgrad=spec.amsgrad)
        case recipe.AdamW():
            return AdamW(decay=decay, amsgrad=spec.amsgrad)
        case recipe.Adagrad():
            return Adagrad(started=bool(spec.initial_accumulator), decay=decay)
        case recipe.Adadelta():
            return Adadelta(decay=decay)
        case recipe.Adamax():
            return Adamax(decay=decay)
        case recipe.NAdam():
            return NAdam(decay=decay, decoupled=spec.decoupled)
        case recipe.RAdam():
            return RAdam(decay=decay, decoupled=spec.decoupled)
        case recipe.Lion():
            return Lion(decay=decay)
        case recipe.Adan():
            return Adan(decay=decay)
        case recipe.ScheduleFreeSGD():
            return ScheduleFreeSGD(decay=decay)
        case recipe.ScheduleFreeAdamW():
            return ScheduleFreeAdamW(decay=decay)
        case recipe.IVON():
            return IVON(decay=decay)
        case recipe.LAMB():
            return _everywhere(LAMB(decay=decay, corrected=spec.corrected), layout)
        case recipe.Adafactor():
            return _everywhere(Adafactor(decay=decay), layout)
        case recipe.Muon():
            muon = Muon(spec.nesterov, decay, spec.adjust, spec.iterations)
            means = tuple((n, f"adamw_{n}") for n in ("beta1", "beta2", "epsilon"))
            return _matrices(muon, layout, decay, (("lr", "adamw_ratio"), *means), hidden=True)
        case recipe.SOAP():
            soap = SOAP(decay, spec.frequency, spec.largest)
            return _matrices(soap, layout, decay, (("lr", "adamw_ratio"),), hidden=False)
        case recipe.Prodigy():
            return Prodigy(decay, spec.corrected, spec.safeguarded)
        case recipe.LBFGS():
            searches = spec.line_search == "strong_wolfe"
            return LBFGS(decay, spec.history, spec.iterations, searches)


def _everywhere(each: Rule, layout: Layout) -> Rule:
    """A rule for every parameter by itself."""
    return ByParameter(pieces(layout.specs), (), each)


def _matrices(
    each: Rule,
    layout: Layout,
    decay: bool,
    renamed: tuple[tuple[str, str], ...],
    *,
    hidden: bool,
) -> Rule:
    """A rule for matrices, or for hidden ones only, and AdamW for all the rest."""
    everything = pieces(layout.specs)
    chosen = tuple(p for p in everything if p.matrix and (p.role == "hidden" or not hidden))
    rest = tuple(p for p in everything if p not in chosen)
    return ByParameter(chosen, rest, each, AdamW(decay=decay) if rest else None, renamed)
