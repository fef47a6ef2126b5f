"""Data types of custom operators under autocast."""

import torch
from torch import Tensor


def compute_dtype(x: Tensor) -> torch.dtype:
    """Return the autocast type of x's device if enabled, else x's type."""
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def no_autocast(x: Tensor) -> torch.autocast:
    """Return a context that disables autocast on the device of x."""
    return torch.autocast(x.device.type, enabled=False)
