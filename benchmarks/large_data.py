"""Start of a training with a million files, and very large images.

    python benchmarks/large_data.py

The first rows are pre-trainings of atto with 8 images per batch, from the
start of Python to the end of the first step. Their files are links to few
images. The other rows load one large JPEG file as the recipes do.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import torch
from measure import count, medians, parser, report, resident_peak, status
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS, DefaultScope, init_default_scope
from rich.progress import track

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
PRETRAINING = 'fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py'
DETECTION = 'coco/mask-rcnn_convnextv2-base-fcmae_fpn_1xb4-lsj-1x_coco.py'
SEGMENTATION = (
    'ade20k/upernet_convnextv2-tiny-fcmae_8xb2-160k_ade20k-512x512.py'
)
FEW, PER_FOLDER = 1000, 1000


class FirstStep(Hook):
    """Ends a training after its first step."""

    def after_train_iter(self, *_: object, **__: object) -> None:
        """Stop."""
        raise StopIteration


def link_files(folder: Path, image: bytes, files: int) -> None:
    """Create folders of hard links to one image in each.

    Args:
        folder: Folder to create them in.
        image: Content of the image file.
        files: Number of files.
    """
    for i in track(range(files), f'{files} files', transient=True):
        parent = folder / f'{i // PER_FOLDER:06}'
        first = parent / '000000.jpg'
        if i % PER_FOLDER:
            os.link(first, parent / f'{i % PER_FOLDER:06}.jpg')
        else:
            parent.mkdir(parents=True)
            first.write_bytes(image)


def train_a_step(folder: Path, result: Connection) -> None:
    """Train until the first step is done, and report the memory.

    Args:
        folder: Folder of the images.
        result: Gets the peak memory of the process in MiB.
    """
    cfg = Config.fromfile(CONFIGS / PRETRAINING)
    cfg.merge_from_dict(
        {
            'model.backbone.arch': 'atto',
            'model.neck.in_channels': 320,
            'train_dataloader.batch_size': 8,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'train_dataloader.dataset.data_root': str(folder),
            'work_dir': str(folder.parent / f'work_{folder.name}'),
            'log_level': 'ERROR',
        }
    )
    runner = RUNNERS.build(cfg)
    runner.register_hook(FirstStep())
    try:
        runner.train()
    except StopIteration:
        result.send(status('VmHWM') / 1024)


def start(folder: Path) -> tuple[float, float]:
    """Return seconds and MiB that a training takes to its first step."""
    spawn = multiprocessing.get_context('spawn')
    result, of_process = spawn.Pipe(duplex=False)
    begin = time.perf_counter()
    process = spawn.Process(target=train_a_step, args=(folder, of_process))
    process.start()
    of_process.close()
    memory = result.recv()
    seconds = time.perf_counter() - begin
    process.join()
    return seconds, memory


def make_image(side: int) -> np.ndarray:
    """Return a square image with structure, in BGR."""
    coarse = np.random.default_rng(0).integers(
        0, 256, (side // 60,) * 2 + (3,)
    )
    return cv2.resize(
        coarse.astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
    )


def recipes(path: Path, side: int) -> dict[str, tuple[Path, str, dict]]:
    """Return config, scope, and what an annotation says of the image.

    Args:
        path: Image file; its mask is beside it.
        side: Its height and width in pixels.
    """
    low, high = 0.1 * side, 0.7 * side
    square = [low, low, high, low, high, high, low, high]
    thing = dict(
        bbox=[low, low, high, high], bbox_label=0, mask=[square], ignore_flag=0
    )
    image = dict(img_path=str(path))
    return {
        'FCMAE': (CONFIGS / PRETRAINING, 'mmpretrain', image),
        'Mask R-CNN, 5 objects': (
            CONFIGS / DETECTION,
            'mmdet',
            image | dict(img_id=0, height=side, width=side)
            | dict(instances=[thing] * 5),
        ),
        'UperNet': (
            CONFIGS / SEGMENTATION,
            'mmseg',
            image | dict(seg_map_path=str(path.with_suffix('.png')))
            | dict(reduce_zero_label=True, seg_fields=[], label_map=None),
        ),
    }  # fmt: skip


def loading(folder: Path, args: argparse.Namespace) -> list[dict[str, object]]:
    """Measure how training reads a large image.

    Args:
        folder: Folder for the image.
        args: Command line.
    """
    path = folder / 'large.jpg'
    pixels = make_image(args.side)
    cv2.imwrite(str(path), pixels)
    cv2.imwrite(str(path.with_suffix('.png')), pixels[..., 0] // 2)
    del pixels
    variants, memory = {}, {}
    for name, (config, scope, info) in recipes(path, args.side).items():
        cfg = Config.fromfile(config)
        init_default_scope(scope)
        with DefaultScope.overwrite_default_scope(scope):
            pipeline = Compose(cfg.train_dataloader.dataset.pipeline)
        variants[name] = lambda load=pipeline, info=info: load(dict(info))
        memory[name] = resident_peak(variants[name])
    seconds = medians(variants, args.rounds, 'cpu')
    return [
        {
            'case': f'{name}: {args.side} x {args.side} JPEG',
            'seconds': seconds[name],
            'MiB': memory[name],
        }
        for name in variants
    ]


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__, has_gpu=False)
    line.set_defaults(rounds=3)
    line.add_argument('--files', type=count, default=10**6)
    line.add_argument('--side', type=count, default=12000)
    args = line.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, jpeg = cv2.imencode('.jpg', make_image(240))
        folders = {count: folder / f'{count}' for count in (FEW, args.files)}
        for files, images in folders.items():
            link_files(images, jpeg.tobytes(), files)
        start(folders[FEW])  # reads Python's modules from the disk
        for files, images in folders.items():
            seconds, memory = start(images)
            rows.append(
                {
                    'case': f'training with {files} files, to its first step',
                    'seconds': seconds,
                    'MiB': memory,
                }
            )
        rows += loading(folder, args)
    report('large_data', args, rows)


if __name__ == '__main__':
    main()
