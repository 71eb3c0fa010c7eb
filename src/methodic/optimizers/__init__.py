"""Update rules, and the same as torch.optim optimizers.

The rules are pure functions, one family per file: `descent.SGD`, `rms.RMSprop`, `adam.Adam`,
`adam.AdamW`. The classes exported here wrap them for a training loop in plain PyTorch.
"""

from methodic.optimizers.torch_adapter import SGD, Adam, AdamW, RMSprop, TorchOptimizer

__all__ = ["SGD", "Adam", "AdamW", "RMSprop", "TorchOptimizer"]
