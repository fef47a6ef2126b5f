"""Narrow models in float64 with random weights."""

import torch
from mmpretrain.registry import MODELS
from torch import nn

ARCH = dict(depths=(1, 1, 2, 1), channels=(4, 6, 8, 10))
V1 = dict(use_grn=False, layer_scale_init_value=1.0)


def randomize(module: nn.Module) -> nn.Module:
    """Set every parameter, GRN's zeros included, to random values."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(0.3 * noise + (0.1 if parameter.ndim == 1 else 0))
    return module.double()


def small_backbone(**options) -> nn.Module:
    options = {'arch': ARCH, 'gap_before_final_norm': False, **options}
    return randomize(MODELS.build(dict(type='ConvNeXtV2', **options)))


def small_fcmae(**options) -> nn.Module:
    channels = options.pop('in_channels', 3)
    patch_size = options.get('patch_size', 32)
    config = dict(
        type='FCMAE',
        backbone=dict(type='ConvNeXtV2', arch=ARCH, in_channels=channels),
        neck=dict(
            type='FCMAEDecoder',
            in_channels=ARCH['channels'][-1],
            embed_dim=12,
            patch_size=patch_size,
            out_channels=channels,
        ),
        head=dict(
            type='FCMAEHead', patch_size=patch_size, in_channels=channels
        ),
    )
    return randomize(MODELS.build({**config, **options}))


def some_mask(batch=2, grid=(2, 3), hidden=3) -> torch.Tensor:
    """Return a mask that hides equally many patches in every image."""
    order = torch.rand(batch, grid[0] * grid[1]).argsort(dim=1)
    return (order < hidden).view(batch, *grid)
