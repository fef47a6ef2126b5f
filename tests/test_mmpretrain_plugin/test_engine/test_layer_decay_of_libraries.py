"""Layer decay of the libraries' own backbones."""

import pytest
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import nn

from tests.helpers.meta_device import meta_device
from tests.helpers.optimizer_groups import (
    assert_same,
    full,
    groups_of,
    options_of,
)


class Owner(nn.Module):
    """A model with a backbone of MMPretrain, which knows its depths."""

    def __init__(self, **backbone):
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.head = nn.Linear(4, 2)

    def get_layer_depth(self, name):
        return self.backbone.get_layer_depth(name, 'backbone.')


VIT_ARCH = dict(
    embed_dims=8, num_layers=3, num_heads=2, feedforward_channels=16
)
SWIN_ARCH = dict(embed_dims=4, depths=(1, 2, 3), num_heads=(1, 2, 4))
SWIN = dict(
    arch=SWIN_ARCH,
    img_size=32,
    out_indices=(2,),
    stage_cfgs=dict(block_cfgs=dict(window_size=2)),
)
BACKBONES = {
    name: dict(type=name, **options)
    for name, options in {
        'VisionTransformer': dict(arch=VIT_ARCH, img_size=32),
        'MAEViT': dict(arch=VIT_ARCH, img_size=32),
        'BEiTViT': dict(arch=VIT_ARCH, img_size=32),
        'BEiTPretrainViT': dict(arch=VIT_ARCH, img_size=32, out_type='raw'),
        'SwinTransformer': SWIN,
        'SimMIMSwinTransformer': SWIN,
    }.items()
}
# Each block is a layer: 3 blocks of ViT, 1 + 2 + 3 of Swin. Patch merging is
# in the stage above it, of which the last block has the same number.
VIT_IDS = {
    'cls_token': 0,
    'patch_embed.projection.weight': 0,
    'layers.0.attn.qkv.weight': 1,
    'layers.1.ffn.layers.0.0.bias': 2,
    'layers.2.ln2.weight': 3,
}
SWIN_IDS = {
    'patch_embed.projection.weight': 0,
    'patch_embed.norm.weight': 0,
    'stages.0.blocks.0.norm1.weight': 1,
    'stages.0.downsample.reduction.weight': 1,
    'stages.1.blocks.0.attn.w_msa.qkv.weight': 2,
    'stages.1.blocks.1.ffn.layers.0.0.weight': 3,
    'stages.1.downsample.norm.bias': 3,
    'stages.2.blocks.0.attn.w_msa.relative_position_bias_table': 4,
    'stages.2.blocks.2.norm2.weight': 6,
    'norm2.weight': 7,
    'head.weight': 7,
}
TABLES = {
    'VisionTransformer': {**VIT_IDS, 'pos_embed': 0, 'head.bias': 4},
    'BEiTViT': {
        **VIT_IDS,
        'layers.0.gamma_1': 1,
        'layers.1.attn.relative_position_bias_table': 2,
        'layers.2.attn.q_bias': 3,
        'ln2.weight': 4,
        'head.bias': 4,
    },
    'SwinTransformer': SWIN_IDS,
}


@pytest.mark.parametrize('kind', TABLES)
def test_learning_rates_of_transformers(kind):
    last = max(TABLES[kind].values())
    groups = groups_of(Owner(**BACKBONES[kind]), layer_decay_rate=0.5)
    for name, i in TABLES[kind].items():
        assert groups[full(name)][0] == 0.5 ** (last - i), name


# As MMPretrain's recipes have them.
NO_DECAY = {
    key: dict(decay_mult=0.0)
    for key in ('.cls_token', '.pos_embed', '.relative_position_bias_table')
}


@pytest.mark.parametrize('custom_keys', [{}, NO_DECAY], ids=['', 'custom'])
@pytest.mark.parametrize('kind', [*BACKBONES, 'ConvNeXt', 'SparseConvNeXt'])
def test_groups_equal_those_of_mmpretrain(kind, custom_keys):
    grouped = 'ConvNeXt' in kind
    arch = dict(depths=(1, 1, 8, 1), channels=(4, 4, 4, 4))
    options = dict(type=kind, arch=arch) if grouped else BACKBONES[kind]
    model = Owner(**options)
    if hasattr(model.backbone, 'mask_token'):
        # MMPretrain decays it unless it is told otherwise.
        custom_keys = {**custom_keys, 'mask_token': dict(decay_mult=0.0)}
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        theirs = options_of(
            model,
            'LearningRateDecayOptimWrapperConstructor',
            layer_decay_rate=0.7,
            flat_decay_mult=0.0,
            custom_keys=custom_keys,
        )
        ours = options_of(
            model,
            'LayerDecayOptimWrapperConstructor',
            layer_decay_rate=0.7,
            decay_type='group' if grouped else 'layer',
            custom_keys=custom_keys,
        )
    assert_same(ours, theirs)


