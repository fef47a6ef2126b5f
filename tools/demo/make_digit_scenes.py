"""Write the data set of digit scenes for all three OpenMMLab libraries.

    python tools/demo/make_digit_scenes.py data/digit_scenes

Creates ``unlabeled/`` (a flat folder for FCMAE), ``coco/`` (instances),
``ade20k/`` (semantic maps) and ``crops/`` (a folder per class). The same
arguments always give the same pixels.
"""

import argparse
import hashlib
from functools import cache, partial
from multiprocessing import Pool
from pathlib import Path

import digit_scenes
from data_folder import write_data_folder
from digit_scenes import (
    DigitScenes,
    Scene,
    write_ade20k,
    write_coco,
    write_crops,
    write_unlabeled,
)

# This file records the arguments and marks the folder as a data set of ours.
MARK = '.digit_scenes'


# Name of each annotated split in COCO's and in ADE20K's folders.
SPLITS = {'train': 'training', 'val': 'validation', 'test': 'test'}


CHUNK = 32  # scenes that a process composes at a time


@cache
def load_scenes(split: str, size: int, seed: int) -> DigitScenes:
    """Load the digits and photographs of a split, once per process."""
    return DigitScenes(split, size, seed)


def scene(index: int, split: str, size: int, seed: int) -> Scene:
    """Compose one scene."""
    return load_scenes(split, size, seed)[index]


def make(
    root: Path,
    size: int,
    unlabeled: int,
    train: int,
    val: int,
    test: int,
    seed: int,
) -> bool:
    """Write the data set unless it exists already.

    Args:
        root: Folder of the data set.
        size: Side of the images in pixels.
        unlabeled: Number of images for pre-training.
        train: Number of annotated training images.
        val: Number of annotated validation images, to choose settings on.
        test: Number of annotated test images.
        seed: Seed of all random choices.

    Returns:
        Whether the data set was written.

    Raises:
        SystemExit: If the folder exists and is not a data set of this tool.
    """
    code = Path(digit_scenes.__file__).read_bytes()
    recipe = (
        f'{hashlib.sha256(code).hexdigest()[:12]} size {size} '
        f'unlabeled {unlabeled} train {train} val {val} test {test} '
        f'seed {seed}\n'
    )

    def write(folder: Path) -> None:
        with Pool() as pool:
            one = partial(scene, split='unlabeled', size=size, seed=seed)
            scenes = pool.imap(one, range(unlabeled), CHUNK)
            write_unlabeled(scenes, folder / 'unlabeled')
            for split, count in zip(SPLITS, (train, val, test)):
                one = partial(scene, split=split, size=size, seed=seed)
                scenes = pool.map(one, range(count), CHUNK)
                write_coco(scenes, folder / 'coco', split)
                write_ade20k(scenes, folder / 'ade20k', SPLITS[split])
                write_crops(scenes, folder / 'crops' / split)

    return write_data_folder(root, MARK, recipe, write)


def main() -> None:
    """Read the arguments and write the data set."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('root', type=Path)
    parser.add_argument('--size', type=int, default=96)
    parser.add_argument(
        '--unlabeled', '--unlabelled', type=int, default=6000, metavar='N',
        help='number of images for pre-training',
    )  # fmt: skip
    parser.add_argument('--train', type=int, default=2400)
    parser.add_argument('--val', type=int, default=300)
    parser.add_argument('--test', type=int, default=300)
    parser.add_argument('--seed', type=int, default=0)
    arguments = vars(parser.parse_args())
    root = arguments['root']
    wrote = make(**arguments)
    print(f'{root}: {"written" if wrote else "is up to date"}')


if __name__ == '__main__':
    main()
