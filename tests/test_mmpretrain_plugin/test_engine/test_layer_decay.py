"""Optimizer groups equal hand-written tables."""

import pytest
import torch
from mmdet.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMDET
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS as ROOT
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from mmpretrain.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMPRETRAIN
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMSEG
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from mmpretrain_plugin.engine import LayerDecayOptimWrapperConstructor
from tests.helpers.optimizer_groups import (
    Toy,
    assert_same,
    full,
    groups_of,
    options_of,
)
from tests.helpers.small_models import small_fcmae
from tests.test_configs import CONFIGS

# depths (1, 2, 4, 1): 8 blocks, so n = 8 layer-wise; group-wise the long
# stage has ceil(4 / 3) = 2 groups, so n = 3 + 2 = 5.
LAYER_IDS = {
    'downsample_layers.0.0.weight': 1,
    'stages.0.0.norm.weight': 1,
    'downsample_layers.1.1.weight': 2,
    'stages.1.0.depthwise_conv.weight': 2,
    'stages.1.1.depthwise_conv.weight': 3,
    'downsample_layers.2.0.bias': 4,
    'stages.2.0.pointwise_conv1.weight': 4,
    'stages.2.1.grn.gamma': 5,
    'stages.2.2.pointwise_conv2.bias': 6,
    'stages.2.3.norm.bias': 7,
    'downsample_layers.3.1.bias': 8,
    'stages.3.0.depthwise_conv.bias': 8,
    'norm3.weight': 9,
    'head.weight': 9,
}
GROUP_IDS = {
    'downsample_layers.0.0.weight': 0,
    'stages.0.0.norm.weight': 1,
    'downsample_layers.1.1.weight': 2,
    'stages.1.0.depthwise_conv.weight': 2,
    'stages.1.1.depthwise_conv.weight': 2,
    'downsample_layers.2.0.bias': 3,
    'stages.2.0.pointwise_conv1.weight': 3,
    'stages.2.2.pointwise_conv2.bias': 3,
    'stages.2.3.norm.bias': 4,
    'downsample_layers.3.1.bias': 5,
    'stages.3.0.depthwise_conv.bias': 5,
    'norm3.weight': 6,
    'head.weight': 6,
}


@pytest.mark.parametrize(
    ('decay_type', 'table', 'n'),
    [('layer', LAYER_IDS, 8), ('group', GROUP_IDS, 5)],
)
def test_learning_rates_on_a_toy_model(decay_type, table, n):
    groups = groups_of(Toy(), layer_decay_rate=0.5, decay_type=decay_type)
    for name, i in table.items():
        assert groups[full(name)][0] == 0.5 ** (n + 1 - i), name


def test_weight_decay_on_a_toy_model():
    """Weight decay applies to weights of convolutions and linear layers."""
    model = Toy()
    # As in the official code, GRN has four dimensions, but no weight decay.
    grn = model.backbone.stages[0][0].grn
    grn.gamma = nn.Parameter(torch.zeros(1, 1, 1, 16))
    for name, (_, weight_decay) in groups_of(model).items():
        decays = name.endswith('.weight') and 'norm' not in name
        decays &= not any(
            f'downsample_layers.{i}' in name for i in ('0.1', '1.0', '2.0')
        )
        decays &= 'downsample_layers.3.0' not in name
        assert weight_decay == (0.05 if decays else 0.0), name


def test_weights_of_attention_in_the_place_of_grn_decay():
    """Their linear layers and convolution, unlike gamma and beta of GRN."""
    groups = groups_of(Toy(grn_cfg=dict(type='CBAM')))
    for name, weight_decay in {
        'mlp.0.weight': 0.05,
        'mlp.2.bias': 0.0,
        'spatial_conv.weight': 0.05,
        'spatial_conv.bias': 0.0,
    }.items():
        assert groups[f'backbone.stages.2.0.grn.{name}'][1] == weight_decay


def test_the_mask_token_does_not_decay():
    groups = groups_of(small_fcmae())
    assert groups['neck.mask_token'] == (1.0, 0.0)
    assert groups['neck.decoder.0.grn.beta'] == (1.0, 0.0)
    assert groups['neck.proj.weight'] == (1.0, 0.05)
    assert groups['neck.proj.bias'] == (1.0, 0.0)


@pytest.mark.parametrize('arch', ['atto', 'nano', 'tiny', 'base', 'huge'])
def test_number_of_layers_equals_the_paper(arch):
    """n is the number of blocks, or 12 groups for 27 blocks in stage 3."""
    blocks = dict(atto=12, nano=14, tiny=18, base=36, huge=36)[arch]
    groups = dict(atto=5, nano=6, tiny=6, base=12, huge=12)[arch]
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='ConvNeXtV2', arch=arch))
    assert backbone.get_layer_depth('norm3.weight') == (blocks + 1, blocks + 2)
    _, layers = backbone.get_layer_depth('head', 'backbone.', 'group')
    assert layers == groups + 2


