"""Show reconstructions during pre-training."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn

from ...datasets import false_color
from .input_check_hook import unwrap


@HOOKS.register_module()
class ReconstructionVisualizationHook(Hook):
    """Add reconstructions of some validation images to the log.

    After each validation all visualization backends get an image named
    ``reconstructions``: a row per image, with input, masked input and
    prediction. Images and masks are the same each time::

        custom_hooks = [dict(type='ReconstructionVisualizationHook')]

    Args:
        num_images: Number of images, chosen at equal distances in the
            validation data; at most as many as there are.

        channels: Of images with more than three channels or other values than
            0 to 255, the channels to show: one, or three in red, green and
            blue.

    Raises:
        ValueError: If ``num_images`` is not positive.
    """

    def __init__(
        self, num_images: int = 6, channels: Sequence[int] = ()
    ) -> None:
        if num_images < 1:
            raise ValueError(f'num_images must be 1 or more, got {num_images}')
        self.num_images = num_images
        self.channels = tuple(channels)

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Reconstruct the images, in every process, and log them in one."""
        loader = runner.val_dataloader
        count = min(self.num_images, len(loader.dataset))
        places = np.linspace(0, len(loader.dataset) - 1, count).astype(int)
        batch = loader.collate_fn([loader.dataset[int(i)] for i in places])
        model = unwrap(runner.model)
        preprocessor = model.get_submodule('data_preprocessor')
        inputs = preprocessor(batch)['inputs']
        with torch.no_grad():
            samples = runner.model.val_step(batch)
        rows = [
            torch.cat([image, sample.masked, sample.reconstruction], dim=2)
            for image, sample in zip(inputs, samples)
        ]
        runner.visualizer.add_image(
            'reconstructions',
            to_rgb_array(torch.cat(rows, dim=1), preprocessor, self.channels),
            # As mmengine logs metrics; loops of iterations have no epochs.
            step=runner.epoch or runner.iter,
        )


def to_rgb_array(
    image: Tensor, preprocessor: nn.Module, channels: Sequence[int] = ()
) -> np.ndarray:
    """Convert the output of a preprocessor back to an image.

    Args:
        image: Normalized image (C, H, W), red first.
        preprocessor: Preprocessor with the buffers ``mean`` and ``std``, or
            without if it does not normalize.
        channels: Channels to show, with a contrast of their own. Without, 3
            channels of 0 to 255 are expected, and of any other number the
            first is shown in gray.

    Returns:
        The image, uint8 (H, W, 3).
    """
    mean, std = (
        getattr(preprocessor, name, default)
        for name, default in (('mean', 0.0), ('std', 1.0))
    )
    pixels = (image * std + mean).permute(1, 2, 0).cpu().numpy()
    if not channels and len(image) == 3:
        return pixels.clip(0, 255).astype(np.uint8)
    return false_color(pixels, channels or (0,))
