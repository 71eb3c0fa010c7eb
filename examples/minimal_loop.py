"""What one member's training does, in plain PyTorch: no import of Methodic, nothing hidden.

A test trains the same member with Methodic's engine and demands these losses from it.
Run: python examples/minimal_loop.py
"""

from __future__ import annotations

import math
import zlib

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

SEED, STEPS, BATCH, WIDTH, RATE, SMOOTHING, WEIGHT_DECAY = 3, 150, 64, 32, 1e-2, 0.05, 0.01


# Random numbers are a function of (seed, what for, step): a hash over 32-bit integers.


def mix(x: Tensor) -> Tensor:
    """lowbias32; the masks make torch's signed shift an unsigned one."""
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * 0x7FEB352D
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * (0x846CA68B - 2**32)
    return x ^ ((x >> 16) & 0xFFFF)


def splitmix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


def signed(x: int) -> int:
    x %= 2**32
    return x - 2**32 if x >= 2**31 else x


def bits(name: str, n: int, *path: str | int) -> Tensor:
    """n random 32-bit integers for a named site, keyed by SEED and path."""
    state = SEED
    for part in path:
        number = zlib.crc32(part.encode()) | 1 << 40 if isinstance(part, str) else part
        state = splitmix(state ^ splitmix(number))
    key = splitmix(state)
    base = mix(mix(torch.arange(n, dtype=torch.int32)) ^ signed(zlib.crc32(name.encode())))
    x = mix(base ^ signed(key)) + signed(key >> 32)
    x = (x ^ ((x >> 16) & 0xFFFF)) * 0x7FEB352D
    return x ^ ((x >> 15) & 0x1FFFF)


def uniform(x: Tensor) -> Tensor:
    return ((x >> 8) & 0xFFFFFF).float() * 2.0**-24


def normal(name: str, shape: tuple[int, int]) -> Tensor:
    """Box and Muller; sites are padded to multiples of 128."""
    n = math.prod(shape)
    first, second = bits(name, n + -n % 128, "initial").chunk(2)
    radius = torch.sqrt(-2.0 * torch.log1p(-uniform(first)))
    angle = 2.0 * math.pi * uniform(second)
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)])[:n].reshape(shape)


def initial_weights() -> dict[str, Tensor]:
    """Kaiming normal for the hidden layer, Xavier uniform for the head, biases 0."""
    head = uniform(bits("head.weight", WIDTH * 10 + -WIDTH * 10 % 128, "initial"))
    bound = math.sqrt(6.0 / (WIDTH + 10))
    return {
        "hidden.weight": normal("hidden.0.weight", (64, WIDTH)) * (math.sqrt(2.0) / math.sqrt(64)),
        "hidden.bias": torch.zeros(WIDTH),
        "head.weight": (head[: WIDTH * 10].reshape(WIDTH, 10) * 2.0 - 1.0) * bound,
        "head.bias": torch.zeros(10),
    }


def batches(rows: int) -> list[Tensor]:
    """Epochs of shuffled rows laid end to end, cut into batches."""
    epochs = range(math.ceil(STEPS * BATCH / rows))
    order = [
        torch.argsort(bits("order/train", rows, "order/train", e), stable=True) for e in epochs
    ]
    return list(torch.cat(order)[: STEPS * BATCH].split(BATCH))


def learning_rate(step: int) -> float:
    """Half a cosine from RATE to 0."""
    return RATE * 0.5 * (1.0 + math.cos(math.pi * step / STEPS))


def main() -> list[float]:
    """Train; returns the loss of each step."""
    inputs, target = load_digits(return_X_y=True)
    x = torch.tensor(inputs, dtype=torch.float32) / 16.0
    y = torch.tensor(target)
    weights = {name: value.requires_grad_() for name, value in initial_weights().items()}
    optimizer = torch.optim.AdamW(
        [
            {"params": [weights["hidden.weight"], weights["head.weight"]]},
            {"params": [weights["hidden.bias"], weights["head.bias"]], "weight_decay": 0.0},
        ],
        lr=RATE,
        weight_decay=WEIGHT_DECAY,
    )
    losses = []
    for step, rows in enumerate(batches(len(x))):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        hidden = F.relu(x[rows] @ weights["hidden.weight"] + weights["hidden.bias"])
        output = hidden @ weights["head.weight"] + weights["head.bias"]
        loss = F.cross_entropy(output, y[rows], label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    for number, value in enumerate(main()):
        if number % 10 == 0:
            print(f"step {number:3d}  loss {value:.4f}")
