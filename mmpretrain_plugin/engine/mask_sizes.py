"""Masks that have the size of their images."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..datasets.image_files import SUFFIXES, image_size

THREADS = 16  # files are on a network, in the worst case


def check_mask_sizes(dataset: Any, address: str) -> int:
    """Raise an error if a mask has another size than its image.

    MMSegmentation crops both at the same place, and trains with the wrong
    pixels. Only the headers of the files are read.

    Args:
        dataset: Data set; one whose images have no masks passes.
        address: Its address in the config.

    Returns:
        Number of masks.

    Raises:
        ValueError: If sizes differ, or a file is no image.
    """
    if not hasattr(dataset, 'get_data_info') or not len(dataset):
        return 0
    if not dataset.get_data_info(0).get('seg_map_path'):
        return 0
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    pairs = [(info['img_path'], info['seg_map_path']) for info in infos]
    # A data set may repeat another one.
    pairs = [
        pair for pair in dict.fromkeys(pairs) if all(map(_is_image, pair))
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        problems: Iterable[str | None] = pool.map(_problem, pairs)
        for problem in problems:
            if problem:
                pool.shutdown(cancel_futures=True)
                raise ValueError(
                    f'{problem}; correct it, or remove the pair from {address}'
                )
    return len(pairs)


def _is_image(path: str) -> bool:
    """Return whether a path has the name of a local image."""
    return '://' not in path and Path(path).suffix.lower() in SUFFIXES


def _problem(pair: tuple[str, str]) -> str | None:
    """Return what is wrong with an image and its mask."""
    sizes = []
    for path in pair:
        try:
            sizes.append(image_size(path))
        except ValueError as error:
            return str(error)
        except ImportError:  # the loading needs another library than tifffile
            return None
    (width, height), (mask_width, mask_height) = sizes
    if sizes[0] != sizes[1]:
        return (
            f'the mask {pair[1]} has {mask_height} x {mask_width} pixels, but '
            f'its image {pair[0]} {height} x {width}'
        )
    return None
