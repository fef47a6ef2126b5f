"""Write tiles of a microscopy image, with a mask per nucleus, for COCO.

    pip install --no-deps stardist
    python tools/demo/make_microscopy_tiles.py data/microscopy

The package stardist holds a fluorescence image of nuclei (one channel of 16
bits, 512x512 pixels) and their masks; only its files are read. The image is
cut into tiles without overlap: the three left columns of four for training,
the right one for validation. OUT contains train/, val/ and annotations/.
"""

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tifffile
from coco_files import AnnotatedImage, Instance, write_annotations
from data_folder import write_data_folder

MARK = '.microscopy_tiles'
TILE = 128  # pixels; 4 x 4 tiles
COLUMNS = {'train': (0, 1, 2), 'val': (3,)}
SMALLEST = 20  # pixels of a nucleus that the border of a tile cuts


def read_nuclei() -> tuple[np.ndarray, np.ndarray]:
    """Return the image, uint16 (512, 512), and the number of each nucleus.

    Raises:
        SystemExit: If stardist is not installed.
    """
    spec = find_spec('stardist')  # finds it without importing it
    if spec is None:
        raise SystemExit(
            'the image is part of the package stardist; install it: pip '
            'install --no-deps stardist'
        )
    folder = Path(spec.origin).parent / 'data' / 'images'
    image, numbers = (
        tifffile.imread(folder / name) for name in ('img2d.tif', 'mask2d.tif')
    )
    return image, numbers


def find_nuclei(numbers: np.ndarray) -> list[Instance]:
    """Return the nuclei of a tile.

    Args:
        numbers: Number of the nucleus of each pixel, (H, W), 0 for none.
    """
    masks = [numbers == number for number in np.unique(numbers[numbers > 0])]
    return [Instance(0, mask) for mask in masks if mask.sum() >= SMALLEST]


def write(root: Path) -> None:
    """Write images and annotations of both splits."""
    image, numbers = read_nuclei()

    def tiles(split: str) -> Iterator[AnnotatedImage]:
        (root / split).mkdir()
        for row in range(image.shape[0] // TILE):
            for column in COLUMNS[split]:
                place = np.s_[
                    row * TILE : (row + 1) * TILE,
                    column * TILE : (column + 1) * TILE,
                ]
                name = f'row-{row}_column-{column}.tif'
                tifffile.imwrite(root / split / name, image[place])
                yield name, (TILE, TILE), find_nuclei(numbers[place])

    for split in COLUMNS:
        path = root / 'annotations' / f'instances_{split}.json'
        write_annotations(tiles(split), ['nucleus'], path)


def main() -> None:
    """Read the arguments and write the data set."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('root', type=Path, help='folder to write')
    root = parser.parse_args().root
    wrote = write_data_folder(root, MARK, f'tile {TILE}\n', write)
    print(f'{root}: {"written" if wrote else "is up to date"}')


if __name__ == '__main__':
    main()
