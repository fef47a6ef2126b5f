"""A state dict fills a backbone completely or raises an error."""

import pytest
import torch

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    IncompleteCheckpointError,
    check_backbone_weights,
    to_state_dict,
)
from tests.helpers.small_models import ARCH, small_backbone, small_fcmae
from tests.helpers.small_weights import weights_for


@pytest.mark.parametrize('wrapper', ['', 'module.'])
@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_complete_weights_pass_with_and_without_prefix(prefix, wrapper):
    source = small_fcmae()  # without output norms, with a decoder
    state = source.state_dict() if prefix else source.backbone.state_dict()
    state = {wrapper + key: value for key, value in state.items()}
    backbone = small_backbone(out_indices=(0, 1, 2, 3))
    check_backbone_weights(backbone, state, prefix)


def test_every_missing_key_is_named():
    backbone = small_backbone()
    state = small_fcmae().state_dict()
    for key in list(state):
        if not key.startswith('backbone.'):
            continue
        value = state.pop(key)
        wanted = f'missing: {key.removeprefix("backbone.")}; it is truncated'
        with pytest.raises(IncompleteCheckpointError, match=wanted):
            check_backbone_weights(backbone, state, 'backbone.')
        state[key] = value


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(arch=dict(depths=(1, 1, 3, 1), channels=ARCH['channels'])),
         ['missing: stages.2.2.', 'it has depths (1, 1, 2, 1)']),
        (dict(arch=dict(depths=(1, 1, 1, 1), channels=ARCH['channels'])),
         ['unexpected: stages.2.1.']),
        (dict(arch=dict(depths=ARCH['depths'], channels=(4, 6, 8, 12))),
         ['wrong shape', 'backbone has depths (1, 1, 2, 1), channels (4, 6,']),
        (dict(in_channels=4),
         ['downsample_layers.0.0.weight (4, 3, 4, 4), expected (4, 4, 4, 4)']),
        (dict(use_grn=False), ['unexpected', 'grn', 'use_grn True']),
    ],
)  # fmt: skip
def test_another_architecture_is_described_with_a_remedy(options, words):
    backbone = small_backbone(**options)
    with pytest.raises(IncompleteCheckpointError) as error:
        check_backbone_weights(
            backbone, small_fcmae().state_dict(), 'backbone.'
        )
    message = str(error.value)
    assert message.startswith('the checkpoint does not fit the backbone')
    assert 'set arch, in_channels and use_grn of the backbone' in message
    assert all(word in message for word in words), message
    assert '\n' not in message


@pytest.mark.parametrize('kind', ['no prefix', 'another network', 'empty'])
def test_no_weights_of_the_backbone_at_all(kind):
    state = {
        'no prefix': small_backbone().state_dict(),
        'another network': {'backbone.conv1.weight': torch.zeros(1)},
        'empty': {},
    }[kind]
    wanted = 'no weights of this backbone .* name the file in init_cfg'
    with pytest.raises(IncompleteCheckpointError, match=wanted):
        check_backbone_weights(small_backbone(), state, 'backbone.')


def test_a_missing_stage_is_reported_as_a_truncated_checkpoint():
    state = {
        key: value
        for key, value in small_backbone().state_dict().items()
        if not key.startswith('stages.1.')
    }
    with pytest.raises(IncompleteCheckpointError, match='is truncated'):
        check_backbone_weights(small_backbone(), state, '')


@pytest.mark.parametrize('name', [x for x in FORMATS if x != 'mmpretrain'])
def test_another_format_is_named(name):
    """``load_from`` and ``resume`` only load the mmpretrain format."""
    state, _ = to_state_dict(weights_for(name), name)
    for prefix in ('', 'backbone.'):
        with pytest.raises(
            IncompleteCheckpointError, match=f'{name} format, .* init_cfg of'
        ):
            check_backbone_weights(small_backbone(), state, prefix)


def test_backbones_of_the_ablations_are_checked_by_their_own_names():
    backbone = small_backbone(grn_cfg=dict(type='GRNVariant', affine=False))
    state = backbone.state_dict()
    assert not any('grn' in key for key in state)
    check_backbone_weights(backbone, state, '')
