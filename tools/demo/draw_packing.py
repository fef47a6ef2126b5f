"""Draw input, mask, packed patches and reconstruction of a trained FCMAE.

    python tools/demo/draw_packing.py CONFIG CHECKPOINT OUT.png IMAGE...

IMAGE is an image or a folder of images. The packed patches are the visible
ones, in the order in which the encoder stores them.
"""

import argparse
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from mmengine.config import Config
from mmpretrain.apis import get_model
from mmpretrain.models import BaseSelfSupervisor
from PIL import Image

from mmpretrain_plugin.visualization import reconstruct_image

SUFFIXES = ('.jpg', '.jpeg', '.png')
TITLES = ('input', 'mask', 'packed patches', 'reconstruction')
HIDDEN = 225  # gray of hidden patches
GAP = 4  # pixels between packed patches


def find_images(places: list[Path], count: int) -> list[Path]:
    """Return the first images among files and folders.

    Args:
        places: Images, and folders of images.
        count: Maximum number to return.

    Raises:
        SystemExit: If there is none.
    """
    found = []
    for place in places:
        inside = sorted(place.rglob('*')) if place.is_dir() else [place]
        found += [path for path in inside if path.suffix.lower() in SUFFIXES]
    if not found:
        raise SystemExit(f'no images in {", ".join(map(str, places))}')
    return found[:count]


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
        A white image (H, W, 3) with the visible patches in its middle.
    """
    size = len(image) // len(mask)
    visible = split_patches(image, size)[~mask.flatten()]
    step = size + GAP
    columns = math.ceil(math.sqrt(len(visible)))
    rows = math.ceil(len(visible) / columns)
    packed = np.full_like(image, 255)
    top = (image.shape[0] - rows * step + GAP) // 2
    left = (image.shape[1] - columns * step + GAP) // 2
    for i, patch in enumerate(visible):
        y, x = top + i // columns * step, left + i % columns * step
        packed[y : y + size, x : x + size] = patch
    return packed


def draw(
    model: BaseSelfSupervisor, images: list[Image.Image], out: Path, seed: int
) -> None:
    """Write a figure with one row per image.

    Args:
        model: A trained FCMAE.
        images: RGB images.
        out: The PNG to write.
        seed: Seed of the masks.
    """
    generator = torch.Generator().manual_seed(seed)
    figure, axes = plt.subplots(
        len(images), 4, figsize=(8, 2.05 * len(images)), squeeze=False
    )
    for row, image in zip(axes, images):
        original, masked, result = reconstruct_image(model, image, generator)
        size = model.patch_size
        changed = split_patches(original != masked, size).any((1, 2, 3))
        mask = changed.reshape(len(original) // size, -1)
        hidden = mask.repeat(size, 0).repeat(size, 1)[..., None]
        masked = np.where(hidden, HIDDEN, original).astype('uint8')
        packed = pack_patches(original, mask)
        for axis, content in zip(row, (original, masked, packed, result)):
            axis.imshow(content)
            axis.axis('off')
    for axis, title in zip(axes[0], TITLES):
        axis.set_title(title, fontsize=11)
    figure.tight_layout(pad=0.4)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100)
    plt.close(figure)


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
    for path in (args.config, args.checkpoint, *args.images):
        if not path.exists():
            parser.error(f'{path} does not exist')
    images = [
        Image.open(path).convert('RGB')
        for path in find_images(args.images, args.count)
    ]
    model = get_model(
        Config.fromfile(args.config), pretrained=str(args.checkpoint)
    )
    draw(model, images, args.out, args.seed)
    print(f'{args.out}: {len(images)} images')


if __name__ == '__main__':
    main()