@pytest.mark.parametrize('depths', [(3, 3, 9, 3), (3, 3, 27, 3)])
def test_group_wise_depths_equal_mmpretrain(depths):
    """MMPretrain has the group-wise rule for 9 and 27 blocks."""
    arch = dict(depths=depths, channels=(4, 4, 4, 4))
    ours = MODELS.build(dict(type='ConvNeXtV2', arch=arch))
    theirs = MODELS.build(
        dict(
            type='ConvNeXt',
            arch=arch,
            use_grn=True,
            layer_scale_init_value=0.0,
        )
    )
    for name in theirs.state_dict():
        expected = theirs.get_layer_depth(f'backbone.{name}', 'backbone.')
        assert expected == ours.get_layer_depth(
            f'backbone.{name}', 'backbone.', 'group'
        )


@pytest.mark.parametrize(
    ('config', 'new_parts'),
    [
        (
            'demo/mask-rcnn_convnextv2-atto_digits.py',
            ('neck', 'rpn_head', 'roi_head'),
        ),
        (
            'demo/upernet_convnextv2-atto_digits.py',
            ('decode_head', 'auxiliary_head'),
        ),
    ],
)
def test_learning_rates_on_detector_and_segmentor(config, new_parts):
    """Atto: depths (2, 2, 6, 2), n = 12 layer-wise."""
    cfg = Config.fromfile(CONFIGS / config)
    scope = cfg.default_scope
    with DefaultScope.overwrite_default_scope(scope):
        model = ROOT.build(cfg.model)
        groups = groups_of(model, 2.0, layer_decay_rate=0.9)
    table = {
        'downsample_layers.0.0.weight': 1,
        'stages.0.1.depthwise_conv.weight': 2,
        'downsample_layers.1.1.weight': 3,
        'stages.1.1.pointwise_conv1.weight': 4,
        'stages.2.5.pointwise_conv2.weight': 10,
        'downsample_layers.3.1.weight': 11,
        'stages.3.1.depthwise_conv.weight': 12,
    }
    for name, i in table.items():
        lr, weight_decay = groups[f'backbone.{name}']
        assert lr == pytest.approx(2.0 * 0.9 ** (13 - i)), name
        assert weight_decay == 0.05
    for stage in model.backbone.out_indices:
        assert groups[f'backbone.norm{stage}.weight'] == (2.0, 0.0)
    parts = {name.split('.')[0] for name in groups}
    assert parts == {'backbone', *new_parts}
    for name, (lr, _) in groups.items():
        if not name.startswith('backbone'):
            assert lr == 2.0


@pytest.mark.parametrize(
    'config',
    [
        'demo/mask-rcnn_convnextv2-atto_digits.py',
        'demo/upernet_convnextv2-atto_digits.py',
    ],
)
def test_group_wise_learning_rates_on_detector_and_segmentor(config):
    """Atto: stage 3 has 6 blocks, 2 groups, so n = 5."""
    cfg = Config.fromfile(CONFIGS / config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = ROOT.build(cfg.model)
        groups = groups_of(model, layer_decay_rate=0.5, decay_type='group')
    table = {
        'downsample_layers.0.0.weight': 0,
        'stages.0.1.depthwise_conv.weight': 1,
        'downsample_layers.1.1.weight': 2,
        'stages.1.1.pointwise_conv1.weight': 2,
        'stages.2.2.pointwise_conv2.weight': 3,
        'stages.2.3.pointwise_conv2.weight': 4,
        'downsample_layers.3.1.weight': 5,
        'stages.3.1.depthwise_conv.weight': 5,
        'norm3.weight': 6,
    }
    for name, i in table.items():
        assert groups[f'backbone.{name}'][0] == 0.5 ** (6 - i), name


def test_group_ids_of_27_blocks_equal_the_paper():
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='ConvNeXtV2', arch='base'))

    def ids(names):
        depth = backbone.get_layer_depth
        return [depth(name, decay_type='group')[0] for name in names]

    assert ids(f'downsample_layers.{s}.1.bias' for s in range(4)) == [
        0, 2, 3, 12,
    ]  # fmt: skip
    assert ids(f'stages.0.{j}.grn.beta' for j in range(3)) == [1, 1, 1]
    assert ids(f'stages.1.{j}.grn.beta' for j in range(3)) == [2, 2, 2]
    assert ids(f'stages.2.{j}.grn.beta' for j in range(27)) == [
        3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9,
        10, 10, 10, 11, 11, 11,
    ]  # fmt: skip
    assert ids(f'stages.3.{j}.grn.beta' for j in range(3)) == [12, 12, 12]
    assert ids(['norm3.weight', 'head.fc.weight']) == [13, 13]


def test_all_libraries_find_the_constructor():
    for registry in (MMPRETRAIN, MMDET, MMSEG):
        found = registry.get('LayerDecayOptimWrapperConstructor')
        assert found is LayerDecayOptimWrapperConstructor


