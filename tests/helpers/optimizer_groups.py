"""Parameter groups of the optimizer, by name of the parameter."""

import pytest
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS
from torch import nn

DEPTHS = (1, 2, 4, 1)


class Toy(nn.Module):
    def __init__(self, depths=DEPTHS, **options):
        super().__init__()
        arch = dict(depths=depths, channels=(4, 4, 4, 4))
        self.backbone = MODELS.build(
            dict(type='ConvNeXtV2', arch=arch, **options)
        )
        self.head = nn.Linear(4, 2)


def groups_of(model, lr=1.0, weight_decay=0.05, **paramwise_cfg):
    """Return {parameter name: (lr, weight decay)}, each name once."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=paramwise_cfg,
            optimizer=dict(type='AdamW', lr=lr, weight_decay=weight_decay),
        ),
    )
    names = {id(p): n for n, p in model.named_parameters()}
    found = [
        (names[id(p)], (group['lr'], group['weight_decay']))
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    ]
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert sorted(name for name, _ in found) == sorted(trained)
    return dict(found)


def full(name):
    return name if name.startswith('head') else f'backbone.{name}'


def options_of(model, constructor, **paramwise_cfg):
    """Return {parameter name: (lr, weight decay)} of any constructor."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            constructor=constructor,
            paramwise_cfg=paramwise_cfg,
            optimizer=dict(type='AdamW', lr=0.3, weight_decay=0.05),
        ),
    )
    names = {id(p): n for n, p in model.named_parameters()}
    return {
        names[id(p)]: (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name] == pytest.approx(theirs[name]), name
