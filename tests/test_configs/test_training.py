"""Configs train and test end to end on a few images.

Only the length of training, the workers and what needs a GPU (mixed precision
and SyncBN) are changed.
"""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmpretrain_plugin.checkpoint import IncompleteCheckpointError
from tests.helpers.shell_commands import code_blocks
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


def fcmae_weights(tmp_path, arch, channels):
    """Save FCMAE weights: with a decoder, without the final norm."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(
            dict(
                type='FCMAE',
                backbone=dict(type='ConvNeXtV2', arch=arch),
                neck=dict(
                    type='FCMAEDecoder', in_channels=channels, embed_dim=8
                ),
                head=dict(type='FCMAEHead'),
            )
        )
    path = tmp_path / 'fcmae.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path), model.state_dict()


@pytest.fixture
def image_folder(tmp_path):
    make_image_folder(tmp_path / 'imagenet')
    return str(tmp_path / 'imagenet')


@pytest.mark.parametrize(
    'name',
    ['convnextv2-femto-fcmae_32xb32-600e_in1k',
     'convnext-tiny_64xb64-300e_in1k',
     'convnextv2-tiny-fcmae-in22k_16xb32-90e_in1k-384px'],
)  # fmt: skip
def test_imagenet(name, image_folder, tmp_path):
    """Fine-tuning, a supervised baseline, and 384 pixels after 22K."""
    cfg = load(CONFIGS / f'imagenet/{name}.py')
    start = narrow(cfg, tmp_path)
    cfg.model.head.in_channels = 32
    use_image_folder(cfg, image_folder)
    cfg.train_cfg.max_epochs = 2
    for scheduler in cfg.param_scheduler:
        scheduler.begin = min(scheduler.get('begin', 0), 1)
        if 'end' in scheduler:
            scheduler.end = 1
    _, log = run(cfg, tmp_path / 'run')
    losses = [r['loss'] for r in log if 'loss' in r]
    assert len(losses) == 2 * 3 and np.isfinite(losses).all()
    # A head initialized near zero predicts all three classes alike.
    assert losses[0] == pytest.approx(np.log(3), abs=0.02 if start else 0.2)
    assert len([r for r in log if 'accuracy/top1' in r]) == 2
    saved = torch.load(
        tmp_path / 'run/epoch_2.pth', map_location='cpu', weights_only=False
    )
    assert set(saved) >= {'state_dict', 'ema_state_dict', 'optimizer'}
    if start:
        # The average is tested and saved; it changes less.
        key = 'backbone.stages.2.0.pointwise_conv1.weight'
        average = saved['state_dict'][key] - start[key]
        raw = saved['ema_state_dict'][f'module.{key}'] - start[key]
        assert 0 < average.abs().max() < raw.abs().max() < 0.01


def test_linear_evaluation(image_folder, tmp_path):
    """Batch norm and classifier learn; the frozen backbone stays as it is."""
    cfg = load(
        CONFIGS / 'imagenet/convnextv2-atto-fcmae_8xb2048-linear-90e_in1k.py'
    )
    start = narrow(cfg, tmp_path)
    cfg.model.neck.input_features = cfg.model.head.in_channels = 32
    for part in (cfg.model.head, cfg.data_preprocessor):
        part.num_classes = 3
    for mode in ('train', 'val', 'test'):
        loader = cfg[f'{mode}_dataloader']
        loader.batch_size = 4
        loader.dataset.data_root = image_folder
        loader.dataset.metainfo = dict(classes=('blue', 'green', 'red'))
    cfg.val_evaluator.topk = cfg.test_evaluator.topk = (1,)
    cfg.train_cfg.max_epochs = 2
    warmup, cosine = cfg.param_scheduler
    warmup.end = cosine.begin = cosine.T_max = 1
    cosine.end = 2
    _, log = run(cfg, tmp_path / 'run')
    losses = [r['loss'] for r in log if 'loss' in r]
    assert len(losses) == 2 * 3 and np.isfinite(losses).all()
    assert losses[0] == pytest.approx(np.log(3), abs=0.2)
    assert len([r for r in log if 'accuracy/top1' in r]) == 2
    saved = torch.load(
        tmp_path / 'run/epoch_2.pth', map_location='cpu', weights_only=False
    )['state_dict']
    backbone = {k: v for k, v in saved.items() if k.startswith('backbone.')}
    assert set(saved) - set(backbone) == {
        'head.fc.weight', 'head.fc.bias', 'neck.bn.running_mean',
        'neck.bn.running_var', 'neck.bn.num_batches_tracked',
    }  # fmt: skip
    assert all(torch.equal(start[k], v) for k, v in backbone.items())
    assert saved['neck.bn.num_batches_tracked'] == 6


def test_lora(image_folder, tmp_path):
    """MMPretrain's LoRA trains, saves its own weights and loads them."""
    cfg = load(
        CONFIGS / 'imagenet/convnextv2-tiny-fcmae_8xb2048-linear-90e_in1k.py'
    )
    start = narrow(cfg, tmp_path)
    use_image_folder(cfg, image_folder)
    cfg.model.backbone.frozen_stages = 0
    cfg.model.backbone = dict(
        type='LoRAModel',
        module=cfg.model.backbone,
        rank=2,
        alpha=2,
        targets=[dict(type='pointwise_conv1')],
    )
    cfg.model.neck.input_features = cfg.model.head.in_channels = 32
    cfg.optim_wrapper = dict(
        type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-2)
    )
    cfg.param_scheduler = []
    cfg.train_cfg.max_epochs = 1
    runner, log = run(copy.deepcopy(cfg), tmp_path / 'run')
    trained = runner.model.backbone.module.state_dict()
    saved = torch.load(
        tmp_path / 'run/epoch_1.pth', map_location='cpu', weights_only=False
    )['state_dict']
    backbone = {k for k in saved if k.startswith('backbone.')}
    assert len(backbone) == 2 * 4  # two matrices in each of four blocks
    assert all('.lora_' in key for key in backbone)
    name = 'stages.0.0.pointwise_conv1'
    assert trained[f'{name}.lora_up.weight'].any()
    assert torch.equal(
        trained[f'{name}.original_layer.weight'],
        start[f'backbone.{name}.weight'],
    )
    cfg.load_from = str(tmp_path / 'run/epoch_1.pth')
    runner, metrics = run(copy.deepcopy(cfg), tmp_path / 'test', test=True)
    for key, value in runner.model.backbone.module.state_dict().items():
        assert torch.equal(value, trained[key]), key
    (wanted,) = (r['accuracy/top1'] for r in log if 'accuracy/top1' in r)
    assert metrics['accuracy/top1'] == wanted
    saved.pop(min(backbone))
    torch.save(dict(state_dict=saved), tmp_path / 'damaged.pth')
    cfg.load_from = str(tmp_path / 'damaged.pth')
    with pytest.raises(IncompleteCheckpointError, match=r'missing: .*lora_'):
        run(copy.deepcopy(cfg), tmp_path / 'damaged', test=True)
    cfg.model.backbone.module.init_cfg = None
    with pytest.raises(IncompleteCheckpointError, match='has random weights'):
        run(cfg, tmp_path / 'random', test=True)


