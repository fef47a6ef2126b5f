"""Small variants of all configs in configs/comparison train.

Only the length of training, the width of the models and what needs a GPU are
changed. Fine-tuning starts from the weights that pre-training has saved.
"""

import numpy as np
import pytest
import torch
from make_metafiles import read_head
from mmengine.registry import MODELS, DefaultScope

from tests.helpers.small_training import (
    make_image_folder,
    make_scenes,
    run,
    use_image_folder,
    use_scenes_as_ade20k,
    use_scenes_as_coco,
)
from tests.test_configs import CONFIGS, load

pytestmark = pytest.mark.slow

FOLDER = CONFIGS / 'comparison'
VIT = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
CONVNEXT = dict(depths=(1, 1, 1, 1), channels=(4, 8, 16, 32))
SWIN = dict(embed_dims=8, depths=(1, 1, 2, 1), num_heads=(1, 2, 2, 4))
ARCHITECTURES = {
    'mae': VIT, 'beit': VIT, 'mocov3': CONVNEXT, 'spark': CONVNEXT,
    'simmim': SWIN,
}  # fmt: skip
WIDTHS = {'mae': 16, 'beit': 16, 'mocov3': 32, 'spark': 32, 'simmim': 64}
PRETRAINING = sorted(
    path.stem
    for path in FOLDER.glob('*.py')
    if path.stem.split('_')[0] in WIDTHS
)
# Parameters of a fine-tuned backbone that its pre-training does not have.
NEW = {
    # The norm after the average over all patches.
    'mae': {'ln2.weight', 'ln2.bias'},
    'beit': {'ln2.weight', 'ln2.bias'},
    'mocov3': set(),
    'spark': {'norm3.weight', 'norm3.bias'},
    'simmim': set(),
}


TABLE = 'relative_position_bias_table'


@pytest.fixture(scope='module')
def image_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('imagenet')
    make_image_folder(root)
    return root


def narrow_pretraining(model, method):
    """Reduce width and depth."""
    width = WIDTHS[method]
    model.backbone.arch = ARCHITECTURES[method]
    if method == 'mae':
        model.neck.update(
            embed_dim=width,
            decoder_embed_dim=16,
            decoder_depth=1,
            decoder_num_heads=2,
        )
    elif method == 'beit':
        model.head.update(embed_dims=width, num_embed=32)
        model.target_generator.update(n_hid=4, vocab_size=32)
        model.target_generator.pop('init_cfg')  # no download
    elif method == 'mocov3':
        model.neck.update(in_channels=width, hid_channels=32, out_channels=16)
        model.head.predictor.update(
            in_channels=16, hid_channels=32, out_channels=16
        )
    elif method == 'spark':
        model.update(enc_dec_norm_dim=width)
        model.neck.feature_dim = 32
    else:
        model.neck.in_channels = width


def shorten(cfg):
    """Train for one epoch with all parts of the schedule."""
    cfg.train_cfg.max_epochs = 1
    for scheduler in cfg.param_scheduler:
        scheduler.update(begin=0, end=1)
        if 'milestones' in scheduler:
            scheduler.milestones = [1]


def finetuning_of(name):
    """Return the config that the head of a pre-training names."""
    _, fields = read_head((FOLDER / f'{name}.py').read_text())
    return fields['Then'].removeprefix('fine-tune with ').rstrip('.')


def losses_of(log):
    losses = [r['loss'] for r in log if 'loss' in r]
    assert losses and np.isfinite(losses).all()
    return losses


def pretrain(name, image_folder, work_dir):
    """Return the checkpoint of a small pre-training."""
    cfg = load(FOLDER / f'{name}.py')
    narrow_pretraining(cfg.model, name.split('_')[0])
    use_image_folder(cfg, image_folder)
    shorten(cfg)
    _, log = run(cfg, work_dir)
    assert len(losses_of(log)) == 3
    return work_dir / 'epoch_1.pth'


