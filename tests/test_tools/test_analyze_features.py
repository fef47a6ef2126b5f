"""Features of several models are analyzed in one command."""

import json

import analyze_features
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from PIL import Image

from mmpretrain_plugin.analysis import (
    collect_features,
    feature_cosine_distance,
)
from mmpretrain_plugin.trained_models import load_backbone
from mmpretrain_plugin.visualization import read_image
from tests.helpers.small_models import ARCH

PREPROCESSOR = """
data_preprocessor = dict(
    type='SelfSupDataPreprocessor', mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375], to_rgb=True)
"""
OURS = f"""
default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmpretrain_plugin'])
model = dict(type='FCMAE', backbone=dict(type='ConvNeXtV2', arch={ARCH!r}))
{PREPROCESSOR}"""
SUPERVISED = f"""
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ConvNeXt',
        arch=dict(depths=[1, 1, 1, 1], channels=[4, 6, 8, 10])))
{PREPROCESSOR.replace('SelfSup', 'Cls')}"""
MAE = f"""
default_scope = 'mmpretrain'
model = dict(
    type='MAE',
    backbone=dict(
        type='MAEViT', img_size=64, patch_size=16,
        arch=dict(embed_dims=12, num_layers=2, num_heads=2,
                  feedforward_channels=24)))
{PREPROCESSOR}"""
RESNET = """
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier', backbone=dict(type='ResNet', depth=18))
"""
NAMES = ('ours', 'supervised', 'mae')


def write_model(folder, name, text):
    """Write a config and a checkpoint with random weights."""
    config, checkpoint = folder / f'{name}.py', folder / f'{name}.pth'
    config.write_text(text)
    cfg = Config.fromfile(config)
    backbone = MODELS.build({**cfg.model.backbone, '_scope_': 'mmpretrain'})
    state = backbone.state_dict()
    torch.save(
        dict(state_dict={f'backbone.{k}': v for k, v in state.items()}),
        checkpoint,
    )
    return str(config), str(checkpoint)


@pytest.fixture(scope='module')
def inputs(tmp_path_factory):
    """Return pairs of files by name, and a folder of 8 labeled images."""
    folder = tmp_path_factory.mktemp('inputs')
    models = {
        name: write_model(folder, name, text)
        for name, text in zip(NAMES, (OURS, SUPERVISED, MAE))
    }
    generator = np.random.default_rng(0)
    for i in range(8):
        path = folder / 'data' / 'ab'[i % 2] / f'{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 255, (70, 90, 3), 'uint8')
        Image.fromarray(pixels).save(path)
    return models, folder / 'data'


def run(monkeypatch, *words):
    words = ['analyze_features', *map(str, words)]
    monkeypatch.setattr('sys.argv', words)
    analyze_features.main()


def test_three_models_with_labels(inputs, tmp_path, monkeypatch, capsys):
    models, data = inputs
    pairs = [word for name in NAMES for word in models[name]]
    out = tmp_path / 'out'
    run(monkeypatch, *pairs, '--data', data, '--labels', '--size', 64,
        '--batch-size', 3, '--out', out)  # fmt: skip
    assert {path.name for path in out.iterdir()} == {
        'features.json', 'cosine_distance.png', 'channels.png',
        'selectivity.png', 'activations.png',
    }  # fmt: skip
    results = json.loads((out / 'features.json').read_text())
    assert results['images'] == 8 and results['classes'] == ['a', 'b']
    assert [model['name'] for model in results['models']] == list(NAMES)
    assert [len(model['blocks']) for model in results['models']] == [5, 4, 2]
    for name, model in zip(NAMES, results['models']):
        assert (model['config'], model['checkpoint']) == models[name]
        assert 0 <= model['knn']['top1'] <= model['knn']['top5'] <= 100
        assert 0 <= model['linear_probe'] <= 100
        for block in model['blocks']:
            assert (block['normalized'] is not None) == (name == 'ours')
            channels = block['selectivity']
            assert sum(channels['counts']) + channels['inactive'] > 0
        # The distance of each image, computed here one by one.
        backbone, normalization = load_backbone(*models[name])
        distances = []
        for path in sorted(data.rglob('*.png')):
            pixels = normalization(read_image(path, 64)[None])
            features = collect_features(backbone, pixels)
            distances.append([
                float(feature_cosine_distance(taps['activation']).distance)
                for taps in features
            ])  # fmt: skip
        found = [b['activation']['cosine_distance'] for b in model['blocks']]
        np.testing.assert_allclose(found, np.mean(distances, 0), rtol=1e-4)
    text = capsys.readouterr().out
    assert 'images' in text and 'left' in text
    assert all(name in text for name in NAMES)


