"""Find where a computation stops being finite."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


def first_non_finite(
    model: nn.Module, compute: Callable[[], dict[str, Tensor]]
) -> str | None:
    """Repeat a step, and name the first value in it that is not finite.

    Args:
        model: The model.
        compute: Computes its losses by name.

    Returns:
        What is not finite, in words: an input, the output of a module, a
        loss, the gradient of an output, or that of a parameter. None if
        everything is finite.
    """
    found: list[str] = []
    handles = []

    def watch(name: str) -> Callable:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            for tensor in floats(output):
                if not is_finite(tensor):
                    found.append(f'the output of {name}')
                elif tensor.requires_grad and not found:
                    tensor.register_hook(look_back)

        def look_back(gradient: Tensor) -> None:
            if not is_finite(gradient):
                found.append(f'the gradient of the output of {name}')

        return look

    for name, parameter in model.named_parameters():
        parameter.grad = None
        if not is_finite(parameter):
            return f'the weight {name}'
    for name, module in model.named_modules():
        handles.append(module.register_forward_hook(watch(name or 'model')))
    try:
        with torch.enable_grad():
            losses = compute()
            for name, loss in losses.items():
                if not is_finite(loss):
                    found.append(f'the loss {name}')
            total = sum(loss.sum() for loss in losses.values())
            if not found and isinstance(total, Tensor):
                total.backward()
    finally:
        for handle in handles:
            handle.remove()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not is_finite(parameter.grad):
            found.append(f'the gradient of {name}')
    return found[0] if found else None


def floats(content: Any) -> Iterator[Tensor]:
    """Yield the floating-point tensors in nested dicts and sequences."""
    if isinstance(content, Tensor):
        if content.is_floating_point():
            yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from floats(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from floats(value)


def is_finite(tensor: Tensor) -> bool:
    """Return whether all elements of a tensor are finite."""
    return bool(torch.isfinite(tensor.detach()).all())
