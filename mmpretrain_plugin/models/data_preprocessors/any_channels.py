"""Normalization of any number of channels."""

from collections.abc import Sequence

import torch
from torch import Tensor


class AnyChannels:
    """Mixin of a data preprocessor for images of any number of channels.

    The preprocessors of mmengine accept 1 or 3 values of mean and standard
    deviation. Combined with this class, one accepts as many as the images
    have channels, and raises an error for images with another number. The
    channels keep the order of the files.

    Args:
        mean: Mean of each channel, in the units of the files.
        std: Standard deviation of each channel, positive.
        kwargs: Other arguments of the preprocessor.

    Raises:
        ValueError: If mean and std differ in their lengths, a deviation is
            not positive, or channels are to be reordered.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        **kwargs: object,
    ) -> None:
        if len(mean) != len(std) or not mean:
            raise ValueError(
                'mean and std must have a value per channel, got '
                f'{len(mean)} and {len(std)} values'
            )
        if min(std) <= 0:
            raise ValueError(f'std must be positive, got {list(std)}')
        for name in ('to_rgb', 'bgr_to_rgb', 'rgb_to_bgr'):
            if kwargs.get(name):
                raise ValueError(
                    f'{name} must be False, as channels keep the order of '
                    'the files'
                )
        super().__init__(mean=None, std=None, **kwargs)
        for name, values in (('mean', mean), ('std', std)):
            column = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, column, persistent=False)
        self._enable_normalize = True

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalize a batch, after a check of its channels.

        Args:
            data: Batch of the library, with the images (C, H, W) or
                (N, C, H, W) as ``inputs``.
            training: Whether to apply what the library does in training only.

        Returns:
            The batch as the library's preprocessor returns it.

        Raises:
            ValueError: If an image has another number of channels.
        """
        inputs = data['inputs']
        for image in inputs if isinstance(inputs, (list, tuple)) else [inputs]:
            if image.shape[-3] != len(self.mean):
                raise ValueError(
                    f'images have {image.shape[-3]} channels, but mean and '
                    f'std of the data preprocessor have {len(self.mean)} '
                    'values; set in_channels of the loading and of the model '
                    'and both lists to the number of the files'
                )
        return super().forward(data, training)
