"""Time per step of each update rule as a torch.optim optimizer, beside its public counterpart.

    OMP_NUM_THREADS=1 python benchmarks/_rules.py [threads]

Each number is the best of many, ours and theirs in turn. Gradients stay the same; no data, no loss.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytorch_optimizer as rivals
import torch

from methodic import optimizers as ours

NETS = {
    "20-64-64-10": (20, 64, 64, 10),
    "784-512-512-10": (784, 512, 512, 10),
    "4 × 1024": (1024,) * 5,
}
_O = torch.optim


class _Both:
    """torch's Muon takes matrices only; its AdamW takes the rest."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        self._muon = _O.Muon([p for p in parameters if p.ndim == 2], lr=1e-6)
        self._rest = _O.AdamW([p for p in parameters if p.ndim != 2], lr=1e-6)

    def step(self) -> None:
        self._muon.step()
        self._rest.step()


def _training(optimizer: Any) -> Any:
    optimizer.train()
    return optimizer


PAIRS: tuple[tuple[str, str, Callable[..., Any], Callable[..., Any]], ...] = (
    ("sgd", "torch", lambda p: ours.SGD(p, lr=1e-6), lambda p: _O.SGD(p, lr=1e-6)),
    (
        "sgd, momentum",
        "torch",
        lambda p: ours.SGD(p, lr=1e-6, momentum=0.9),
        lambda p: _O.SGD(p, lr=1e-6, momentum=0.9),
    ),
    (
        "sgd, nesterov",
        "torch",
        lambda p: ours.SGD(p, lr=1e-6, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: _O.SGD(p, lr=1e-6, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    ("rmsprop", "torch", lambda p: ours.RMSprop(p, lr=1e-6), lambda p: _O.RMSprop(p, lr=1e-6)),
    ("adam", "torch", lambda p: ours.Adam(p, lr=1e-6), lambda p: _O.Adam(p, lr=1e-6)),
    ("adamw", "torch", lambda p: ours.AdamW(p, lr=1e-6), lambda p: _O.AdamW(p, lr=1e-6)),
    (
        "adamw",
        "torch, fused",
        lambda p: ours.AdamW(p, lr=1e-6),
        lambda p: _O.AdamW(p, lr=1e-6, fused=True),
    ),
    (
        "amsgrad",
        "torch",
        lambda p: ours.Adam(p, lr=1e-6, amsgrad=True),
        lambda p: _O.Adam(p, lr=1e-6, amsgrad=True),
    ),
    ("adagrad", "torch", lambda p: ours.Adagrad(p, lr=1e-6), lambda p: _O.Adagrad(p, lr=1e-6)),
    ("adadelta", "torch", lambda p: ours.Adadelta(p, lr=1e-6), lambda p: _O.Adadelta(p, lr=1e-6)),
    ("adamax", "torch", lambda p: ours.Adamax(p, lr=1e-6), lambda p: _O.Adamax(p, lr=1e-6)),
    ("nadam", "torch", lambda p: ours.NAdam(p, lr=1e-6), lambda p: _O.NAdam(p, lr=1e-6)),
    ("radam", "torch", lambda p: ours.RAdam(p, lr=1e-6), lambda p: _O.RAdam(p, lr=1e-6)),
    (
        "adafactor",
        "torch",
        lambda p: ours.Adafactor(p, lr=1e-6),
        lambda p: _O.Adafactor(p, lr=1e-6),
    ),
    ("muon", "torch", lambda p: ours.Muon(p, lr=1e-6), _Both),
    (
        "lion",
        "pytorch_optimizer",
        lambda p: ours.Lion(p, lr=1e-6),
        lambda p: rivals.Lion(p, lr=1e-6),
    ),
    (
        "adan",
        "pytorch_optimizer",
        lambda p: ours.Adan(p, lr=1e-6),
        lambda p: rivals.Adan(p, lr=1e-6),
    ),
    (
        "lamb",
        "pytorch_optimizer",
        lambda p: ours.LAMB(p, lr=1e-6),
        lambda p: rivals.Lamb(p, lr=1e-6),
    ),
    (
        "schedule-free sgd",
        "pytorch_optimizer",
        lambda p: ours.ScheduleFreeSGD(p, lr=1e-6),
        lambda p: _training(rivals.ScheduleFreeSGD(p, lr=1e-6)),
    ),
    (
        "schedule-free adamw",
        "pytorch_optimizer",
        lambda p: ours.ScheduleFreeAdamW(p, lr=1e-6),
        lambda p: _training(rivals.ScheduleFreeAdamW(p, lr=1e-6)),
    ),
    (
        "prodigy",
        "pytorch_optimizer",
        lambda p: ours.Prodigy(p, lr=1e-3),
        lambda p: rivals.Prodigy(p, lr=1e-3),
    ),
    (
        "soap",
        "pytorch_optimizer",
        lambda p: ours.SOAP(p, lr=1e-6),
        lambda p: rivals.SOAP(p, lr=1e-6),
    ),
)


def _parameters(sizes: tuple[int, ...]) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for inputs, outputs in itertools.pairwise(sizes):
        for shape in ((outputs, inputs), (outputs,)):
            found.append(torch.nn.Parameter(torch.randn(shape, generator=generator) * 0.1))
            found[-1].grad = torch.randn(shape, generator=generator) * 1e-3
    return found


def _best(steps: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Shortest time of a step of each, taken in turn, in µs."""
    for step in steps:
        for _ in range(3):
            step()
    start = time.perf_counter()
    steps[0]()
    once = time.perf_counter() - start
    count = max(1, int(0.002 / max(once, 1e-6)))
    best = [float("inf")] * len(steps)
    until = time.perf_counter() + seconds
    rounds = 0
    while rounds < 3 or time.perf_counter() < until:
        rounds += 1
        for i, step in enumerate(steps):
            start = time.perf_counter()
            for _ in range(count):
                step()
            best[i] = min(best[i], (time.perf_counter() - start) / count)
    return [x * 1e6 for x in best]


def rows(seconds: float = 0.8) -> list[dict[str, Any]]:
    """All rows of `measured`, which see."""
    return list(measured(seconds))


def measured(seconds: float) -> Iterator[dict[str, Any]]:
    """One row for each rule and net: what it takes, in µs, beside its counterpart.

    Args:
        seconds: to spend on each row, at least.
    """
    for net, sizes in NETS.items():
        for rule, peer, make, make_peer in PAIRS:
            mine, other = make(_parameters(sizes)), make_peer(_parameters(sizes))
            taken, theirs = _best([mine.step, other.step], seconds)
            yield {
                "rule": rule,
                "net": net,
                "ours": taken,
                "peer": theirs,
                "ratio": taken / theirs,
                "peer name": peer,
                "threads": torch.get_num_threads(),
            }


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s); µs per step")
    print(f"{'rule':22}{'net':>16}{'ours':>10}{'theirs':>10}{'ratio':>8}  counterpart")
    for row in measured(0.8):
        print(
            f"{row['rule']:22}{row['net']:>16}{row['ours']:10.0f}{row['peer']:10.0f}"
            f"{row['ratio']:8.2f}  {row['peer name']}",
            flush=True,
        )
