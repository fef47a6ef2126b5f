"""FCMAE, the fully convolutional masked autoencoder (paper, section 3)."""

import torch
from mmpretrain.models import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from ..masking import check_encoding, patch_grid, random_mask


@MODELS.register_module()
class FCMAE(BaseSelfSupervisor):
    """Sample a mask, encode the visible patches, predict the hidden ones.

    The mask is an argument of every module and never stored, so the backbone
    can encode complete images at any time.

    Args:
        backbone: Backbone that accepts ``(images, mask, encoding)``, or its
            config. Masked maps skip its final norm, so ``final_norm`` of a
            config defaults to False here.
        neck: Config of the decoder, which accepts ``(features, mask)``.
        head: Config of target and loss.
        mask_ratio: Fraction of patches to hide, in (0, 1).
        patch_size: Side of a patch in pixels, a multiple of the backbone's
            stride.
        encoding: 'packed' computes only visible patches, 'dense' all; both
            give the same results. 'leaky' is an ablation: hidden pixels are
            zero, and information of visible patches leaks into them.
        data_preprocessor: Config of MMPretrain's preprocessor.
        init_cfg: Initialization of the complete model, for example a
            checkpoint.

    Raises:
        ValueError: If patch sizes, strides or channels of backbone, neck and
            head differ, or ratio or encoding are not allowed.
    """

    def __init__(
        self,
        backbone: dict | nn.Module,
        neck: dict,
        head: dict,
        mask_ratio: float = 0.6,
        patch_size: int = 32,
        encoding: str = 'packed',
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if isinstance(backbone, dict):
            backbone = {'final_norm': False, **backbone}
        super().__init__(
            backbone,
            neck=neck,
            head=head,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        if not 0 < mask_ratio < 1:
            raise ValueError(f'mask_ratio must be in (0, 1), got {mask_ratio}')
        check_encoding(encoding)
        for values in (
            {
                'FCMAE.patch_size': patch_size,
                'neck.patch_size': self.neck.patch_size,
                'head.patch_size': self.head.patch_size,
            },
            {
                'backbone.stride': self.backbone.stride,
                'neck.feature_stride': self.neck.feature_stride,
            },
            {
                'backbone.channels[-1]': self.backbone.channels[-1],
                'neck.in_channels': self.neck.in_channels,
            },
            {
                'backbone.in_channels': self.backbone.in_channels,
                'neck.out_channels': self.neck.out_channels,
                'head.in_channels': self.head.in_channels,
            },
        ):
            if len(set(values.values())) > 1:
                given = ', '.join(f'{k}={v}' for k, v in values.items())
                raise ValueError(f'these must be equal, got {given}')
        self.mask_ratio = mask_ratio
        self.patch_size = patch_size
        self.encoding = encoding

    def random_mask(
        self, inputs: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Sample a mask for a batch of images.

        Args:
            inputs: Images (N, C, H, W).
            generator: CPU generator, for reproducible masks.

        Returns:
            A bool mask (N, h, w) on the CPU, True = hidden.

        Raises:
            ValueError: If the patch size does not divide the images.
        """
        grid = patch_grid(inputs.shape[2:], self.patch_size)
        return random_mask(len(inputs), grid, self.mask_ratio, generator)

    def reconstruct(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Predict all patches from the visible ones, deterministically.

        Args:
            inputs: Images (N, C, H, W).
            mask: Patches to hide, bool (N, h, w), True = hidden.

        Returns:
            Prediction (N, h * w, patch_size² * C), in normalized pixels.

        Raises:
            ValueError: If the mask does not fit the images.
        """
        return self._predict(inputs, mask, _to_device_of(inputs, mask))

    def _predict(self, inputs: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """Predict, given the mask and its copy on the device of the images.

        The packed encoding counts the patches of the mask, which is free on
        the CPU and would have to wait for a GPU.
        """
        grid = patch_grid(inputs.shape[2:], self.patch_size)
        if mask.shape[1:] != grid:
            raise ValueError(
                f'mask must have shape (N, {grid[0]}, {grid[1]}) for patches '
                f'of {self.patch_size} pixels, got {tuple(mask.shape)}'
            )
        encoder_mask = mask if self.encoding == 'packed' else hidden
        feats = self.backbone(inputs, encoder_mask, self.encoding)
        return self.neck(feats, hidden)

    def loss(
        self,
        inputs: Tensor,
        data_samples: list | None = None,
        mask: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the training loss.

        Args:
            inputs: Images (N, C, H, W).
            data_samples: Not used; part of MMPretrain's interface.
            mask: Patches to hide, bool (N, h, w), True = hidden, preferably
                on the CPU; sampled if None.

        Returns:
            ``dict(loss=...)`` with a scalar.

        Raises:
            ValueError: If the mask does not fit the images or hides nothing.
        """
        if mask is None:
            mask = self.random_mask(inputs)
        elif not mask.any():
            raise ValueError(
                'the mask hides nothing, so the loss is undefined'
            )
        hidden = _to_device_of(inputs, mask)
        prediction = self._predict(inputs, mask, hidden)
        return dict(loss=self.head.loss(prediction, inputs, hidden))

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode complete images (N, C, H, W), with nothing hidden."""
        return self.backbone(inputs)


def _to_device_of(inputs: Tensor, mask: Tensor) -> Tensor:
    """Copy a mask to the device of the images without waiting for it."""
    return mask.to(inputs.device, non_blocking=True)
