"""Write the features of a folder of images to an .npz file.

    python tools/extract_features.py CONFIG CHECKPOINT FOLDER OUT.npz

CONFIG is a config of MMPretrain, for pre-training or classification. Images
pass its test pipeline. OUT.npz contains

    features  float32 (N, C): the last stage, averaged over its positions; in
              a classifier also normalized, as its head receives it
    files     (N,): paths relative to FOLDER, sorted
    labels    int64 (N,): index of the subfolder in FOLDER; only if no image
              is outside of the subfolders
    classes   names of the subfolders, in the order of the labels

A ConvNeXt V2 reads every checkpoint format of docs/checkpoints.md. Features
are written to the disk as they are computed, so that memory does not limit
their number.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmpretrain.apis import get_model
from mmpretrain.registry import DATASETS
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmpretrain_plugin.checkpoint import load_pretrained, read_file
from mmpretrain_plugin.launch import ProgressLine, clock
from mmpretrain_plugin.models import ConvNeXtV2


def pipeline_of(config: Path) -> list:
    """Return the transforms of the images in the test of a config.

    Raises:
        ValueError: If the config has no test.
    """
    loader = Config.fromfile(config).get('test_dataloader')
    if not loader:
        raise ValueError(
            f'{config} has no test_dataloader, whose pipeline prepares the '
            'images; add one as configs/_base_/datasets/imagenet_fcmae.py has'
        )
    return loader.dataset.pipeline


def load_model(config: Path, checkpoint: str, device: str) -> nn.Module:
    """Build a model and load the weights of its backbone.

    Args:
        config: Config of MMPretrain.
        checkpoint: Checkpoint; for a ``ConvNeXtV2`` in any known format, also
            an address, for other backbones one of the complete model.
        device: Device of the model.

    Raises:
        ValueError: If config and checkpoint do not fit.
    """
    model = get_model(Config.fromfile(config), device=device)
    if isinstance(model.backbone, ConvNeXtV2):
        load_pretrained(model.backbone, dict(checkpoint=checkpoint))
        return model
    try:
        model.load_state_dict(read_file(Path(checkpoint))[0])
    except RuntimeError as error:
        problems = ' '.join(str(error).split())
        raise ValueError(
            f'{checkpoint} does not fit {config}: {problems}'
        ) from None
    return model


class Images(Dataset):
    """Images of a folder and its subfolders after a pipeline.

    Args:
        folder: Folder, which is searched recursively.
        pipeline: Config of the transforms, from a path on.

    Raises:
        FileNotFoundError: If there are no images.
    """

    def __init__(self, folder: Path, pipeline: list) -> None:
        config = dict(
            type='CustomDataset',
            data_root=str(folder),
            with_label=False,
            pipeline=pipeline,
        )
        try:
            with DefaultScope.overwrite_default_scope('mmpretrain'):
                self.dataset = DATASETS.build(config)
        except RuntimeError as error:
            raise FileNotFoundError(
                f'no images in {folder}: {error}'
            ) from None
        self.files = [
            Path(self.dataset.get_data_info(i)['img_path']).relative_to(folder)
            for i in range(len(self.dataset))
        ]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.files)

    def __getitem__(self, index: int) -> dict:
        """Return an image as the pipeline packs it.

        Raises:
            ValueError: If the pipeline cannot read it; names the file.
        """
        try:
            return self.dataset[index]
        except Exception as error:
            reason = ' '.join(str(error).split()) or type(error).__name__
            path = self.dataset.get_data_info(index)['img_path']
            raise ValueError(f'{path} cannot be read: {reason}') from None

    def labels(self) -> dict[str, np.ndarray]:
        """Return labels and classes, or nothing if images have none."""
        names = [file.parts[0] for file in self.files if len(file.parts) > 1]
        if len(names) < len(self):
            return {}
        classes, labels = np.unique(names, return_inverse=True)
        return dict(labels=labels.astype(np.int64), classes=classes)


@torch.inference_mode()
def features_of(model: nn.Module, loader: DataLoader) -> Iterator[np.ndarray]:
    """Yield the features (n, C) of every batch of a loader."""
    for batch in loader:
        inputs = model.data_preprocessor(batch, False)['inputs']
        features = model.backbone(inputs)[-1].float()
        if features.dim() == 4:  # a map
            features = features.mean(dim=(2, 3))
        yield features.cpu().numpy()


def extract(
    model: nn.Module, images: Images, out: Path, batch_size: int, workers: int
) -> int:
    """Write features, file names and labels; a failure leaves no file.

    Args:
        model: Model in evaluation mode.
        images: Images to encode.
        out: File to write; an existing one is replaced.
        batch_size: Images per batch.
        workers: Processes that read images.

    Returns:
        The number of features of an image, C.

    Raises:
        ValueError: If an image cannot be read; names the file.
    """
    loader = DataLoader(
        images, batch_size, num_workers=workers, collate_fn=default_collate
    )
    progress, start, done = ProgressLine(), time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix='.', dir=out.parent) as folder:
        table = None
        for features in features_of(model, loader):
            if table is None:
                table = np.lib.format.open_memmap(
                    Path(folder, 'features.npy'),
                    mode='w+',
                    dtype=np.float32,
                    shape=(len(images), features.shape[1]),
                )
            table[done : done + len(features)] = features
            done += len(features)
            left = (time.monotonic() - start) * (len(images) / done - 1)
            progress.show(
                f'{done}/{len(images)} images, {clock(left)} left     '
            )
        part = Path(folder, 'part.npz')
        files = np.array([file.as_posix() for file in images.files])
        np.savez(part, features=table, files=files, **images.labels())
        part.replace(out)
        return table.shape[1]


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint', help='path, or for ConvNeXt V2 address')
    parser.add_argument('folder', type=Path)
    parser.add_argument('out', type=Path, help='.npz file to write')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument(
        '--workers', type=int, default=2, help='processes that read images'
    )
    parser.add_argument('--device', default=get_device())
    args = parser.parse_args()
    for path in (args.config, args.folder, args.out.parent):
        if not path.exists():
            parser.error(f'{path} does not exist')
    if args.out.suffix != '.npz':
        parser.error(f'{args.out} must end in .npz')
    try:
        pipeline = pipeline_of(args.config)
        model = load_model(args.config, args.checkpoint, args.device)
        images = Images(args.folder, pipeline)
        channels = extract(
            model, images, args.out, args.batch_size, args.workers
        )
    except (OSError, ValueError) as error:
        # PyTorch puts the traceback of a worker before the message.
        last = str(error).strip().splitlines()[-1]
        raise SystemExit(last.removeprefix('ValueError: ')) from None
    print(f'{args.out}: {len(images)} images, {channels} features each')


if __name__ == '__main__':
    main()
