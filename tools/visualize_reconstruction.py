"""Draw input, masked input and prediction of a pre-trained FCMAE.

    python tools/visualize_reconstruction.py CONFIG CHECKPOINT OUT.png IMAGE...

IMAGE is an image file or a folder of images. For a model of other images than
color photographs, --channels names the channels to show, and all images must
be TIFF files.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmpretrain_plugin.datasets import find_images, open_image, read_tiff
from mmpretrain_plugin.models import FCMAE
from mmpretrain_plugin.trained_models import load_fcmae
from mmpretrain_plugin.visualization import draw_reconstructions


def read_images(
    model: FCMAE, paths: Sequence[Path], channels: Sequence[int]
) -> list[Image.Image] | list[np.ndarray]:
    """Read images as the model expects them.

    Raises:
        ValueError: If an image cannot be read or does not fit, or channels
            are to be named.
    """
    in_channels = model.backbone.in_channels
    if channels:
        return [read_tiff(path, in_channels) for path in paths]
    if in_channels != 3:
        raise ValueError(
            f'the model takes {in_channels} channels; name one or three of '
            'them to show, such as --channels 0'
        )
    return [open_image(path) for path in paths]


def main() -> None:
    """Read the arguments and write the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path, help='PNG file to write')
    parser.add_argument('images', type=Path, nargs='+')
    parser.add_argument(
        '--count', type=int, default=6, help='largest number of images'
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='seed of the masks'
    )
    parser.add_argument(
        '--channels', type=int, nargs='+', default=(), metavar='C',
        help='one channel to show in gray, or three in red, green and blue, '
        'counted from 0',
    )  # fmt: skip
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    for path in (args.config, args.checkpoint):
        if not path.exists():
            parser.error(f'{path} does not exist')
    try:
        paths = find_images(args.images, args.count)
    except FileNotFoundError as error:
        parser.error(str(error))
    try:
        model = load_fcmae(str(args.config), str(args.checkpoint), args.device)
        images = read_images(model, paths, args.channels)
        draw_reconstructions(model, images, args.out, args.seed, args.channels)
    except (ImportError, ValueError) as error:
        raise SystemExit(str(error)) from None
    print(f'{args.out}: {len(images)} reconstructions')


if __name__ == '__main__':
    main()
