"""A loss that is not finite stops the training, and nothing is lost."""

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import RUNNERS
from torch import nn

from mmpretrain_plugin.engine.hooks import non_finite_hook
from mmpretrain_plugin.engine.hooks.non_finite_hook import (
    MAX_PENDING,
    MAX_SKIPPED,
    NonFiniteHook,
    _check_scaler,
)
from mmpretrain_plugin.engine.non_finite import first_non_finite
from tests.helpers.small_pretraining import make_images, pretraining

LENGTH = 4  # batches of an epoch


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp('images'))


class SpoilHook(Hook):
    """Make a weight, or the data of a step, infinite."""

    priority = 'HIGHEST'

    def __init__(self, iteration, spoil):
        self.iteration = iteration
        self.spoil = spoil
        self.weights = None

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            self.spoil(runner.model, data_batch)
            self.weights = weights(runner.model)


class QueuedHook(NonFiniteHook):
    """Sees the flag late, as if the device were steps behind."""

    def __init__(self, behind):
        super().__init__()
        self.behind = behind

    def before_train(self, runner):
        super().before_train(runner)
        self.is_queued = True

    def _record(self, runner, batch):
        step = super()._record(runner, batch)
        step.is_bad = step.is_bad.clone()
        last = step.iteration + self.behind
        step.is_ready = lambda: runner.iter >= last
        return step


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def infinite_pixels(model, batch):
    batch['inputs'] = batch['inputs'].float()
    batch['inputs'][1, 0, 0, 0] = torch.inf


def gradient_only(model, batch):
    """A finite loss with a gradient of 0 times infinity."""
    weight = model.backbone.stages[2][1].pointwise_conv1.weight
    weight.register_hook(lambda gradient: gradient * torch.nan)


def overflow(model, batch):
    with torch.no_grad():
        model.backbone.stages[1][0].pointwise_conv2.weight.fill_(1e38)


SPOILS = {
    'pixels': (infinite_pixels, 'the output of data_preprocessor'),
    'gradient': (
        gradient_only,
        'the gradient of backbone.stages.2.1.pointwise_conv1.weight',
    ),
    # The variance of a norm is the first to be too large.
    'overflow': (overflow, 'the output of backbone.downsample_layers.2.0'),
}


