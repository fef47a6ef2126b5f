"""Complete weights with the depths of a model size, but narrow."""

import torch
from mmpretrain.registry import MODELS

from mmpretrain_plugin.checkpoint import FORMATS, Weights
from mmpretrain_plugin.models.backbones.convnext_v2 import ARCHITECTURES
from tests.helpers.small_models import V1, randomize


def make_weights(
    size='atto',
    width=4,
    depths=None,
    v1=False,
    classifier=True,
    decoder=True,
    norms=-1,
    **options,
):
    """Return random weights under this project's names.

    Args:
        size: Model size whose depths are used, unless ``depths`` are given.
        width: Channels of the first stage; stage i has i times as many.
        depths: Blocks per stage.
        v1: Whether blocks have a layer scale and no GRN.
        classifier: Whether there is a classifier, of 5 classes.
        decoder: Whether there is FCMAE's decoder, of width 6.
        norms: Stage or stages with an output norm.
        **options: More options of the backbone.
    """
    depths = depths or ARCHITECTURES[size][1]
    channels = tuple(width * (i + 1) for i in range(len(depths)))
    if v1:
        options |= V1
    configs = dict(
        backbone=dict(
            type='mmpretrain.ConvNeXtV2',
            arch=dict(depths=depths, channels=channels),
            out_indices=norms,
            **options,
        )
    )
    if classifier:
        configs['classifier'] = dict(
            type='mmpretrain.LinearClsHead',
            num_classes=5,
            in_channels=channels[-1],
        )
    if decoder:
        configs['decoder'] = dict(
            type='mmpretrain.FCMAEDecoder',
            in_channels=channels[-1],
            embed_dim=6,
        )
    return Weights(**{
        part: randomize(MODELS.build(config)).float().state_dict()
        for part, config in configs.items()
    })  # fmt: skip


def weights_for(name, **options):
    """Return weights that a format can hold: V1 where it has no GRN."""
    return make_weights(v1=FORMATS[name].v1_only, **options)


def assert_same(got, wanted):
    """Assert equal keys, and tensors that are equal bit for bit."""
    assert set(got) == set(wanted)
    for key, value in wanted.items():
        assert got[key].dtype == value.dtype, key
        assert torch.equal(got[key], value), key
