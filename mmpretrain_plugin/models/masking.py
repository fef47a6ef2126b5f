"""Masks of patches: the only file that defines their polarity and grid.

A mask is a bool tensor of shape ``(N, h, w)``, one cell per patch of the
image; ``True`` means hidden (a patch that FCMAE reconstructs).
"""

import torch
from torch import Tensor

# 'packed' and 'dense' give the same results; 'leaky' is an ablation.
ENCODINGS = ('packed', 'dense', 'leaky')


def check_encoding(encoding: str) -> None:
    """Raise ValueError if the encoding is unknown."""
    if encoding not in ENCODINGS:
        raise ValueError(
            f'unknown encoding {encoding!r}; choose from {ENCODINGS}'
        )


def num_visible(cells: int, mask_ratio: float) -> int:
    """Return the number of visible patches, ``int(cells * (1 - ratio))``.

    Rounding errors of the product are removed: 0.1 of 100 patches are 10.

    Args:
        cells: Number of patches of one image.
        mask_ratio: Fraction of patches to hide, in [0, 1).

    Returns:
        The number of visible patches, at least 1.

    Raises:
        ValueError: If the ratio is out of range or would hide every patch.
    """
    if not 0 <= mask_ratio < 1:
        raise ValueError(f'mask_ratio must be in [0, 1), got {mask_ratio}')
    # 10 * (1 - 0.9) is 0.9999999999999998 in floating point.
    visible = int(cells * (1 - mask_ratio) + 1e-9)
    if visible == 0:
        raise ValueError(
            f'mask_ratio {mask_ratio} hides all {cells} patches of an image; '
            'lower the ratio or use larger images'
        )
    return visible


def random_mask(
    batch: int,
    grid: tuple[int, int],
    mask_ratio: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Sample a mask that hides the same number of patches in every image.

    Masks are sampled on the CPU: they are small, and counting them on a GPU
    would make the CPU wait for it.

    Args:
        batch: Number of images N.
        grid: Patches per column and row, (h, w).
        mask_ratio: Fraction of patches to hide, in [0, 1).
        generator: CPU generator, for reproducible masks.

    Returns:
        A bool mask of shape (N, h, w) on the CPU, True = hidden.
    """
    cells = grid[0] * grid[1]
    visible = num_visible(cells, mask_ratio)
    order = torch.rand(batch, cells, generator=generator).argsort(dim=1)
    mask = torch.ones(batch, cells, dtype=torch.bool)
    mask.scatter_(1, order[:, :visible], False)
    return mask.view(batch, *grid)


def patch_grid(image_size: tuple[int, ...], patch_size: int) -> tuple:
    """Return the grid (h, w) of patches that tile an image.

    Args:
        image_size: Height and width in pixels.
        patch_size: Side of a patch in pixels.

    Raises:
        ValueError: If the patch does not divide the image.
    """
    height, width = image_size
    if height % patch_size or width % patch_size:
        raise ValueError(
            f'an image of {height}x{width} pixels cannot be divided into '
            f'{patch_size}x{patch_size} patches; crop or resize it to '
            f'multiples of {patch_size}'
        )
    return height // patch_size, width // patch_size


def check_mask(mask: Tensor, images: Tensor, stride: int) -> None:
    """Raise an error if a mask does not fit the images.

    Args:
        mask: Candidate mask, (N, h, w), bool.
        images: Images, (N, C, H, W).
        stride: Total stride of the encoder; the patch side must be a multiple
            of it, so that no stride window covers parts of two patches.

    Raises:
        ValueError: If data type, shape, grid or patch side do not fit.
    """
    batch, _, height, width = images.shape
    if mask.dtype != torch.bool:
        raise ValueError(
            f'mask must be bool (True = hidden), not {mask.dtype}'
        )
    if mask.dim() != 3 or mask.shape[0] != batch:
        raise ValueError(
            f'mask must have shape (N, h, w) with N = {batch}, got '
            f'{tuple(mask.shape)}'
        )
    rows, columns = mask.shape[1:]
    patch_size = height // max(rows, 1)
    if (
        patch_size == 0
        or patch_size % stride
        or (rows * patch_size, columns * patch_size) != (height, width)
    ):
        raise ValueError(
            f'a mask of {rows}x{columns} patches does not tile an image of '
            f'{height}x{width} pixels with square patches whose side is a '
            f'multiple of the stride {stride}'
        )


def visible_indices(mask: Tensor) -> Tensor:
    """Return indices of the visible patches of each image in raster order.

    Args:
        mask: Mask of shape (N, h, w) that hides equally many patches in every
            image.

    Returns:
        Indices into the h·w patches, (N, V), on the mask's device.

    Raises:
        ValueError: If the images have different numbers of visible patches.
    """
    visible = ~mask.flatten(1)
    counts = visible.sum(dim=1)
    low, high = int(counts.min()), int(counts.max())
    if low != high or low == 0:
        raise ValueError(
            "encoding='packed' needs the same number of visible patches, at "
            f'least 1, in every image of a batch, got {low} to {high}; use '
            "encoding='dense' for other masks"
        )
    return visible.nonzero()[:, 1].view(len(mask), low)


def enlarge(mask: Tensor, factor: int) -> Tensor:
    """Repeat every element ``factor`` times in both directions.

    Args:
        mask: Mask of shape (N, h, w).
        factor: Positions, or pixels, per patch side.

    Returns:
        Mask of shape (N, h * factor, w * factor).
    """
    return mask.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
