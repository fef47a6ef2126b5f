"""Export a trained model to ONNX, and check it against PyTorch.

    python tools/export_onnx.py CONFIG CHECKPOINT OUT.onnx

A classifier returns scores (N, classes), UperNet logits (N, classes, H, W),
Mask R-CNN boxes, scores, labels and masks of one image. With --backbone, or
for a pre-training, the output is that of the backbone. The input is

    images    float32 (N, C, H, W): pixels as they come from a file, in the
              channel order of the model; the graph normalizes and pads them

The size of images is fixed unless --dynamic is given. --half stores and
computes weights in float16; input, output, the sums of GRN and boxes stay
float32. The file is run by onnxruntime; if it does not compute what PyTorch
does, nothing is written. The check of a detector needs an --image in which
it detects something.
"""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mmpretrain_plugin.command_line import positive_int
from mmpretrain_plugin.datasets import open_image, read_tiff
from mmpretrain_plugin.export import (
    SMALLEST_SIDE,
    BackboneGraph,
    ClassifierGraph,
    describe_onnx,
    differences,
    run_onnx,
    write_onnx,
)
from mmpretrain_plugin.output_files import check_output_folder, complete_file
from mmpretrain_plugin.trained_models import (
    load_backbone,
    load_model,
    read_config,
)

NEEDED = ('onnx', 'onnxscript', 'onnxruntime')
# Height and width of images by default.
SIZES = {
    'BackboneGraph': (224, 224),
    'ClassifierGraph': (224, 224),
    'SegmentorGraph': (512, 512),
    'MaskRCNNGraph': (800, 1344),
}
STEP = 32  # pixels between the two sizes of a dynamic file's check
# By --half: largest difference from PyTorch, relative to the largest value,
# and smallest share of detections that must be in both.
TOLERANCES = {False: 1e-3, True: 5e-2}
SHARES = {False: 0.95, True: 0.5}


def make_graph(config: str, checkpoint: str, backbone_only: bool) -> nn.Module:
    """Load a model, and return it as a function of tensors.

    Raises:
        ValueError: If the model cannot be loaded or has no exported form.
    """
    cfg = read_config(config)
    scope = cfg.get('default_scope', 'mmpretrain')
    is_classifier = cfg.model.type.split('.')[-1] == 'ImageClassifier'
    if backbone_only or (scope == 'mmpretrain' and not is_classifier):
        return BackboneGraph(*load_backbone(config, checkpoint))
    loaded = load_model(config, checkpoint)
    try:
        if scope == 'mmdet':
            from mmdet_plugin.export import MaskRCNNGraph

            return MaskRCNNGraph(*loaded)
        if scope == 'mmseg':
            from mmseg_plugin.export import SegmentorGraph

            return SegmentorGraph(*loaded)
        return ClassifierGraph(*loaded)
    except ValueError as error:
        raise ValueError(
            f'{config} cannot be exported: {error}; --backbone exports its '
            'backbone'
        ) from None


def read_image(path: Path, channels: int, size: Sequence[int]) -> Tensor:
    """Read an image for the check, resized: (1, channels, H, W).

    Raises:
        ValueError: If it cannot be read or has other channels.
    """
    height, width = size
    if channels == 3:
        pixels = np.array(open_image(path).resize((width, height)))
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    bands = np.moveaxis(read_tiff(path, channels).astype(np.float32), -1, 0)
    resized = [Image.fromarray(b).resize((width, height)) for b in bands]
    return torch.from_numpy(np.stack([np.array(b) for b in resized]))[None]


