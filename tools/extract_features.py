"""Write the features of a folder of images to an .npz file.

    python tools/extract_features.py CONFIG CHECKPOINT FOLDER OUT.npz

CONFIG is that of a pre-training, classifier, detector or segmentor, or the
name of a config of an installed library, such as mmpretrain::mae/NAME.py.
CHECKPOINT is a file or address in any format that init_cfg loads. OUT.npz
contains

    features  float32 (N, C): output of the last stage, averaged over its
              positions; in a classifier as its head receives it
    files     (N,): paths relative to FOLDER, sorted
    labels    int64 (N,): index of the subfolder in FOLDER; only if no image
              is outside of the subfolders
    classes   names of the subfolders, in the order of the labels

Images are squares of --size pixels from the center. Features are written to
the disk as they are computed, so that memory does not limit their number.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from mmengine.device import get_device
from torch import nn

from mmpretrain_plugin.analysis import pooled_features
from mmpretrain_plugin.command_line import positive_int, usable_device
from mmpretrain_plugin.datasets import find_images
from mmpretrain_plugin.launch import Progress
from mmpretrain_plugin.output_files import check_output_folder, complete_file
from mmpretrain_plugin.trained_models import PixelNormalization, load_backbone
from mmpretrain_plugin.visualization import read_batches


def find_labels(files: list[Path]) -> dict[str, np.ndarray]:
    """Return labels and classes, or nothing if images have none.

    Args:
        files: Paths relative to the folder whose subfolders are classes.
    """
    names = [file.parts[0] for file in files if len(file.parts) > 1]
    if len(names) < len(files):
        return {}
    classes, labels = np.unique(names, return_inverse=True)
    return dict(labels=labels.astype(np.int64), classes=classes)


def extract(
    backbone: nn.Module,
    normalization: PixelNormalization,
    paths: list[Path],
    args: argparse.Namespace,
) -> int:
    """Write features, file names and labels; a failure leaves no file.

    Returns:
        The number of features of an image, C.

    Raises:
        ValueError: If an image cannot be read; names the file.
    """
    files = [path.relative_to(args.folder) for path in paths]
    progress, done = Progress(len(paths)), 0
    batches = read_batches(paths, args.size, args.batch_size, args.workers)
    folder = args.out.parent
    with tempfile.TemporaryDirectory(prefix='.', dir=folder) as temporary:
        table = None
        for images in batches:
            pixels = normalization(images.to(args.device))
            features = pooled_features(backbone, pixels).cpu().numpy()
            if table is None:
                table = np.lib.format.open_memmap(
                    Path(temporary, 'features.npy'),
                    mode='w+',
                    dtype=np.float32,
                    shape=(len(paths), features.shape[1]),
                )
            table[done : done + len(features)] = features
            done += len(features)
            progress.text = f'{done} of {len(paths)} images'
            progress.advance(len(features))
        names = np.array([file.as_posix() for file in files])
        with complete_file(args.out) as part, part.open('wb') as file:
            np.savez(file, features=table, files=names, **find_labels(files))
        return table.shape[1]


def parse_arguments() -> argparse.Namespace:
    """Read the command line, and check what can be checked at once."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('folder', type=Path)
    parser.add_argument('out', type=Path, help='.npz file to write')
    parser.add_argument(
        '--size', type=positive_int, default=224,
        help='side of the square that the model sees (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument('--batch-size', type=positive_int, default=64)
    parser.add_argument(
        '--workers', type=int, default=2, help='processes that read images'
    )
    parser.add_argument('--device', type=usable_device, default=get_device())
    args = parser.parse_args()
    if args.out.suffix != '.npz' or args.out.is_dir():
        parser.error(f'{args.out} must be a file that ends in .npz')
    if not args.out.parent.exists():
        parser.error(f'{args.out.parent} does not exist')
    if args.workers < 0:
        parser.error(f'--workers must be 0 or more, got {args.workers}')
    return args


def main() -> None:
    """Run the command line; an error of the input is one line."""
    args = parse_arguments()
    try:
        check_output_folder(args.out.parent)
        if not args.folder.is_dir():
            raise ValueError(f'{args.folder} is no folder')
        paths = find_images([args.folder])
        loaded = load_backbone(args.config, args.checkpoint, args.device)
        channels = extract(*loaded, paths, args)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('\ninterrupted; nothing was written') from None
    print(f'{args.out}: {len(paths)} images, {channels} features each')


if __name__ == '__main__':
    main()