def test_fcmae_on_a_folder(image_folder, tmp_path):
    """Pre-training on images without labels, also in subfolders."""
    cfg = load(CONFIGS / 'fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py')
    narrow(cfg, tmp_path)
    cfg.model.neck.in_channels = 32
    cfg.train_dataloader.batch_size = 4
    cfg.train_dataloader.dataset.data_root = image_folder
    cfg.train_cfg.max_epochs = 1
    _, log = run(cfg, tmp_path / 'run')
    losses = [r['loss'] for r in log if 'loss' in r]
    assert len(losses) == 5  # 18 images, of which the last batch has 2
    # Predicting the mean of every patch costs 1.
    assert losses == pytest.approx([1.0] * 5, abs=0.1)


def test_fcmae_with_its_evaluation(image_folder, tmp_path):
    """The config of docs/pretrain.md, and its test of a checkpoint."""
    page = (CONFIGS.parent / 'docs/pretrain.md').read_text()
    (source,) = (b for b in code_blocks(page, 'python') if '_base_' in b)
    path = tmp_path / 'mine.py'
    path.write_text(source.replace("'configs/", f"'{CONFIGS}/"))
    cfg = Config.fromfile(path)
    narrow(cfg, tmp_path)
    cfg.model.neck.in_channels = 32
    for mode in ('train', 'val', 'test'):
        cfg[f'{mode}_dataloader'].batch_size = 4
        folder = 'train' if mode == 'train' else 'val'
        cfg[
            f'{mode}_dataloader'
        ].dataset.data_root = f'{image_folder}/{folder}'
    cfg.train_cfg.update(max_epochs=9, val_interval=1)
    cfg.default_hooks.early_stopping.update(min_delta=9, patience=1)
    cfg.default_hooks.checkpoint.interval = 1
    runner, log = run(cfg, tmp_path / 'run')
    assert runner.epoch == 2  # the loss never falls by 9
    metrics = [r for r in log if 'val/loss' in r]
    assert [r['step'] for r in metrics] == [1, 2]
    assert len(list((tmp_path / 'run').glob('best_knn_top1_epoch_*.pth'))) == 1
    assert len(list((tmp_path / 'run').rglob('events.out.tfevents.*'))) == 1
    images = (tmp_path / 'run').glob('*/vis_data/vis_image/*.png')
    assert len(list(images)) == 2
    cfg.load_from = str(tmp_path / 'run/epoch_2.pth')
    _, tested = run(cfg, tmp_path / 'test', test=True)
    names = ('val/loss', 'knn/top1', 'knn/top5')
    assert tested == pytest.approx({name: metrics[-1][name] for name in names})


