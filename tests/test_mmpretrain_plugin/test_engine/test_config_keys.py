"""An option that nothing reads is refused, with the nearest name."""

import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS

from mmpretrain_plugin.engine import CheckedFlexibleRunner, CheckedRunner
from mmpretrain_plugin.engine.runners.config_keys import check_keys
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
        check_keys(cfg, runner)


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
    check_keys(cfg, CheckedRunner)
    cfg.strategy = dict(type='DDPStrategy')
    check_keys(cfg, CheckedFlexibleRunner)


def test_a_config_without_a_file_may_have_any_keys():
    check_keys(Config(dict(anything=1)), CheckedRunner)
