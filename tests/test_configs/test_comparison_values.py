"""Configs of configs/comparison: the paper's results, and whose recipes."""

import functools
from unittest import mock

import pytest
from make_metafiles import read_head
from mmengine import fileio
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

from tests.helpers.meta_device import meta_device
from tests.test_configs import CONFIGS, load

FOLDER = CONFIGS / 'comparison'
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))
MAE_PRE, MAE = '8xb512-amp-coslr-1600e_in1k', 'mae-1600e-pre_8xb128-coslr'
BEIT_PRE, BEIT = '8xb256-amp-coslr-800e_in1k', 'beit-800e-pre_8xb128-coslr'
SIMMIM_PRE = '16xb128-amp-coslr-800e_in1k-192px'
SIMMIM = 'simmim-800e-pre_8xb256-coslr-100e_in1k'
SPARK_PRE = '16xb256-amp-coslr-800e_in1k'
COCO, ADE = 'fpn_8xb4-lsj-3x_coco', '8xb2-160k_ade20k-512x512'
# Tables 4, 6 and 7 and appendix D; SparK is not in the paper.
RESULTS = {
    f'mae_vit-base-p16_{MAE_PRE}': '83.6 top-1',
    f'vit-base-p16_{MAE}-100e_in1k': '83.6 top-1',
    f'mae_vit-large-p16_{MAE_PRE}': '85.9 top-1',
    f'vit-large-p16_{MAE}-50e_in1k': '85.9 top-1',
    f'mae_vit-huge-p14_{MAE_PRE}': '86.9 top-1',
    f'vit-huge-p14_{MAE}-50e_in1k': '86.9 top-1',
    f'beit_beit-base-p16_{BEIT_PRE}': '83.2 top-1',
    f'beit-base-p16_{BEIT}-100e_in1k': '83.2 top-1',
    f'beit_beit-large-p16_{BEIT_PRE}': '85.2 top-1',
    f'beit-large-p16_{BEIT}-50e_in1k': '85.2 top-1',
    f'simmim_swin-base-w6_{SIMMIM_PRE}': '84.0 top-1',
    f'swin-base-w7_{SIMMIM}': '84.0 top-1',
    f'simmim_swin-large-w12_{SIMMIM_PRE}': '85.4 top-1',
    f'swin-large-w14_{SIMMIM}': '85.4 top-1',
    'mocov3_convnextv2-base_64xb64-amp-coslr-300e_in1k': '83.7 top-1',
    'convnextv2-base_mocov3-pre_32xb32-100e_in1k': '83.7 top-1',
    f'mask-rcnn_swin-base-simmim_{COCO}': '52.3 box AP',
    f'mask-rcnn_swin-large-simmim_{COCO}': '53.8 box AP',
    f'upernet_swin-base-simmim_{ADE}': '52.8 mIoU',
    f'upernet_swin-large-simmim_{ADE}': '53.5 mIoU',
    f'spark_sparse-convnext-small_{SPARK_PRE}': None,
    'convnext-small_spark-pre_16xb256-coslr-400e_in1k': None,
    f'spark_sparse-convnextv2-tiny_{SPARK_PRE}': None,
    'convnextv2-tiny_spark-pre_8xb256-coslr-300e_in1k': None,
}


def test_no_config_is_missing():
    assert set(NAMES) == set(RESULTS)


@pytest.mark.parametrize('name', NAMES)
def test_heads_have_the_papers_result(name):
    _, fields = read_head((FOLDER / f'{name}.py').read_text())
    if RESULTS[name]:
        assert fields['Expected'].startswith(RESULTS[name])
    else:
        assert fields['Reproduces'].startswith('nothing; SparK is not in the')


def test_pretraining_names_its_fine_tuning():
    for name in NAMES:
        _, fields = read_head((FOLDER / f'{name}.py').read_text())
        is_first = load(FOLDER / f'{name}.py').model.type in (
            'MAE', 'BEiT', 'SimMIM', 'MoCoV3', 'SparK',
        )  # fmt: skip
        assert is_first == ('Then' in fields), name
        if is_first:
            then = fields['Then'].removeprefix('fine-tune with ').rstrip('.')
            # With the same result.
            assert RESULTS[then] == RESULTS[name]


# MMEngine reads all metafiles of MMPretrain for each of its configs.
_load_file = functools.cache(fileio.load)


