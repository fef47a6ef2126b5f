"""Images per second that a core loads for pre-training.

    python benchmarks/data_loading.py

Photographs of scikit-image and scikit-learn, resized to ImageNet's usual size
and to that of a camera, through random resized crop to 224 and flip: the
pipeline of the configs, and MMPretrain's with each of its libraries, whose
crops with Pillow are those of the official code. One process; a data loader
has ``num_workers``. Differences are of 8-bit pixels to MMPretrain's pipeline
with Pillow, for the same crops.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import medians, parser, report
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

CONFIG = 'fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py'
SIZES = ((500, 375), (2000, 1500))
REFERENCE = 'MMPretrain: OpenCV decodes, Pillow crops'


def photographs() -> list[np.ndarray]:
    """Return photographs that come with packages."""
    return [
        data.astronaut(),
        data.chelsea(),
        data.coffee(),
        data.rocket(),
        data.retina(),
        load_sample_image('china.jpg'),
        load_sample_image('flower.jpg'),
    ]


def write_images(folder: Path, width: int, height: int) -> list[str]:
    """Write photographs as JPEG files of a size, and return their paths.

    Args:
        folder: Folder of the files.
        width: Width in pixels.
        height: Height in pixels.
    """
    paths = []
    for i, pixels in enumerate(photographs()):
        image = Image.fromarray(pixels)
        factor = max(width / image.width, height / image.height)
        size = (round(factor * image.width), round(factor * image.height))
        image = image.resize(size, Image.BICUBIC).crop((0, 0, width, height))
        paths.append(str(folder / f'{width}_{i}.jpg'))
        image.save(paths[-1], quality=90)
    return paths


def pipelines() -> dict[str, Compose]:
    """Return the pipelines by name."""
    configs = Path(__file__).resolve().parents[1] / 'configs'
    cfg = Config.fromfile(configs / CONFIG)
    first, *rest = cfg.train_dataloader.dataset.pipeline

    def mmpretrain(decoder: str, cropper: str) -> list[dict]:
        load = dict(type='LoadImageFromFile', imdecode_backend=decoder)
        crop = dict(
            type='RandomResizedCrop',
            scale=first.scale,
            crop_ratio_range=first.crop_ratio_range,
            backend=cropper,
            interpolation='bicubic',
        )
        return [load, crop, *rest]

    steps = {
        'as in the configs': [first, *rest],
        REFERENCE: mmpretrain('cv2', 'pillow'),
        'MMPretrain: Pillow': mmpretrain('pillow', 'pillow'),
        'MMPretrain: OpenCV, not antialiased': mmpretrain('cv2', 'cv2'),
    }
    init_default_scope('mmpretrain')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return {name: Compose(pipeline) for name, pipeline in steps.items()}


def load(pipeline: Compose, paths: list[str]) -> torch.Tensor:
    """Return images of a pipeline, with crops that are always the same."""
    np.random.seed(0)
    return torch.stack(
        [pipeline(dict(img_path=path))['inputs'] for path in paths]
    )


def main() -> None:
    """Run the benchmark."""
    args = parser(__doc__, has_gpu=False).parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for width, height in SIZES:
            paths = write_images(Path(folder), width, height)
            variants = {
                name: lambda p=pipeline, x=paths: load(p, x)
                for name, pipeline in pipelines().items()
            }
            seconds = medians(variants, args.rounds, 'cpu')
            wanted = variants[REFERENCE]().int()
            for name, run in variants.items():
                difference = (run().int() - wanted).abs()
                rows.append(
                    {
                        'pixels': f'{width} x {height}',
                        'pipeline': name,
                        'images/s per core': len(paths) / seconds[name],
                        'speedup': seconds[REFERENCE] / seconds[name],
                        'mean difference': difference.float().mean().item(),
                        'largest difference': difference.max().item(),
                    }
                )
    report('data_loading', args, rows)


if __name__ == '__main__':
    main()
