"""Every leaf config loads from anywhere, builds, and says how to run it."""

import re

import pytest
import torch
from make_index import read_head
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, PARAM_SCHEDULERS, DefaultScope

from tests.test_configs import CONFIGS, LEAVES


def ids(path):
    return path.stem


@pytest.mark.parametrize('path', LEAVES, ids=ids)
def test_builds_from_any_folder_without_memory(path, tmp_path, monkeypatch):
    """On the meta device, so that 'huge' costs nothing."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(path)
    with (
        DefaultScope.overwrite_default_scope(cfg.default_scope),
        torch.device('meta'),
    ):
        model = MODELS.build(cfg.model)
    assert all(p.is_meta for p in model.parameters())
    assert cfg.runner_type == 'CheckedRunner'
    assert cfg.default_hooks.input_check.type == 'InputCheckHook'
    if cfg.default_scope == 'mmseg':  # its test tool ignores runner_type
        assert cfg.test_cfg.type == 'CheckedTestLoop'


@pytest.mark.parametrize('path', LEAVES, ids=ids)
def test_opens_with_what_a_user_needs_and_stays_short(path):
    _, head, code = path.read_text().split('"""')
    for word in ('Command:', 'Hardware:', 'Expected:', 'Values:', path.stem):
        assert word in head, word
    limit = 70 if 'demo' in path.parts else 30
    assert len(code.strip().splitlines()) <= limit


@pytest.mark.parametrize('path', LEAVES, ids=ids)
def test_its_command_is_one_that_mim_takes(path):
    """The command of the head names this file; its options exist."""
    head = path.read_text().split('"""')[1]
    command = re.split('Before:|Hardware:', head.split('Command:')[1])[0]
    words = command.replace('\\\n', ' ').split()
    assert words[:2] == ['mim', 'train']
    cfg = Config.fromfile(path)
    hosts = {cfg.default_scope}
    assert set(words[2:3]) == hosts
    assert words[3] == f'configs/{path.relative_to(CONFIGS)}'
    options = {'--launcher', '--gpus', '--gpus-per-node', '--partition'}
    options |= {'--work-dir'}
    for word in words[4:]:
        if word.startswith('--'):
            assert word in options | {'--cfg-options'}
        elif '=' in word:
            node = cfg
            for part in word.split('=')[0].split('.'):
                node = node[part]


@pytest.mark.parametrize('path', LEAVES, ids=ids)
def test_one_node_reaches_the_same_batch(path):
    """With the options of its head; the average of weights keeps pace."""
    hardware = read_head(path.read_text())[1]['Hardware']
    if 'One node of 8' not in hardware:
        return
    cfg = Config.fromfile(path)
    options = dict(re.findall(r'(\S+)=(\d+)(?= |$)', hardware))
    cfg.merge_from_dict({key: int(value) for key, value in options.items()})
    count = cfg.optim_wrapper.accumulative_counts
    batch = 8 * cfg.train_dataloader.batch_size * count
    assert batch == cfg.auto_scale_lr.base_batch_size
    for hook in cfg.get('custom_hooks') or []:
        assert (hook.type, hook.interval) == ('EMAHook', count)


@pytest.mark.parametrize('path', LEAVES, ids=ids)
def test_optimizer_schedule_and_pipelines_build(path):
    cfg = Config.fromfile(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for loader in ('train_dataloader', 'test_dataloader'):
            if cfg.get(loader):
                Compose(cfg[loader].dataset.pipeline)
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
        # The host's mixed precision refuses a CPU; its groups are the same.
        cfg.optim_wrapper.type = 'OptimWrapper'
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
        groups = wrapper.optimizer.param_groups
        count = sum(len(group['params']) for group in groups)
        assert count == len(list(model.parameters()))
        for schedule in cfg.param_scheduler:
            options = dict(schedule)
            if options.pop('convert_to_iter_based', False):
                options['epoch_length'] = 10
                options['convert_to_iter_based'] = True
            build = PARAM_SCHEDULERS.get(options['type'])
            if 'epoch_length' in options:
                options.pop('convert_to_iter_based')
                build = build.build_iter_from_epoch
            options.pop('type')
            build(wrapper, **options)