def check_start(cfg, checkpoint, new):
    """Check that a model starts from a checkpoint, except for new weights."""
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
        model.init_weights()
    saved = torch.load(checkpoint, map_location='cpu', weights_only=False)
    saved, missing = saved['state_dict'], set()
    for key, value in model.backbone.named_parameters():
        source = f'backbone.{key}'
        if source not in saved and key.endswith(TABLE):
            source = f'backbone.rel_pos_bias.{TABLE}'  # BEiT shares it
        if source not in saved:
            missing.add(key)
        elif saved[source].shape == value.shape:
            torch.testing.assert_close(saved[source], value.data)
        else:  # of another window
            assert key.endswith(TABLE)
    assert missing == new


@pytest.mark.parametrize('name', PRETRAINING)
def test_pretraining_and_finetuning(name, image_folder, tmp_path):
    method = name.split('_')[0]
    checkpoint = pretrain(name, image_folder, tmp_path / 'pretraining')
    cfg = load(FOLDER / f'{finetuning_of(name)}.py')
    cfg.model.backbone.arch = ARCHITECTURES[method]
    cfg.model.backbone.init_cfg.checkpoint = str(checkpoint)
    cfg.model.head.in_channels = WIDTHS[method]
    use_image_folder(cfg, image_folder)
    shorten(cfg)
    check_start(cfg, checkpoint, NEW[method])
    _, log = run(cfg, tmp_path / 'finetuning')
    assert len(losses_of(log)) == 3
    assert any('accuracy/top1' in r for r in log)


def shrink(node, sizes):
    """Replace sizes of images in a part of a config."""
    for key, value in (
        node.items() if isinstance(node, dict) else enumerate(node)
    ):
        if isinstance(value, tuple) and value in sizes:
            node[key] = sizes[value]
        elif isinstance(value, (dict, list)):
            shrink(value, sizes)


def narrow_swin(cfg, checkpoint):
    cfg.model.backbone.arch = SWIN
    cfg.model.backbone.init_cfg.checkpoint = str(checkpoint)


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes') / 'data'
    make_scenes(root)
    return root


@pytest.fixture(scope='module')
def simmim(image_folder, tmp_path_factory):
    """A checkpoint of the pre-training with windows of 6."""
    name = 'simmim_swin-base-w6_16xb128-amp-coslr-800e_in1k-192px'
    return pretrain(name, image_folder, tmp_path_factory.mktemp('simmim'))


OTHER_NORMS = {f'norm{i}.{p}' for i in range(3) for p in ('weight', 'bias')}


@pytest.mark.parametrize('size', ['base', 'large'])
def test_mask_rcnn(size, scenes, simmim, tmp_path):
    cfg = load(
        FOLDER / f'mask-rcnn_swin-{size}-simmim_fpn_8xb4-lsj-3x_coco.py'
    )
    narrow_swin(cfg, simmim)
    cfg.model.neck.in_channels = [8, 16, 32, 64]
    use_scenes_as_coco(cfg, scenes)
    cfg.train_dataloader.batch_size = 1
    shrink(cfg, {(1024, 1024): (160, 160), (1333, 800): (160, 160)})
    cfg.train_cfg.max_epochs = 1
    check_start(cfg, simmim, OTHER_NORMS)
    _, log = run(cfg, tmp_path)
    assert len(losses_of(log)) >= 2  # small or empty images are filtered
    assert any('coco/bbox_mAP' in r and 'coco/segm_mAP' in r for r in log)


@pytest.mark.parametrize('size', ['base', 'large'])
def test_upernet(size, scenes, simmim, tmp_path):
    cfg = load(
        FOLDER / f'upernet_swin-{size}-simmim_8xb2-160k_ade20k-512x512.py'
    )
    narrow_swin(cfg, simmim)
    cfg.model.decode_head.in_channels = [8, 16, 32, 64]
    cfg.model.auxiliary_head.in_channels = 32
    use_scenes_as_ade20k(cfg, scenes)
    shrink(cfg, {(512, 512): (128, 128), (2048, 512): (512, 128)})
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.param_scheduler[1].end = 2000
    check_start(cfg, simmim, OTHER_NORMS)
    _, log = run(cfg, tmp_path)
    assert len(losses_of(log)) == 2
    assert any('mIoU' in r for r in log)
