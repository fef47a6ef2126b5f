"""Crops of image files equal those of MMPretrain's pipeline with Pillow."""

import io

import cv2
import numpy as np
import pytest
import simplejpeg
from mmcv.transforms import LoadImageFromFile
from mmpretrain.datasets.transforms import RandomResizedCrop
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from mmpretrain_plugin.datasets.jpeg_crops import crop_and_resize
from mmpretrain_plugin.datasets.transforms import LoadRandomResizedCrop

RANGES = dict(crop_ratio_range=(0.2, 1.0), aspect_ratio_range=(0.5, 2.0))


@pytest.fixture(scope='module')
def photographs():
    return [
        data.astronaut(), data.chelsea(), data.coffee(), data.rocket(),
        data.retina(), load_sample_image('china.jpg'),
        load_sample_image('flower.jpg'),
    ]  # fmt: skip


def encoded(pixels, kind='JPEG', **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def by_pillow(content, box, side, scale=1):
    """Decode completely, crop what the scaled box covers, and resize."""
    row, column, height, width = (scale * round(x / scale) for x in box)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    crop = pixels[row : row + height, column : column + width]
    resized = Image.fromarray(crop).resize((side, side), Image.BICUBIC)
    return np.asarray(resized, int)


@pytest.mark.parametrize(
    ('side', 'scale'), [(224, 1), (100, 2), (50, 4), (25, 8)]
)
def test_pixels_are_those_of_pillow(photographs, side, scale):
    """Also of files that are decoded at a reduced scale."""
    differences = []
    for pixels in photographs:
        content = encoded(pixels[:400, :400], quality=90)
        height, width, _ = pixels[:400, :400].shape
        box = (0, 0, height, width)
        if scale == 1:  # smaller than the result, or larger
            box = (10, 20, 200, 260)
        got = crop_and_resize(
            content, lambda *_, b=box: b, (side, side), 'bicubic'
        )
        assert got.dtype == np.uint8
        differences.append(abs(got - by_pillow(content, box, side)))
    assert np.mean(differences) < (0.05 if scale == 1 else 1)


def test_reduced_files_are_decoded_at_that_scale(photographs, monkeypatch):
    shapes = []
    decode = simplejpeg.decode_jpeg

    def remember(*args, **kwargs):
        pixels = decode(*args, **kwargs)
        shapes.append(pixels.shape[:2])
        return pixels

    monkeypatch.setattr(simplejpeg, 'decode_jpeg', remember)
    content = encoded(photographs[0][:500, :401])
    box = (100, 0, 300, 400)  # at least twice the result remains
    for side in (151, 150, 75, 38, 37):
        crop_and_resize(content, lambda *_: box, (side, side), 'bicubic')
    assert shapes == [(500, 401), (500, 401), (250, 201), (250, 201),
                      (125, 101)]  # fmt: skip


def oriented(pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(pixels, exif=exif)


OTHERS = {
    'png': lambda p: encoded(p, 'PNG'),
    'tiff': lambda p: encoded(p, 'TIFF'),
    'webp': lambda p: encoded(p, 'WEBP', lossless=True),
    'gray': lambda p: encoded(p[..., 0]),
    'gray PNG': lambda p: encoded(p[..., 0], 'PNG'),
    '16 bits': lambda p: encoded(p[..., 0].astype(np.uint16) * 257, 'PNG'),
    'alpha': lambda p: encoded(np.dstack([p, p[..., 0]]), 'PNG'),
    'CMYK': lambda p: encoded(np.dstack([p, p[..., 0]]), 'JPEG'),
    'rotated': oriented,
    'progressive': lambda p: encoded(p, progressive=True),
    'all colors': lambda p: encoded(p, subsampling=0),
    'bytes behind': lambda p: encoded(p) + b'more',
}


@pytest.mark.parametrize('kind', OTHERS)
def test_other_files_are_read_as_opencv_does(photographs, kind):
    pixels = photographs[1]
    if kind == 'CMYK':
        file = io.BytesIO()
        Image.fromarray(pixels).convert('CMYK').save(file, 'JPEG')
        content = file.getvalue()
    else:
        content = OTHERS[kind](pixels)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    shapes, box = [], (30, 10, 200, 250)

    def choose(*shape):
        shapes.append(shape)
        return box

    got = crop_and_resize(content, choose, (120, 120), 'bicubic')
    assert shapes[-1] == expected.shape[:2]
    assert abs(got - by_pillow(content, box, 120)).mean() < 0.05


@pytest.mark.parametrize('share', [0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize('side', [20, 200])
def test_damaged_files_are_an_error(photographs, share, side):
    content = encoded(photographs[0])
    content = content[: int(share * len(content))]
    with pytest.raises(ValueError, match='cannot be decoded as an image'):
        crop_and_resize(
            content, lambda h, w: (0, 0, h, w), (side, side), 'bicubic'
        )


def test_crops_are_those_of_mmpretrain(photographs, tmp_path):
    """The same ones for the same state of the random generator."""
    path = str(tmp_path / 'a.png')
    Image.fromarray(photographs[1]).save(path)
    ours = LoadRandomResizedCrop(scale=(96, 64), **RANGES)
    load = LoadImageFromFile()
    theirs = RandomResizedCrop(
        (96, 64), backend='pillow', interpolation='bicubic', **RANGES
    )
    for seed in range(20):
        np.random.seed(seed)
        got = ours(dict(img_path=path))
        np.random.seed(seed)
        wanted = theirs(load(dict(img_path=path)))
        assert got['img'].shape == (96, 64, 3) == wanted['img'].shape
        assert abs(got['img'].astype(int) - wanted['img']).mean() < 0.05
        assert got['ori_shape'] == wanted['ori_shape']
        assert got['img_shape'] == (96, 64)


def test_another_filter_is_an_error():
    with pytest.raises(ValueError, match="of bilinear, bicubic, got 'area'"):
        LoadRandomResizedCrop(scale=64, interpolation='area')
