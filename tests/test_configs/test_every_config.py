"""Every config loads, builds and states what a user needs."""

import inspect
import itertools

import pytest
from make_metafiles import Recipe, read_head
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import (
    FUNCTIONS,
    MODELS,
    PARAM_SCHEDULERS,
    DefaultScope,
)

from tests.helpers.meta_device import meta_device
from tests.test_configs import CONFIGS, PATHS, load

LIBRARIES = {'mmpretrain', 'mmdet', 'mmseg'}
FOLDERS = sorted({path.parent.name for path in PATHS})


@pytest.mark.parametrize('folder', FOLDERS)
def test_loads_from_any_folder(folder, tmp_path, monkeypatch):
    path = next(path for path in PATHS if path.parent.name == folder)
    monkeypatch.chdir(tmp_path)
    assert Config.fromfile(path).to_dict() == load(path).to_dict()


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_config(path):
    """Check one config with a single build of its model."""
    cfg = load(path)
    check_text(path)
    check_command(Recipe(path, cfg))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for loader in ('train_dataloader', 'test_dataloader'):
            if cfg.get(loader):
                Compose(cfg[loader].dataset.pipeline)
                check_collate_function(cfg[loader])
        with meta_device():  # without memory, even for huge
            model = MODELS.build(cfg.model)
        # The tokenizer of BEiT asks for the CPU.
        assert all(p.is_meta for p in model.backbone.parameters())
        check_optimizer_and_schedule(cfg, model)


def check_collate_function(loader):
    """Check that it accepts the arguments of the config.

    mmengine passes all of them, and a dict that is inherited from a library
    has one more, ``_scope_``.
    """
    options = dict(loader.get('collate_fn', dict(type='pseudo_collate')))
    collate = FUNCTIONS.get(options.pop('type'))
    inspect.signature(collate).bind('batch', **options)


def check_text(path):
    """Check that the head is complete and the code short."""
    _, head, code = path.read_text().split('"""')
    _, fields = read_head(path.read_text())
    assert {'Reproduces', 'Expected', 'Weights', 'Values'} <= set(fields)
    for word in ('Command:', 'Hardware:'):
        assert word not in head  # derived from the config and its name
    limit = 70 if {'demo', 'multichannel'} & set(path.parts) else 30
    assert len(code.strip().splitlines()) <= limit
    assert 'param_scheduler[' not in code  # schedules are complete lists


def check_command(recipe):
    """Check what the commands of the folder's README need."""
    cfg, path = recipe.cfg, recipe.path
    custom = path.parent.name == 'custom'
    runner = 'CustomDataRunner' if custom else 'CheckedRunner'
    assert cfg.runner_type == runner
    assert cfg.default_hooks.input_check.type == 'InputCheckHook'
    if cfg.default_scope == 'mmseg':  # its test tool ignores runner_type
        assert cfg.test_cfg.type == 'CheckedTestLoop'
    assert cfg.default_scope in LIBRARIES
    readme = path.with_name('README.md').read_text()
    folder = path.parent.relative_to(CONFIGS)
    assert f'mim train {cfg.default_scope} configs/{folder}/' in readme
    options = recipe.one_node_options()
    for option, value in options.items():
        assert any(f'{option}={v}' in readme for v in (value, 'N'))
    if options:  # 8 GPUs reach the same batch size; EMA keeps pace
        cfg = cfg.copy()
        cfg.merge_from_dict(options)
        count = cfg.optim_wrapper.accumulative_counts
        batch = 8 * cfg.train_dataloader.batch_size * count
        assert batch == cfg.auto_scale_lr.base_batch_size
        for hook in cfg.get('custom_hooks') or []:
            assert (hook.type, hook.interval) == ('EMAHook', count)


def check_optimizer_and_schedule(cfg, model):
    """Build the optimizer, with each trained parameter once; schedules."""
    # Mixed precision refuses a CPU; its parameter groups are the same.
    cfg.optim_wrapper.type = 'OptimWrapper'
    cfg.optim_wrapper.pop('loss_scale', None)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    grouped = list(
        itertools.chain.from_iterable(group['params'] for group in groups)
    )
    # Fixed position embeddings, momentum encoders and frozen backbones are not
    # trained; MMEngine's constructor passes them to the optimizer or not.
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    assert len(grouped) == len(set(map(id, grouped)))
    assert trained <= set(map(id, grouped)) <= set(map(id, model.parameters()))
    schedules = cfg.param_scheduler  # a list, or one
    for schedule in [schedules] if isinstance(schedules, dict) else schedules:
        options = dict(schedule)
        options.pop('_scope_', None)  # as MMEngine does
        with PARAM_SCHEDULERS.switch_scope_and_registry(None) as registry:
            build = registry.get(options.pop('type'))
        if options.pop('convert_to_iter_based', False):
            options['epoch_length'] = 10
            build = build.build_iter_from_epoch
        build(wrapper, **options)
