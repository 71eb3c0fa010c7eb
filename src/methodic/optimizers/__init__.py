"""Update rules, and the same as torch.optim optimizers.

The rules are pure functions, one family per file, such as `descent.SGD`, `adam.AdamW` or
`muon.Muon`; `Rule` is their base. The classes exported here wrap them for a training loop in plain
PyTorch.
"""

from methodic.optimizers.as_torch.adapter import TorchOptimizer
from methodic.optimizers.as_torch.classic import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    RAdam,
    RMSprop,
)
from methodic.optimizers.as_torch.matrix import LBFGS, SOAP, Muon
from methodic.optimizers.as_torch.modern import (
    IVON,
    LAMB,
    Adafactor,
    Adan,
    Lion,
    Prodigy,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)
from methodic.types import Rule

__all__ = [
    "IVON",
    "LAMB",
    "LBFGS",
    "SGD",
    "SOAP",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "Lion",
    "Muon",
    "NAdam",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "Rule",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "TorchOptimizer",
]
