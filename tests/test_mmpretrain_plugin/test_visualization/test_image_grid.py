"""A figure has every image, in rows and columns."""

import matplotlib.pyplot as plt
import numpy as np

from mmpretrain_plugin.visualization import save_image_grid

COLORS = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 0)]]


def test_images_are_in_their_rows_and_columns(tmp_path):
    open_before = plt.get_fignums()
    rows = [[np.full((8, 8, 3), c, np.uint8) for c in row] for row in COLORS]
    path = tmp_path / 'new' / 'grid.png'
    save_image_grid(rows, ('left', 'right'), path, inches=1)
    figure = plt.imread(path)[..., :3] * 255
    centers = {
        color: np.argwhere((figure == color).all(-1)).mean(axis=0)
        for row in COLORS
        for color in row
    }
    (a, b), (c, d) = ([centers[color] for color in row] for row in COLORS)
    np.testing.assert_allclose(a[0], b[0])  # one row
    np.testing.assert_allclose(c[0], d[0])
    np.testing.assert_allclose(a[1], c[1])  # one column
    np.testing.assert_allclose(b[1], d[1])
    assert c[0] - a[0] > 30 and b[1] - a[1] > 30
    assert plt.get_fignums() == open_before
