"""The toy study hides what it says, resumes exactly, and draws its figures."""

import hashlib
import json
import pickle
import re

import numpy as np
import pytest
import run_toy_study
import torch
import toy_images
import toy_models
from PIL import Image
from toy_images import LabeledImages, cifar100, digits_on_photographs
from toy_models import ENCODERS, PixelTransformer, build_autoencoder
from toy_training import knn_errors, normalize, reconstruction_error

from mmpretrain_plugin.models.masking import enlarge
from mmpretrain_plugin.models.necks.fcmae_transformer_decoder import (
    position_embedding,
)
from tests.helpers.small_models import randomize

SIZES = run_toy_study.MASK_SIZES
GRAY = [127.5] * 3


def build(encoder, mask_size, mean=GRAY, std=GRAY):
    return build_autoencoder(encoder, mask_size, mean, std)


@pytest.fixture
def small_encoders(monkeypatch):
    """Encoders that train in a moment."""
    monkeypatch.setattr(toy_models, 'CONVNEXT', dict(depths=[1], channels=[4]))
    monkeypatch.setattr(
        toy_models, 'TRANSFORMER', dict(channels=4, depth=1, num_heads=1)
    )
    decoder = dict(toy_models.DECODER, embed_dim=4, depth=1)
    monkeypatch.setattr(toy_models, 'DECODER', decoder)


def test_encoders_have_0_6_million_parameters():
    counts = [
        sum(p.numel() for p in build(encoder, 4).backbone.parameters())
        for encoder in ENCODERS
    ]
    assert all(550_000 < count < 650_000 for count in counts)
    assert max(counts) < 1.05 * min(counts)


