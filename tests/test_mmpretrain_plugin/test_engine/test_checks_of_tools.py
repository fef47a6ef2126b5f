"""The train and test tools of the three libraries check their inputs."""

import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from tests.test_configs import CONFIGS

pytestmark = pytest.mark.slow

TASKS = {
    'mmpretrain': 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py',
    'mmdet': 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py',
    'mmseg': 'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_'
    'ade20k-512x512.py',
}
# Each data set has two classes; the heads keep those of the paper.
DATA = {
    'mmpretrain': dict(data_root='.', metainfo=dict(classes=('a', 'b'))),
    'mmdet': dict(
        data_root='.', ann_file='coco.json', data_prefix=dict(img='train/a'),
        metainfo=dict(classes=('a', 'b')),
    ),
    'mmseg': dict(
        data_root='.', metainfo=dict(classes=('wall', 'sky')),
        data_prefix=dict(img_path='train/a', seg_map_path='maps'),
    ),
}  # fmt: skip
HEADS = {
    'mmpretrain': r'model\.head\.num_classes is 1000',
    'mmdet': r'model\.roi_head\.bbox_head\.num_classes is 80',
    'mmseg': r'model\.decode_head\.num_classes is 150',
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with one image in every format of data."""
    monkeypatch.chdir(tmp_path)
    image = Image.fromarray(np.zeros((64, 64, 3), np.uint8))
    for part in ('train/a', 'train/b', 'val/a', 'val/b', 'maps'):
        Path(part).mkdir(parents=True)
        image.save(f'{part}/1.jpg')
    image.convert('L').save('maps/1.png')
    box = dict(bbox=[0, 0, 40, 40], segmentation=[[0, 0, 40, 0, 40, 40]])
    content = dict(
        images=[dict(id=1, file_name='1.jpg', height=64, width=64)],
        categories=[dict(id=i + 1, name=name) for i, name in enumerate('ab')],
        annotations=[
            dict(id=1, image_id=1, category_id=1, iscrowd=0, area=800, **box)
        ],
    )
    Path('coco.json').write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """A function that runs a tool as ``mim`` does, in this process."""

    def run(tool, library, *arguments, data=True, **options):
        cfg = Config.fromfile(CONFIGS / TASKS[library])
        cfg.optim_wrapper.type = 'OptimWrapper'  # mixed precision needs a GPU
        cfg.model.backbone.init_cfg = None
        for mode in ('train', 'val', 'test') if data else ():
            loader = cfg[f'{mode}_dataloader']
            loader.update(num_workers=0, persistent_workers=False)
            loader.dataset.update(DATA[library])
            if mode != 'train' and library == 'mmdet':
                cfg[f'{mode}_evaluator'].ann_file = 'coco.json'
        cfg.merge_from_dict(options)
        cfg.dump(tmp_path / 'config.py')
        package = Path(find_spec(library).origin).parent
        words = [tool, str(tmp_path / 'config.py'), *arguments]
        words += ['--work-dir', str(tmp_path / 'run')]
        monkeypatch.setattr(sys, 'argv', words)
        runpy.run_path(f'{package}/.mim/tools/{tool}.py', run_name='__main__')

    return run


def write_weights(library, path, *without):
    """Write the state of a config's model, without some keys."""
    cfg = Config.fromfile(CONFIGS / TASKS[library])
    cfg.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope(library):
        state = MODELS.build(cfg.model).state_dict()
    for key in without:
        del state[key]
    torch.save(dict(state_dict=state, meta={}), path)
    return str(path)


@pytest.mark.parametrize('library', TASKS)
def test_missing_data(library, launch, tmp_path, monkeypatch):
    """In training and, where MMSegmentation has no runner_type, testing."""
    monkeypatch.chdir(tmp_path)
    Path('weights.pth').touch()
    match = r'^data/\S+ of train_dataloader\.dataset does not exist; put'
    with pytest.raises(FileNotFoundError, match=match):
        launch('train', library, data=False)
    match = r'^data/\S+ of test_dataloader\.dataset does not exist; put'
    with pytest.raises(FileNotFoundError, match=match):
        launch('test', library, 'weights.pth', data=False)


@pytest.mark.parametrize('library', TASKS)
def test_a_missing_checkpoint(library, launch, folder):
    match = r'^nowhere\.pth of load_from does not exist; train or download'
    with pytest.raises(FileNotFoundError, match=match):
        launch('train', library, load_from='nowhere.pth')
    with pytest.raises(FileNotFoundError, match=match):
        launch('test', library, 'nowhere.pth')


@pytest.mark.parametrize('library', TASKS)
def test_wrong_number_of_classes(library, launch, folder):
    match = f'^{HEADS[library]} but train_dataloader.dataset has 2 classes; '
    with pytest.raises(ValueError, match=match):
        launch('train', library)
    assert not list(folder.glob('run/*.pth'))
    weights = write_weights(library, folder / 'weights.pth')
    match = f'^{HEADS[library]} but test_dataloader.dataset has 2 classes; '
    with pytest.raises(ValueError, match=match):
        launch('test', library, weights)


@pytest.mark.parametrize('library', TASKS)
def test_a_checkpoint_that_does_not_fill_the_backbone(library, launch, folder):
    key = 'backbone.stages.1.0.norm.bias'
    weights = write_weights(library, folder / 'weights.pth', key)
    match = rf'^{weights}: .*{key.removeprefix("backbone.")}'
    options = dict(runner_type='FlexibleRunner', load_from=weights)
    with pytest.raises(ValueError, match=match):
        launch('train', library, **options)
    arguments = ['--tta'] if library == 'mmseg' else []
    with pytest.raises(ValueError, match=match):
        launch('test', library, weights, *arguments)
