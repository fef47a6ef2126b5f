"""Inferencers: by path and by name, from any folder, weights of any format."""

import re
from pathlib import Path

import mmdet.apis
import mmpretrain
import mmseg.apis
import numpy as np
import pytest
import tifffile
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from PIL import Image
from torch.testing import assert_close

from mmdet_plugin.apis import DetInferencer
from mmpretrain_plugin.apis import ImageClassificationInferencer
from mmpretrain_plugin.checkpoint import to_state_dict, to_weights
from mmpretrain_plugin.trained_models import find_config
from mmseg_plugin.apis import MMSegInferencer
from tests.helpers.shell_commands import code_blocks
from tests.helpers.small_models import randomize
from tests.test_configs import CONFIGS

DETECTOR = 'mask-rcnn_convnextv2-atto_digits'
SEGMENTOR = 'upernet_convnextv2-atto_digits'
CLASSIFIER = 'convnextv2-atto_digits'
IMAGES = ['my images/0.png', 'my images/1.png']
CLASSES = tuple('abcdefghij')


def random_state(name):
    cfg = Config.fromfile(CONFIGS / f'demo/{name}.py')
    if 'data_preprocessor' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    return randomize(model).float().state_dict()


@pytest.fixture(scope='module')
def states():
    return {n: random_state(n) for n in (DETECTOR, SEGMENTOR, CLASSIFIER)}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Work in another folder, with two images; return how to save weights."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'my images').mkdir()
    (tmp_path / 'my images/notes.txt').write_text('no image')
    rng = np.random.default_rng(0)
    for i in (1, 0):  # not in the order of names
        pixels = rng.integers(0, 256, (96, 128, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'my images/{i}.png')

    def save(state, **meta):
        content = dict(state_dict=state, meta=dict(dataset_meta=meta))
        torch.save(content if meta else state, 'weights.pth')
        return 'weights.pth'

    return save


def test_detection_by_name_and_by_path(states, files, tmp_path):
    weights = files(states[DETECTOR], classes=CLASSES)
    path = str(CONFIGS / f'demo/{DETECTOR}.py')
    ours = DetInferencer(DETECTOR, weights, device='cpu')
    assert ours.model.dataset_meta['classes'] == list(CLASSES)
    by_name = ours(Path('my images'), out_dir='out', pred_score_thr=0)
    assert len(list((tmp_path / 'out/vis').iterdir())) == 2
    for other in (DetInferencer, mmdet.apis.DetInferencer):
        by_path = other(path, weights, device='cpu')(IMAGES)
        assert len(by_path['predictions']) == 2
        for a, b in zip(by_name['predictions'], by_path['predictions']):
            assert a['scores'] and a['labels'] == b['labels']
            assert_close(a['bboxes'], b['bboxes'])


@pytest.mark.parametrize('kind', [DetInferencer, MMSegInferencer])
def test_classes_of_the_config_where_the_checkpoint_has_none(
    kind, states, files
):
    name = DETECTOR if kind is DetInferencer else SEGMENTOR
    model = kind(name, files(states[name]), device='cpu').model
    cfg = Config.fromfile(CONFIGS / f'demo/{name}.py')
    wanted = cfg.test_dataloader.dataset.metainfo.classes
    assert tuple(model.dataset_meta['classes']) == tuple(wanted)
    assert 'zero' in wanted


def test_segmentation_by_name_and_by_path(states, files, tmp_path):
    colors = [[i, 2 * i, 3 * i] for i in range(11)]
    names = ('background', *CLASSES)
    weights = files(states[SEGMENTOR], classes=names, palette=colors)
    path = str(CONFIGS / f'demo/{SEGMENTOR}.py')
    ours = MMSegInferencer(SEGMENTOR, weights, device='cpu')
    assert ours.model.dataset_meta['palette'] == colors
    by_name = ours('my images', out_dir='out')
    assert len(list((tmp_path / 'out/vis').iterdir())) == 2
    for other in (MMSegInferencer, mmseg.apis.MMSegInferencer):
        by_path = other(path, weights, device='cpu')(IMAGES)
        for a, b in zip(by_name['predictions'], by_path['predictions']):
            assert a.shape == (96, 128) and len(np.unique(a)) > 1
            assert np.array_equal(a, b)


@pytest.mark.parametrize(
    'name', ['mmpretrain', 'official', 'timm', 'huggingface']
)
def test_classification_with_every_format(name, states, files):
    images = IMAGES
    init_default_scope('mmdet')  # as a DetInferencer leaves it
    weights = files(states[CLASSIFIER], classes=CLASSES)
    path = str(CONFIGS / f'demo/{CLASSIFIER}.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        theirs = mmpretrain.ImageClassificationInferencer(path, weights)
    expected = theirs(images)
    given, _ = to_state_dict(to_weights(states[CLASSIFIER]), name)
    ours = ImageClassificationInferencer(
        CLASSIFIER, files(given), classes=CLASSES
    )
    for a, b in zip(ours(Path('my images')), expected, strict=True):
        assert a['pred_class'] == b['pred_class']
        assert_close(a['pred_scores'], b['pred_scores'])


def test_what_is_wrong_is_one_line(states, files, tmp_path):
    weights = files(states[SEGMENTOR], classes=CLASSES)

    def assert_raises(message, kind, *args):
        with pytest.raises(ValueError, match=message) as error:
            kind(*args, device='cpu')
        assert '\n' not in str(error.value)

    assert_raises('yolo does not exist', DetInferencer, 'yolo', weights)
    assert_raises('is of mmdet', MMSegInferencer, DETECTOR, weights)
    assert_raises(
        'config is of mmdet', ImageClassificationInferencer, DETECTOR, weights
    )
    assert_raises('missing: neck', DetInferencer, DETECTOR, weights)
    state = dict(states[SEGMENTOR])
    state['decode_head.conv_seg.bias'] = state['decode_head.conv_seg.bias'] / 0
    assert_raises(
        r'not finite: decode_head\.conv_seg\.bias', MMSegInferencer, SEGMENTOR,
        files(state),
    )  # fmt: skip
    weights = files(states[SEGMENTOR], classes=CLASSES)
    assert_raises('none.pth does not exist', DetInferencer, DETECTOR,
                  'none.pth')  # fmt: skip
    assert_raises(
        'missing', ImageClassificationInferencer, CLASSIFIER, weights
    )


class Hostile:
    def __reduce__(self):
        return exec, ("open('executed', 'w').close()",)


@pytest.mark.parametrize(
    ('kind', 'name'),
    [
        (DetInferencer, DETECTOR),
        (MMSegInferencer, SEGMENTOR),
        (ImageClassificationInferencer, CLASSIFIER),
    ],
)
def test_no_code_of_a_checkpoint_runs(kind, name, states, files, tmp_path):
    weights = files({**states[name], 'x': Hostile()}, classes=CLASSES)
    torch.load(weights, weights_only=False)
    executed = tmp_path / 'executed'
    assert executed.exists()
    executed.unlink()
    try:
        kind(name, weights, device='cpu')
    except ValueError as error:
        assert 'code' in str(error)
    assert not executed.exists()


PAGE = (CONFIGS.parent / 'docs/inference.md').read_text()


def test_the_names_of_the_page_are_configs():
    names = re.findall(r"Inferencer\('([^'/]+)'", PAGE)
    assert len(names) == 2
    assert all(find_config(name) for name in names)


@pytest.mark.slow
def test_the_tiles_of_the_page(states, files):
    """Tiles side by side are detected like images of their own."""
    weights = files(states[DETECTOR], classes=CLASSES)
    inferencer = DetInferencer(DETECTOR, weights, device='cpu')
    (source,) = [s for s in code_blocks(PAGE, 'python') if 'sahi' in s]
    names = {}
    exec(compile(source, 'page', 'exec'), names)
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (2, 96, 96, 3), np.uint8)
    found = names['detect_in_tiles'](
        inferencer, np.concatenate(tiles, axis=1), side=96, overlap=0
    )
    nothing = np.zeros((96, 200, 3), np.uint8)
    assert not len(names['detect_in_tiles'](
        inferencer, nothing, side=96, score_thr=1.0
    ))  # fmt: skip
    left = found.bboxes[:, 0] < 96
    assert 0 < left.sum() < len(left)
    single = inferencer(list(tiles), return_datasamples=True)['predictions']
    for side, one in ((left, single[0]), (~left, single[1])):
        expected = one.pred_instances.bboxes
        got = found.bboxes[side] - 96 * (side is not left) * torch.tensor(
            [1, 0, 1, 0]
        )
        # Merging suppresses boxes that soft-NMS keeps.
        distance = torch.cdist(got, expected).amin(dim=1)
        assert len(got) and distance.max() < 1e-3


@pytest.mark.parametrize(
    ('kind', 'name'),
    [
        (DetInferencer, DETECTOR),
        (MMSegInferencer, SEGMENTOR),
    ],
)
def test_images_with_other_channels(kind, name, files):
    """They are loaded as in the test of the config: the model sees them."""
    cfg = Config.fromfile(CONFIGS / f'demo/{name}.py')
    cfg.model.backbone.in_channels = 5
    preprocessor = cfg.model.data_preprocessor
    preprocessor.update(
        type=preprocessor.type.replace('Det', 'MultiChannelDet').replace(
            'Seg', 'MultiChannelSeg'
        ),
        mean=[900.0] * 5, std=[500.0] * 5, bgr_to_rgb=False,
    )  # fmt: skip
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[0] = dict(type='LoadTIFFImage', in_channels=5)
    (resize,) = (step for step in pipeline if step['type'] == 'Resize')
    resize['scale'] = (128, 96)
    cfg.dump('mine.py')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        state = randomize(MODELS.build(cfg.model)).float().state_dict()
    inferencer = kind('mine.py', files(state, classes=CLASSES), device='cpu')
    pixels = np.random.default_rng(0).integers(0, 4096, (5, 96, 128))
    tifffile.imwrite('a.tif', pixels.astype(np.uint16))
    seen = []
    inferencer.model.backbone.register_forward_pre_hook(
        lambda module, args: seen.append(args[0])
    )
    inferencer('a.tif')
    expected = torch.from_numpy((pixels - 900) / 500).float()[None]
    assert_close(seen[0][..., :96, :128], expected)
