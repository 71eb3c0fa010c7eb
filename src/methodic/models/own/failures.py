"""Where in a user's module something went wrong, as an error that names the layer."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from methodic.errors import InputError


def layer_name(module: nn.Module, path: str) -> str:
    """A layer in words: its path in ``module`` and its class.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3))
        >>> layer_name(net, "0"), layer_name(net, "")
        ("layer '0' (Linear)", 'Sequential')
    """
    kind = type(module.get_submodule(path)).__name__
    return f"layer '{path}' ({kind})" if path else kind


def failing_layer(module: nn.Module, error: BaseException) -> str:
    """The innermost layer of ``module`` in whose forward pass ``error`` was raised, in words.

    Read from the error's own traceback: hooks would switch off the fast paths of some layers, and
    would miss layers whose forward is called directly.
    """
    paths = {id(layer): path for path, layer in module.named_modules()}
    found, traceback = "", error.__traceback__
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get("self")
        found = paths.get(id(owner), found)
        traceback = traceback.tb_next
    return layer_name(module, found)


def failure(
    module: nn.Module, error: Exception, inputs: Mapping[str, Tensor], way: str = ""
) -> Exception:
    """What to raise for ``error`` from a pass over ``inputs``: an `InputError` with the layer.

    Memory that runs out is no fault of the module's; that error stays as it is.

    Args:
        module: the user's.
        error: as it was raised.
        inputs: what the module got.
        way: how it was called, if not as users call it: " under vmap".
    """
    if isinstance(error, InputError) or out_of_memory(error):
        return error
    shown = ", ".join(
        f"{name} {str(x.dtype).removeprefix('torch.')} {list(x.shape)}"
        for name, x in inputs.items()
    )
    return InputError(
        f"{failing_layer(module, error)} fails{way}",
        found=summary(error),
        advice=f"{type(module).__name__} was called with {shown}; try that alone first.",
    )


def summary(error: Exception) -> str:
    """An error's kind and first sentence."""
    first = str(error).strip().split("\n")[0].split(". ")[0]
    return f"{type(error).__name__}: {first[:200]}"


def out_of_memory(error: BaseException) -> bool:
    """Memory ran out, on the processor or on a device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "not enough memory" in str(error)
    )


def copied(module: nn.Module) -> nn.Module:
    """A copy that shares nothing with ``module``; tensors that it ties stay tied.

    Raises:
        InputError: something in it can't be copied.
    """
    try:
        return copy.deepcopy(module)
    except Exception as error:
        if out_of_memory(error):
            raise
        raise InputError(
            f"{type(module).__name__} can't be copied",
            found=summary(error),
            advice="Pass a module that was built but not called yet; keep tensors with gradients "
            "out of its attributes, and take weight_norm from torch.nn.utils.parametrizations.",
        ) from error


def check_trainable(module: nn.Module) -> None:
    """Refuse what can't be trained.

    Raises:
        InputError: lazy layers without a shape, sparse gradients, nothing to train, or parameters
            that aren't float32; it names the layer or parameter.
    """
    for path, layer in module.named_modules():
        own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
        if any(isinstance(x, UninitializedParameter | UninitializedBuffer) for x in own):
            raise InputError(
                f"{layer_name(module, path)} has no shape yet",
                found="a lazy layer",
                advice="Call the module once on a few rows before training it.",
            )
        if getattr(layer, "sparse", False) is True:
            raise InputError(
                f"{layer_name(module, path)} has sparse gradients",
                found="sparse=True",
                accepted="sparse=False",
            )
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        raise InputError(
            f"{type(module).__name__} has no parameters to train",
            advice="Pass a torch.nn.Module that has parameters with requires_grad=True.",
        )
    for name, parameter in trained.items():
        if parameter.dtype != torch.float32:
            raise InputError(
                f"parameter '{name}' of {type(module).__name__} can't be trained",
                found=parameter.dtype,
                accepted="torch.float32",
                advice="Call module.float() first, or set its requires_grad to False.",
            )
