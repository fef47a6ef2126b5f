"""How many images a core decodes and crops for pre-training.

    python benchmarks/data_loading.py

Random JPEG pictures of ImageNet's usual size, 500 x 375 pixels, through random
resized crop to 224 and flip: the host's pipeline with each decoder it has, and
torchvision's second version. One process; a data loader has ``num_workers``.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import medians, parser, report
from mmcv.transforms import Compose
from mmpretrain.registry import TRANSFORMS
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

COUNT = 64


def make_pictures(folder: Path) -> list[str]:
    """Write pictures with edges and texture, as photographs have them."""
    random = np.random.default_rng(0)
    paths = []
    for i in range(COUNT):
        coarse = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((500, 375), Image.BICUBIC)
        noise = random.normal(0, 8, (375, 500, 3))
        pixels = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
        paths.append(str(folder / f'{i}.jpg'))
        Image.fromarray(pixels).save(paths[-1], quality=90)
    return paths


def host(decoder: str, cropper: str) -> Compose:
    """Build mmpretrain's pipeline of pre-training with given libraries."""
    return Compose(
        [
            TRANSFORMS.build(step)
            for step in (
                dict(type='LoadImageFromFile', imdecode_backend=decoder),
                dict(
                    type='RandomResizedCrop',
                    scale=224,
                    crop_ratio_range=(0.2, 1.0),
                    backend=cropper,
                    interpolation='bicubic',
                ),
                dict(type='RandomFlip', prob=0.5),
                dict(type='PackInputs'),
            )
        ]
    )


def torchvision() -> v2.Transform:
    """Build the same of torchvision's second version."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(
                224, (0.2, 1.0), interpolation=v2.InterpolationMode.BICUBIC
            ),
            v2.RandomHorizontalFlip(),
        ]
    )


def main() -> None:
    """Run the benchmark."""
    args = parser(__doc__, has_gpu=False).parse_args()
    torch.set_num_threads(1)
    crop, configs = torchvision(), host('cv2', 'pillow')
    opencv, pillow = host('cv2', 'cv2'), host('pillow', 'pillow')
    with tempfile.TemporaryDirectory() as folder:
        paths = make_pictures(Path(folder))
        ways = {
            'as in the configs: OpenCV decodes, Pillow crops': lambda: [
                configs(dict(img_path=path)) for path in paths
            ],
            "host's pipeline, OpenCV": lambda: [
                opencv(dict(img_path=path)) for path in paths
            ],
            "host's pipeline, Pillow": lambda: [
                pillow(dict(img_path=path)) for path in paths
            ],
            'torchvision v2': lambda: [
                crop(decode_jpeg(read_file(path), ImageReadMode.RGB))
                for path in paths
            ],
        }
        seconds = medians(ways, args.rounds, 'cpu')
    first = next(iter(ways))
    rows = [
        {
            'pipeline': name,
            'images/s per core': COUNT / time,
            'time / first': time / seconds[first],
        }
        for name, time in seconds.items()
    ]
    report('data_loading', args, rows)


if __name__ == '__main__':
    main()
