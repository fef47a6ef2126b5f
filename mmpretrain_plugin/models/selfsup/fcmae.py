"""FCMAE, the fully convolutional masked autoencoder (paper, section 3)."""

import torch
from mmpretrain.models import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from ..masking import check_encoding, enlarge, patch_grid, random_mask


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

    def extract_feat(
        self, inputs: Tensor, stage: str = 'backbone'
    ) -> tuple[Tensor, ...]:
        """Encode complete images, with nothing hidden.

        Args:
            inputs: Images (N, C, H, W).
            stage: 'backbone'. The decoder needs a mask, so that there are no
                features of other stages.

        Returns:
            One tensor per output stage of the backbone.

        Raises:
            ValueError: If the stage is another one.
        """
        if stage != 'backbone':
            raise ValueError(
                f"stage must be 'backbone', got {stage!r}; the decoder "
                'reconstructs masked images: call reconstruct'
            )
        return self.backbone(inputs)

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[DataSample] | tuple[Tensor, ...]:
        """Run the model as MMEngine's loops and MMPretrain's tools do.

        Args:
            inputs: Images (N, C, H, W).
            data_samples: A data sample for each image.
            mode: 'loss' in training, 'predict' in validation and testing,
                'tensor' for features.

        Returns:
            What :meth:`loss`, :meth:`predict` or :meth:`extract_feat` return.
        """
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        return super().forward(inputs, data_samples, mode)

    def predict(
        self, inputs: Tensor, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Encode complete images, and reconstruct them under fixed masks.

        The mask of an image depends on its ``sample_idx`` alone, its place in
        the data set. It is the same in every epoch, whatever the batch size
        and the number of processes, and does not consume random numbers of
        the training.

        Args:
            inputs: Images (N, C, H, W).
            data_samples: A data sample for each image. Without ``sample_idx``
                the place in the batch is used.

        Returns:
            The data samples, with these tensors added:

            - ``feature``: Mean of the last stage over its positions, (C').
            - ``reconstruction_loss``: Loss of the image, a scalar.
            - ``masked``: Image whose hidden patches are zero, (C, H, W).
            - ``reconstruction``: Image whose hidden patches are predicted,
              with their true mean and deviation, (C, H, W).
        """
        samples = data_samples or [DataSample() for _ in inputs]
        mask = self._fixed_mask(inputs, samples)
        hidden = _to_device_of(inputs, mask)
        prediction = self._predict(inputs, mask, hidden)
        pixels = enlarge(hidden, self.patch_size).unsqueeze(1)
        masked = inputs.masked_fill(pixels, 0)
        restored = self.head.restore(prediction, inputs).to(inputs.dtype)
        completed = torch.where(pixels, restored, inputs)
        features = self.extract_feat(inputs)[-1]
        if features.dim() == 4:  # maps, with gap_before_final_norm=False
            features = features.mean(dim=(2, 3))
        for i, sample in enumerate(samples):
            own = slice(i, i + 1)
            sample.feature = features[i]
            sample.reconstruction_loss = self.head.loss(
                prediction[own], inputs[own], hidden[own]
            )
            sample.masked = masked[i]
            sample.reconstruction = completed[i]
        return samples

    def _fixed_mask(self, inputs: Tensor, samples: list[DataSample]) -> Tensor:
        """Return the mask (N, h, w) of each image, seeded by its place."""
        seeds = (s.get('sample_idx', i) for i, s in enumerate(samples))
        return torch.cat(
            [
                self.random_mask(one, torch.Generator().manual_seed(int(seed)))
                for one, seed in zip(inputs.split(1), seeds)
            ]
        )


def _to_device_of(inputs: Tensor, mask: Tensor) -> Tensor:
    """Copy a mask to the device of the images without waiting for it."""
    return mask.to(inputs.device, non_blocking=True)
