"""Write digit scenes of 12 channels with 12 bits, for COCO and MMSegmentation.

    python tools/demo/make_spectral_scenes.py data/spectral

A stand-in for the images of satellites and multispectral cameras: the
photographs and digits of the demo, seen through 12 filters. A digit changes
the brightness of each channel by a factor of its own, so that no channel shows
all digits. OUT contains images in train/ and val/ (TIFF, uint16, 96x96x12),
instances in annotations/, and semantic maps in semantic/.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from coco_files import AnnotatedImage, write_annotations
from data_folder import write_data_folder
from digit_scenes import CLASSES, DigitScenes, Scene, semantic_map
from PIL import Image

MARK = '.spectral_scenes'
CHANNELS = 12
LARGEST = 4095  # 12 bits
FACTORS = (0.3, 1.7)  # of a digit's brightness in a channel
NOISE = 20.0  # standard deviation
SPLITS = ('train', 'val')


def filters() -> np.ndarray:
    """Return the shares of red, green and blue in each channel, (3, 12)."""
    peaks = np.array([[9.0], [5.5], [2.0]])
    response = np.exp(-(((np.arange(CHANNELS) - peaks) / 3) ** 2))
    return response / response.sum(axis=0)


def spectral_image(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return a scene seen through the filters.

    Args:
        scene: Scene of the demo.
        rng: Random stream of the scene.

    Returns:
        Pixels, uint16 (H, W, 12), 0 to 4095.
    """
    image = scene.photograph / 255 @ filters() * LARGEST / FACTORS[1]
    for instance in scene.instances:
        image[instance.mask] *= rng.uniform(*FACTORS, size=CHANNELS)
    image += rng.normal(0, NOISE, image.shape)
    return image.round().clip(0, LARGEST).astype(np.uint16)


def write_split(root: Path, split: str, count: int) -> None:
    """Write images, instances and semantic maps of a split."""
    maps = root / 'semantic' / split
    for folder in (root / split, maps):
        folder.mkdir(parents=True)

    def images() -> Iterator[AnnotatedImage]:
        for i, scene in enumerate(DigitScenes(split).take(count)):
            rng = np.random.default_rng([SPLITS.index(split), i])
            tifffile.imwrite(
                root / split / f'{i:05d}.tif',
                spectral_image(scene, rng),
                photometric='minisblack',
                planarconfig='contig',
            )
            label = semantic_map(scene)
            Image.fromarray(label).save(maps / f'{i:05d}.png')
            yield f'{i:05d}.tif', label.shape, scene.instances

    path = root / 'annotations' / f'instances_{split}.json'
    write_annotations(images(), CLASSES, path)


def main() -> None:
    """Read the arguments and write the data set."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('root', type=Path, help='folder to write')
    parser.add_argument('--train', type=int, default=200)
    parser.add_argument('--val', type=int, default=50)
    args = parser.parse_args()

    def write(folder: Path) -> None:
        for split in SPLITS:
            write_split(folder, split, getattr(args, split))

    recipe = f'train {args.train} val {args.val}\n'
    wrote = write_data_folder(args.root, MARK, recipe, write)
    print(f'{args.root}: {"written" if wrote else "is up to date"}')


if __name__ == '__main__':
    main()
