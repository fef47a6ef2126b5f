r"""Measure and draw the features of one or several models.

    python tools/analyze_features.py CONFIG CHECKPOINT \
        [CONFIG CHECKPOINT ...] --data FOLDER

CONFIG is that of a pre-training, classifier, detector or segmentor whose
backbone is a ConvNeXt V1 or V2 or a Transformer of MMPretrain, or the name of
a config of an installed library, such as mmpretrain::mae/NAME.py. CHECKPOINT
is a file or address in any format that init_cfg loads.

Written to the folder --out:

    features.json           all measures of all layers
    cosine_distance.png     feature cosine distance per layer
    channels.png            silent and saturated channels, effective rank
    activations.png         64 channels of some layers in small squares
    selectivity.png         class selectivity per block, with --labels

With --labels, where each folder in FOLDER is a class, the accuracy of a k-NN
classifier and of a linear probe are measured too.
"""

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmpretrain_plugin.analysis import (
    collect_features,
    effective_rank,
    find_blocks,
    knn_accuracy,
    linear_probe_accuracy,
    measure_backbone,
    split_by_class,
)
from mmpretrain_plugin.analysis.channel_activity import SATURATED, SILENT
from mmpretrain_plugin.command_line import (
    output_folder,
    positive_int,
    usable_device,
)
from mmpretrain_plugin.datasets import open_image
from mmpretrain_plugin.launch import Progress, clock
from mmpretrain_plugin.output_files import write_json
from mmpretrain_plugin.trained_models import PixelNormalization, load_backbone
from mmpretrain_plugin.visualization import (
    ActivationMaps,
    ImageSample,
    plot_activation_maps,
    plot_channel_health,
    plot_cosine_distance,
    plot_selectivity,
    read_batches,
    read_image,
    sample_images,
    tap_title,
)

NEIGHBORS = 20  # as in appendix D
HELD_OUT = 0.25  # of the labeled images


def choose_names(words: list[str], given: list[str] | None) -> list[str]:
    """Return a different name for each pair of config and checkpoint."""
    configs = [Path(word.split('::')[-1]).stem for word in words[::2]]
    checkpoints = [Path(word).stem for word in words[1::2]]
    both = [f'{a}/{b}' for a, b in zip(configs, checkpoints)]
    numbered = [f'{name} ({i})' for i, name in enumerate(both, start=1)]
    for names in (given or configs, both, numbered):
        if len(set(names)) == len(names):
            return names
    return numbered


def analyze(
    backbone: nn.Module,
    normalization: PixelNormalization,
    sample: ImageSample,
    args: argparse.Namespace,
    progress: Progress,
    name: str,
) -> dict[str, Any]:
    """Measure a backbone on a sample of images.

    Returns:
        What ``features.json`` says about a model, without its name and files.
    """
    labels = torch.tensor(sample.labels) if sample.labels else None

    def batches() -> Iterator[tuple[Tensor, Tensor | None]]:
        start = 0
        for images in read_batches(sample.paths, args.size, args.batch_size):
            end = start + len(images)
            progress.text = f'{name}: {end} of {len(sample.paths)} images'
            pixels = normalization(images.to(args.device))
            yield pixels, None if labels is None else labels[start:end]
            progress.advance(len(images))
            start = end

    measures = measure_backbone(backbone, batches(), len(sample.classes))
    pooled = measures.pooled
    result: dict[str, Any] = dict(
        blocks=measures.blocks,
        pooled_channels=pooled.shape[1],
        pooled_effective_rank=float(effective_rank(pooled[None])),
        knn=None,
        linear_probe=None,
    )
    if labels is not None and labels.bincount().min() > 1:
        train, test = split_by_class(labels, HELD_OUT, args.seed)
        parts = pooled[train], labels[train], pooled[test], labels[test]
        k = min(NEIGHBORS, len(train))
        accuracy = knn_accuracy(*parts, k=k)
        result['knn'] = dict(
            k=k, **{f'top{n}': value for n, value in accuracy.items()}
        )
        result['linear_probe'] = linear_probe_accuracy(*parts)
    return result


def activation_maps(
    backbone: nn.Module, pixels: Tensor, layers: int, name: str
) -> list[list[ActivationMaps]]:
    """Return the panels of evenly spaced blocks for one image."""
    blocks = find_blocks(backbone)
    chosen = np.linspace(0, len(blocks) - 1, layers).round().astype(int)
    blocks = [blocks[i] for i in chosen]
    rows = []
    for block, taps in zip(blocks, collect_features(backbone, pixels, blocks)):
        taps.pop('output')
        layer = block.normalization
        kind = None if layer is None else type(layer).__name__
        rows.append(
            [
                ActivationMaps(
                    name,
                    ', '.join([block.name, *tap_title(tap, kind)]),
                    features[0].cpu(),
                )
                for tap, features in taps.items()
            ]
        )
    return rows