def follows_the_rule(backbone):
    """Return whether every block is a layer, as written out here.

    The blocks are the children of the longest lists of modules. What comes
    before the first has 0, what belongs to none comes after all of them, and
    between two stages the number may be that of either.
    """
    lists = [
        (name, module)
        for name, module in backbone.named_modules()
        if isinstance(module, (nn.ModuleList, nn.Sequential))
        and name.split('.')[0] in ('layers', 'blocks', 'stages')
        and (name.endswith('blocks') or name == 'layers')
        and not any('blocks' in n for n, _ in module.named_modules())
    ]
    blocks = [f'{name}.{i}.' for name, m in lists for i in range(len(m))]
    n, last_seen = len(blocks), 0
    for name, _ in backbone.named_parameters():
        found, layers = backbone.get_layer_depth(
            f'backbone.{name}', 'backbone.'
        )
        inside = [
            i + 1 for i, block in enumerate(blocks) if name.startswith(block)
        ]
        if inside:
            last_seen = inside[0]
            allowed = inside
        elif name.startswith(('patch_embed', 'cls_token', 'pos_embed')):
            allowed = [0]
        elif 'downsample' in name:
            allowed = [last_seen, last_seen + 1]
        else:
            allowed = [n + 1]
        if layers != n + 2 or found not in allowed:
            return False
    return backbone.get_layer_depth('head.fc', 'backbone.') == (n + 1, n + 2)


@pytest.mark.parametrize(
    'kind',
    ['VisionTransformer', 'MAEViT', 'BEiTViT', 'SwinTransformer',
     'SimMIMSwinTransformer', 'DeiT3', 'ViTSAM', 'HiViT',
     'MixMIMTransformer', 'ConvNeXt', 'ResNet'],
)  # fmt: skip
def test_backbones_are_accepted_exactly_if_they_count_blocks(kind):
    """With their default sizes, on the meta device."""
    options = dict(depth=50) if kind == 'ResNet' else {}
    with meta_device():
        model = Owner(type=kind, **options)
        counts = follows_the_rule(model.backbone)
        if counts:
            groups_of(model, layer_decay_rate=0.9)
        else:
            with pytest.raises(ValueError, match=f'get_layer_depth.*{kind}'):
                groups_of(model, layer_decay_rate=0.9)


def test_mmpretrains_convnext_is_accepted_if_its_groups_are_the_papers():
    accepted = []
    for blocks in range(1, 31):
        arch = dict(depths=(1, 1, blocks, 1), channels=(4, 4, 4, 4))
        with meta_device():
            model = Owner(type='ConvNeXt', arch=arch)
            ours = MODELS.build(dict(type='ConvNeXtV2', arch=arch))
        if all(
            model.get_layer_depth(name)
            == ours.get_layer_depth(name, 'backbone.', 'group')
            for name, _ in model.named_parameters()
        ):
            groups_of(model, layer_decay_rate=0.9, decay_type='group')
            accepted.append(blocks)
            continue
        with pytest.raises(ValueError, match=rf'ConvNeXt .*1, {blocks}, 1'):
            groups_of(model, layer_decay_rate=0.9, decay_type='group')
    assert accepted == [7, 8, 9, 25, 26, 27]  # as the message says


@pytest.mark.parametrize('library', ['mmdet', 'mmseg'])
def test_a_backbone_without_depths_is_named(library):
    """MMDetection's and MMSegmentation's own do not count layers."""
    model = nn.Module()
    small = dict(embed_dims=4, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1))
    model.backbone = MODELS.build(
        dict(type=f'{library}.SwinTransformer', **small)
    )
    with pytest.raises(ValueError, match='get_layer_depth.*SwinTransformer'):
        groups_of(model, layer_decay_rate=0.9)
    groups_of(model)  # without layer decay they need none
