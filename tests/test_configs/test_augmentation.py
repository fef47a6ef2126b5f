"""MMPretrain's augmentations equal timm's, which the paper uses.

Each operation of RandAug is compared at the same magnitude on the same image.
Tolerances are those of rounding, which differs between PIL and OpenCV. Nothing
of this package is tested: nightly.
"""

import random

import numpy as np
import pytest
import torch
from mmengine.registry import TRANSFORMS, DefaultScope
from mmpretrain.registry import BATCH_AUGMENTS, MODELS
from PIL import Image
from timm.data import auto_augment as timm_augment
from timm.data.mixup import Mixup as TimmMixup
from timm.data.mixup import mixup_target
from timm.data.random_erasing import RandomErasing as TimmErasing

from tests.test_configs import CONFIGS, load

pytestmark = pytest.mark.nightly

CFG = load(CONFIGS / 'imagenet/convnextv2-base-fcmae_32xb32-100e_in1k.py')
RAND = CFG.train_dataloader.dataset.pipeline[3]
# MMPretrain's names of timm's operations.
NAMES = {
    'AutoContrast': 'AutoContrast',
    'Equalize': 'Equalize',
    'Invert': 'Invert',
    'Rotate': 'Rotate',
    'PosterizeIncreasing': 'Posterize',
    'SolarizeIncreasing': 'Solarize',
    'SolarizeAdd': 'SolarizeAdd',
    'ColorIncreasing': 'ColorTransform',
    'ContrastIncreasing': 'Contrast',
    'BrightnessIncreasing': 'Brightness',
    'SharpnessIncreasing': 'Sharpness',
    'ShearX': 'Shear',
    'ShearY': 'Shear',
    'TranslateXRel': 'Translate',
    'TranslateYRel': 'Translate',
}


@pytest.fixture(scope='module')
def photo():
    """Return smooth colors with edges, as photographs have."""
    y, x = np.mgrid[:120, :160] / 40
    channels = [np.sin(x + k) * np.cos(y - k) for k in range(3)]
    image = np.stack(channels, -1) * 90 + 128
    image[30:70, 40:90] += 35
    return image.clip(0, 255).astype(np.uint8)


def add_noise(photo):
    """Add noise, which makes the effect of sharpening visible."""
    noise = np.random.default_rng(0).integers(-20, 20, photo.shape)
    return (photo.astype(int) + noise).clip(0, 255).astype(np.uint8)


def build_rand_augment():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return TRANSFORMS.build(RAND)


def test_operations_and_probabilities():
    names = [type(t).__name__ for t in build_rand_augment().transforms]
    timm = timm_augment._RAND_INCREASING_TRANSFORMS
    assert names == [NAMES[name] for name in timm]
    assert RAND.num_policies == 2
    assert {t.prob for t in build_rand_augment().transforms} == {0.5}


@pytest.mark.parametrize('level', [3, 9])
@pytest.mark.parametrize('index', range(15))
@pytest.mark.parametrize('negative', [False, True])
def test_operation(photo, index, level, negative, monkeypatch):
    name = timm_augment._RAND_INCREASING_TRANSFORMS[index]
    if name.startswith('Sharpness'):
        photo = add_noise(photo)
    mean = (124, 116, 104)
    one = timm_augment.AugmentOp(
        name, prob=1, magnitude=level,
        hparams=dict(img_mean=mean, interpolation=Image.BICUBIC),
    )  # fmt: skip
    monkeypatch.setattr(
        timm_augment, '_randomly_negate', lambda v: -v if negative else v
    )
    wanted = np.asarray(one(Image.fromarray(photo))).astype(int)

    library = build_rand_augment().transforms[index]
    library.prob, library.magnitude_std = 1.1, 0
    library.magnitude_level = level
    # timm moves pixels of the source, MMPretrain those of the result.
    moves = name.startswith('Translate') or name.startswith('Shear')
    library.random_negative_prob = float(negative != moves)
    if name == 'Rotate':
        library.random_negative_prob = float(not negative)
    bgr = photo[..., ::-1].copy()
    got = library(dict(img=bgr))['img'][..., ::-1].astype(int)
    difference = np.abs(got - wanted)
    # The change exceeds the difference by far.
    assert np.abs(wanted - photo).mean() > 3 * difference.mean(), name
    # Borders and edges of a warped image differ by interpolation.
    assert np.median(difference) <= 2, name
    assert difference.mean() < 4, name


