"""A folder of data is all that the configs for own data need."""

import json
import shutil

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from tests.helpers.small_training import make_scenes, run
from tests.test_configs import CONFIGS, load

pytestmark = pytest.mark.slow

DETECTOR = 'mask-rcnn_convnextv2-tiny-fcmae_fpn_1xb4-50e_coco-format'
SEGMENTOR = 'upernet_convnextv2-tiny-fcmae_1xb4-50e_masks'
ARCH = dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes') / 'data'
    make_scenes(root)
    return root


def small(name, data_root):
    """Load a config with a narrow model, small images and one epoch."""
    cfg = load(CONFIGS / f'custom/{name}.py')
    cfg.data_root = str(data_root)
    cfg.model.backbone.update(arch=ARCH, init_cfg=None)
    if name == DETECTOR:
        cfg.model.neck.update(in_channels=ARCH['channels'], out_channels=16)
        cfg.model.rpn_head.update(in_channels=16, feat_channels=16)
        heads = cfg.model.roi_head
        heads.bbox_roi_extractor.out_channels = 16
        heads.mask_roi_extractor.out_channels = 16
        heads.bbox_head.update(in_channels=16, fc_out_channels=32)
        heads.mask_head.update(in_channels=16, conv_out_channels=16)
    else:
        cfg.model.decode_head.update(in_channels=ARCH['channels'], channels=16)
        cfg.model.auxiliary_head.update(in_channels=24, channels=16)
    for loader in (
        cfg.train_dataloader,
        cfg.val_dataloader,
        cfg.test_dataloader,
    ):
        for step in loader.dataset.pipeline:
            if 'scale' in step:
                step.scale = (96, 96)
    cfg.train_cfg.max_epochs = 1
    return cfg


def contents(folder):
    """Return the files of a folder, with what a change of one changes."""
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob('*')
    }


def test_detection(scenes, tmp_path):
    """Classes, files and heads follow; the best checkpoint is kept."""
    root = tmp_path / 'mine'
    shutil.copytree(scenes / 'coco', root)
    names = ['zwei', 'eins', 'drei', 'vier', 'fuenf', 'sechs', 'sieben',
             'acht', 'neun', 'zehn']  # fmt: skip
    for path in (root / 'annotations').glob('*.json'):
        content = json.loads(path.read_text())
        for category, name in zip(content['categories'], names):
            category['name'] = name
        path.write_text(json.dumps(content))
    cfg, before = small(DETECTOR, root), contents(root)
    runner, log = run(cfg, tmp_path / 'work')
    assert contents(root) == before  # so that it may be read-only
    assert list(runner.train_loop.dataloader.dataset.metainfo['classes']) == (
        names
    )
    heads = runner.model.roi_head
    assert heads.bbox_head.num_classes == heads.mask_head.num_classes == 10
    assert any('coco/segm_mAP' in line for line in log)
    assert list((tmp_path / 'work').glob('best_coco_segm_mAP*.pth'))
    assert list((tmp_path / 'work').rglob('events.out.tfevents*'))
    (text,) = (tmp_path / 'work').glob('*/*.log')
    assert '4 images (4 .jpg)' in text.read_text()
    assert '10 classes: zwei, eins' in text.read_text()
    # The original config is as it was; a test reads the folder again.
    assert cfg.model.roi_head.bbox_head.num_classes == 80
    cfg = small(DETECTOR, root)
    cfg.load_from = str(tmp_path / 'work/epoch_1.pth')
    runner, result = run(cfg, tmp_path / 'test', test=True)
    assert 'coco/segm_mAP' in result
    test = runner.test_loop.dataloader.dataset
    assert len(test) == 1 and 'instances_test' in test.ann_file


def test_segmentation(scenes, tmp_path):
    """Images of several types; a test needs the config of the training."""
    root = tmp_path / 'mine'
    shutil.copytree(scenes / 'ade20k', root)
    (root / 'classes.txt').write_text('\n'.join(f'c{i}' for i in range(12)))
    first, *_ = sorted((root / 'images/training').glob('*.jpg'))
    first.rename(first.with_suffix('.JPG'))
    cfg, before = small(SEGMENTOR, root), contents(root)
    runner, log = run(cfg, tmp_path / 'work')
    assert contents(root) == before  # so that it may be read-only
    dataset = runner.train_loop.dataloader.dataset
    assert len(dataset) == 4 and dataset.metainfo['classes'][11] == 'c11'
    assert runner.model.decode_head.num_classes == 12
    assert any('mIoU' in line for line in log)
    assert list((tmp_path / 'work').glob('best_mIoU*.pth'))
    # MMSegmentation's test tool builds a plain runner.
    plain = small(SEGMENTOR, root)
    plain.work_dir = str(tmp_path / 'plain')
    with pytest.raises(ValueError, match='config that the training wrote'):
        Runner.from_cfg(plain).test()
    dumped = Config(runner.cfg.to_dict())
    dumped.work_dir = str(tmp_path / 'test')
    dumped.load_from = str(tmp_path / 'work/epoch_1.pth')
    result = Runner.from_cfg(dumped).test()
    assert np.isfinite(result['mIoU'])


@pytest.mark.parametrize('name', [DETECTOR, SEGMENTOR])
def test_a_folder_without_data_stops_at_once(name, tmp_path):
    cfg = small(name, tmp_path / 'no')
    cfg.work_dir = str(tmp_path / 'work')
    with pytest.raises(FileNotFoundError, match='set data_root to a folder'):
        RUNNERS.build(cfg)
    assert not (tmp_path / 'work').exists()
