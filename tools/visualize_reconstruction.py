"""Draw input, masked input and prediction of a pre-trained FCMAE.

    python tools/visualize_reconstruction.py CONFIG CHECKPOINT OUT.png IMAGE...

IMAGE is an image file or a folder of images.
"""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmpretrain.apis import get_model
from PIL import Image

from mmpretrain_plugin.visualization import draw_reconstructions

SUFFIXES = ('.jpg', '.jpeg', '.png')


def find_images(paths: list[Path], count: int) -> list[Path]:
    """Return the first image files among files and folders.

    Args:
        paths: Image files, and folders that are searched recursively.
        count: Largest number of files to return.

    Raises:
        SystemExit: If there is none.
    """
    found = []
    for path in paths:
        files = sorted(path.rglob('*')) if path.is_dir() else [path]
        found += [f for f in files if f.suffix.lower() in SUFFIXES]
    if not found:
        raise SystemExit(
            f'no images ({", ".join(SUFFIXES)}) in '
            f'{", ".join(map(str, paths))}'
        )
    return found[:count]


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
    for path in (args.config, args.checkpoint, *args.images):
        if not path.exists():
            parser.error(f'{path} does not exist')
    images = [
        Image.open(path).convert('RGB')
        for path in find_images(args.images, args.count)
    ]
    model = get_model(Config.fromfile(args.config), device=args.device)
    try:
        load_checkpoint(model, str(args.checkpoint), 'cpu', strict=True)
    except RuntimeError as error:
        problems = ' '.join(str(error).split())
        raise SystemExit(
            f'{args.checkpoint} does not fit {args.config}; use the config '
            f'that the training saved in its work_dir: {problems}'
        ) from None
    draw_reconstructions(model, images, args.out, args.seed)
    print(f'{args.out}: {len(images)} reconstructions')


if __name__ == '__main__':
    main()