def test_magnitudes_have_the_same_distribution():
    """Normal with mean 9 and standard deviation 0.5, clipped at 10."""
    library = build_rand_augment().transforms[3]
    np.random.seed(0)
    degrees = [library.random_magnitude() for _ in range(4000)]
    random.seed(0)
    timm = [3 * min(10, max(0, random.gauss(9, 0.5))) for _ in range(4000)]
    assert np.mean(degrees) == pytest.approx(np.mean(timm), abs=0.1)
    assert np.std(degrees) == pytest.approx(np.std(timm), abs=0.1)
    assert max(degrees) == 30


def test_random_erasing_has_the_same_area_and_noise():
    """A quarter of the images; noise per pixel with the mean of the data."""
    erase = CFG.train_dataloader.dataset.pipeline[4]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        library = TRANSFORMS.build(erase)
    timm = TimmErasing(
        probability=0.25, mode='pixel', max_count=1, device='cpu'
    )
    np.random.seed(0), random.seed(0), torch.manual_seed(0)
    mean, std = np.array(erase.fill_color), np.array(erase.fill_std)
    shares, values = (
        {'mmpretrain': [], 'timm': []},
        {'mmpretrain': [], 'timm': []},
    )
    for _ in range(1500):
        out = library(dict(img=np.zeros((64, 64, 3), np.uint8)))['img']
        hit = out.any(-1)
        shares['mmpretrain'].append(hit.mean())
        values['mmpretrain'].append(((out[hit] - mean) / std).ravel())
        out = timm(torch.full((3, 64, 64), 9.0)).numpy()
        hit = (out != 9).any(0)
        shares['timm'].append(hit.mean())
        values['timm'].append(out[:, hit].ravel())
    hits = {k: np.mean(np.array(v) > 0) for k, v in shares.items()}
    assert hits['mmpretrain'] == pytest.approx(hits['timm'], abs=0.04)
    area = {k: np.mean([s for s in v if s]) for k, v in shares.items()}
    assert area['mmpretrain'] == pytest.approx(area['timm'], abs=0.02)
    for v in values.values():
        noise = np.concatenate(v)
        assert noise.mean() == pytest.approx(0, abs=0.03)
        # MMPretrain clips to the range of pixels.
        assert noise.std() == pytest.approx(1, abs=0.06)


def test_label_smoothing():
    labels, scores = torch.tensor([3, 5]), torch.randn(2, 1000)
    wanted = mixup_target(labels, 1000, lam=0.7, smoothing=0.1)
    loss = MODELS.build(
        dict(type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.1)
    )
    one_hot = torch.nn.functional.one_hot(labels, 1000)
    soft = 0.7 * one_hot + 0.3 * one_hot.flip(0)
    expected = -(wanted * scores.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(loss(scores, soft), expected)


@pytest.mark.parametrize('kind', ['Mixup', 'CutMix'])
def test_mixup_and_cutmix(kind, monkeypatch):
    """Images and targets, for the same random numbers.

    Boxes with odd sides are one pixel smaller in MMPretrain, as in the timm
    version of the paper; the sides of this test are even.
    """
    alphas = {'mixup_alpha': 0.8, 'cutmix_alpha': 0}
    if kind == 'CutMix':
        alphas = {'mixup_alpha': 0, 'cutmix_alpha': 1.0}
    timm = TimmMixup(**alphas, label_smoothing=0, num_classes=4)
    library = BATCH_AUGMENTS.build(dict(type=kind, alpha=max(alphas.values())))
    assert library.alpha == max(alphas.values())
    monkeypatch.setattr(np.random, 'beta', lambda *a, **k: 0.75)
    monkeypatch.setattr(
        np.random, 'randint',
        lambda low, high, size=None, **k: (
            (low + high) // 3 if size is None
            else np.full(size, (low + high) // 3)
        ),
    )  # fmt: skip
    monkeypatch.setattr(torch, 'randperm', lambda n, **k: torch.tensor([1, 0]))
    images, labels = torch.randn(2, 3, 16, 24), torch.tensor([3, 1])
    wanted = timm(images.clone(), labels)
    one_hot = torch.nn.functional.one_hot(labels, 4).float()
    got = library(images.clone(), one_hot)
    torch.testing.assert_close(got[0], wanted[0])
    torch.testing.assert_close(got[1], wanted[1].float())
    assert not torch.equal(got[0], images)


def test_each_batch_uses_mixup_or_cutmix():
    """timm and MMPretrain select with equal probability."""
    augments = CFG.model.train_cfg.augments
    assert [a.type for a in augments] == ['Mixup', 'CutMix']
    assert CFG.model.train_cfg.get('probs') is None
    assert TimmMixup(mixup_alpha=0.8, cutmix_alpha=1.0).switch_prob == 0.5
