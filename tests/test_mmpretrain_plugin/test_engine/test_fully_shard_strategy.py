"""Errors of sharded training; tests/test_sharded_training.py trains."""

import pytest
import torch
from mmengine._strategy import DDPStrategy
from mmengine.optim import OptimWrapper

from mmpretrain_plugin.engine.strategies.fully_shard_strategy import (
    FullyShardStrategy,
    shard,
    shard_like,
)


def test_unknown_blocks_are_an_error():
    """All weights would be gathered at once, as without sharding."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"no Bottleneck; .*\['Linear'"):
        shard(model, ['Linear', 'Bottleneck'])


def test_a_wrapper_is_an_error():
    with pytest.raises(
        ValueError, match='strategy.model_wrapper, got .*; remove'
    ):
        FullyShardStrategy(model_wrapper=dict(type='Wrapper'))


def strategy_of(parameters):
    """A strategy without processes whose optimizer has some parameters."""
    strategy = FullyShardStrategy.__new__(FullyShardStrategy)
    optimizer = torch.optim.AdamW(
        [torch.nn.Parameter(torch.ones(2)) for _ in range(parameters)]
    )
    strategy.optim_wrapper = OptimWrapper(optimizer)
    return strategy


def test_the_optimizer_of_another_model_is_an_error():
    state = strategy_of(3).optim_wrapper.state_dict()
    with pytest.raises(ValueError, match='of 3 parameters .* has 2; resume'):
        strategy_of(2).load_optim_state_dict(state)


def test_the_state_of_the_optimizer_is_loaded():
    """Steps and moments of AdamW continue from the checkpoint."""
    saved = strategy_of(2).optim_wrapper
    for number, parameter in enumerate(saved.param_groups[0]['params']):
        parameter.grad = torch.tensor([number + 1.0, -2.0])
    saved.step()
    resumed = strategy_of(2)
    resumed.load_optim_state_dict(saved.state_dict())
    assert saved.state_dict()['state'][1]['exp_avg'].all()
    torch.testing.assert_close(
        resumed.optim_wrapper.state_dict(), saved.state_dict(), rtol=0, atol=0
    )


def test_values_that_are_not_tensors_are_returned():
    """Such as the number of steps in old files."""
    assert shard_like(torch.ones(2), 7) == 7
    assert shard_like(torch.ones(2), None) is None


def test_checkpoints_are_resumed_through_the_cpu(monkeypatch):
    """Complete, they may not fit on a GPU."""
    calls = []
    monkeypatch.setattr(
        DDPStrategy, 'resume', lambda self, *a, **k: calls.append(k)
    )
    strategy_of(1).resume('file', map_location='cuda', resume_optimizer=True)
    assert calls == [dict(map_location='cpu', resume_optimizer=True)]
