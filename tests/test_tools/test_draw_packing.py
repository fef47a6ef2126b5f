"""The packed patches of the figure are the visible ones, in raster order."""

import numpy as np
import pytest
from draw_packing import GAP, pack_patches, split_patches


def numbered_image(height, width, size):
    """Return an image whose patches have the values 1, 2, 3 ..."""
    numbers = np.arange(1, height * width + 1, dtype='uint8')
    image = numbers.reshape(height, width).repeat(size, 0).repeat(size, 1)
    return image[..., None].repeat(3, -1)


def test_patches_are_in_raster_order():
    patches = split_patches(numbered_image(2, 3, 32), 32)
    assert patches.shape == (6, 32, 32, 3)
    assert [int(p.min()) for p in patches] == [1, 2, 3, 4, 5, 6]
    assert [int(p.max()) for p in patches] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ('grid', 'shape'),
    [
        ((7, 7), (224, 224)),
        ((5, 5), (160, 160)),
        ((4, 6), (128, 192)),
        ((10, 2), (320, 3 * 32 + 2 * GAP)),  # three columns are wider
    ],
)
def test_packed_patches_are_the_visible_ones(grid, shape):
    image = numbered_image(*grid, 32)
    mask = np.random.default_rng(0).permutation(grid[0] * grid[1]) % 5 < 3
    mask = mask.reshape(grid)
    packed = pack_patches(image, mask)
    assert packed.shape == (*shape, 3)
    values, counts = np.unique(packed[..., 0], return_counts=True)
    visible = np.flatnonzero(~mask.flatten()) + 1
    assert [*visible, 255] == values.tolist()
    assert (counts[:-1] == 32 * 32).all()
    rows = [packed[y, x, 0] for y, x in corners(packed)]
    assert rows == visible.tolist()


def corners(packed):
    """Return the upper left corners of the patches, row by row."""
    ink = packed[..., 0] < 255
    top, left = np.argwhere(ink).min(0)
    step = 32 + GAP
    places = [
        (y, x)
        for y in range(top, packed.shape[0], step)
        for x in range(left, packed.shape[1], step)
    ]
    return [place for place in places if ink[place]]
