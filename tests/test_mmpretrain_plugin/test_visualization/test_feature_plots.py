"""Plots show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from mmpretrain_plugin.visualization import (
    ActivationMaps,
    channel_mosaic,
    feature_plots,
    plot_activation_maps,
    plot_channel_health,
    plot_cosine_distance,
    plot_selectivity,
    save_figure,
)


def measures(value):
    return dict(
        cosine_distance=value, silent=value / 2, saturated=value / 3,
        effective_rank=10 * value,
    )  # fmt: skip


def block(i, depth, grn, labels):
    return dict(
        name=f'stages.{i}.0',
        depth=depth,
        normalization='GRN' if grn else None,
        activation=measures(0.1 * (i + 1)),
        normalized=measures(0.2 * (i + 1)) if grn else None,
        selectivity=dict(counts=[i, 3, 1, 0]) if labels else None,
    )


def results(depths=(3, 5), labels=True):
    """Return results of a model with GRN and of one without."""
    return dict(
        models=[
            dict(
                name=name,
                blocks=[
                    block(i, i / (depth - 1), name == 'V2', labels)
                    for i in range(depth)
                ],
            )
            for name, depth in zip(('V2', 'V1'), depths)
        ]
    )


@pytest.fixture
def figures(monkeypatch):
    """Keep figures open, to look at what they show."""
    kept = []

    def keep(figure, path):
        kept.append(figure)

    monkeypatch.setattr(feature_plots, 'save_figure', keep)
    yield kept
    plt.close('all')


def test_a_line_per_model_and_tap(figures, tmp_path):
    plot_cosine_distance(results(), tmp_path / 'a.png')
    lines = figures[0].axes[0].lines
    shown = {line.get_label(): line.get_xydata() for line in lines}
    assert set(shown) == {'V2, before GRN', 'V2, after GRN', 'V1'}
    np.testing.assert_allclose(
        shown['V2, after GRN'], [(0, 0.2), (0.5, 0.4), (1, 0.6)]
    )
    np.testing.assert_allclose(shown['V1'][:, 0], [0, 0.25, 0.5, 0.75, 1])


def test_layers_without_a_value_are_left_out(figures, tmp_path):
    content = results()
    content['models'][1]['blocks'][-1]['activation']['saturated'] = None
    plot_channel_health(content, tmp_path / 'a.png')
    saturated = figures[0].axes[1].lines[-1].get_xydata()
    np.testing.assert_allclose(saturated[:, 0], [0, 0.25, 0.5, 0.75])
    rank = figures[0].axes[2].lines[-1].get_xydata()
    np.testing.assert_allclose(rank[:, 1], [1, 2, 3, 4, 5])


def test_a_panel_per_block_with_densities(figures, tmp_path):
    """Models of different depth are compared at equal depth."""
    plot_selectivity(results(), tmp_path / 'a.png')
    panels = [axis for axis in figures[0].axes if axis.patches]
    titles = [axis.get_title() for axis in panels]
    assert titles == ['stages.0.0', 'depth 0.50', 'depth 1.00']
    for axis, numbers in zip(panels, ((0, 0), (1, 2), (2, 4))):
        for patch, i in zip(axis.patches, numbers):
            values, edges, _ = patch.get_data()
            np.testing.assert_allclose(edges, [0, 0.25, 0.5, 0.75, 1])
            np.testing.assert_allclose(
                values, np.array([i, 3, 1, 0]) * 4 / (4 + i)
            )
            assert np.sum(values * np.diff(edges)) == pytest.approx(1)


def test_selectivity_needs_labels(tmp_path):
    with pytest.raises(ValueError, match='without labels'):
        plot_selectivity(results(labels=False), tmp_path / 'a.png')


def test_a_mosaic_has_channels_in_order():
    features = torch.arange(36.0).reshape(9, 4)  # [position, channel]
    mosaic = channel_mosaic(features)
    assert mosaic.shape == (7, 7)
    for channel, (row, column) in enumerate(((0, 0), (0, 4), (4, 0), (4, 4))):
        np.testing.assert_array_equal(
            mosaic[row : row + 3, column : column + 3],
            features[:, channel].reshape(3, 3),
        )
    assert np.isnan(mosaic[3]).all() and np.isnan(mosaic[:, 3]).all()


def test_64_channels_are_spread_over_all():
    features = torch.arange(256.0).expand(4, -1)
    mosaic = channel_mosaic(features)
    assert mosaic.shape == (23, 23)
    shown = np.unique(mosaic[~np.isnan(mosaic)])
    assert len(shown) == 64
    assert shown[0] == 0 and shown[-1] == 255
    assert set(np.diff(shown)) <= {4, 5}


def test_a_mosaic_needs_a_square():
    with pytest.raises(ValueError, match='6 positions are no square'):
        channel_mosaic(torch.zeros(6, 4))


def test_channels_of_a_panel_have_one_color_scale(figures, tmp_path):
    features = torch.randn(16, 64)
    features[:, 5] = 0  # silent
    panel = ActivationMaps('V1', 'stages.0.0', features)
    plot_activation_maps([[panel, panel], [panel, panel]], tmp_path / 'a.png')
    images = [image for axis in figures[0].axes for image in axis.images]
    assert len(images) == 4
    low, high = np.percentile(features.numpy(), (1, 99))
    np.testing.assert_allclose(images[0].get_clim(), (low, high), rtol=1e-5)
    assert figures[0].axes[0].get_title() == 'V1\nstages.0.0'


def test_figures_are_written_or_not_at_all(tmp_path, monkeypatch):
    open_before = plt.get_fignums()
    path = tmp_path / 'new' / 'a.png'
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    save_figure(figure, path)
    before = path.read_bytes()
    assert plt.imread(path).shape[2] == 4
    broken, axis = plt.subplots()
    axis.set_title('$\\wrong$')
    with pytest.raises(ValueError):
        save_figure(broken, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert plt.get_fignums() == open_before
