"""Draw input, masked input and prediction of a pre-trained FCMAE.

    python tools/visualize_reconstruction.py CONFIG CHECKPOINT OUT.png IMAGE...

IMAGE is a picture or a folder of pictures.
"""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmpretrain.apis import get_model
from PIL import Image

from mmpretrain_plugin.visualization import draw_reconstructions

SUFFIXES = ('.jpg', '.jpeg', '.png')


def find_pictures(places: list[Path], count: int) -> list[Path]:
    """List the first pictures among files and folders.

    Args:
        places: Pictures, and folders that are searched for them.
        count: At most how many.

    Raises:
        SystemExit: If there is none.
    """
    found = []
    for place in places:
        inside = sorted(place.rglob('*')) if place.is_dir() else [place]
        found += [p for p in inside if p.suffix.lower() in SUFFIXES]
    if not found:
        raise SystemExit(
            f'no pictures ({", ".join(SUFFIXES)}) in '
            f'{", ".join(map(str, places))}'
        )
    return found[:count]


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path, help='the PNG to write')
    parser.add_argument('images', type=Path, nargs='+')
    parser.add_argument('--count', type=int, default=6)
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    for path in (args.config, args.checkpoint, *args.images):
        if not path.exists():
            parser.error(f'{path} does not exist')
    pictures = [
        Image.open(path).convert('RGB')
        for path in find_pictures(args.images, args.count)
    ]
    model = get_model(
        Config.fromfile(args.config),
        pretrained=str(args.checkpoint),
        device=args.device,
    )
    draw_reconstructions(model, pictures, args.out, args.seed)
    print(f'{args.out}: {len(pictures)} reconstructions')


if __name__ == '__main__':
    main()
