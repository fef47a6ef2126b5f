"""Load a random crop of an image file."""

from collections.abc import Sequence

import numpy as np
from mmengine.fileio import get
from mmengine.registry import TRANSFORMS
from mmpretrain.datasets.transforms import RandomResizedCrop

from ..jpeg_crops import Box, crop_and_resize

MODES = ('bilinear', 'bicubic')


@TRANSFORMS.register_module()
class LoadRandomResizedCrop(RandomResizedCrop):
    """Load a random crop of an image file, resized with antialiasing.

    Takes the place of ``LoadImageFromFile`` and ``RandomResizedCrop`` with
    ``backend='pillow'`` of MMPretrain, of which it has the distribution and
    the filters, several times as fast: it decodes large JPEG files at a
    reduced scale, and resizes with PyTorch. docs/performance.md has the
    differences of the pixels::

        dict(type='LoadRandomResizedCrop', scale=224)

    Required keys: ``img_path``. Added keys: ``img`` (H, W, 3), BGR and uint8;
    ``img_shape`` and ``ori_shape``, (H, W).

    Args:
        scale: Height and width of the result, or one number for both.
        crop_ratio_range: Smallest and largest share of the area.
        aspect_ratio_range: Smallest and largest width divided by height.
        max_attempts: Attempts to place a crop, before one from the center.
        interpolation: ``'bicubic'`` or ``'bilinear'``.
        backend_args: Backend of files that are not local.

    Raises:
        ValueError: If an argument is wrong.
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        crop_ratio_range: Sequence[float] = (0.08, 1.0),
        aspect_ratio_range: Sequence[float] = (3 / 4, 4 / 3),
        max_attempts: int = 10,
        interpolation: str = 'bicubic',
        backend_args: dict | None = None,
    ) -> None:
        if interpolation not in MODES:
            raise ValueError(
                f'interpolation must be one of {", ".join(MODES)}, got '
                f'{interpolation!r}'
            )
        super().__init__(
            scale, crop_ratio_range, aspect_ratio_range, max_attempts,
            interpolation,
        )  # fmt: skip
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Add the pixels and their size to the results.

        Args:
            results: Results with the key ``img_path``.

        Returns:
            The results with ``img``, ``img_shape`` and ``ori_shape``.
        """

        def choose_box(height: int, width: int) -> Box:
            results['ori_shape'] = height, width
            # Of the image, only the shape is read.
            return self.rand_crop_params(np.broadcast_to(0, (height, width)))

        content = get(results['img_path'], self.backend_args)
        results['img'] = crop_and_resize(
            content, choose_box, self.scale, self.interpolation
        )
        results['img_shape'] = results['img'].shape[:2]
        return results
