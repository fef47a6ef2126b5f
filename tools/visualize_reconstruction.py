"""Draw input, masked input and prediction of a pre-trained FCMAE.

    python tools/visualize_reconstruction.py CONFIG CHECKPOINT OUT.png IMAGE...

IMAGE is an image file or a folder of images.
"""

import argparse
from pathlib import Path

from mmpretrain_plugin.visualization import (
    draw_reconstructions,
    find_images,
    load_fcmae,
    open_image,
)


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
        images = [open_image(path) for path in paths]
        model = load_fcmae(args.config, args.checkpoint, args.device)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    draw_reconstructions(model, images, args.out, args.seed)
    print(f'{args.out}: {len(images)} reconstructions')


if __name__ == '__main__':
    main()
