"""Whole sets of weights under our names, narrow and far from their start."""

import torch
from mmpretrain.registry import MODELS

from mmpretrain_plugin.checkpoint import Weights
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES
from tests.helpers.small_models import randomize


def make_weights(size='atto', width=4, v1=False, decoder=True, stages=False):
    """Return weights with the depths of a size."""
    depths = ARCHITECTURES[size][1]
    channels = tuple(width * (i + 1) for i in range(4))
    options = dict(use_grn=False, layer_scale_init_value=1.0) if v1 else {}
    backbone = dict(
        type='ConvNeXtV2',
        arch=dict(depths=depths, channels=channels),
        out_indices=(0, 1, 2, 3) if stages else -1,
        **options,
    )
    parts = {'backbone': backbone}
    if not stages:
        parts['head'] = dict(
            type='LinearClsHead', num_classes=5, in_channels=channels[-1]
        )
    if decoder:
        parts['neck'] = dict(
            type='FCMAEDecoder', in_channels=channels[-1], embed_dim=6
        )
    state = {}
    for name, config in parts.items():
        model = randomize(
            MODELS.build({**config, 'type': 'mmpretrain.' + config['type']})
        )
        state |= {
            f'{name}.{k}': v.float() for k, v in model.state_dict().items()
        }
    return Weights(state, 'mmpretrain')


def assert_same(got, wanted):
    """Bit for bit, and not one key more or less."""
    assert set(got) == set(wanted)
    for key, value in wanted.items():
        assert got[key].dtype == value.dtype, key
        assert torch.equal(got[key], value), key
