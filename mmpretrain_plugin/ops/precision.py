"""The type that a function of ours computes in, as autocast would have it."""

import torch
from torch import Tensor


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the type of autocast, where it is on, or else that of x."""
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def no_autocast(x: Tensor) -> torch.autocast:
    """Return a context in which operations keep the types they are given."""
    return torch.autocast(x.device.type, enabled=False)
