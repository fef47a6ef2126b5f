"""Convert a ConvNeXt checkpoint from any format to any other.

    python tools/convert_checkpoint.py SRC DST --to FORMAT

The format and the model size of SRC are detected from its keys. Formats:
mmpretrain (also saved by MMDetection and MMSegmentation), official,
official-sparse (saved by the authors' pre-training script), timm, huggingface,
torchvision, dinov3 (Meta's files) and huggingface-dinov3. Nothing is written
unless the backbone is complete.
"""

import argparse
import sys
from pathlib import Path

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    Architecture,
    CheckpointError,
    adapt_stem,
    check_target,
    read_file,
    sha256,
    to_state_dict,
    to_weights,
    verify,
    write_file,
)
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES

VERSIONS = {  # by GRN and layer scale
    (True, False): 'ConvNeXt V2',
    (False, True): 'ConvNeXt V1',
    (True, True): 'GRN and layer scale',
    (False, False): 'neither GRN nor layer scale',
}


def describe(architecture: Architecture) -> str:
    """Return version and size, or depths and channels if it has no name."""
    version = VERSIONS[architecture.use_grn, architecture.layer_scale]
    depths, channels = architecture.depths, architecture.channels
    for name, (width, size_depths) in ARCHITECTURES.items():
        widths = tuple(width * 2**i for i in range(4))
        if (widths, size_depths) == (channels, depths):
            return f'{version}, size {name}'
    return f'{version}, depths {depths}, channels {channels}'


def convert(args: argparse.Namespace) -> None:
    """Convert a checkpoint as the command line says.

    Raises:
        CheckpointError: If a file cannot be read or written, or the weights
            are not a complete ConvNeXt.
    """
    check_target(args.dst, args.force)
    state, metadata = read_file(args.src, args.trust, args.key)
    weights = to_weights(state)
    source_format = weights.source_format
    print(
        f'{args.src}: {source_format} format, {describe(weights.architecture)}'
    )
    if weights.others:
        print(f'left out, not in the backbone: {", ".join(weights.others)}')
    if args.in_channels is not None:
        method = args.adapt or ('sum' if args.in_channels == 1 else 'repeat')
        adapted = adapt_stem(weights, args.in_channels, method)
        if adapted is not weights:
            if weights.decoder:
                print('left out, it predicts the old channels: the decoder')
            # Compare with the adapted network, not with the source.
            state, _ = to_state_dict(adapted, 'mmpretrain')
        weights = adapted
    result, dropped = to_state_dict(weights, args.to, args.backbone_only)
    if dropped:
        print(f'left out, not in the {args.to} format: {", ".join(dropped)}')
    if args.verify:
        print(verify(state, result))
    metadata = {
        'source': metadata.get('source', args.src.name),
        'source_sha256': metadata.get('source_sha256') or sha256(args.src),
        'source_format': metadata.get('source_format', source_format),
        'license': args.license
        or metadata.get('license')
        or FORMATS[source_format].license
        or 'unknown',
    }
    container = FORMATS[args.to].container
    write_file(args.dst, result, metadata, container, args.force)
    print(f'{args.dst}: {args.to} format, {len(result)} tensors')


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
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
    parser.add_argument(
        '--to', required=True, choices=list(FORMATS), help='format of DST'
    )
    parser.add_argument(
        '--in-channels', type=int, metavar='N',
        help='change the number of input channels of the stem',
    )  # fmt: skip
    parser.add_argument(
        '--adapt', choices=['repeat', 'sum'],
        help="with --in-channels: 'repeat' the channels and scale them, or "
        "'sum' them up (default for one channel)",
    )  # fmt: skip
    parser.add_argument(
        '--backbone-only', action='store_true',
        help='leave out classifier and decoder',
    )  # fmt: skip
    parser.add_argument(
        '--verify', action='store_true',
        help='run SRC and DST on an image and print the largest difference',
    )  # fmt: skip
    parser.add_argument(
        '--key', help='key of the state dict in SRC, such as model_ema'
    )
    parser.add_argument(
        '--license', '--licence',
        help='license of the weights, written into DST',
    )  # fmt: skip
    parser.add_argument(
        '--trust', action='store_true',
        help='open a file that contains more than data and can run any code',
    )  # fmt: skip
    parser.add_argument('--force', action='store_true', help='replace DST')
    return parser


def main() -> None:
    """Convert a checkpoint, or exit with an error message of one line."""
    parser = build_parser()
    args = parser.parse_args()
    if args.adapt and args.in_channels is None:
        parser.error('--adapt needs --in-channels')
    try:
        convert(args)
    except CheckpointError as error:
        sys.exit(printable(str(error)))
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        sys.exit(printable(f'{args.src}: {type(error).__name__}: {error}'))


def printable(message: str) -> str:
    """Escape characters of a file's keys that could control a terminal."""
    return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in message)


if __name__ == '__main__':
    main()
