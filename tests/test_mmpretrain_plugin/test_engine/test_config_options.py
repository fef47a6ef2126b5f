"""Options that nothing reads, and numbers that are none, are refused."""

import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS

from mmpretrain_plugin.engine import CheckedFlexibleRunner, CheckedRunner
from mmpretrain_plugin.engine.runners.config_options import check_options
from tests.test_configs import CONFIGS

FILE = CONFIGS / 'fcmae/fcmae_convnextv2-tiny_1xb64-800e_folder.py'


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('optim_wraper.optimizer.lr', 'optim_wraper is .*mean optim_wrapper'),
        ('train_dataloaders.batch_size', 'did you mean train_dataloader'),
        ('dataroot', 'did you mean data_root'),
        ('max_epoch', 'did you mean max_epochs'),
        ('xyz', 'xyz is an option neither of .*folder.py nor of the runner; '
         'remove it'),
    ],
)  # fmt: skip
@pytest.mark.parametrize('runner', [CheckedRunner, CheckedFlexibleRunner])
def test_a_misspelled_option_is_refused(option, message, runner):
    cfg = Config.fromfile(FILE)
    cfg.merge_from_dict({option: 1})
    with pytest.raises(ValueError, match=message):
        check_options(cfg, runner)


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('optim_wrapper.optimizer.lr', '1e-4x', r'lr must be a number, such '
         "as 0.0024, got '1e-4x'"),
        ('optim_wrapper.optimizer.lr', '1,5e-4', 'lr must be a number'),
        ('train_dataloader.batch_size', '64.o', 'batch_size must be a number'),
        ('train_cfg.max_epochs', '8OO', 'max_epochs must be a number'),
        ('train_cfg.max_epochs', 'three', "be a number, .* got 'three'"),
        ('train_cfg.max_epochs', 0, 'max_epochs must be 1 or more, got 0'),
        ('bad_sample_share', '0.1%', "must be float or int, got '0.1%'"),
        ('start_over', 'no', "start_over must be bool, got 'no'"),
        ('auto_scale_lr.enable', 'ture', "must be True or False, got 'ture'"),
        ('train_dataloader.dataset.pipeline.0.scale', '224p',
         r'train_dataloader\.dataset\.pipeline\.0\.scale must be a number'),
    ],
)  # fmt: skip
def test_a_mistyped_number_is_refused(option, value, message):
    cfg = Config.fromfile(FILE)
    cfg.merge_from_dict({option: value})
    with pytest.raises(ValueError, match=message):
        check_options(cfg, CheckedRunner)


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('optim_wrapper.optimizer.lr', 1),
        ('train_cfg.max_epochs', 2.0),
        ('model.backbone.arch', 'atto'),
        ('train_dataloader.num_workers', 'auto'),
        ('randomness', dict(seed=1)),
        ('load_from', 'a1.pth'),
    ],
)
def test_other_values_are_not(option, value):
    cfg = Config.fromfile(FILE)
    cfg.merge_from_dict({option: value})
    check_options(cfg, CheckedRunner)


def test_the_runner_checks_before_it_builds_anything(tmp_path):
    cfg = Config.fromfile(FILE)
    cfg.merge_from_dict({'work_dirs': str(tmp_path / 'x')})
    with pytest.raises(ValueError, match='did you mean work_dir'):
        RUNNERS.build(cfg)
    assert not list(tmp_path.iterdir())


def test_what_tools_and_runners_add_is_known():
    cfg = Config.fromfile(FILE)
    cfg.merge_from_dict(
        dict(
            work_dir='x', launcher='none', resume=True, load_from='x.pth',
            auto_scale_lr=dict(enable=True), start_over=True,
            model_wrapper_cfg=dict(type='x'), compile=True, cfg={},
            custom_hooks=[], val_cfg=None, randomness=dict(seed=1),
        )
    )  # fmt: skip
    check_options(cfg, CheckedRunner)
    cfg.strategy = dict(type='DDPStrategy')
    check_options(cfg, CheckedFlexibleRunner)


def test_a_config_without_a_file_may_have_any_keys():
    check_options(Config(dict(anything=1)), CheckedRunner)
