"""Methodic: which training method should I use for my data and my budget, and how sure is that?

Names are imported when they are first used, so that `import methodic` costs next to nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from methodic import optimizers
    from methodic.bundle import Bundle
    from methodic.bundle import load as load_bundle
    from methodic.data.dataset import DataSet
    from methodic.data.loading import load
    from methodic.errors import InputError
    from methodic.estimators import MethodicClassifier, MethodicRegressor
    from methodic.recipes.catalogue import get as recipe
    from methodic.recipes.types import Recipe
    from methodic.report.across import compare, ranks
    from methodic.runs import Run, load_run, make_plan, reproduce, resume, run, train_method
    from methodic.runs.label_curve import label_curve
    from methodic.runs.outcome.ablation import ablate
    from methodic.runs.own import train_module as train
    from methodic.runs.rates import find_lr
    from methodic.tuning import Search

__version__ = "0.1.0"

# A product of matrices must not round by where in memory its numbers lie, since a member lies
# elsewhere in company than alone. On some processors MKL's kernels do, unless they are told before
# the first product. It costs no time.
os.environ.setdefault("MKL_CBWR", "AUTO")

__all__ = [
    "Bundle",
    "DataSet",
    "InputError",
    "MethodicClassifier",
    "MethodicRegressor",
    "Recipe",
    "Run",
    "Search",
    "__version__",
    "ablate",
    "compare",
    "find_lr",
    "label_curve",
    "load",
    "load_bundle",
    "load_run",
    "make_plan",
    "optimizers",
    "ranks",
    "recipe",
    "reproduce",
    "resume",
    "run",
    "train",
    "train_method",
]


def _home(name: str) -> tuple[str, str] | None:
    """The module of a public name, and its name there ("" for the module itself)."""
    match name:
        case "load":
            return "methodic.data.loading", name
        case "DataSet":
            return "methodic.data.dataset", name
        case "run" | "make_plan" | "train_method" | "resume" | "reproduce" | "load_run" | "Run":
            return "methodic.runs", name
        case "ablate":
            return "methodic.runs.outcome.ablation", name
        case "train":
            return "methodic.runs.own", "train_module"
        case "find_lr":
            return "methodic.runs.rates", name
        case "label_curve":
            return "methodic.runs.label_curve", name
        case "compare" | "ranks":
            return "methodic.report.across", name
        case "Search":
            return "methodic.tuning", name
        case "Recipe":
            return "methodic.recipes.types", name
        case "recipe":
            return "methodic.recipes.catalogue", "get"
        case "MethodicClassifier" | "MethodicRegressor":
            return "methodic.estimators", name
        case "Bundle":
            return "methodic.bundle", name
        case "load_bundle":
            return "methodic.bundle", "load"
        case "InputError":
            return "methodic.errors", name
        case "optimizers":
            return "methodic.optimizers", ""
        case _:
            return None


def __getattr__(name: str) -> Any:
    home = _home(name)
    if home is None:
        raise AttributeError(f"module 'methodic' has no attribute '{name}'")
    module = import_module(home[0])
    return getattr(module, home[1]) if home[1] else module


def __dir__() -> list[str]:
    return list(__all__)
