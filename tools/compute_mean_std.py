"""Compute mean and standard deviation of each channel of a folder of images.

    python tools/compute_mean_std.py FOLDER [--in-channels 12]

Prints the lines of the config's data preprocessor. TIFF files are read with
all their channels and bits, other images as training reads them, with red,
green and blue of 8 bits. Subfolders are searched as well, and every pixel
counts the same.
"""

import argparse
import os
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from mmpretrain_plugin.command_line import positive_int
from mmpretrain_plugin.datasets import find_images
from mmpretrain_plugin.datasets.channel_statistics import (
    ChannelStatistics,
    file_statistics,
)
from mmpretrain_plugin.datasets.tiff_files import READERS
from mmpretrain_plugin.launch import Progress


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', type=Path)
    parser.add_argument(
        '--in-channels', type=positive_int,
        help='refuse TIFF files with another number of channels (default: '
        'that of the first image)',
    )  # fmt: skip
    parser.add_argument('--backend', choices=READERS, default='tifffile')
    parser.add_argument(
        '--workers', type=positive_int, default=os.cpu_count(),
        help='processes that read images (default: one per core)',
    )  # fmt: skip
    return parser.parse_args()


def compute(args: argparse.Namespace) -> ChannelStatistics:
    """Return the statistics of all images, with progress.

    Raises:
        FileNotFoundError: If there are no images.
        ValueError: If an image cannot be read or has other channels.
    """
    paths = find_images([args.folder])
    total = file_statistics(paths[0], args.in_channels, args.backend)
    progress = Progress(len(paths))
    read = partial(
        file_statistics, in_channels=total.channels, backend=args.backend
    )
    with get_context('fork').Pool(min(args.workers, len(paths))) as pool:
        # In the order of the files, so that each run gives the same digits.
        for done, one in enumerate(pool.imap(read, paths[1:], 8), 2):
            total = total.merged(one)
            progress.text = f'{done} of {len(paths)} images'
            progress.advance(1)
    constant = np.flatnonzero(total.std == 0)
    if len(constant):
        raise ValueError(
            f'channel {constant[0]} (counted from 0) has one value in all '
            'images, so there is no deviation to divide by; leave it out'
        )
    return total


def main() -> None:
    """Print mean and standard deviation."""
    args = parse_arguments()
    try:
        total = compute(args)
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    for name, values in (('mean', total.mean), ('std', total.std)):
        print(f'{name}=[{", ".join(f"{value:.6g}" for value in values)}],')


if __name__ == '__main__':
    main()