def narrow(cfg, tmp_path):
    """Reduce channels and blocks, and save a checkpoint that fits."""
    arch = dict(depths=(1, 1, 1, 1), channels=(8, 16, 24, 32))
    cfg.model.backbone.arch = arch
    if 'init_cfg' not in cfg.model.backbone:
        return None
    path, start = fcmae_weights(tmp_path, arch, 32)
    cfg.model.backbone.init_cfg.checkpoint = path
    return start


def test_coco_with_the_schedule_of_one_gpu(tmp_path):
    """Jittering to 1024x1024, accumulation, soft-NMS, box and mask AP."""
    make_scenes(tmp_path / 'data')
    cfg = load(
        CONFIGS
        / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'
    )
    narrow(cfg, tmp_path)
    cfg.model.neck.in_channels = [8, 16, 24, 32]
    use_scenes_as_coco(cfg, tmp_path / 'data')
    cfg.train_dataloader.batch_size = 1
    cfg.optim_wrapper.accumulative_counts = 2
    cfg.train_cfg.max_epochs = 1
    _, log = run(cfg, tmp_path / 'run')
    losses = [r for r in log if 'loss_mask' in r]
    assert len(losses) >= 2  # small or empty images are filtered
    assert all(np.isfinite(r['loss']) for r in losses)
    assert any('coco/bbox_mAP' in r and 'coco/segm_mAP' in r for r in log)


def test_lora_in_detection(tmp_path):
    """The config of docs/frozen_and_lora.md."""
    make_scenes(tmp_path / 'data')
    page = (CONFIGS.parent / 'docs/frozen_and_lora.md').read_text()
    (source,) = code_blocks(page, 'python')
    path = tmp_path / 'mine.py'
    path.write_text(source.replace("'configs/", f"'{CONFIGS}/"))
    cfg = Config.fromfile(path)
    arch = dict(depths=(1, 1, 1, 1), channels=(8, 16, 24, 32))
    weights, start = fcmae_weights(tmp_path, arch, 32)
    cfg.model.backbone.module.arch = arch
    cfg.model.backbone.module.init_cfg.checkpoint = weights
    cfg.model.neck.in_channels = [8, 16, 24, 32]
    use_scenes_as_coco(cfg, tmp_path / 'data')
    cfg.train_dataloader.batch_size = 1
    cfg.optim_wrapper.accumulative_counts = 1
    cfg.train_cfg.max_epochs = 1
    runner, log = run(cfg, tmp_path / 'run')
    assert all(np.isfinite(r['loss']) for r in log if 'loss' in r)
    trained = runner.model.backbone.module.state_dict()
    for name in ('pointwise_conv1', 'pointwise_conv2'):
        name = f'stages.1.0.{name}'
        assert trained[f'{name}.lora_up.weight'].any()
        assert torch.equal(
            trained[f'{name}.original_layer.weight'],
            start[f'backbone.{name}.weight'],
        )
    norm = runner.model.backbone.module.norm0
    assert torch.equal(norm.weight, torch.ones(8))


def test_ade20k_with_the_multi_scale_test(tmp_path):
    make_scenes(tmp_path / 'data')
    cfg = load(
        CONFIGS
        / 'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_ade20k-512x512.py'
    )
    narrow(cfg, tmp_path)
    cfg.model.decode_head.in_channels = [8, 16, 24, 32]
    cfg.model.auxiliary_head.in_channels = 24
    use_scenes_as_ade20k(cfg, tmp_path / 'data')
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.param_scheduler[1].end = 2000
    _, log = run(cfg, tmp_path / 'run')
    losses = [r for r in log if 'aux.loss_ce' in r]
    assert len(losses) == 2
    assert all(np.isfinite(r['loss']) for r in losses)
    assert any('mIoU' in r for r in log)
    # As `mim test ... --tta` does.
    cfg.load_from = str(tmp_path / 'run/iter_2.pth')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model
    _, metrics = run(cfg, tmp_path / 'test', test=True)
    assert 0 <= metrics['mIoU'] <= 100