def random_image(channels: int, size: Sequence[int]) -> Tensor:
    """Return random pixels in [0, 255], (1, channels, H, W)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(
        256, (1, channels, *size), generator=generator
    ).float()


def resizing_steps(config: str) -> list[str]:
    """Return the transforms that change the size of images in the test."""
    dataset = (read_config(config).get('test_dataloader') or {}).get('dataset')
    return [
        f'{step["type"]}('
        + ', '.join(f'{k}={v}' for k, v in step.items() if k != 'type')
        + ')'
        for step in (dataset or {}).get('pipeline', [])
        if 'Resize' in step['type'] or 'Crop' in step['type']
    ]


def check(
    graph: nn.Module,
    path: Path,
    images: Tensor,
    expected: tuple[Tensor, ...],
    is_half: bool,
) -> None:
    """Run the file, and print how far it is from PyTorch.

    Raises:
        ValueError: If it is too far, or nothing was compared.
    """
    got = run_onnx(path, images)
    height, width = images.shape[-2:]
    print(f'{len(images)} x {height} x {width} pixels:')
    if hasattr(graph, 'match'):
        counts = len(expected[0]), len(got[0])
        expected, got = graph.match(expected, got)
        print(
            f'  {counts[0]} detections in PyTorch, {counts[1]} in '
            f'onnxruntime, {len(got[0])} in both'
        )
        if not any(counts):
            raise ValueError(
                'nothing was detected, so nothing could be compared; give an '
                '--image in which the model detects something'
            )
        if len(got[0]) < SHARES[is_half] * max(counts):
            raise ValueError(
                f'less than {SHARES[is_half]:.0%} of the detections are in '
                'both'
            )
    for difference in differences(graph.output_names, expected, got):
        print(
            f'  {difference.output}: largest difference '
            f'{difference.largest:.2g}, largest value {difference.scale:.3g}'
        )
        if difference.relative > TOLERANCES[is_half]:
            raise ValueError(
                f'{difference.output} differs from PyTorch by more than '
                f'{TOLERANCES[is_half]:g} of its largest value'
            )


def export(args: argparse.Namespace) -> None:
    """Write the file and check it.

    Raises:
        ValueError: If the model cannot be exported, or the file computes
            something else than PyTorch.
    """
    graph = make_graph(args.config, args.checkpoint, args.backbone).eval()
    size = tuple(args.size or SIZES[type(graph).__name__])
    if args.dynamic and min(size) < SMALLEST_SIDE + STEP:
        raise ValueError(
            f'--dynamic needs a --size of {SMALLEST_SIDE + STEP} or more for '
            f'its check, got {size[0]} {size[1]}'
        )
    channels = next(p for p in graph.parameters() if p.dim() == 4).shape[1]

    def make_image(size: Sequence[int]) -> Tensor:
        if args.image:
            return read_image(args.image, channels, size)
        return random_image(channels, size)

    samples, dynamic_axes = [make_image(size)], {}
    if args.dynamic:
        dynamic_axes = {2: 'height', 3: 'width'}
        samples.append(make_image((size[0] + STEP, size[1] - STEP)))
        if not hasattr(graph, 'match'):  # a detector has one image
            dynamic_axes[0] = 'batch'
            samples[0] = torch.cat([samples[0], samples[0].flip(-1) / 2])
    with torch.no_grad():
        expected = [graph(images) for images in samples]
    if args.half:
        for name, part in graph.named_children():
            if name != 'pixels':
                part.half()
    properties = {
        'channel_order': graph.pixels.order,
        'resizing': ', '.join(resizing_steps(args.config)) or 'none',
    }
    with complete_file(args.out) as part:
        write_onnx(graph, samples[0], part, dynamic_axes)
        describe_onnx(part, properties)
        for images, outputs in zip(samples, expected):
            check(graph, part, images, outputs, args.half)
    shape = samples[0].shape
    sides = ', '.join(str(dynamic_axes.get(i, n)) for i, n in enumerate(shape))
    print(f'input: images ({sides}), channels in order {graph.pixels.order}')
    print(f'resizing in the test of the config: {properties["resizing"]}')
    if getattr(graph, 'replaces_soft_nms', False):
        print(
            'soft-NMS has no ONNX form; the file has hard NMS, which keeps '
            'fewer overlapping boxes'
        )
    if getattr(graph, 'replaces_sliding_windows', False):
        print('the file computes complete images, without sliding windows')
    print(f'{args.out}: {args.out.stat().st_size / 2**20:.1f} MiB')


def parse_arguments() -> argparse.Namespace:
    """Read the command line, and check what can be checked at once."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('out', type=Path, help='.onnx file to write')
    parser.add_argument(
        '--size', type=positive_int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
        help='of images; default: 224 224, 512 512 in segmentation, 800 1344 '
        'in detection',
    )  # fmt: skip
    parser.add_argument(
        '--dynamic', action='store_true',
        help='images of any height and width, and any number of them except '
        'in detection',
    )  # fmt: skip
    parser.add_argument(
        '--half', action='store_true', help='float16 weights and layers'
    )
    parser.add_argument(
        '--backbone', action='store_true', help='export the backbone alone'
    )
    parser.add_argument(
        '--image', type=Path,
        help='image to check the file with, TIFF if its channels are not RGB '
        '(default: random pixels)',
    )  # fmt: skip
    args = parser.parse_args()
    if args.out.suffix != '.onnx' or args.out.is_dir():
        parser.error(f'{args.out} must be a file that ends in .onnx')
    if not args.out.parent.exists():
        parser.error(f'{args.out.parent} does not exist')
    if args.image and not args.image.is_file():
        parser.error(f'{args.image} does not exist')
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        parser.error(
            f'{", ".join(missing)} not installed; run: pip install '
            f'{" ".join(missing)}'
        )
    return args


def main() -> None:
    """Run the command line; an error of the input is one line."""
    args = parse_arguments()
    try:
        check_output_folder(args.out.parent)
        export(args)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('\ninterrupted; nothing was written') from None


if __name__ == '__main__':
    main()
