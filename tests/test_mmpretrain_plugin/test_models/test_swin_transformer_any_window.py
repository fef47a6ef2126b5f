"""Weights of another window size: laws of the interpolation, and loading."""

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS

from mmpretrain_plugin.models.backbones.swin_transformer_any_window import (
    resize_bias_table,
)

# The windows of the configs: 6 to 7 and 12 to 14 for fine-tuning; 12 to 7 and
# 14 to 7 for detection and segmentation.
WINDOWS = [(6, 7), (12, 14), (12, 7), (14, 7), (7, 12)]


def positions(old, new):
    """Return where the old positions lie in the new window, as in BEiT.

    The distances from the center are 1, 1 + q, 1 + q + q^2, ...; q is the root
    of a polynomial with which the last is that of the new window, but at least
    1.01, MMPretrain's lower limit.
    """
    count, reach = old - 1, new - 1
    roots = np.roots([1.0] * (count - 1) + [1.0 - reach])
    real = roots[np.abs(roots.imag) < 1e-6].real
    q = max([1.01, *real[real > 0]])
    half = [sum(q**i for i in range(k + 1)) for k in range(count)]
    return np.array([-x for x in reversed(half)] + [0.0] + half)


def products(x, y, coefficients):
    """Return a table of a product of cubic polynomials for two heads."""
    p, q = (np.polynomial.Polynomial(c) for c in coefficients)
    table = np.outer(p(y / 10), q(x / 10)).reshape(-1)
    return torch.tensor(np.stack([table, 2 - table], axis=1))


@pytest.mark.parametrize(('old', 'new'), WINDOWS)
def test_cubic_polynomials_are_interpolated_exactly(old, new):
    """Splines reproduce them, in rows and columns alike."""
    coefficients = np.random.default_rng(0).normal(size=(2, 4))
    source, target = positions(old, new), np.arange(1 - new, new)
    table = products(source, source, coefficients)
    expected = products(target, target, coefficients)
    found = resize_bias_table(table, (2 * new - 1) ** 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('old', 'new'), WINDOWS)
def test_the_bias_of_the_center_stays(old, new):
    table = torch.randn((2 * old - 1) ** 2, 3)
    found = resize_bias_table(table, (2 * new - 1) ** 2)
    assert found.dtype == table.dtype
    torch.testing.assert_close(found[len(found) // 2], table[len(table) // 2])


def swin(window, kind='SwinTransformerAnyWindow'):
    model = MODELS.build(
        dict(
            type=kind,
            arch=dict(embed_dims=4, depths=(1, 1), num_heads=(1, 2)),
            img_size=32,
            out_indices=(1,),
            stage_cfgs=dict(block_cfgs=dict(window_size=window)),
        )
    )
    model.eval()  # returns None
    return model


def test_other_windows_load_strictly():
    source = swin(6, 'SwinTransformer').state_dict()
    model = swin(7)
    model.load_state_dict(source)
    resized = 0
    for name, value in model.state_dict().items():
        if name.endswith('relative_position_index'):
            assert value.shape == (49, 49)
            assert value.max() == 168
        elif name.endswith('relative_position_bias_table'):
            resized += 1
            expected = resize_bias_table(source[name], 169)
            torch.testing.assert_close(value, expected)
        else:
            torch.testing.assert_close(value, source[name])
    assert resized == 2


def test_the_same_window_loads_unchanged():
    source, model = swin(4, 'SwinTransformer'), swin(4)
    model.load_state_dict(source.state_dict())
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[0], source(x)[0])
