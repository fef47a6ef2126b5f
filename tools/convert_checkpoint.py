"""Convert a ConvNeXt checkpoint from any layout to any other.

    python tools/convert_checkpoint.py SRC DST --to LAYOUT

The layout of SRC and the size are found from its keys. Layouts: mmpretrain
(also what mmdet and mmseg save), official, official-sparse (what the official
pre-training script saves), timm, huggingface. Nothing is written unless the
whole backbone is there.
"""

import argparse
import sys
from pathlib import Path

import torch

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    CheckpointFileError,
    ConversionError,
    Weights,
    adapt_stem,
    check_target,
    last_map,
    read,
    read_file,
    sha256,
    write,
    write_file,
)
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES

# Where each layout's own programs look for the state dict in a .pth file.
CONTAINERS = {
    'mmpretrain': 'state_dict',
    'official': 'model',
    'official-sparse': 'model',
    'timm': 'state_dict',
    'huggingface': None,
}


def size_of(weights: Weights) -> str:
    """Name the size, or depths and widths where it has no name."""
    for name, (width, depths) in ARCHITECTURES.items():
        if (width, depths) == (weights.channels[0], weights.depths):
            return f'size {name}'
    return f'depths {weights.depths}, channels {weights.channels}'


def verify(
    before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]
) -> str:
    """Run source and result on one image, each in its own model.

    Args:
        before: State dict of the source, in its layout.
        after: State dict of the result, in its layout.

    Returns:
        A line with the largest difference of the last maps, and whose models
        computed them.
    """
    _, channels, patch, _ = read(before).stem.shape
    side = 24 * patch  # three cells of the last of the usual four stages
    images = torch.randn(
        1, channels, side, side, generator=torch.Generator().manual_seed(0)
    )
    (one, whose), (other, whose_else) = (
        last_map(state, images) for state in (before, after)
    )
    difference = (one - other).abs().max().item()
    return (
        f'largest difference on an image: {difference:.3g} of '
        f'{one.abs().max().item():.3g} (models of {whose} and {whose_else})'
    )


def convert(args: argparse.Namespace) -> None:
    """Do what the command line says.

    Raises:
        CheckpointFileError: If a file cannot be read or written.
        ConversionError: If the weights are no whole ConvNeXt.
    """
    check_target(args.dst, args.force)
    state, about = read_file(args.src, args.trust, args.key)
    weights = read(state)
    print(f'{args.src}: {weights.layout} layout, {size_of(weights)}')
    if weights.others:
        print(f'left out, not of the backbone: {len(weights.others)} keys')
    if args.in_channels is not None:
        if args.in_channels < 1:
            raise ConversionError(
                f'--in-channels must be at least 1, got {args.in_channels}'
            )
        how = args.adapt or ('sum' if args.in_channels == 1 else 'repeat')
        weights = adapt_stem(weights, args.in_channels, how)
        state = weights.state  # another function: no longer the source's
    result, dropped = write(weights, args.to, args.backbone_only)
    if dropped:
        print(f'no place in the {args.to} layout: {", ".join(dropped)}')
    if args.verify:
        print(verify(state, result))
    about = {
        'source': about.get('source', args.src.name),
        'source_sha256': about.get('source_sha256', sha256(args.src)),
        'source_layout': about.get('source_layout', weights.layout),
        'licence': args.licence or about.get('licence', 'unknown'),
    }
    write_file(args.dst, result, about, CONTAINERS[args.to], args.force)
    print(f'{args.dst}: {args.to} layout, {len(result)} tensors')


def main() -> None:
    """Read the command line and convert, or say in one line why not."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'src', type=Path, metavar='SRC',
        help='.pt, .pth, .bin, .safetensors, or the .json index of shards',
    )  # fmt: skip
    parser.add_argument(
        'dst', type=Path, metavar='DST', help='.pth or .safetensors'
    )
    parser.add_argument('--to', required=True, choices=list(LAYOUTS))
    parser.add_argument(
        '--in-channels', type=int, metavar='N',
        help='give the stem another number of channels',
    )  # fmt: skip
    parser.add_argument(
        '--adapt', choices=['repeat', 'sum'],
        help="how: 'repeat' channels and scale, or 'sum' to one (default)",
    )  # fmt: skip
    parser.add_argument(
        '--backbone-only', action='store_true',
        help='leave out classifier and decoder',
    )  # fmt: skip
    parser.add_argument(
        '--verify', action='store_true',
        help='run both on an image and print the largest difference',
    )  # fmt: skip
    parser.add_argument(
        '--key', help='where in SRC the state dict is, such as model_ema'
    )
    parser.add_argument(
        '--licence', help='licence of the weights, written into DST'
    )
    parser.add_argument(
        '--trust', action='store_true',
        help='open files that hold more than data: they can run any code',
    )  # fmt: skip
    parser.add_argument('--force', action='store_true', help='replace DST')
    args = parser.parse_args()
    try:
        convert(args)
    except (CheckpointFileError, ConversionError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
