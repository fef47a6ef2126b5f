"""Load TIFF images with any number of channels."""

from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from ..tiff_files import check_backend, read_tiff


@TRANSFORMS.register_module()
class LoadTIFFImage(BaseTransform):
    """Load all channels of a TIFF file, with all their bits.

    Takes the place of ``LoadImageFromFile`` in the pipelines of all OpenMMLab
    libraries, which reads three channels of 8 bits::

        dict(type='LoadTIFFImage', in_channels=12)

    Required keys: ``img_path``. Added keys: ``img`` (H, W, channels), uint8,
    uint16 or float32; ``img_shape`` and ``ori_shape``, (H, W).

    Args:
        in_channels: Number of channels; files with another one are an error.
        backend: ``'tifffile'``, or ``'rasterio'`` for what GDAL reads.

    Raises:
        ValueError: If an argument is wrong or a file does not fit.
    """

    def __init__(self, in_channels: int, backend: str = 'tifffile') -> None:
        if in_channels < 1:
            raise ValueError(
                f'in_channels must be 1 or more, got {in_channels}'
            )
        check_backend(backend)
        self.in_channels = in_channels
        self.backend = backend

    def transform(self, results: dict) -> dict:
        """Add the pixels and their size to the results.

        Args:
            results: Results with the key ``img_path``.

        Returns:
            The results with ``img``, ``img_shape`` and ``ori_shape``.
        """
        image = read_tiff(results['img_path'], self.in_channels, self.backend)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def __repr__(self) -> str:
        """Return the transform with its arguments."""
        return (
            f'{type(self).__name__}(in_channels={self.in_channels}, '
            f'backend={self.backend!r})'
        )
