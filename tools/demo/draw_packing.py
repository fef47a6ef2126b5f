"""Draw input, mask, packed patches and reconstruction of a trained FCMAE.

    python tools/demo/draw_packing.py CONFIG CHECKPOINT OUT.png IMAGE...

IMAGE is an image or a folder of images. The packed patches are the visible
ones, in the order in which the encoder stores them.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmpretrain_plugin.datasets import find_images, open_image
from mmpretrain_plugin.models import FCMAE
from mmpretrain_plugin.trained_models import load_fcmae
from mmpretrain_plugin.visualization import reconstruct_image, save_image_grid

TITLES = ('input', 'mask', 'packed patches', 'reconstruction')
GAP = 4  # pixels between packed patches


def split_patches(image: np.ndarray, size: int) -> np.ndarray:
    """Cut an image (H, W, 3) into patches (h * w, size, size, 3)."""
    height, width = (side // size for side in image.shape[:2])
    patches = image.reshape(height, size, width, size, 3)
    return patches.swapaxes(1, 2).reshape(-1, size, size, 3)


def pack_patches(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Arrange the visible patches of an image in a square, in their order.

    Args:
        image: Image (H, W, 3), uint8.
        mask: Mask (h, w) of the patches, True = hidden.

    Returns:
        A white image (H, W, 3), or a larger one if the square does not fit,
        with the visible patches in its middle.
    """
    size = len(image) // len(mask)
    visible = split_patches(image, size)[~mask.flatten()]
    step = size + GAP
    columns = math.ceil(math.sqrt(len(visible)))
    rows = math.ceil(len(visible) / columns)
    height = max(image.shape[0], rows * step - GAP)
    width = max(image.shape[1], columns * step - GAP)
    packed = np.full((height, width, 3), 255, np.uint8)
    top = (height - rows * step + GAP) // 2
    left = (width - columns * step + GAP) // 2
    for i, patch in enumerate(visible):
        y, x = top + i // columns * step, left + i % columns * step
        packed[y : y + size, x : x + size] = patch
    return packed


def draw(
    model: FCMAE, images: list[Image.Image], out: Path, seed: int
) -> None:
    """Save a figure with one row per image.

    Args:
        model: A trained FCMAE.
        images: RGB images.
        out: PNG file to write.
        seed: Seed of the masks.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for image in images:
        result = reconstruct_image(model, image, generator)
        packed = pack_patches(result.original, result.mask)
        rows.append((result.original, result.masked, packed, result.completed))
    save_image_grid(rows, TITLES, out, inches=2)


def main() -> None:
    """Parse the arguments and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path, help='the PNG to write')
    parser.add_argument('images', type=Path, nargs='+')
    parser.add_argument('--count', type=int, default=2, help='of images')
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    args = parser.parse_args()
    for path in (args.config, args.checkpoint):
        if not path.exists():
            parser.error(f'{path} does not exist')
    try:
        paths = find_images(args.images, args.count)
    except FileNotFoundError as error:
        parser.error(str(error))
    try:
        images = [open_image(path) for path in paths]
        model = load_fcmae(str(args.config), str(args.checkpoint))
    except ValueError as error:
        raise SystemExit(str(error)) from None
    draw(model, images, args.out, args.seed)
    print(f'{args.out}: {len(images)} images')


if __name__ == '__main__':
    main()
