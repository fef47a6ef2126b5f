"""A pre-training step with the decoders of Table 1a.

    python benchmarks/decoder_step.py

The models are those of the ablation configs: ConvNeXt V1-Base and a UNet with
or without skips, a Transformer, or one ConvNeXt block. The speedup is relative
to the UNet with skips, as in the paper, which measured hours of training on
TPUs with the dense encoding. With the packed encoding the encoder takes less
time, so that the decoder is a larger part of a step.
"""

from pathlib import Path

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
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import nn

from mmpretrain_plugin.models.backbones.convnext_v2 import resolve_architecture
from mmpretrain_plugin.models.masking import patch_grid, random_mask

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# Name, config, and the speedup in Table 1a.
DECODERS = (
    ('UNet with skips', 'ablation/fcmae_convnext-base_unet-skip', 1.0),
    ('UNet without skips', 'ablation/fcmae_convnext-base_unet', 1.0),
    ('Transformer', 'ablation/fcmae_convnext-base_transformer', 1.5),
    ('ConvNeXt block', 'fcmae/fcmae_convnext-base', 1.7),
)
PATCH = 32


def build(stem: str, size: str, encoding: str) -> nn.Module:
    """Build the model of a config with an encoder of another size.

    Args:
        stem: Path of the config below configs, without batch and epochs.
        size: Name of the architecture.
        encoding: 'packed' or 'dense'.
    """
    cfg = Config.fromfile(CONFIGS / f'{stem}_64xb64-800e_in1k.py').model
    channels = list(resolve_architecture(size)[1])
    cfg.backbone.arch, cfg.encoding = size, encoding
    unet = cfg.neck.type == 'FCMAEUNetDecoder'
    cfg.neck.in_channels = channels if unet else channels[-1]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(cfg)


def compare(encoding: str, args: object) -> list[dict]:
    """Measure a step with every decoder and one encoding."""
    generator = torch.Generator().manual_seed(0)
    shape = (args.batch, 3, args.pixels, args.pixels)
    images = torch.randn(shape, generator=generator).to(args.device)
    grid = patch_grid((args.pixels, args.pixels), PATCH)
    mask = random_mask(args.batch, grid, args.ratio, generator)

    models = {
        name: build(stem, args.size, encoding).to(args.device)
        for name, stem, _ in DECODERS
    }

    def loss(model):
        return model.loss(images, mask=mask)['loss']

    steps = {
        name: lambda m=model: train_step(m, lambda: loss(m), args.device)
        for name, model in models.items()
    }
    seconds = medians(steps, args.rounds, args.device)
    rows = []
    for name, _, paper in DECODERS:
        model = models[name]
        with autocast(args.device):
            saved = saved_for_backward(
                lambda m=model: loss(m), [images, *model.parameters()]
            )
        weights = sum(p.numel() for p in model.neck.parameters())
        rows.append(
            {
                'encoding': encoding,
                'decoder': name,
                'decoder parameters, M': weights / 1e6,
                'images/s': args.batch / seconds[name],
                'speedup': seconds[DECODERS[0][0]] / seconds[name],
                'speedup in Table 1a': paper,
                'saved MiB': saved / 2**20,
                'peak MiB': peak(steps[name], model, args.device),
            }
        )
    return rows


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__)
    line.add_argument('--size', default='base', choices=SIZES)
    line.add_argument('--batch', type=count, help='default: 64; 8 on a CPU')
    line.add_argument('--pixels', type=side, default=224)
    line.add_argument('--ratio', type=float, default=0.6)
    args = line.parse_args()
    args.batch = args.batch or (8 if args.device == 'cpu' else 64)
    rows = [row for e in ('dense', 'packed') for row in compare(e, args)]
    report('decoder_step', args, rows)


if __name__ == '__main__':
    main()
