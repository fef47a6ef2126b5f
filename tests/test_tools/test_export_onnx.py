"""The tool writes files that compute what the models compute."""

import sys

import export_onnx
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image
from skimage.data import astronaut

from tests.helpers.small_models import ARCH
from tests.test_configs import CONFIGS

HEAD = """
default_scope = '{scope}'
custom_imports = dict(imports=['{scope}_plugin'])
"""
MEANS = 'mean=[120.0, 110.0, 100.0], std=[60.0, 50.0, 55.0]'
CLASSIFIER = (
    HEAD.format(scope='mmpretrain')
    + f"""
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ConvNeXtV2', arch={ARCH!r}),
    head=dict(type='LinearClsHead', num_classes=7, in_channels=10))
data_preprocessor = dict({MEANS}, to_rgb=True)
test_dataloader = dict(dataset=dict(type='ImageNet', pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=73, edge='short'),
    dict(type='CenterCrop', crop_size=64),
    dict(type='PackInputs')]))
"""
)
UPERNET = (
    HEAD.format(scope='mmseg')
    + f"""
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', {MEANS}, bgr_to_rgb=True),
    backbone=dict(
        type='mmpretrain.ConvNeXtV2', arch={ARCH!r},
        out_indices=(0, 1, 2, 3), gap_before_final_norm=False),
    decode_head=dict(
        type='UPerHead', in_channels=[4, 6, 8, 10], in_index=[0, 1, 2, 3],
        channels=8, num_classes=5, norm_cfg=dict(type='SyncBN')),
    test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(40, 40)))
"""
)


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    """Return a function that runs the tool with random weights."""

    def run(config, *options):
        path, weights = tmp_path / 'config.py', tmp_path / 'weights.pth'
        out = tmp_path / 'out.onnx'
        path.write_text(config)
        cfg = Config.fromfile(path)
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            model = MODELS.build(cfg.model)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
        torch.save(dict(state_dict=model.state_dict()), weights)
        words = ['tool', path, weights, out, *options]
        monkeypatch.setattr(sys, 'argv', [str(word) for word in words])
        try:
            export_onnx.main()
        finally:
            assert {p.name for p in tmp_path.iterdir()} <= {
                'config.py', 'weights.pth', 'out.onnx', 'image.png',
            }  # fmt: skip
        return out, capsys.readouterr().out

    return run


def shapes(path):
    session = onnxruntime.InferenceSession(path)
    return (
        [(i.name, i.shape) for i in session.get_inputs()],
        [(o.name, o.shape) for o in session.get_outputs()],
    )


def test_a_classifier(export, tmp_path):
    Image.fromarray(astronaut()).save(tmp_path / 'image.png')
    out, text = export(
        CLASSIFIER, '--size', 64, 96, '--image', tmp_path / 'image.png'
    )
    assert shapes(out) == (
        [('images', [1, 3, 64, 96])], [('scores', [1, 7])]
    )  # fmt: skip
    assert 'scores: largest difference' in text
    assert 'input: images (1, 3, 64, 96), channels in order RGB' in text
    session = onnxruntime.InferenceSession(out)
    assert session.get_modelmeta().custom_metadata_map == dict(
        channel_order='RGB',
        resizing='ResizeEdge(scale=73, edge=short), CenterCrop(crop_size=64)',
    )


@pytest.mark.slow
def test_upernet_with_dynamic_sizes_in_half_precision(export):
    out, text = export(UPERNET, '--size', 96, 128, '--dynamic', '--half')
    inputs, ((name, shape),) = shapes(out)
    assert inputs == [('images', ['batch', 3, 'height', 'width'])]
    assert name == 'logits' and shape[1] == 5
    assert 'without sliding windows' in text
    assert '2 x 96 x 128 pixels' in text and '1 x 128 x 96 pixels' in text
    stored = {
        tensor.data_type
        for tensor in onnx.load(out).graph.initializer
        if len(tensor.dims) == 4
    }
    assert stored == {onnx.TensorProto.FLOAT16}


@pytest.mark.slow
def test_mask_rcnn(export):
    demo = CONFIGS / 'demo/mask-rcnn_convnextv2-atto_digits.py'
    config = f"""
_base_ = {str(demo)!r}
custom_imports = dict(imports=['mmdet_plugin'], allow_failed_imports=False)
model = dict(test_cfg=dict(rcnn=dict(score_thr={{threshold}})))
"""
    with pytest.raises(SystemExit, match='nothing was detected'):
        export(config.format(threshold=1), '--size', 64, 96)
    out, text = export(config.format(threshold=0.05), '--size', 64, 96)
    assert ' in both' in text
    _, outputs = shapes(out)
    assert [name for name, _ in outputs] == [
        'boxes', 'scores', 'labels', 'masks'
    ]  # fmt: skip
    assert 'soft-NMS has no ONNX form' in text


def test_the_backbone_of_a_segmentor(export):
    out, _ = export(UPERNET, '--backbone', '--size', 64, 64)
    assert shapes(out)[1] == [
        (f'features_{i}', [1, width, 16 // 2**i, 16 // 2**i])
        for i, width in enumerate(ARCH['channels'])
    ]


def test_what_cannot_be_exported_is_one_line(export, tmp_path, monkeypatch):
    def assert_refused(message, config, *options):
        with pytest.raises(SystemExit, match=message) as error:
            export(config, *options)
        assert '\n' not in str(error.value)
        assert not (tmp_path / 'out.onnx').exists()

    rpn = """
_base_ = 'mmdet::rpn/rpn_r50_fpn_1x_coco.py'
"""
    assert_refused('needs MaskRCNN, .* has RPN; --backbone', rpn)
    for size in ((64, 96), (32, 32)):
        assert_refused(
            'needs a --size of 96 or more', CLASSIFIER, '--dynamic',
            '--size', *size,
        )  # fmt: skip
    (tmp_path / 'image.png').write_text('not an image')
    assert_refused('image.png', CLASSIFIER, '--image', tmp_path / 'image.png')
    monkeypatch.setattr(export_onnx, 'TOLERANCES', {False: 0, True: 0})
    assert_refused(
        'scores differs from PyTorch by more', CLASSIFIER, '--size', 64, 64
    )


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('a.py', 'b.pth', 'c.pb'), 'must be a file that ends in .onnx'),
        (('a.py', 'b.pth', 'no/c.onnx'), 'no does not exist'),
        (('a.py', 'b.pth', 'c.onnx', '--size', '0', '1'), '1 or more'),
        (
            ('a.py', 'b.pth', 'c.onnx', '--image', 'no.png'),
            'no.png does not exist',
        ),
    ],
)
def test_wrong_words_are_one_line(words, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tool', *words])
    with pytest.raises(SystemExit) as error:
        export_onnx.main()
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_missing_packages_are_named(monkeypatch, capsys):
    monkeypatch.setattr(export_onnx, 'NEEDED', ('onnx', 'no_such_package'))
    monkeypatch.setattr(sys, 'argv', ['tool', 'a.py', 'b.pth', 'c.onnx'])
    with pytest.raises(SystemExit):
        export_onnx.main()
    message = 'no_such_package not installed; run: pip install no_such_package'
    assert message in capsys.readouterr().err