def config(folder, work_dir, **optimizer):
    cfg = pretraining(folder, work_dir, epochs=4)
    cfg.runner_type = 'CheckedRunner'
    cfg.optim_wrapper.optimizer.update(optimizer)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 1
    return cfg


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('kind', SPOILS)
def test_the_first_bad_step_changes_nothing(folder, tmp_path, kind, fused):
    spoil, value = SPOILS[kind]
    runner = RUNNERS.build(config(folder, tmp_path, fused=fused))
    hook = SpoilHook(LENGTH + 2, spoil)
    runner.register_hook(hook)
    with pytest.raises(FloatingPointError) as error:
        runner.train()
    message = str(error.value)
    assert f'at iteration {LENGTH + 3} (learning rate 0.01)' in message
    assert f'the first such value is {value}' in message
    assert f'the last good checkpoint is {tmp_path}/epoch_1.pth' in message
    assert '\n' not in message
    assert [p.name for p in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    for name, weight in runner.model.state_dict().items():
        assert torch.equal(weight, hook.weights[name]), name


@pytest.mark.parametrize('kind', SPOILS)
def test_steps_behind_the_device_change_nothing(folder, tmp_path, kind):
    """The flag keeps a fused optimizer from changing anything."""
    spoil, value = SPOILS[kind]
    runner = RUNNERS.build(config(folder, tmp_path, fused=True))
    hook = SpoilHook(1, spoil)
    runner.register_hook(hook)
    runner.hooks.remove(
        next(h for h in runner.hooks if isinstance(h, NonFiniteHook))
    )
    runner.register_hook(QueuedHook(behind=2))
    with pytest.raises(FloatingPointError) as error:
        runner.train()
    assert runner.iter == 3
    assert 'at iteration 2 ' in str(error.value)
    assert f'the first such value is {value}' in str(error.value)
    for name, weight in runner.model.state_dict().items():
        assert torch.equal(weight, hook.weights[name]), name


def test_a_device_that_is_far_behind_is_waited_for(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(non_finite_hook, 'MAX_PENDING', 2)
    runner = RUNNERS.build(config(folder, tmp_path, fused=True))
    runner.register_hook(SpoilHook(1, infinite_pixels))
    runner.hooks.remove(
        next(h for h in runner.hooks if isinstance(h, NonFiniteHook))
    )
    runner.register_hook(QueuedHook(behind=99))
    with pytest.raises(FloatingPointError, match='at iteration 2 '):
        runner.train()
    assert runner.iter == 3


def test_what_the_device_computed_is_read_before_a_checkpoint(
    folder, tmp_path
):
    runner = RUNNERS.build(config(folder, tmp_path, fused=True))
    runner.register_hook(SpoilHook(LENGTH - 1, infinite_pixels))
    runner.hooks.remove(
        next(h for h in runner.hooks if isinstance(h, NonFiniteHook))
    )
    runner.register_hook(QueuedHook(behind=MAX_PENDING - 1))
    with pytest.raises(FloatingPointError, match=f'iteration {LENGTH} '):
        runner.train()
    assert not list(tmp_path.glob('*.pth*'))


def test_weights_that_are_not_finite_are_not_saved(folder, tmp_path):
    class Late(Hook):
        def after_train_epoch(self, runner):
            with torch.no_grad():
                runner.model.neck.mask_token.fill_(torch.nan)

    runner = RUNNERS.build(config(folder, tmp_path))
    runner.register_hook(Late(), priority='VERY_HIGH')
    with pytest.raises(FloatingPointError, match='neck.mask_token is not fin'):
        runner.train()
    assert not list(tmp_path.glob('*.pth*'))


def test_averages_that_are_not_finite_are_not_saved(folder, tmp_path):
    class Late(Hook):
        def after_train_epoch(self, runner):
            (hook,) = (h for h in runner.hooks if isinstance(h, EMAHook))
            with torch.no_grad():
                hook.ema_model.module.neck.mask_token.fill_(torch.nan)

    cfg = config(folder, tmp_path)
    cfg.custom_hooks = [dict(type='EMAHook')]
    runner = RUNNERS.build(cfg)
    runner.register_hook(Late(), priority='VERY_HIGH')
    with pytest.raises(FloatingPointError, match='neck.mask_token is not fin'):
        runner.train()
    assert not list(tmp_path.glob('*.pth*'))


def test_a_finite_training_is_as_without_the_hook(folder, tmp_path):
    """Also where a fused optimizer is told not to skip."""
    found = []
    for kind in (NonFiniteHook, lambda: QueuedHook(1), None):
        runner = RUNNERS.build(
            config(folder, tmp_path / str(len(found)), fused=True)
        )
        runner.hooks.remove(
            next(h for h in runner.hooks if isinstance(h, NonFiniteHook))
        )
        if kind is not None:
            runner.register_hook(kind())
        runner.train()
        found.append(weights(runner.model))
    for other in found[1:]:
        for name, weight in found[0].items():
            assert torch.equal(weight, other[name]), name


class Runner:
    """What the check of the scale needs."""

    iter = 99

    def __init__(self, scale):
        scaler = torch.amp.GradScaler('cpu', init_scale=scale)
        self.optim_wrapper = type('Wrapper', (), dict(loss_scaler=scaler))


def test_skipped_steps_of_a_scaler_are_an_error_only_if_many():
    _check_scaler(Runner(65536.0), 0)
    _check_scaler(Runner(1.0), MAX_SKIPPED)
    with pytest.raises(FloatingPointError, match='iteration 100, .* by 0.25'):
        _check_scaler(Runner(0.25), 0)
    with pytest.raises(FloatingPointError, match='^21 updates in a row'):
        _check_scaler(Runner(512.0), MAX_SKIPPED + 1)


class ScaledWrapper(OptimWrapper):
    """What AmpOptimWrapper does, which needs a GPU."""

    def __init__(self, *args, scale, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=scale)

    def backward(self, loss, **kwargs):
        self.loss_scaler.scale(loss).backward()
        self._inner_count += 1

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer)
        self.loss_scaler.update(self.loss_scaler.get_scale())


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('spoiled', [True, False])
def test_a_scaler_that_skips_every_step_ends_the_training(
    folder, tmp_path, fused, spoiled, monkeypatch
):
    monkeypatch.setattr(non_finite_hook, 'MAX_SKIPPED', 3)
    cfg = config(folder, tmp_path, fused=fused)
    cfg.optim_wrapper.type = ScaledWrapper
    cfg.optim_wrapper.scale = 8.0
    runner = RUNNERS.build(cfg)
    next(h for h in runner.hooks if type(h) is NonFiniteHook).interval = 5
    if spoiled:
        weight = runner.model.backbone.stages[2][1].pointwise_conv1.weight
        weight.register_hook(lambda gradient: gradient * torch.inf)
        with pytest.raises(FloatingPointError, match='^5 updates in a row'):
            runner.train()
        assert runner.iter == 4
    else:
        runner.train()
        assert runner.iter == 4 * LENGTH


@pytest.mark.parametrize(
    ('compute', 'expected'),
    [
        (lambda m, x: dict(loss=m(x).sum()), None),
        (lambda m, x: dict(loss=m(x / 0).sum()), 'the output of 0'),
        (
            lambda m, x: dict(a=m(x).sum(), b=m(x).sum().log() * torch.nan),
            'the loss b',
        ),
        (
            lambda m, x: dict(loss=(m(x) * 0).sqrt().sum()),
            'the gradient of the output of 2',
        ),
    ],
)
def test_the_first_value_is_named(compute, expected):
    model = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1))
    inputs = torch.ones(4, 2)
    assert first_non_finite(model, lambda: compute(model, inputs)) == expected
    assert not any(m._forward_hooks for m in model.modules())


def test_a_weight_that_is_not_finite_is_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    with torch.no_grad():
        model[1].bias[0] = torch.nan
    found = first_non_finite(model, lambda: {})
    assert found == 'the weight 1.bias'
