"""Target and loss of FCMAE (paper, section 3)."""

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import Tensor

from ..masking import patch_grid


@MODELS.register_module()
class FCMAEHead(BaseModule):
    """Mean squared error of normalized pixels over hidden patches.

    Args:
        patch_size: Side of a masked patch in pixels.
        in_channels: Channels of the images.
        norm_pix: Whether to normalize each patch of the target to mean 0 and
            variance 1. The loss of predicting zero everywhere is then about 1.
    """

    eps = 1e-6

    def __init__(
        self, patch_size: int = 32, in_channels: int = 3, norm_pix: bool = True
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.in_channels = in_channels
        self.norm_pix = norm_pix
        self.criterion = MODELS.build(
            dict(type='PixelReconstructionLoss', criterion='L2')
        )

    def patchify(self, images: Tensor) -> Tensor:
        """Split images into patches.

        Args:
            images: Images (N, C, H, W).

        Returns:
            Patches (N, h * w, patch_size² * C), pixels in the order (row,
            column, channel).

        Raises:
            ValueError: If the number of channels is not ``in_channels`` or the
                patch size does not divide the image.
        """
        batch, channels = images.shape[:2]
        if channels != self.in_channels:
            raise ValueError(
                f'images have {channels} channels, but the head was built '
                f'with in_channels={self.in_channels}'
            )
        p = self.patch_size
        h, w = patch_grid(images.shape[2:], p)
        # (N, C, h, p, w, p) -> (N, h, w, p, p, C)
        x = images.view(batch, channels, h, p, w, p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(batch, h * w, -1)

    def unpatchify(self, patches: Tensor, grid: tuple[int, int]) -> Tensor:
        """Merge patches into images; the inverse of :meth:`patchify`.

        Args:
            patches: Patches (N, h * w, patch_size² * C).
            grid: Patches per column and row, (h, w).

        Returns:
            Images (N, C, h * patch_size, w * patch_size).
        """
        batch, p, (h, w) = len(patches), self.patch_size, grid
        # (N, h, w, p, p, C) -> (N, C, h, p, w, p)
        x = patches.view(batch, h, w, p, p, -1).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(batch, -1, h * p, w * p)

    def target(self, images: Tensor) -> Tensor:
        """Return the target (N, h * w, patch_size² * C) of the prediction."""
        patches = self.patchify(images)
        if not self.norm_pix:
            return patches
        mean, std = self._statistics(patches)
        return (patches - mean) / std

    def restore(self, prediction: Tensor, images: Tensor) -> Tensor:
        """Convert a prediction to pixels, with the true patch statistics.

        Args:
            prediction: Output of the decoder, (N, h * w, patch_size² * C).
            images: Images that were masked, (N, C, H, W).

        Returns:
            Images (N, C, H, W) on the scale of ``images``.
        """
        grid = patch_grid(images.shape[2:], self.patch_size)
        if self.norm_pix:
            mean, std = self._statistics(self.patchify(images))
            prediction = prediction * std + mean
        return self.unpatchify(prediction, grid)

    def _statistics(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and unbiased deviation of each patch, (N, h * w, 1)."""
        mean = patches.mean(dim=-1, keepdim=True)
        return mean, (patches.var(dim=-1, keepdim=True) + self.eps).sqrt()

    def loss(self, prediction: Tensor, images: Tensor, mask: Tensor) -> Tensor:
        """Compute the mean squared error over hidden patches.

        Args:
            prediction: Output of the decoder, (N, h * w, patch_size² * C).
            images: Images (N, C, H, W).
            mask: Mask of patches, bool (N, h, w), True = hidden. It must hide
                something, or the mean is not defined.

        Returns:
            The mean over hidden patches, a scalar in fp32 or wider.
        """
        images = images.to(torch.promote_types(images.dtype, torch.float32))
        target = self.target(images)
        hidden = mask.flatten(1).to(target, non_blocking=True)
        return self.criterion(prediction.to(target.dtype), target, hidden)
