"""TIFF files keep all channels and bits, through all transforms."""

import numpy as np
import pytest
import tifffile
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmpretrain_plugin.datasets import read_tiff
from mmpretrain_plugin.datasets.transforms import LoadTIFFImage

BACKENDS = ('tifffile', 'rasterio')


def pixels(dtype, *shape):
    rng = np.random.default_rng(0)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype)
    return rng.normal(size=shape).astype(dtype)


def write(path, image, **options):
    options.setdefault('photometric', 'minisblack')
    if 1 in image.shape:  # a file of one channel has two axes
        image, options = image.squeeze(), {}
    tifffile.imwrite(path, image, **options)
    return str(path)


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('channels', [1, 2, 3, 4, 12])
def test_channels_and_bits_are_kept(tmp_path, channels, dtype, backend):
    image = pixels(dtype, 20, 30, channels)
    contiguous = write(
        tmp_path / 'contiguous.tif', image, planarconfig='contig'
    )
    planes = write(
        tmp_path / 'planes.tif',
        image.transpose(2, 0, 1),
        planarconfig='separate',
    )
    for path in (contiguous, planes):
        read = read_tiff(path, channels, backend)
        assert read.dtype == dtype and read.flags.c_contiguous
        np.testing.assert_array_equal(read, image)
        np.testing.assert_array_equal(read_tiff(path, None, backend), image)


def test_a_page_per_channel(tmp_path):
    image = pixels('uint16', 5, 20, 30)
    path = write(tmp_path / 'pages.tif', image)
    np.testing.assert_array_equal(read_tiff(path), image.transpose(1, 2, 0))


def test_the_number_of_channels_decides_on_the_axis(tmp_path):
    """An image may have fewer rows than channels."""
    image = pixels('uint8', 4, 30, 12)
    path = write(tmp_path / 'a.tif', image, planarconfig='contig')
    np.testing.assert_array_equal(read_tiff(path, 12), image)
    rows = image.transpose(1, 2, 0)  # of 12 rows, 4 channels
    np.testing.assert_array_equal(read_tiff(path, 4), rows)


@pytest.mark.parametrize('dtype', ['int16', 'uint32', 'float64'])
def test_other_types_become_float(tmp_path, dtype):
    image = pixels(dtype, 8, 9, 2)
    path = write(tmp_path / 'a.tif', image, planarconfig='contig')
    read = read_tiff(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, image.astype(np.float32))


def test_other_channels_are_an_error(tmp_path):
    path = write(tmp_path / 'four.tif', pixels('uint8', 8, 9, 4))
    load = LoadTIFFImage(in_channels=3)
    with pytest.raises(ValueError, match=r'four\.tif .*expects 3 channels'):
        load(dict(img_path=path))


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('content', ['empty', 'text', 'truncated'])
def test_damaged_files_are_named(tmp_path, content, backend):
    path = tmp_path / 'broken.tif'
    write(path, pixels('uint16', 64, 64, 4), planarconfig='contig')
    complete = path.read_bytes()
    damaged = dict(empty=b'', text=b'no image', truncated=complete[:9000])
    path.write_bytes(damaged[content])
    with pytest.raises(ValueError, match=r'broken\.tif cannot be read') as e:
        read_tiff(path, backend=backend)
    assert '\n' not in str(e.value)


def test_several_images_in_a_file_are_an_error(tmp_path):
    path = write(tmp_path / 'stack.tif', pixels('uint8', 3, 2, 8, 9))
    with pytest.raises(ValueError, match=r'stack\.tif has the shape'):
        read_tiff(path)


@pytest.mark.parametrize(
    'options', [dict(in_channels=0), dict(in_channels=4, backend='gdal')]
)
def test_wrong_arguments(options):
    with pytest.raises(ValueError, match='must be'):
        LoadTIFFImage(**options)


# Transforms, and what they do to the pixels of a 20 x 30 image; None where
# they choose at random.
FLIP = dict(type='RandomFlip', prob=1.0, direction='horizontal')
PIPELINES = [
    ('mmpretrain', FLIP, lambda x: x[:, ::-1]),
    ('mmpretrain', dict(type='CenterCrop', crop_size=10),
     lambda x: x[5:15, 10:20]),
    ('mmpretrain', dict(type='RandomResizedCrop', scale=16), None),
    ('mmpretrain', dict(type='RandomResizedCrop', scale=16,
                        interpolation='bicubic'), None),
    ('mmdet', FLIP, lambda x: x[:, ::-1]),
    ('mmdet', dict(type='RandomCrop', crop_size=(30, 20)), lambda x: x),
    ('mmdet', dict(type='RandomResize', scale=(60, 40),
                   ratio_range=(0.5, 2.0), keep_ratio=True), None),
    ('mmseg', FLIP, lambda x: x[:, ::-1]),
    ('mmseg', dict(type='RandomCrop', crop_size=(20, 30)), lambda x: x),
    ('mmseg', dict(type='Resize', scale=(60, 40)), None),
]  # fmt: skip


@pytest.mark.parametrize('channels', [1, 4, 12])
@pytest.mark.parametrize('dtype', ['uint16', 'float32'])
@pytest.mark.parametrize(
    'library, transform, expected',
    PIPELINES,
    ids=[f'{library}.{one["type"]}' for library, one, _ in PIPELINES],
)
def test_transforms_keep_them(
    tmp_path, library, transform, expected, dtype, channels
):
    image = pixels(dtype, 20, 30, channels)
    path = write(tmp_path / 'a.tif', image, planarconfig='contig')
    load = dict(type='LoadTIFFImage', in_channels=channels)
    with DefaultScope.overwrite_default_scope(library):
        results = Compose([load, transform])(dict(img_path=path))
    result = results['img'].reshape(*results['img'].shape[:2], -1)
    assert result.dtype == dtype
    assert result.shape[2] == channels
    if expected is not None:
        np.testing.assert_array_equal(result, expected(image))
    else:  # values of the image, not cut to 8 bits
        low, high = image.min(), image.max()
        assert (low <= result.min() and result.max() <= high) or (
            transform.get('interpolation') == 'bicubic'
        )
        assert result.std() > 0.2 * image.std()


def test_a_gray_image_has_one_channel(tmp_path):
    """Whatever its height is."""
    path = write(tmp_path / 'a.tif', pixels('uint8', 40, 50, 1))
    with pytest.raises(ValueError, match='expects 40 channels'):
        read_tiff(path, 40)
    assert read_tiff(path, 1).shape == (40, 50, 1)


def test_complex_values_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / 'a.tif', np.zeros((8, 9), np.complex64))
    with pytest.raises(ValueError, match=r'a\.tif has complex values'):
        read_tiff(tmp_path / 'a.tif')
