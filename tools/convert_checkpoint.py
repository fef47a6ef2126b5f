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

from mmpretrain_plugin.checkpoint import (
    LAYOUTS,
    CheckpointFileError,
    ConversionError,
    Weights,
    adapt_stem,
    check_target,
    read,
    read_file,
    sha256,
    verify,
    write,
    write_file,
)
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES


def describe(weights: Weights) -> str:
    """Name version and size, or depths and widths where it has no name."""
    version = {
        (True, False): 'ConvNeXt V2',
        (False, True): 'ConvNeXt V1',
        (True, True): 'GRN and layer scale',
        (False, False): 'neither GRN nor layer scale',
    }[weights.has_grn, weights.has_scale]
    for name, (width, depths) in ARCHITECTURES.items():
        widths = tuple(width * 2**i for i in range(4))
        if (widths, depths) == (weights.channels, weights.depths):
            return f'{version}, size {name}'
    return f'{version}, depths {weights.depths}, channels {weights.channels}'


def convert(args: argparse.Namespace) -> None:
    """Do what the command line says.

    Raises:
        CheckpointFileError: If a file cannot be read or written.
        ConversionError: If the weights are no whole ConvNeXt.
    """
    check_target(args.dst, args.force)
    state, about = read_file(args.src, args.trust, args.key)
    weights = read(state)
    print(f'{args.src}: {weights.layout} layout, {describe(weights)}')
    if weights.others:
        others = ', '.join(weights.others)
        print(f'left out, not of the backbone: {others}')
    if args.in_channels is not None:
        how = args.adapt or ('sum' if args.in_channels == 1 else 'repeat')
        adapted = adapt_stem(weights, args.in_channels, how)
        gone = [key for key in weights.state if key not in adapted.state]
        if gone:
            print(f'made for the old channels: {", ".join(gone)}')
        if adapted is not weights:
            state = adapted.state  # another function: no longer the source's
        weights = adapted
    result, dropped = write(weights, args.to, args.backbone_only)
    if dropped:
        print(f'no place in the {args.to} layout: {", ".join(dropped)}')
    if args.verify:
        print(verify(state, result))
    about = {
        'source': about.get('source', args.src.name),
        'source_sha256': about.get('source_sha256') or sha256(args.src),
        'source_layout': about.get('source_layout', weights.layout),
        'licence': args.licence or about.get('licence', 'unknown'),
    }
    write_file(args.dst, result, about, LAYOUTS[args.to].container, args.force)
    print(f'{args.dst}: {args.to} layout, {len(result)} tensors')


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
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
    return parser


def main() -> None:
    """Read the command line and convert, or say in one line why not."""
    parser = build_parser()
    args = parser.parse_args()
    if args.adapt and args.in_channels is None:
        parser.error('--adapt needs --in-channels')
    try:
        convert(args)
    except (CheckpointFileError, ConversionError) as error:
        sys.exit(one_line(str(error)))
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        sys.exit(one_line(f'{args.src}: {type(error).__name__}: {error}'))


def one_line(message: str) -> str:
    """Escape what names in a file could do to a terminal."""
    return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in message)


if __name__ == '__main__':
    main()