def test_without_labels_it_says_what_is_left_out(
    inputs, tmp_path, monkeypatch, capsys
):
    models, data = inputs
    (tmp_path / 'selectivity.png').touch()  # of an earlier run
    run(monkeypatch, *models['ours'], '--data', data, '--size', 64, '--images',
        3, '--out', tmp_path, '--names', 'mine', '--layers', 2)  # fmt: skip
    assert '--labels' in capsys.readouterr().out
    assert not (tmp_path / 'selectivity.png').exists()
    results = json.loads((tmp_path / 'features.json').read_text())
    (model,) = results['models']
    assert results['images'] == 3
    assert model['name'] == 'mine' and model['knn'] is None


def test_too_few_images_per_class_leave_out_what_needs_a_split(
    inputs, tmp_path, monkeypatch, capsys
):
    models, data = inputs
    run(monkeypatch, *models['ours'], '--data', data, '--labels', '--images',
        3, '--size', 64, '--out', tmp_path)  # fmt: skip
    assert 'raise --images' in capsys.readouterr().out
    results = json.loads((tmp_path / 'features.json').read_text())
    assert results['models'][0]['linear_probe'] is None
    assert (tmp_path / 'selectivity.png').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('x.py',), 'odd number of arguments: x.py'),
        (('x.py', 'x.pth'), 'x.py does not exist'),
        (('{config}', 'x.pth'), 'x.pth does not exist'),
        (('{config}', '{checkpoint}', '--images', '0'), '--images: must be 1'),
        (('{config}', '{checkpoint}', '--labels', '--images', '1'), '2 or'),
        (('{config}', '{checkpoint}', '--names', 'a', 'b'), 'different name'),
        (('{config}', '{checkpoint}', '--device', 'cuda'), 'cannot be used'),
        (('{config}', '{checkpoint}', '--device', 'abacus'), 'cannot be used'),
        (('{config}', '{checkpoint}', '--out', '{config}'), 'is a file'),
    ],
)
def test_wrong_arguments_are_one_line(
    inputs, tmp_path, monkeypatch, capsys, words, message
):
    models, data = inputs
    config, checkpoint = models['ours']
    words = [
        word.format(config=config, checkpoint=checkpoint) for word in words
    ]
    out = tmp_path / 'out'
    with pytest.raises(SystemExit) as error:
        run(monkeypatch, '--data', data, '--out', out, *words)
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()


def test_wrong_inputs_are_one_line(inputs, tmp_path, monkeypatch):
    """They end the run before anything is measured or written."""
    models, data = inputs
    out, empty = tmp_path / 'out', tmp_path / 'empty'
    flat, broken = tmp_path / 'flat', tmp_path / 'broken'
    for folder in (empty, flat, broken):
        folder.mkdir()
    Image.new('RGB', (64, 64)).save(flat / '0.png')
    (broken / '1.png').write_bytes(b'no image')
    resnet = write_model(tmp_path, 'resnet', RESNET)
    ours, other = models['ours'], models['supervised']
    for pairs, folder, options, message in (
        (ours, tmp_path / 'none', (), 'none does not exist'),
        (ours, empty, (), 'no images'),
        (ours, flat, ('--labels',), 'images in 0 folders'),
        (ours, broken, (), r'1\.png cannot be read as an image'),
        ((*ours, *resnet), data, (), 'ResNet has no blocks'),
        (ours, data, ('--size', '8'), r'ConvNeXtV2 cannot encode .* of 8x8'),
        (
            (*ours, ours[0], other[1]),
            data,
            (),
            r'supervised\.pth does not fit',
        ),
    ):
        with pytest.raises(SystemExit, match=message) as error:
            run(monkeypatch, *pairs, '--data', folder, '--out', out, *options)
        assert '\n' not in str(error.value)
    assert not out.exists()


def test_models_get_different_names():
    choose = analyze_features.choose_names
    assert choose(['a.py', 'x.pth', 'b.py', 'x.pth'], None) == ['a', 'b']
    assert choose(['a.py', 'x.pth', 'a.py', 'y.pth'], None) == ['a/x', 'a/y']
    same = ['a.py', '1/x.pth', 'a.py', '2/x.pth']
    assert choose(same, None) == ['a/x (1)', 'a/x (2)']
    assert choose(same, ['V1', 'V2']) == ['V1', 'V2']
    assert choose(['mmpretrain::mae/m.py', 'x.pth'], None) == ['m']