def write_results(
    out: Path,
    results: dict[str, Any],
    maps: list[list[list[ActivationMaps]]],
) -> list[Path]:
    """Write the JSON and the figures, and return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    # The numbers first: the plots can be made again from them.
    path = out / 'features.json'
    write_json(results, path)
    plots = {
        'cosine_distance.png': plot_cosine_distance,
        'channels.png': plot_channel_health,
    }
    if results['classes']:
        plots['selectivity.png'] = plot_selectivity
    else:  # that of an earlier run would not belong to the numbers
        (out / 'selectivity.png').unlink(missing_ok=True)
    for name, plot in plots.items():
        plot(results, out / name)
    # A row per layer, the models side by side.
    rows = [list(chain.from_iterable(row)) for row in zip(*maps)]
    plot_activation_maps(rows, out / 'activations.png')
    return [path, *(out / name for name in (*plots, 'activations.png'))]


def table(results: dict[str, Any]) -> str:
    """Return the averages over layers of each model as a table."""
    head = ['model', 'cosine distance', 'silent', 'saturated', 'pooled rank']
    if results['classes']:
        head += ['k-NN top-1', 'linear probe']
    rows = [head]
    for model in results['models']:
        means = []
        for key in ('cosine_distance', 'silent', 'saturated'):
            values = [
                b['normalized'] or b['activation'] for b in model['blocks']
            ]
            values = [v[key] for v in values if v[key] is not None]
            means.append(np.mean(values) if values else None)
        rank = f'{model["pooled_effective_rank"]:.1f}'
        row = [
            model['name'],
            *('-' if mean is None else f'{mean:.3f}' for mean in means),
            f'{rank} of {model["pooled_channels"]}',
        ]
        if results['classes']:
            knn, probe = model['knn'], model['linear_probe']
            row += ['-' if knn is None else f'{knn["top1"]:.1f}']
            row += ['-' if probe is None else f'{probe:.1f}']
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths))
        for row in rows
    )


def parse_arguments() -> argparse.Namespace:
    """Read the command line, and check what can be checked at once."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'models', nargs='+', metavar='CONFIG CHECKPOINT',
        help='one or several pairs of a config and a checkpoint',
    )  # fmt: skip
    parser.add_argument(
        '--data', type=Path, required=True, help='folder of images'
    )
    parser.add_argument(
        '--labels', action='store_true',
        help='the folders in --data are classes',
    )  # fmt: skip
    parser.add_argument(
        '--out', type=output_folder, default='work_dirs/features',
        help='folder of results (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--names', nargs='+', help='name of each model in tables and plots'
    )
    parser.add_argument(
        '--images', type=positive_int, default=1000,
        help='number of images, chosen at random (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--size', type=positive_int, default=224,
        help='side of the square that models see (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--layers', type=positive_int, default=4,
        help='number of layers in activations.png (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--batch-size', type=positive_int, default=16,
        help='(default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--seed', type=int, default=0,
        help='seed of the choice of images and of the split into training '
        'and held-out images (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument('--device', type=usable_device, default='cpu')
    args = parser.parse_args()
    if len(args.models) % 2:
        parser.error(
            'each CONFIG needs a CHECKPOINT, got an odd number of arguments: '
            f'{" ".join(args.models)}'
        )
    for word in args.models:
        if '://' not in word and '::' not in word and not Path(word).is_file():
            parser.error(f'{word} does not exist')
    if args.labels and args.images < 2:
        parser.error('--labels compares classes and needs --images 2 or more')
    if args.names and len(set(args.names)) != len(args.models) // 2:
        parser.error(
            f'--names takes a different name for each of the '
            f'{len(args.models) // 2} models, got {" ".join(args.names)}'
        )
    return args


def run(args: argparse.Namespace) -> None:
    """Analyze the models one after the other and write the results."""
    names = choose_names(args.models, args.names)
    sample = sample_images(args.data, args.images, args.labels, args.seed)
    print(f'{len(sample.paths)} images of {args.data}, {args.size} pixels')
    if not args.labels:
        print(
            'no labels: class selectivity, k-NN and linear probe are left '
            'out; pass --labels if the folders in --data are classes'
        )
    elif min(np.bincount(sample.labels)) < 2:
        print(
            'a class has one image: k-NN and linear probe, which hold out '
            'images of each class, are left out; raise --images, or add images'
        )
    # All inputs are read before the work begins.
    pairs = list(zip(args.models[::2], args.models[1::2]))
    loaded = [load_backbone(*pair) for pair in pairs]
    depth = min(len(find_blocks(backbone)) for backbone, _ in loaded)
    layers = min(args.layers, depth)
    reading = Progress(len(sample.paths), 'checking that images are readable')
    for path in sample.paths:
        open_image(path)
        reading.advance(1)
    first = read_image(sample.paths[0], args.size)[None].to(args.device)

    progress = Progress(len(sample.paths) * len(names))
    models, maps = [], []
    for name, pair, (backbone, normalization) in zip(names, pairs, loaded):
        backbone.to(args.device)
        measures = analyze(
            backbone, normalization, sample, args, progress, name
        )
        files = dict(name=name, config=pair[0], checkpoint=pair[1])
        models.append({**files, **measures})
        pixels = normalization(first)
        maps.append(activation_maps(backbone, pixels, layers, name))
        backbone.cpu()
    results = dict(
        data=str(args.data),
        images=len(sample.paths),
        size=args.size,
        seed=args.seed,
        classes=sample.classes,
        held_out=HELD_OUT if sample.classes else None,
        silent_below=SILENT,
        saturated_below=SATURATED,
        models=models,
    )
    passed = clock(progress.passed)
    print(f'{len(names)} models in {passed}'.ljust(78))
    written = write_results(args.out, results, maps)
    print(table(results))
    print('written:', ', '.join(str(path) for path in written))


def main() -> None:
    """Run the command line; an error of the input is one line."""
    args = parse_arguments()
    try:
        run(args)
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('interrupted; nothing was written') from None


if __name__ == '__main__':
    main()
