"""Images per second that a core decodes and crops for pre-training.

    python benchmarks/data_loading.py

Random JPEG images of ImageNet's usual size, 500 x 375 pixels, through random
resized crop to 224 and flip: MMPretrain's pipeline with each of its decoders,
and torchvision's transforms v2. One process; a data loader has
``num_workers``.
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


def make_images(folder: Path) -> list[str]:
    """Save images with edges and texture like those of photographs."""
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


def mmpretrain_pipeline(decoder: str, cropper: str) -> Compose:
    """Return MMPretrain's pre-training pipeline with given libraries."""
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
    """Return the same transforms of torchvision v2."""
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
    crop = torchvision()
    configs = mmpretrain_pipeline('cv2', 'pillow')
    opencv = mmpretrain_pipeline('cv2', 'cv2')
    pillow = mmpretrain_pipeline('pillow', 'pillow')
    with tempfile.TemporaryDirectory() as folder:
        paths = make_images(Path(folder))
        variants = {
            'as in the configs: OpenCV decodes, Pillow crops': lambda: [
                configs(dict(img_path=path)) for path in paths
            ],
            "MMPretrain's pipeline, OpenCV": lambda: [
                opencv(dict(img_path=path)) for path in paths
            ],
            "MMPretrain's pipeline, Pillow": lambda: [
                pillow(dict(img_path=path)) for path in paths
            ],
            'torchvision v2': lambda: [
                crop(decode_jpeg(read_file(path), ImageReadMode.RGB))
                for path in paths
            ],
        }
        seconds = medians(variants, args.rounds, 'cpu')
    first = next(iter(variants))
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
