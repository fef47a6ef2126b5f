import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmpretrain_plugin.export import (
    MatrixAdaptiveAvgPool2d,
    replace_adaptive_pooling,
)


@pytest.mark.parametrize('size', [(16, 16), (17, 23), (1, 2), (5, 6)])
@pytest.mark.parametrize('bins', [(1, 1), (2, 3), (6, 6)])
def test_it_equals_the_layer(size, bins):
    x = torch.randn(2, 3, *size, dtype=torch.double)
    expected = nn.AdaptiveAvgPool2d(bins)(x)
    assert_close(MatrixAdaptiveAvgPool2d(bins)(x), expected)


def test_layers_of_all_depths_are_replaced():
    model = nn.Sequential(nn.Sequential(nn.AdaptiveAvgPool2d(3)), nn.ReLU())
    x = torch.randn(1, 2, 7, 8)
    expected = model(x)
    replace_adaptive_pooling(model)
    assert type(model[0][0]) is MatrixAdaptiveAvgPool2d
    assert_close(model(x), expected)


@pytest.mark.slow
def test_files_of_the_layer_itself_are_wrong(tmp_path):
    """If this fails, PyTorch is better, and the replacement can go."""
    sizes = {
        i: torch.export.Dim(name) for i, name in enumerate('nchw') if i > 1
    }
    torch.onnx.export(
        nn.AdaptiveAvgPool2d(3), (torch.randn(1, 4, 16, 16),),
        tmp_path / 'a.onnx', input_names=['x'], dynamo=True, verbose=False,
        dynamic_shapes=[sizes],
    )  # fmt: skip
    session = onnxruntime.InferenceSession(tmp_path / 'a.onnx')
    x = torch.randn(1, 4, 17, 23)
    (got,) = session.run(None, {'x': x.numpy()})
    expected = nn.AdaptiveAvgPool2d(3)(x).numpy()
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() > 0.05
