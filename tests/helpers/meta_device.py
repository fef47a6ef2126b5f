"""Build models without memory, also those of the OpenMMLab libraries."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode


class LinspaceOnCPU(TorchFunctionMode):
    """Keep ``torch.linspace`` on the CPU.

    Swin and ConvNeXt of MMPretrain read their drop path rates from one.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs.setdefault('device', 'cpu')
        return func(*args, **kwargs)


@contextmanager
def meta_device() -> Iterator[None]:
    """Create tensors on the meta device."""
    with torch.device('meta'), LinspaceOnCPU():
        yield
