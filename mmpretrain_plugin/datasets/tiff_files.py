"""Pixels of TIFF files with any number of channels and bits."""

import warnings
from pathlib import Path

import numpy as np

SUFFIXES = ('.tif', '.tiff')
# OpenCV resizes, and PyTorch converts, these types.
KEPT_TYPES = ('uint8', 'uint16', 'float32')


def read_tiff(
    path: str | Path,
    in_channels: int | None = None,
    backend: str = 'tifffile',
) -> np.ndarray:
    """Read all channels of a TIFF file, with all their bits.

    Args:
        path: TIFF file of one image.
        in_channels: Expected number of channels. With None, the shorter one
            of the first and the last axis holds the channels.
        backend: ``'tifffile'``, or ``'rasterio'`` for what GDAL reads, such
            as compressed GeoTIFF.

    Returns:
        Pixels (H, W, channels), channels in the order of the file; uint8,
        uint16 or float32 as in the file, float32 for other types.

    Raises:
        ImportError: If the library is not installed.
        ValueError: If the backend is unknown, the file cannot be read, it is
            no image of channels, or their number differs.
    """
    check_backend(backend)
    try:
        pixels = READERS[backend](path)
    except ModuleNotFoundError as error:
        if error.name != backend:
            raise
        raise ImportError(
            f'reading {path} needs {backend}; install it: pip install '
            f'{backend}'
        ) from None
    except Exception as error:
        # Damaged files raise errors of almost any type in both libraries.
        remedy = 'remove or replace it'
        if 'imagecodecs' in str(error):  # compressed
            remedy = "use backend='rasterio', or pip install imagecodecs"
        raise ValueError(
            f'{path} cannot be read as a TIFF file ({error}); {remedy}'
        ) from None
    return _as_channels_last(path, pixels, in_channels)


def _read_with_tifffile(path: str | Path) -> np.ndarray:
    import tifffile

    return tifffile.imread(path)


def _read_with_rasterio(path: str | Path) -> np.ndarray:
    import rasterio

    with warnings.catch_warnings():
        # Microscopes and cameras have no position on the earth.
        warnings.simplefilter(
            'ignore', rasterio.errors.NotGeoreferencedWarning
        )
        with rasterio.open(path) as file:
            return file.read()


READERS = {'tifffile': _read_with_tifffile, 'rasterio': _read_with_rasterio}


def check_backend(backend: str) -> None:
    """Raise ``ValueError`` if there is no such reader of TIFF files."""
    if backend not in READERS:
        raise ValueError(
            f'backend must be one of {", ".join(READERS)}, got {backend!r}'
        )


def _as_channels_last(
    path: str | Path, pixels: np.ndarray, in_channels: int | None
) -> np.ndarray:
    """Return pixels as (H, W, channels), of a type that OpenCV resizes."""
    if np.iscomplexobj(pixels):
        raise ValueError(
            f'{path} has complex values; write their real and imaginary parts '
            'as two channels'
        )
    is_gray = pixels.ndim == 2
    if is_gray:
        pixels = pixels[..., None]
    if pixels.ndim != 3:
        raise ValueError(
            f'{path} has the shape {pixels.shape}; it must be one image with '
            '2 axes, or with 3 of which one holds the channels'
        )
    first, last = pixels.shape[0], pixels.shape[2]
    if in_channels is None:
        is_first = first < last
    elif in_channels == last or (in_channels == first and not is_gray):
        is_first = last != in_channels
    else:
        raise ValueError(
            f'{path} has the shape {pixels.shape}, but the config expects '
            f'{in_channels} channels; set in_channels of the loading and of '
            'the model, mean and std to the number of the files'
        )
    if is_first:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.dtype.name not in KEPT_TYPES:
        pixels = pixels.astype(np.float32)
    return np.ascontiguousarray(pixels)
