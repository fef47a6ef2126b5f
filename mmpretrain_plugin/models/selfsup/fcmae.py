"""FCMAE, the fully convolutional masked autoencoder (paper, section 3)."""

import torch
from mmpretrain.models import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from torch import Tensor

from ..masking import check_encoding, patch_grid, random_mask


@MODELS.register_module()
class FCMAE(BaseSelfSupervisor):
    """Draw a mask, encode what is visible, predict what is hidden.

    The mask is an argument all the way down and no state of any module, so
    that the backbone can be used for anything else at any time.

    Args:
        backbone: A backbone that takes ``(images, mask, encoding)``; its
            final norm, which masked maps do not reach, is removed.
        neck: The decoder, which takes ``(features, mask)``.
        head: Target and loss.
        mask_ratio: Fraction of patches to hide, in (0, 1).
        patch_size: Side of a patch in pixels, a multiple of the backbone's
            stride.
        encoding: 'packed' computes visible patches only, 'dense' all; both
            give the same result. 'leaky' is an ablation: hidden pixels are
            zero, and what is visible leaks into them.
        data_preprocessor: The host's, normalizing images.
        init_cfg: Initialization of the whole model, a checkpoint for example.

    Raises:
        ValueError: If patch sizes, strides or channels of the parts differ,
            or ratio or encoding are not allowed.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        mask_ratio: float = 0.6,
        patch_size: int = 32,
        encoding: str = 'packed',
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
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
        backbone, neck, head = self.backbone, self.neck, self.head
        for values in (
            {
                'FCMAE.patch_size': patch_size,
                'neck.patch_size': neck.patch_size,
                'head.patch_size': head.patch_size,
            },
            {
                'backbone.stride': backbone.stride,
                'neck.feature_stride': neck.feature_stride,
            },
            {
                'backbone.channels[-1]': backbone.channels[-1],
                'neck.in_channels': neck.in_channels,
            },
            {
                'backbone.in_channels': backbone.in_channels,
                'neck.out_channels': neck.out_channels,
                'head.in_channels': head.in_channels,
            },
        ):
            if len(set(values.values())) > 1:
                given = ', '.join(f'{k}={v}' for k, v in values.items())
                raise ValueError(f'these must be equal: {given}')
        backbone.remove_final_norm()
        self.mask_ratio = mask_ratio
        self.patch_size = patch_size
        self.encoding = encoding

    def random_mask(
        self, inputs: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a mask for a batch of images.

        Args:
            inputs: Images (N, C, H, W).
            generator: A CPU generator, for reproducible masks.

        Returns:
            A bool mask (N, h, w) on the CPU, True = hidden.

        Raises:
            ValueError: If the patch does not divide the images.
        """
        grid = patch_grid(inputs.shape[2:], self.patch_size)
        return random_mask(len(inputs), grid, self.mask_ratio, generator)

    def reconstruct(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Predict all patches from the visible ones; draws nothing.

        Args:
            inputs: Images (N, C, H, W).
            mask: Patches to hide, bool (N, h, w), True = hidden.

        Returns:
            Prediction (N, h * w, patch_size² * C), in normalized pixels.
        """
        return self.neck(self.backbone(inputs, mask, self.encoding), mask)

    def loss(
        self,
        inputs: Tensor,
        data_samples: list | None = None,
        mask: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the training loss.

        Args:
            inputs: Images (N, C, H, W).
            data_samples: Not used; the host passes it.
            mask: Patches to hide; drawn at random if None.

        Returns:
            ``dict(loss=...)`` with a scalar.
        """
        mask = self.random_mask(inputs) if mask is None else mask
        prediction = self.reconstruct(inputs, mask)
        return dict(loss=self.head.loss(prediction, inputs, mask))

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode whole images (N, C, H, W), nothing hidden."""
        return self.backbone(inputs)
