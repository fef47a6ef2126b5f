"""Exported graphs compute in onnxruntime what the backbone computes."""

import onnx
import pytest
import torch
from mmpretrain.registry import MODELS

from mmpretrain_plugin.export import (
    BackboneGraph,
    differences,
    run_onnx,
    write_onnx,
)
from mmpretrain_plugin.trained_models import PixelNormalization
from tests.helpers.small_models import V1, small_backbone

NORMALIZATION = PixelNormalization((120.0, 110.0, 100.0), (60.0, 50.0, 55.0))


def backbone(**options):
    return small_backbone(out_indices=(0, 1, 2, 3), **options).float().eval()


def pixels(*shape):
    return 255 * torch.rand(shape)


def assert_equal_to_pytorch(graph, path, images, tolerance):
    with torch.no_grad():
        expected = graph(images)
    result = differences(graph.output_names, expected, run_onnx(path, images))
    assert len(result) == 4
    assert all(d.relative < tolerance and d.scale > 0.1 for d in result)


@pytest.mark.parametrize('options', [{}, V1])
def test_a_fixed_size(options, tmp_path):
    graph = BackboneGraph(backbone(**options), NORMALIZATION)
    images, path = pixels(1, 3, 64, 96), tmp_path / 'a.onnx'
    write_onnx(graph, images, path, {})
    assert_equal_to_pytorch(graph, path, images, 1e-5)


def test_the_graph_normalizes(tmp_path):
    """As the data preprocessor does it in training."""
    model = backbone()
    images = pixels(1, 3, 64, 64)
    mean, std = (torch.tensor(v)[:, None, None] for v in NORMALIZATION[:2])
    with torch.no_grad():
        expected = model((images - mean) / std)
        got = BackboneGraph(model, NORMALIZATION)(images)
    for one, other in zip(got, expected):
        torch.testing.assert_close(one, other)


def test_dynamic_sizes(tmp_path):
    """Larger and smaller than the example, so that GRN folds or does not."""
    graph = BackboneGraph(backbone(), NORMALIZATION)
    path = tmp_path / 'a.onnx'
    axes = {0: 'batch', 2: 'height', 3: 'width'}
    write_onnx(graph, pixels(2, 3, 96, 128), path, axes)
    for shape in ((1, 3, 64, 64), (3, 3, 70, 256)):
        assert_equal_to_pytorch(graph, path, pixels(*shape), 1e-5)


def test_sums_of_grn_are_wide_in_half_precision(tmp_path):
    """Activations of 300 over 64² positions, whose squares sum to 4e8."""
    model = backbone()
    for block in model.stages[0]:
        torch.nn.init.constant_(block.pointwise_conv1.bias, 300)
    graph = BackboneGraph(model, NORMALIZATION)
    images, path = pixels(1, 3, 64, 64), tmp_path / 'a.onnx'
    with torch.no_grad():
        expected = graph(images)
    model.half()
    write_onnx(graph, images, path, {})
    result = differences(graph.output_names, expected, run_onnx(path, images))
    assert all(d.relative < 0.02 for d in result)
    content = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    types = {v.name: v.type.tensor_type.elem_type for v in content.value_info}
    norms = [n for n in content.node if n.op_type == 'ReduceL2']
    assert len(norms) == sum(model.depths)
    assert {types[n.input[0]] for n in norms} == {onnx.TensorProto.FLOAT}
    products = [n for n in content.node if n.op_type == 'MatMul']
    assert {types[n.output[0]] for n in products} == {onnx.TensorProto.FLOAT16}


def test_a_backbone_that_masks_images_sees_all_of_them():
    model = MODELS.build(
        dict(
            type='MAEViT',
            img_size=32,
            patch_size=8,
            arch=dict(
                embed_dims=12,
                num_layers=2,
                num_heads=2,
                feedforward_channels=24,
            ),
        )
    )
    model.eval()  # returns None
    images = pixels(1, 3, 32, 32)
    graph = BackboneGraph(model, PixelNormalization())
    with torch.no_grad():
        (output,), (expected,) = graph(images), model(images, mask=None)
    torch.testing.assert_close(output, expected)


def test_weights_beyond_the_size_of_a_file(tmp_path):
    with torch.device('meta'):
        graph = torch.nn.Linear(2**15, 2**15)
    with pytest.raises(ValueError, match=r'4\.0 GiB, but .* float16'):
        write_onnx(graph, torch.zeros(1), tmp_path / 'a.onnx', {})


def test_other_shapes_and_infinite_values_are_differences():
    one = torch.ones(2)
    (difference,) = differences(['x'], [one], [one + 0.5])
    assert difference.largest == difference.relative == 0.5
    with pytest.raises(ValueError, match=r'x has shape \(3,\)'):
        differences(['x'], [one], [torch.ones(3)])
    for wanted, got in (
        (one, one / 0),
        (one / 0, one),
        (one * torch.nan, one),
    ):
        with pytest.raises(ValueError, match='not finite'):
            differences(['x'], [wanted], [got])
    with pytest.raises(ValueError, match='shorter'):
        differences(['x', 'y'], [one, one], [one])
