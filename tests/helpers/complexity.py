"""Operations of a forward pass, by the two rules behind the paper's numbers.

No memory is allocated: models are on the meta device.
"""

import math

import torch
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from tests.helpers.meta_device import meta_device

CONVS = (nn.Conv2d, nn.ConvTranspose2d)
BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)


def multiply_adds(module, x, y):
    if isinstance(module, nn.Linear):
        return y.numel() * module.in_features
    positions = y if isinstance(module, nn.Conv2d) else x
    per_position = math.prod(module.kernel_size) * module.in_channels
    per_position *= module.out_channels // module.groups
    return positions.numel() // positions.shape[1] * per_position


def image_rule(module, x, y):
    """Tables 14 and 15: the rule of fvcore, where LayerNorm costs 5."""
    if isinstance(module, (*CONVS, nn.Linear)):
        return multiply_adds(module, x, y)
    return 5 * x.numel() if isinstance(module, nn.LayerNorm) else 0


def detection_rule(module, x, y):
    """Tables 6 and 7: the rule of the old mmdet and mmseg tools (mmcv 1).

    It counts biases of convolutions, batch norms, ReLU and pooling, but not
    LayerNorm, which in the paper's code was a class unknown to that tool.
    """
    if isinstance(module, nn.Linear):
        return multiply_adds(module, x, y)
    if isinstance(module, CONVS):
        bias = y.numel() if module.bias is not None else 0
        return multiply_adds(module, x, y) + bias
    if isinstance(module, BATCH_NORMS):
        return 2 * x.numel()
    if isinstance(module, nn.ReLU):
        return y.numel()
    return x.numel() if isinstance(module, nn.AdaptiveAvgPool2d) else 0


def swin_detection_rule(module, x, y):
    """Table 6 for Swin: LayerNorm costs as much as a batch norm."""
    if isinstance(module, nn.LayerNorm):
        return 2 * x.numel()
    return detection_rule(module, x, y)


def build(model, scope):
    with DefaultScope.overwrite_default_scope(scope), meta_device():
        return MODELS.build(model).eval()


def count(model, rule, run):
    """Sum a rule over all module calls that ``run`` makes."""
    total = 0

    def add(module, inputs, output):
        nonlocal total
        if inputs and isinstance(output, torch.Tensor):
            total += rule(module, inputs[0], output)

    hooks = [m.register_forward_hook(add) for m in model.modules()]
    with torch.no_grad(), torch.device('meta'):
        run()
    for hook in hooks:
        hook.remove()
    return total


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def of_backbone(arch, pixels):
    """Return parameters, with 1000 classes, and operations of a backbone."""
    backbone = dict(type='ConvNeXtV2', arch=arch)
    model = build(backbone, 'mmpretrain')
    head = 1000 * (model.channels[-1] + 1)
    operations = count(
        model, image_rule, lambda: model(torch.zeros(1, 3, pixels, pixels))
    )
    return parameters(model) + head, operations


def of_mask_rcnn(model, rule=detection_rule, height=800, width=1280):
    """Return parameters and operations, with 1000 boxes and 100 masks."""
    model = build(model, 'mmdet')

    def run():
        maps = model.extract_feat(torch.zeros(1, 3, height, width))
        model.rpn_head(maps)
        model.roi_head.bbox_head(torch.zeros(1000, 256, 7, 7))
        model.roi_head.mask_head(torch.zeros(100, 256, 14, 14))

    return parameters(model), count(model, rule, run)


def of_upernet(model, height, width):
    """Return parameters and operations without the auxiliary head."""
    model = build(model, 'mmseg')

    def run():
        model.decode_head(model.backbone(torch.zeros(1, 3, height, width)))

    return parameters(model), count(model, detection_rule, run)
