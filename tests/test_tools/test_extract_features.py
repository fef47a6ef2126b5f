"""Features of a folder are those of the model, image by image."""

import extract_features
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain import get_model
from PIL import Image

from mmpretrain_plugin.checkpoint import to_state_dict, to_weights
from mmpretrain_plugin.visualization import read_image
from tests.helpers.small_models import ARCH, randomize

COMMON = dict(default_scope='mmpretrain')
NORMALIZATION = dict(mean=[120.0] * 3, std=[60.0] * 3, to_rgb=True)
FCMAE = dict(
    model=dict(
        type='FCMAE',
        backbone=dict(type='ConvNeXtV2', arch=ARCH),
        neck=dict(type='FCMAEDecoder', in_channels=10, embed_dim=12),
        head=dict(type='FCMAEHead'),
    ),
    data_preprocessor=dict(type='SelfSupDataPreprocessor', **NORMALIZATION),
)
CLASSIFIER = dict(
    model=dict(
        type='ImageClassifier',
        backbone=dict(type='ConvNeXtV2', arch=ARCH),
        head=dict(type='LinearClsHead', num_classes=3, in_channels=10),
    ),
    data_preprocessor=NORMALIZATION,
)
# A backbone of MMPretrain that returns maps, not pooled.
MAPS = dict(
    model=dict(
        type='ImageClassifier',
        backbone=dict(
            type='mmpretrain.ConvNeXt',
            arch=dict(
                depths=list(ARCH['depths']), channels=list(ARCH['channels'])
            ),
            gap_before_final_norm=False,
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=3, in_channels=10),
    ),
    data_preprocessor=NORMALIZATION,
)
# A Transformer that hides patches unless it is told not to.
MAE = dict(
    model=dict(
        type='MAE',
        backbone=dict(
            type='MAEViT',
            img_size=64,
            patch_size=16,
            arch=dict(
                embed_dims=12,
                num_layers=2,
                num_heads=2,
                feedforward_channels=24,
            ),
        ),
        neck=dict(
            type='MAEPretrainDecoder',
            num_patches=16,
            patch_size=16,
            embed_dim=12,
            decoder_embed_dim=12,
            decoder_depth=1,
            decoder_num_heads=2,
        ),
        head=dict(
            type='MAEPretrainHead',
            norm_pix=True,
            patch_size=16,
            loss=dict(type='PixelReconstructionLoss', criterion='L2'),
        ),
    ),
    data_preprocessor=dict(type='SelfSupDataPreprocessor', **NORMALIZATION),
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Seven images of different sizes in two subfolders."""
    root = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    for i in range(7):
        pixels = rng.integers(0, 255, (70 + i, 90 - i, 3), np.uint8)
        path = root / 'ab'[i % 2] / f'{i}.png'
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def write(tmp_path, config):
    """Write a config, and a checkpoint of it with random weights."""
    cfg = Config({**COMMON, **config})
    model = randomize(get_model(cfg)).float()
    cfg.dump(tmp_path / 'config.py')
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return tmp_path / 'config.py', path


def run(monkeypatch, *words):
    words = ['extract', '--device=cpu', '--size=64', *map(str, words)]
    if not any(word.startswith('--workers') for word in words):
        words.append('--workers=0')
    monkeypatch.setattr('sys.argv', words)
    extract_features.main()


@pytest.mark.parametrize(
    ('config', 'batch'), [(FCMAE, 1), (CLASSIFIER, 4), (MAPS, 7), (MAE, 3)]
)
def test_they_equal_those_of_the_model(
    config, batch, folder, tmp_path, monkeypatch, capsys
):
    path, checkpoint = write(tmp_path, config)
    out = tmp_path / 'out.npz'
    options = ('--batch-size', batch)
    run(monkeypatch, path, checkpoint, folder, out, *options)
    found = np.load(out)
    files = sorted(folder.rglob('*.png'))
    names = [file.relative_to(folder).as_posix() for file in files]
    assert found['files'].tolist() == names
    assert found['classes'][found['labels']].tolist() == list('aaaabbb')

    model = get_model(Config.fromfile(path), str(checkpoint)).eval()
    expected = []
    for file in files:
        pixels = (read_image(file, 64)[None].float() - 120) / 60
        with torch.no_grad():
            if config is MAE:
                tokens = model.backbone(pixels, mask=None)[0]
                feature = tokens[0, 1:].mean(dim=0)  # not the class token
            else:
                feature = model.backbone(pixels)[-1][0]
                if feature.dim() == 3:
                    feature = feature.mean(dim=(1, 2))
        expected.append(feature.numpy())
    assert found['features'].dtype == np.float32
    # One image has other sums of fp32 than a batch.
    np.testing.assert_allclose(
        found['features'], expected, rtol=1e-4, atol=1e-6
    )
    assert np.std(expected, axis=0).min() > 0
    channels = len(expected[0])
    printed = capsys.readouterr().out
    assert f'{out}: 7 images, {channels} features each' in printed


def test_other_checkpoint_formats_are_read(folder, tmp_path, monkeypatch):
    path, checkpoint = write(tmp_path, CLASSIFIER)
    weights = to_weights(torch.load(checkpoint)['state_dict'])
    out, features = tmp_path / 'out.npz', []
    for name in ('mmpretrain', 'official', 'timm'):
        file = tmp_path / f'{name}.pth'
        torch.save(to_state_dict(weights, name)[0], file)
        run(monkeypatch, path, file, folder, out)
        features.append(np.load(out)['features'])
    np.testing.assert_array_equal(features[1], features[0])
    np.testing.assert_array_equal(features[2], features[0])


def test_an_image_outside_of_subfolders_has_no_class(tmp_path, monkeypatch):
    images = tmp_path / 'images'
    (images / 'a').mkdir(parents=True)
    Image.new('RGB', (80, 80)).save(images / 'b.png')
    Image.new('RGB', (80, 80)).save(images / 'a/a.png')
    path, checkpoint = write(tmp_path, FCMAE)
    run(monkeypatch, path, checkpoint, images, tmp_path / 'out.npz')
    found = np.load(tmp_path / 'out.npz')
    assert set(found) == {'features', 'files'}
    assert found['files'].tolist() == ['a/a.png', 'b.png']


@pytest.mark.parametrize('workers', [0, 2])
def test_an_unreadable_image_is_named_and_nothing_is_left(
    workers, tmp_path, monkeypatch
):
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    out.mkdir()
    Image.new('RGB', (80, 80)).save(images / 'a.png')
    (images / 'b.png').write_text('no image')
    path, checkpoint = write(tmp_path, FCMAE)
    options = ('--batch-size=1', f'--workers={workers}')
    with pytest.raises(SystemExit) as error:
        run(monkeypatch, path, checkpoint, images, out / 'x.npz', *options)
    assert str(error.value).startswith(f'{images}/b.png cannot be read')
    assert '\n' not in str(error.value)
    assert not list(out.iterdir())


def test_wrong_inputs_are_named(folder, tmp_path, monkeypatch, capsys):
    path, checkpoint = write(tmp_path, FCMAE)
    out, empty = tmp_path / 'out.npz', tmp_path / 'empty'
    empty.mkdir()
    for words, message in (
        ((path, checkpoint, folder, out / 'x.npz'), f'{out} does not exist'),
        ((path, checkpoint, folder, 'out.csv'), 'out.csv must be a file'),
        ((path, checkpoint, folder, out, '--workers=-1'), '0 or more'),
        ((path, checkpoint, folder, out, '--size=0'), '1 or more'),
    ):
        with pytest.raises(SystemExit):
            run(monkeypatch, *words)
        assert message in capsys.readouterr().err
    broken = tmp_path / 'broken.py'
    broken.write_text('model = (')
    other = tmp_path / 'other.py'
    deeper = dict(type='ConvNeXtV2', arch=dict(ARCH, depths=(1, 1, 3, 1)))
    model = dict(FCMAE['model'], backbone=deeper)
    Config({**COMMON, **FCMAE, 'model': model}).dump(other)
    for words, message in (
        ((broken, checkpoint, folder, out), f'{broken} is no config: '),
        (('no.py', checkpoint, folder, out), 'no.py does not exist'),
        ((path, checkpoint, 'nowhere', out), 'nowhere is no folder'),
        ((path, checkpoint, path, out), f'{path} is no folder'),
        ((path, checkpoint, folder, out, '--size=8'), 'cannot encode .* 8x8'),
        ((path, checkpoint, empty, out), r'no images \(.*\) in .*empty'),
        ((path, 'no.pth', folder, out), 'no.pth does not exist'),
        (
            (other, checkpoint, folder, out),
            f'{checkpoint} does not fit {other}: ',
        ),
    ):
        with pytest.raises(SystemExit, match=message) as error:
            run(monkeypatch, *words)
        assert '\n' not in str(error.value)
    assert not out.exists()


def test_a_checkpoint_of_another_backbone_must_be_complete(
    folder, tmp_path, monkeypatch
):
    path, checkpoint = write(tmp_path, MAPS)
    state = torch.load(checkpoint)['state_dict']
    del state['backbone.stages.3.0.norm.weight']
    torch.save(state, checkpoint)
    with pytest.raises(SystemExit, match=r'does not fit .*0\.norm\.weight'):
        run(monkeypatch, path, checkpoint, folder, tmp_path / 'out.npz')


def test_an_interruption_leaves_nothing(folder, tmp_path, monkeypatch):
    path, checkpoint = write(tmp_path, FCMAE)
    out = tmp_path / 'out'
    out.mkdir()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(extract_features, 'pooled_features', interrupt)
    with pytest.raises(SystemExit, match='nothing was written'):
        run(monkeypatch, path, checkpoint, folder, out / 'x.npz')
    assert not list(out.iterdir())