def load_recipe(name):
    """Return a config of MMPretrain."""
    with mock.patch('mmengine.config.utils.load', _load_file):
        path, _ = Config._get_cfg_path(f'mmpretrain::{name}.py', '')
        return Config.fromfile(path)


def addresses(node, prefix=''):
    """Return {address: value} of all values of a config."""
    if isinstance(node, (dict, list, tuple)):
        found = {}
        for key, child in (
            node.items() if isinstance(node, dict) else enumerate(node)
        ):
            if key != '_scope_':
                found |= addresses(child, f'{prefix}.{key}'.lstrip('.'))
        return found
    return {prefix: node}


def changes(ours, theirs):
    """Return the addresses at which two configs differ."""
    ours, theirs = addresses(ours.to_dict()), addresses(theirs.to_dict())
    absent = object()
    return {
        key
        for key in ours.keys() | theirs.keys()
        if ours.get(key, absent) != theirs.get(key, absent)
    }


# What every config adds to a recipe of MMPretrain.
CHECKS = {
    'custom_imports.imports.0',
    'custom_imports.allow_failed_imports',
    'runner_type',
    'default_hooks.input_check.type',
}
START = {'checkpoint', 'model.backbone.init_cfg.checkpoint'}
COUNT = {'optim_wrapper.accumulative_counts'}
BATCH = {'train_dataloader.batch_size'}
SCALE = {'auto_scale_lr.base_batch_size'}
ANY_WINDOW = {'model.backbone.type'}
# Config: MMPretrain's recipe, and all that differs.
INHERITED = {
    **{
        f'mae_vit-{size}_{MAE_PRE}': (f'mae/mae_vit-{size}_{MAE_PRE}', set())
        for size in ('base-p16', 'large-p16', 'huge-p14')
    },
    **{
        f'vit-{size}_{MAE}-{epochs}e_in1k': (
            f'mae/benchmarks/vit-{size}_8xb128-coslr-{epochs}e_in1k', START,
        )
        for size, epochs in (
            ('base-p16', 100), ('large-p16', 50), ('huge-p14', 50),
        )
    },
    **{
        f'simmim_swin-{size}_{SIMMIM_PRE}': (
            f'simmim/simmim_swin-{size}_{SIMMIM_PRE}', BATCH | COUNT,
        )
        for size in ('base-w6', 'large-w12')
    },
    **{
        f'swin-{size}_{SIMMIM}': (
            f'simmim/benchmarks/swin-{size}_8xb256-coslr-100e_in1k',
            START | SCALE | ANY_WINDOW,
        )
        for size in ('base-w7', 'large-w14')
    },
    **{
        f'spark_sparse-{size}_{SPARK_PRE}': (
            f'spark/spark_sparse-{size}_{SPARK_PRE}', COUNT | SCALE,
        )
        for size in ('convnext-small', 'convnextv2-tiny')
    },
    'convnextv2-tiny_spark-pre_8xb256-coslr-300e_in1k': (
        'spark/benchmarks/convnextv2-tiny_8xb256-coslr-300e_in1k',
        START | BATCH,
    ),
    f'beit-base-p16_{BEIT}-100e_in1k': (
        'beit/benchmarks/beit-base-p16_8xb128-coslr-100e_in1k', START,
    ),
    f'beit_beit-base-p16_{BEIT_PRE}': (
        'beit/beit_beit-base-p16_8xb256-amp-coslr-300e_in1k',
        {
            'max_epochs', 'train_cfg.max_epochs', 'param_scheduler.1.end',
            # The default, and images in folders of classes.
            'param_scheduler.0.by_epoch', 'param_scheduler.0.begin',
            'param_scheduler.1.by_epoch', 'train_dataloader.dataset.ann_file',
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', INHERITED)
def test_recipes_are_those_of_mmpretrain(name):
    recipe, different = INHERITED[name]
    assert (
        changes(load(FOLDER / f'{name}.py'), load_recipe(recipe))
        == different | CHECKS
    )


@pytest.mark.parametrize('size', ['base', 'large'])
@pytest.mark.parametrize(
    ('folder', 'method', 'end'),
    [('coco', 'mask-rcnn', COCO), ('ade20k', 'upernet', ADE)],
)
def test_swin_has_the_recipe_of_convnext_v2(folder, method, end, size):
    swin = load(FOLDER / f'{method}_swin-{size}-simmim_{end}.py')
    ours = load(
        CONFIGS / f'{folder}/{method}_convnextv2-{size}-fcmae_{end}.py'
    )
    key = 'optim_wrapper.paramwise_cfg.custom_keys'
    table = 'relative_position_bias_table'
    assert {
        address
        for address in changes(swin, ours)
        if not address.startswith('model.backbone.')
    } == {'checkpoint', f'{key}.{table}.decay_mult'}
    backbone, other = swin.model.backbone, ours.model.backbone
    assert backbone.type == 'mmpretrain.SwinTransformerAnyWindow'
    assert backbone.stage_cfgs.block_cfgs.window_size == 7
    for option in ('arch', 'drop_path_rate', 'out_indices'):
        assert backbone[option] == other[option]


def test_weights_fit_their_recipe():
    """COCO starts from pre-training, ADE20K from fine-tuning."""
    for size in ('base', 'large'):
        coco = load(FOLDER / f'mask-rcnn_swin-{size}-simmim_{COCO}.py')
        ade = load(FOLDER / f'upernet_swin-{size}-simmim_{ADE}.py')
        pretrained = coco.model.backbone.init_cfg.checkpoint
        finetuned = ade.model.backbone.init_cfg.checkpoint
        assert f'simmim_swin-{size}' in pretrained and 'ft' not in pretrained
        assert f'swin-{size}_ft' in finetuned
        assert coco.model.backbone.init_cfg.prefix == 'backbone.'
        assert ade.model.backbone.init_cfg.prefix == 'backbone.'


def options_of(cfg, model, **changed):
    """Return {parameter name: options} of the optimizer of a config."""
    wrapper = {
        **cfg.optim_wrapper.to_dict(),
        **changed,
        'type': 'OptimWrapper',
    }
    wrapper.pop('loss_scale', None)
    groups = build_optim_wrapper(model, wrapper).optimizer.param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    return {
        names[id(p)]: {k: v for k, v in group.items() if k != 'params'}
        for group in groups
        for p in group['params']
    }


@pytest.mark.parametrize(
    'name', [n for n in NAMES if '-pre_' in n and 'mocov3' not in n]
)
def test_our_constructor_builds_the_same_optimizer(name):
    """From the same layer decay and custom keys as MMPretrain's."""
    cfg = load(FOLDER / f'{name}.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'), meta_device():
        model = MODELS.build(cfg.model)
        theirs = options_of(cfg, model)
        options = cfg.optim_wrapper.paramwise_cfg.to_dict()
        ours = options_of(
            cfg,
            model,
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(
                layer_decay_rate=options['layer_decay_rate'],
                decay_type='group' if 'convnext' in name else 'layer',
                custom_keys=options.get('custom_keys', {}),
            ),
        )
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        for option in ('lr', 'weight_decay', 'betas'):
            assert value[option] == pytest.approx(theirs[key][option]), key


def test_mocov3_adapts_only_weights_of_convolutions_and_linear_layers():
    cfg = load(FOLDER / 'mocov3_convnextv2-base_64xb64-amp-coslr-300e_in1k.py')
    arch = dict(depths=(1, 1, 1, 1), channels=(4, 8, 12, 16))
    cfg.model.backbone.arch = arch
    with DefaultScope.overwrite_default_scope('mmpretrain'), meta_device():
        model = MODELS.build(cfg.model)
        options = options_of(cfg, model)
    shapes = {name: p.ndim for name, p in model.named_parameters()}
    assert any(name.startswith('head.predictor') for name in options)
    for name, group in options.items():
        is_weight = shapes[name] > 1
        assert group.get('lars_exclude', False) == (not is_weight), name
        assert group['weight_decay'] == (1e-6 if is_weight else 0), name


def test_mocov3_has_the_recipe_of_resnet_but_for_the_backbone():
    theirs = load_recipe('mocov3/mocov3_resnet50_8xb512-amp-coslr-300e_in1k')
    ours = load(
        FOLDER / 'mocov3_convnextv2-base_64xb64-amp-coslr-300e_in1k.py'
    )
    different = {
        address
        for address in changes(ours, theirs)
        if not address.startswith(
            ('model.backbone.', 'optim_wrapper.paramwise_cfg.custom_keys.')
        )
    }
    assert different == CHECKS | BATCH | COUNT | {
        'model.neck.in_channels', 'model.neck.with_avg_pool',
    }  # fmt: skip