def test_frozen_parameters_are_left_out():
    names = groups_of(Toy(frozen_stages=1), layer_decay_rate=0.9)
    assert not any('stages.0.' in name for name in names)
    assert 'backbone.stages.1.0.norm.weight' in names


def test_a_wrapped_model_is_unwrapped():
    model = Toy()
    wrapped = nn.Module()
    wrapped.module = model
    constructor = LayerDecayOptimWrapperConstructor(
        dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1.0)),
        dict(layer_decay_rate=0.5),
    )
    scales = {g['lr'] for g in constructor(wrapped).optimizer.param_groups}
    assert scales == {0.5**k for k in range(9)}


@pytest.mark.parametrize(
    ('paramwise_cfg', 'words'),
    [
        (dict(num_layers=12), 'num_layers'),
        (dict(layer_decay_rate=0), r'\(0, 1\].*0'),
        (dict(decay_type='stage'), "'stage'"),
    ],
)
def test_wrong_options_are_named(paramwise_cfg, words):
    with pytest.raises(ValueError, match=words):
        groups_of(Toy(), **paramwise_cfg)


CUSTOM_KEYS = {
    'backbone': dict(lr_mult=0.1),
    'stages.2': dict(lr_mult=3.0, decay_mult=0.5),
    'stages.1': dict(decay_mult=0.25),  # as long as the one before
    '2.0': dict(lr_mult=7.0),  # in names with 'stages.2' too
    'bias': dict(decay_mult=2.0),
    'head': {},
    '.scale': dict(lr_mult=5.0),
    'norm': dict(decay_mult=0.0),
    'grn.': dict(decay_mult=4.0),
    'beta': dict(lr_mult=0.5),  # as long as 'norm' and 'grn.'
}


@pytest.mark.parametrize(
    'keys', [CUSTOM_KEYS, dict(reversed(CUSTOM_KEYS.items()))]
)
def test_custom_keys_equal_those_of_mmengine(keys):
    """Also the order of keys, and the default of a matched key."""
    model = Toy()
    model.scale = nn.Parameter(torch.ones(()))  # no dot in its name
    theirs = options_of(
        model,
        'DefaultOptimWrapperConstructor',
        custom_keys=keys,
        flat_decay_mult=0.0,
        bias_decay_mult=0.0,
        norm_decay_mult=0.0,
    )
    ours = options_of(
        model, 'LayerDecayOptimWrapperConstructor', custom_keys=keys
    )
    assert theirs['scale'] == (1.5, 0.05)
    assert_same(ours, theirs)


def test_lr_mult_multiplies_the_learning_rate_of_the_layer():
    keys = {'stages.2.1': dict(lr_mult=3.0), 'head': dict(decay_mult=0.2)}
    plain = groups_of(Toy(), layer_decay_rate=0.5)
    groups = groups_of(Toy(), layer_decay_rate=0.5, custom_keys=keys)
    for name, (lr, decay) in groups.items():
        if 'stages.2.1' in name:
            assert (lr, decay) == (3 * plain[name][0], 0.05)
        elif name.startswith('head'):
            assert (lr, decay) == (1.0, pytest.approx(0.01))
        else:
            assert (lr, decay) == plain[name]


@pytest.mark.parametrize(
    ('custom_keys', 'words'),
    [
        ({'norm': dict(lr_multi=0.1)}, r"custom_keys\['norm'\].*lr_multi"),
        ({'norm': dict(decay_mult=0.0, lr=1.0)}, "no other.*'lr'"),
        ({'norm': 0.0}, 'must be a dict.*0.0'),
        (['norm'], r"custom_keys must be a dict, got \['norm'\]"),
    ],
)
def test_wrong_custom_keys_are_named(custom_keys, words):
    with pytest.raises(ValueError, match=words) as error:
        groups_of(Toy(), custom_keys=custom_keys)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('paramwise_cfg', 'words'),
    [
        (dict(layer_decay_rate=0.9), 'layer_decay_rate multiplies lr'),
        (dict(custom_keys={'a': dict(lr_mult=2.0)}), 'lr_mult multiplies lr'),
        (
            dict(custom_keys={'a': dict(decay_mult=2.0)}),
            'decay_mult multiplies weight_decay',
        ),
    ],
)
def test_multipliers_of_nothing_are_named(paramwise_cfg, words):
    with pytest.raises(ValueError, match=words):
        LayerDecayOptimWrapperConstructor(
            dict(optimizer=dict(type='AdamW')), paramwise_cfg
        )


def test_flattened_parameters_are_an_error():
    """They would all be vectors, which have no weight decay."""
    sharded = FullyShardedDataParallel.__new__(FullyShardedDataParallel)
    torch.nn.Module.__init__(sharded)
    with pytest.raises(ValueError, match='flattens parameters to vectors'):
        build_optim_wrapper(
            torch.nn.Sequential(sharded),
            dict(
                constructor='LayerDecayOptimWrapperConstructor',
                optimizer=dict(type='AdamW', lr=1e-3),
            ),
        )
