"""Images of other channels and bits, from the files to tested detectors."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import torch
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from pycocotools.coco import COCO

from mmpretrain_plugin.datasets import read_tiff
from mmpretrain_plugin.datasets.channel_statistics import file_statistics
from tests.helpers.small_training import run
from tests.test_configs import CONFIGS, load

TOOLS = CONFIGS.parent / 'tools/demo'
FOLDER = CONFIGS / 'multichannel'
DATA = {
    'microscopy': ('make_microscopy_tiles.py',),
    'spectral': ('make_spectral_scenes.py', '--train', '8', '--val', '2'),
}


@pytest.fixture(scope='module', params=DATA)
def data(request, tmp_path_factory):
    """Name and folder of a data set."""
    root = tmp_path_factory.mktemp('data') / request.param
    tool, *options = DATA[request.param]
    command = [sys.executable, TOOLS / tool, root, *options]
    subprocess.run(command, check=True, capture_output=True)
    return request.param, root


def config(name, root, tmp_path):
    """Load a config with its data in ``root``, shortened."""
    cfg = load(FOLDER / f'{name}.py')
    text = json.dumps(cfg.to_dict()).replace(f'data/{root.name}', str(root))
    cfg.merge_from_dict(json.loads(text))
    if 'max_epochs' in cfg.train_cfg:
        cfg.train_cfg.max_epochs = cfg.default_hooks.checkpoint.interval = 2
    else:
        cfg.train_cfg.max_iters = cfg.default_hooks.checkpoint.interval = 2
    cfg.load_from = None
    return cfg


def stem(model):
    return model.backbone.downsample_layers[0][0].weight


@pytest.mark.slow
def test_from_files_to_tested_models(data, tmp_path):
    """Weights of FCMAE reach the detector, and all numbers are finite."""
    name, root = data
    cfg = config(f'fcmae_convnextv2-atto_{name}', root, tmp_path)
    runner, log = run(cfg, tmp_path / 'fcmae')
    losses = [line['loss'] for line in log if 'loss' in line]
    assert len(losses) > 2 and np.isfinite(losses).all()
    trained = stem(runner.model)
    assert trained.shape[1] == cfg.in_channels
    weights = tmp_path / 'fcmae/epoch_2.pth'
    for path in sorted(FOLDER.glob(f'*-fcmae_{name}.py')):
        cfg = config(path.stem, root, tmp_path)
        cfg.model.backbone.init_cfg.checkpoint = str(weights)
        cfg.optim_wrapper.optimizer.lr = 0.0
        work = tmp_path / path.stem
        runner, log = run(cfg, work)
        assert torch.equal(stem(runner.model), trained)
        assert all(np.isfinite(line['loss']) for line in log)
        cfg = config(path.stem, root, tmp_path)
        cfg.load_from = (work / 'last_checkpoint').read_text()
        cfg.default_hooks.visualization.draw = True
        work = tmp_path / f'{path.stem}-test'
        _, result = run(cfg, work, test=True)
        assert result and np.isfinite(list(result.values())).all()
        drawn = list(work.rglob('vis_image/*.png'))
        assert len(drawn) == len(list((root / 'val').glob('*.tif')))


@pytest.mark.slow
def test_mean_and_deviation_are_those_of_the_data(tmp_path_factory):
    """The numbers in the configs are those of complete data sets."""
    root = tmp_path_factory.mktemp('data')
    for name, (tool, *_) in DATA.items():
        command = [sys.executable, TOOLS / tool, root / name]
        subprocess.run(command, check=True, capture_output=True)
        first, *others = sorted((root / name / 'train').glob('*.tif'))
        total = file_statistics(first)
        for path in others:
            total = total.merged(file_statistics(path))
        cfg = load(FOLDER / f'fcmae_convnextv2-atto_{name}.py')
        np.testing.assert_allclose(cfg.mean, total.mean, rtol=1e-4)
        np.testing.assert_allclose(cfg.std, total.std, rtol=1e-4)


@pytest.mark.slow
def test_loaded_data_are_those_of_the_files(data):
    """Boxes and masks too; nothing is cut to 8 bits or three channels."""
    name, root = data
    cfg = load(FOLDER / f'mask-rcnn_convnextv2-atto-fcmae_{name}.py')
    coco = COCO(str(root / 'annotations/instances_val.json'))
    image = coco.imgs[0]
    pixels = read_tiff(root / 'val' / image['file_name'])
    assert pixels.dtype == np.uint16
    assert pixels.max() > 255 or name == 'microscopy'
    with DefaultScope.overwrite_default_scope('mmdet'):
        loader = Compose(cfg.train_dataloader.dataset.pipeline[:1])
    loaded = loader(dict(img_path=str(root / 'val' / image['file_name'])))
    np.testing.assert_array_equal(loaded['img'], pixels)
    assert loaded['img'].shape[2] == cfg.in_channels


@pytest.mark.slow
def test_tiles_are_the_image(tmp_path):
    """No pixel is in two tiles, and every nucleus keeps its pixels."""
    root = tmp_path / 'microscopy'
    command = [sys.executable, TOOLS / DATA[root.name][0], root]
    subprocess.run(command, check=True, capture_output=True)
    package = importlib.util.find_spec('stardist').submodule_search_locations
    images = f'{package[0]}/data/images'
    complete = tifffile.imread(f'{images}/img2d.tif')
    numbers = tifffile.imread(f'{images}/mask2d.tif')
    seen = np.zeros(complete.shape, int)
    for split in ('train', 'val'):
        coco = COCO(str(root / f'annotations/instances_{split}.json'))
        for image in coco.imgs.values():
            row, column = (
                int(word[-1]) for word in image['file_name'][:-4].split('_')
            )
            place = np.s_[
                row * 128 : row * 128 + 128, column * 128 : column * 128 + 128
            ]
            tile = read_tiff(root / split / image['file_name'])[..., 0]
            np.testing.assert_array_equal(tile, complete[place])
            seen[place] += 1
            for one in coco.imgToAnns[image['id']]:
                mask = coco.annToMask(one).astype(bool)
                (number,) = np.unique(numbers[place][mask])
                np.testing.assert_array_equal(mask, numbers[place] == number)
    assert (seen == 1).all()