@pytest.mark.parametrize('mask_size', SIZES)
@pytest.mark.parametrize('encoder', ENCODERS)
def test_hidden_pixels_change_nothing(encoder, mask_size):
    """At full resolution, with exactly half of the pixels hidden."""
    model = build(encoder, mask_size).eval()
    images = torch.randn(2, 3, 32, 32)
    mask = model.random_mask(images)
    hidden = enlarge(mask, mask_size)
    assert (hidden.flatten(1).sum(dim=1) == 32 * 32 // 2).all()
    # Patches are square and lie on the grid of their size.
    cells = hidden.view(2, 32 // mask_size, mask_size, -1, mask_size)
    assert (cells == cells[:, :, :1, :, :1]).all()
    with torch.no_grad():
        (features,) = model.backbone(images, mask)
        prediction = model.reconstruct(images, mask)
        images[hidden[:, None].expand_as(images)] = torch.nan
        assert torch.equal(model.backbone(images, mask)[0], features)
        assert torch.equal(model.reconstruct(images, mask), prediction)
    assert features.shape == (2, model.backbone.channels[0], 32, 32)
    visible = features.abs().sum(dim=1) > 0
    assert torch.equal(visible, ~hidden)
    assert prediction.isfinite().all()


def test_the_transformer_sees_visible_pixels_and_their_places():
    encoder = randomize(PixelTransformer(channels=8, depth=2, num_heads=2))
    images = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    mask = torch.tensor([[[1, 0], [0, 1], [0, 1]], [[0, 0], [1, 1], [1, 0]]])
    mask = mask.bool()
    weight, bias = encoder.embed.weight[:, :, 0, 0], encoder.embed.bias
    place = position_embedding(6, 4, 8)[0].double()
    expected = torch.zeros(2, 8, 6, 4, dtype=torch.float64)
    for n in range(2):
        seen = [
            (row, column)
            for row in range(6)
            for column in range(4)
            if not mask[n, row // 2, column // 2]
        ]
        tokens = torch.stack(
            [weight @ images[n, :, r, c] + bias + place[4 * r + c]
             for r, c in seen]
        )  # fmt: skip
        tokens = encoder.norm(encoder.layers(tokens[None]))[0]
        for token, (row, column) in zip(tokens, seen):
            expected[n, :, row, column] = token
    (actual,) = encoder(images, mask)
    torch.testing.assert_close(actual, expected)
    # Without a mask: the mean of the map with nothing hidden.
    (complete,) = encoder(images, torch.zeros(2, 3, 2, dtype=torch.bool))
    torch.testing.assert_close(encoder(images)[0], complete.mean(dim=(2, 3)))


def test_the_transformer_has_one_encoding():
    encoder = PixelTransformer(channels=4, depth=1, num_heads=1)
    with pytest.raises(ValueError, match="'packed' only, got 'dense'"):
        encoder(torch.zeros(1, 3, 4, 4), None, 'dense')


@pytest.mark.parametrize('mask_size', SIZES)
def test_predicting_the_mean_costs_one(mask_size, small_encoders):
    """Averaged over a mask and its complement, which hide all pixels once."""
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    pixels = images.double()
    mean = pixels.mean(dim=(0, 2, 3)).tolist()
    std = pixels.std(dim=(0, 2, 3), unbiased=False).tolist()
    model = build('ConvNeXt', mask_size, mean, std)
    torch.nn.init.zeros_(model.neck.pred.weight)
    torch.nn.init.zeros_(model.neck.pred.bias)
    inputs = normalize(model, images)
    mask = model.random_mask(inputs)
    with torch.no_grad():
        losses = [model.loss(inputs, mask=m)['loss'] for m in (mask, ~mask)]
    assert float(sum(losses)) / 2 == pytest.approx(1, abs=1e-5)


def test_the_error_is_the_mean_over_hidden_pixels_of_all_images(
    small_encoders,
):
    """Batches of unequal size count by their images."""
    images = torch.randint(0, 256, (70, 3, 32, 32), dtype=torch.uint8)
    model = build('ConvNeXt', 8).eval()
    generator = torch.Generator().manual_seed(3)
    total = 0.0
    with torch.no_grad():
        for part in images.split(50):
            inputs = normalize(model, part)
            mask = model.random_mask(inputs, generator)
            prediction = model.reconstruct(inputs, mask)
            output = model.head.restore(prediction, inputs)
            hidden = enlarge(mask, 8)[:, None].expand_as(inputs)
            total += float((output - inputs)[hidden].square().sum())
    expected = total / (70 * 3 * 32 * 32 / 2)
    assert reconstruction_error(model, images, 3) == pytest.approx(expected)


def test_training_images_vote_with_their_labels():
    """Features are the number on an image, as an angle."""
    classes = torch.arange(100)
    shown = classes.repeat(20)
    train = LabeledImages(shown, shown)
    for labels, error in ((classes, 0), ((classes + 1) % 100, 100)):
        test = LabeledImages(classes, labels)
        errors = knn_errors(
            train, test, lambda n: torch.stack([n.cos(), n.sin()], dim=1)
        )
        assert errors == dict(top1_error=error, top5_error=error)


def test_images_show_each_class_equally_often_and_do_not_change():
    few, more = (digits_on_photographs(True, n) for n in (100, 200))
    assert few.images.shape == (100, 3, 32, 32)
    assert torch.equal(few.images, more.images[:100])
    assert torch.equal(few.labels, more.labels[:100])
    assert more.labels.bincount().tolist() == [2] * 100


class FakeScenes:
    """Digits and photographs that can be recognized in an image.

    Digits have no ink for training and are all ink for testing. Photograph n
    is red in its left part, green in its right part, and has n in blue.
    """

    def __init__(self, split):
        self.labels = np.arange(10)
        self.photographs = [np.zeros((40, 100, 3), 'uint8') for _ in range(10)]
        for n, photograph in enumerate(self.photographs):
            photograph[:, :60, 0] = photograph[:, 60:, 1] = 200
            photograph[..., 2] = 20 * n
        self.images = np.full((10, 8, 8), 0 if split == 'train' else 16)


def test_training_and_test_images_share_no_handwriting_and_no_region(
    monkeypatch,
):
    monkeypatch.setattr(toy_images, 'DigitScenes', FakeScenes)
    # Digits for training have no ink here: only the photograph is seen.
    train = digits_on_photographs(True, 100)
    red, green, blue = train.images.unbind(1)
    assert (red == 100).all() and (green == 0).all()
    expected = 10 * (train.labels // 10)
    assert (blue == expected[:, None, None]).all()
    # Digits for testing are all ink, white up to rounding.
    test = digits_on_photographs(False, 100)
    assert (test.images[:, 0].amax(dim=(1, 2)) > 250).all()
    around = test.images[:, 0] < 250
    assert (test.images[:, 1][test.images[:, 0] == 0] == 100).all()
    assert around.any(2).any(1).all()


def write_cifar100(folder, monkeypatch, per_class=3):
    """Write files of CIFAR-100's form and let torchvision accept them."""
    place = folder / 'cifar-100-python'
    place.mkdir()
    labels = [c for _ in range(per_class) for c in range(100)][::-1]
    rows = np.zeros((len(labels), 3072), 'uint8')
    rows[:, :1024] = np.array(labels)[:, None]  # red
    rows[:, 1024] = np.arange(len(labels)) // 100  # green of the first pixel
    for name in ('train', 'test'):
        content = dict(data=rows, fine_labels=labels)
        (place / name).write_bytes(pickle.dumps(content))
    meta = dict(fine_label_names=[str(c) for c in range(100)])
    (place / 'meta').write_bytes(pickle.dumps(meta))

    def listed(name):
        digest = hashlib.md5((place / name).read_bytes()).hexdigest()
        return [name, digest]

    dataset = toy_images.CIFAR100
    monkeypatch.setattr(dataset, 'train_list', [listed('train')])
    monkeypatch.setattr(dataset, 'test_list', [listed('test')])
    monkeypatch.setattr(
        dataset, 'meta', dict(dataset.meta, md5=listed('meta')[1])
    )


def test_cifar100_is_read_with_equally_many_images_per_class(
    tmp_path, monkeypatch
):
    write_cifar100(tmp_path, monkeypatch)
    images, labels = cifar100(tmp_path, True, 200)
    assert labels.bincount().tolist() == [2] * 100
    assert torch.equal(images[:, 0, 5, 7].long(), labels)
    assert sorted(images[:, 1, 0, 0].tolist()) == [0] * 100 + [1] * 100
    assert (images[:, 2] == 0).all()
    with pytest.raises(SystemExit, match='400 images .* only 300 for train'):
        cifar100(tmp_path, True, 400)


def run(monkeypatch, folder, *words):
    words = ['--work-dir', folder, '--images', 100, '--test-images', 100,
             '--batch-size', 50, *words]  # fmt: skip
    monkeypatch.setattr('sys.argv', ['run_toy_study.py', *map(str, words)])
    run_toy_study.main()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--images', '150'), 'multiple of 100, .* got 150'),
        (('--epochs', '0'), '--epochs: must be 1 or more, got 0'),
        (('--device', 'nothing'), '--device: nothing cannot be used: '),
        (('--work-dir', __file__), f'{__file__} is a file'),
        (('--cifar100', 'nothing'), 'nothing has no complete CIFAR-100'),
    ],
)
def test_wrong_options_are_named(
    words, message, tmp_path, monkeypatch, capsys
):
    with pytest.raises(SystemExit) as error:
        run(monkeypatch, tmp_path / 'out', *words)
    text = f'{error.value.code} {capsys.readouterr().err}'
    assert re.search(message, text)
    assert not (tmp_path / 'out').exists()


@pytest.fixture
def small_study(monkeypatch, small_encoders):
    monkeypatch.setattr(run_toy_study, 'MASK_SIZES', (2, 16))
    monkeypatch.setattr(run_toy_study, 'DRAWN_SIZES', (16,))


class InterruptionError(Exception):
    pass


@pytest.mark.slow
def test_the_study_runs_and_resumes(
    small_study, tmp_path, monkeypatch, capsys
):
    """An interrupted study ends with the results of an uninterrupted one."""
    calm, broken = tmp_path / 'calm', tmp_path / 'broken'
    run(monkeypatch, calm, '--epochs', 2)
    printed = capsys.readouterr().out
    assert "of the paper's 50 epochs of 50000 images" in printed
    for name in ('errors.png', 'reconstructions.png'):
        assert Image.open(calm / name).width > 300

    # After the first epoch of the second point.
    save, saved = torch.save, []

    def save_thrice(*args):
        if len(saved) == 3:
            raise InterruptionError
        saved.append(args)
        save(*args)

    with monkeypatch.context() as patched, pytest.raises(InterruptionError):
        patched.setattr(torch, 'save', save_thrice)
        run(patched, broken, '--epochs', 2)
    finished = broken / 'convnext_mask-2.json'
    written = finished.stat().st_mtime_ns
    assert not (broken / 'convnext-grn_mask-2.json').exists()
    assert not (broken / 'results.json').exists()
    capsys.readouterr()
    run(monkeypatch, broken, '--epochs', 2)
    printed = capsys.readouterr().out
    assert '[1/6] ConvNeXt, mask size 2: finished before' in printed
    assert finished.stat().st_mtime_ns == written

    results = [
        json.loads((folder / 'results.json').read_text())
        for folder in (calm, broken)
    ]
    for result in results:
        assert len(result['points']) == 6
        for point in result['points']:
            del point['seconds']
            assert 0 <= point['top5_error'] <= point['top1_error'] <= 100
    assert results[0] == results[1]
    assert not list(tmp_path.rglob('*.part'))

    with pytest.raises(SystemExit, match='holds results with another epochs'):
        run(monkeypatch, broken, '--epochs', 3)
