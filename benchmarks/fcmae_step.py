"""A pre-training step: packed, dense masking, and MMPretrain's SparK.

    python benchmarks/fcmae_step.py

For every size the encoder, forward and backward, and the full model with
decoder and loss. The setting is that of the paper's Figure 7 (224 pixels, 60%
hidden, ``--batch 64``), with a smaller batch on a CPU. SparK's encoder has the
same blocks and hides the same patches. 'nothing hidden' is the same backbone
on complete images without a mask: 49/19 = 2.58 times the positions.

The roofline bound is the least time that visible patches can take at the
machine's throughput of computation and memory, measured in the same rounds
(``roofline.py``).
"""

import roofline
import torch
from measure import (
    SIZES,
    autocast,
    count,
    medians,
    parser,
    peak,
    report,
    saved_for_backward,
    side,
    train_step,
)
from mmpretrain.models.utils.sparse_modules import SparseHelper
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from mmpretrain_plugin.models.backbones.convnext_v2 import resolve_architecture
from mmpretrain_plugin.models.masking import patch_grid, random_mask

ENCODER = {
    'packed': ('packed', True),
    'packed, plain MLP': ('packed', False),
    'dense masking': ('dense', True),
    'nothing hidden': (None, True),
}
FULL_MODEL = {'packed': 'packed', 'dense masking': 'dense'}


class SparK(nn.Module):
    """MMPretrain's sparse encoder of one size, with the mask as an argument.

    It equals our encoder if the biases before GELU are zero, as they are
    initialized. Otherwise hidden positions have activations, which enter its
    GRN. It accepts only square images.
    """

    def __init__(self, depths: tuple, channels: tuple) -> None:
        super().__init__()
        self.encoder = MODELS.build(
            dict(
                type='mmpretrain.SparseConvNeXt',
                arch=dict(depths=list(depths), channels=list(channels)),
                use_grn=True,
                layer_scale_init_value=0.0,
                out_indices=[3],
                gap_before_output=False,
            )
        )

    def forward(self, images: Tensor, mask: Tensor) -> Tensor:
        """Encode images (N, C, H, W) under a mask (N, h, w)."""
        visible = ~mask[:, None]
        SparseHelper._cur_active = visible
        factor = images.shape[2] // mask.shape[1]
        pixels = visible.repeat_interleave(factor, 2)
        return self.encoder(images * pixels.repeat_interleave(factor, 3))[0]


def encoders(size: str, args: object) -> dict[str, tuple]:
    """Return encoders by name: module, and function of images and mask."""
    variants = {}
    for name, (encoding, fold) in ENCODER.items():
        model = MODELS.build(
            dict(
                type='mmpretrain.ConvNeXtV2',
                arch=size,
                fold_mlp=fold,
                gap_before_final_norm=False,
                final_norm=False,
            )
        ).to(args.device)

        def encode(images, mask, model=model, encoding=encoding):
            if encoding is None:
                return model(images)[0]
            return model(images, mask, encoding)[0]

        variants[name] = (model, encode)
    spark = SparK(model.depths, model.channels).to(args.device)
    variants["mmpretrain's SparK"] = (
        spark,
        lambda x, mask: spark(x, mask.to(x.device)),
    )
    return variants


def full_models(size: str, args: object) -> dict[str, tuple]:
    """Return models by name, and functions from images to the loss."""
    variants = {}
    for name, encoding in FULL_MODEL.items():
        model = MODELS.build(
            dict(
                type='mmpretrain.FCMAE',
                backbone=dict(type='ConvNeXtV2', arch=size),
                neck=dict(
                    type='FCMAEDecoder',
                    in_channels=resolve_architecture(size)[1][-1],
                ),
                head=dict(type='FCMAEHead'),
                encoding=encoding,
            )
        ).to(args.device)
        variants[name] = (
            model,
            lambda x, mask, model=model: model.loss(x, mask=mask)['loss'],
        )
    return variants


def compare(size: str, part: str, variants: dict, args: object) -> list[dict]:
    """Measure variants of one part, and the machine's throughput."""
    generator = torch.Generator().manual_seed(0)
    shape = (args.batch, 3, args.pixels, args.pixels)
    images = torch.randn(shape, generator=generator).to(args.device)
    grid = patch_grid((args.pixels, args.pixels), roofline.PATCH)
    mask = random_mask(args.batch, grid, args.ratio, generator)
    visible = int((~mask[0]).sum())

    steps = {
        name: lambda m=model, r=run: train_step(
            m, lambda: r(images, mask), args.device
        )
        for name, (model, run) in variants.items()
    }
    probes = roofline.probes(args.device)
    seconds = medians({**steps, **probes}, args.rounds, args.device)
    throughput = roofline.throughput_of(seconds, args.device)
    layers = roofline.pretraining(
        size, part, args.batch, mask[0].numel(), visible
    )
    least = roofline.seconds(layers, throughput)
    rows = []
    for name, (model, run) in variants.items():
        with autocast(args.device):
            saved = saved_for_backward(
                lambda run=run: run(images, mask),
                [images, *model.parameters()],
            )
        rows.append(
            {
                'size': size,
                'part': part,
                'variant': name,
                'images/s': args.batch / seconds[name],
                'time / packed': seconds[name] / seconds['packed'],
                'time / roofline bound': seconds[name] / least,
                'matmul TFLOP/s': throughput.flops / 1e12,
                'copy GB/s': throughput.bytes / 1e9,
                'saved MiB': saved / 2**20,
                'peak MiB': peak(steps[name], model, args.device),
            }
        )
    return rows


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__)
    line.add_argument('--sizes', nargs='+', choices=SIZES)
    line.add_argument('--batch', type=count, help='default: 64; 8 on a CPU')
    line.add_argument('--pixels', type=side, default=224)
    line.add_argument('--ratio', type=float, default=0.6)
    args = line.parse_args()
    few = ['atto', 'tiny', 'base']  # minutes on a CPU
    args.sizes = args.sizes or (few if args.device == 'cpu' else SIZES)
    args.batch = args.batch or (8 if args.device == 'cpu' else 64)
    rows = []
    for size in args.sizes:
        try:
            rows += compare(size, 'encoder', encoders(size, args), args)
            rows += compare(size, 'full model', full_models(size, args), args)
        except torch.OutOfMemoryError:
            print(f'{size} does not fit into memory; pass a smaller --batch')
    report('fcmae_step', args, rows)


if __name__ == '__main__':
    main()
