"""Swin Transformer that loads weights of another window size."""

import numpy as np
import torch
from mmpretrain.models import SwinTransformer
from mmpretrain.registry import MODELS
from torch import Tensor


def geometric_grid(size: int, extent: float) -> np.ndarray:
    """Return symmetric positions whose distances grow by a constant factor.

    Args:
        size: Odd number of positions.
        extent: Position of the last one. The factor that reaches it is
            between 1.01 and 1.5, as in MMPretrain.

    Returns:
        Array of shape ``(size,)``, from low to high, with 0 in the middle.
    """
    powers = np.arange(size // 2)
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        factor = (low + high) / 2
        if (factor**powers).sum() > extent:
            high = factor
        else:
            low = factor
    half = np.cumsum(factor**powers)
    return np.concatenate([-half[::-1], [0.0], half])


def resize_bias_table(table: Tensor, length: int) -> Tensor:
    """Interpolate relative position biases for another window size.

    The old positions are spread over the new window, densest in its center
    (BEiT); a bicubic spline through them is evaluated at the new ones. This is
    what MMPretrain's ``resize_relative_position_bias_table`` computes with a
    function that SciPy 1.14 removed.

    Args:
        table: Biases of shape ``((2 * window - 1)**2, heads)``.
        length: New first dimension.

    Returns:
        Biases of shape ``(length, heads)``.
    """
    # Imported where it is used, as in MMPretrain, which does not require it.
    from scipy.interpolate import RectBivariateSpline

    old, new = (round(n**0.5) for n in (len(table), length))
    target = np.arange(new) - new // 2
    source = geometric_grid(old, new // 2)
    maps = table.detach().double().cpu().numpy().reshape(old, old, -1)
    resized = [
        RectBivariateSpline(source, source, maps[..., head])(target, target)
        for head in range(maps.shape[-1])
    ]
    columns = np.stack(resized, axis=-1).reshape(length, -1)
    return torch.from_numpy(columns).to(table)


@MODELS.register_module()
class SwinTransformerAnyWindow(SwinTransformer):
    """MMPretrain's Swin Transformer, for weights of any window size.

    Weights of another window size are resized when they are loaded. MMPretrain
    has that too, but with a function that SciPy 1.14 removed. Needed for
    SimMIM, which pre-trains with smaller windows than it fine-tunes with.

    Args and outputs are those of MMPretrain's ``SwinTransformer``.
    """

    def _prepare_relative_position_bias_table(
        self, state_dict: dict, prefix: str, *args: object, **kwargs: object
    ) -> None:
        """Resize tables in a checkpoint; MMPretrain calls it before loading.

        Args:
            state_dict: Checkpoint, changed in place.
            prefix: Prefix of this module's keys.
            *args: Ignored; what else PyTorch passes to a hook.
            **kwargs: Ignored.
        """
        own = self.state_dict()
        for name, value in own.items():
            key = prefix + name
            if not name.endswith('relative_position_bias_table'):
                continue
            if key in state_dict and len(state_dict[key]) != len(value):
                state_dict[key] = resize_bias_table(
                    state_dict[key], len(value)
                )
                index = name.replace('bias_table', 'index')
                state_dict[prefix + index] = own[index]
