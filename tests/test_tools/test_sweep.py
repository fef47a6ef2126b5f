"""A sweep trains each point once, resumes, and prints a table."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mmengine.config import Config
from sweep import DONE, claim, parse_grid, points, read_metric, table

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/demo/fcmae_convnextv2-atto_digits.py'


@pytest.fixture
def cfg():
    return Config.fromfile(CONFIG)


def test_the_grid_of_the_paper(cfg):
    grid = parse_grid(
        ['optim_wrapper.optimizer.lr=1e-4,2e-4,3e-4',
         'optim_wrapper.paramwise_cfg.layer_decay_rate=0.8,0.9'],
        cfg,
    )  # fmt: skip
    names = [name for name, _ in points(grid)]
    assert names == [
        f'lr={lr},layer_decay_rate={decay}'
        for lr in ('1e-4', '2e-4', '3e-4')
        for decay in ('0.8', '0.9')
    ]


def test_commas_in_brackets_do_not_separate_values(cfg):
    grid = parse_grid(['max_epochs=[8,11],(1,2),3'], cfg)
    assert grid == {'max_epochs': ['[8,11]', '(1,2)', '3']}


def test_keys_with_equal_last_parts_are_not_shortened(cfg):
    grid = parse_grid(['model.backbone.type=a,b', 'model.neck.type=c'], cfg)
    assert next(name for name, _ in points(grid)) == (
        'model.backbone.type=a,model.neck.type=c'
    )


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('optim_wrapper.optim.lr=1', "no 'optim' there; it has"),
        ('optim_wrapper.optimizer.lr.x=1', 'it has the value 0.002'),
        ('param_scheduler.7.end=1', "no '7' there; it has 0, 1"),
        ('optim_wrapper', 'takes KEY=VALUE'),
        ('model.mask_ratio=', 'takes KEY=VALUE'),
        ('model.mask_ratio=1,,2', 'takes KEY=VALUE'),
    ],
)
def test_a_wrong_grid_is_an_error(cfg, word, message):
    with pytest.raises(SystemExit, match=message):
        parse_grid([word], cfg)


def test_a_folder_holds_runs_of_one_setting(tmp_path):
    folder, one = tmp_path / 'sweep', Config(dict(epochs=1))
    claim(folder, one, {'lr': ['1']}, [])
    claim(folder, one, {'lr': ['1', '2']}, [])  # a grid may grow
    for cfg, keys, more, word in (
        (Config(dict(epochs=2)), {'lr': ['1']}, [], 'another config'),
        (one, {'wd': ['1']}, [], 'another keys'),
        (one, {'lr': ['1']}, ['--amp'], 'another options'),
    ):
        with pytest.raises(SystemExit, match=word):
            claim(folder, cfg, keys, more)


def write_log(run, start, records):
    path = run / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    lines = [json.dumps(record) for record in records]
    path.write_text('\n'.join([*lines, '{"mIo']))  # killed while writing


def test_results_are_read_from_all_starts_of_a_run(tmp_path):
    run = tmp_path / 'lr=1'
    write_log(run, '20260101_000000', [{'loss': 3.0}, {'mIoU': 40.0}])
    write_log(
        run, '20260102_000000', [{'mIoU': 45.5, 'step': 2}, {'mIoU': 44}]
    )
    assert read_metric(run, 'mIoU') == (44, 45.5)
    assert read_metric(run, 'loss') == (3.0, 3.0)
    assert read_metric(run, 'coco/bbox_mAP') is None
    (run / DONE).touch()
    write_log(tmp_path / 'lr=2', 'a', [{'mIoU': 46.0}])
    text = table(tmp_path, {'lr': ['1', '2', '3']}, 'mIoU')
    rows = [[c.strip() for c in r.split('|')[1:-1]] for r in text.split('\n')]
    assert rows[2:] == [
        ['1', '44', '45.5', 'finished'],
        ['2', '46', '46 *', 'unfinished'],
        ['3', '-', '-', 'not run'],
    ]


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_training_too(number, tmp_path):
    """And the folder is locked as long as the training runs."""
    mim = tmp_path / 'mim'
    mim.write_text(
        '#!/bin/sh\ntouch started; (sleep 6; touch survived) & wait\n'
    )
    mim.chmod(0o755)
    code = (
        'import runpy, sys; import mmpretrain_plugin.launch as launch; '
        f'launch.MIM = {str(mim)!r}; '
        f'sys.argv = ["sweep.py", {str(CONFIG)!r}, "--work-dir", "runs", '
        '"--grid", "model.mask_ratio=0.5"]; '
        f'sys.path.insert(0, {str(ROOT / "tools")!r}); '
        f'runpy.run_path({str(ROOT / "tools/sweep.py")!r}, '
        'run_name="__main__")'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    while not (tmp_path / 'started').exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(20) == 1
    time.sleep(7)
    assert not (tmp_path / 'survived').exists()


@pytest.mark.slow
def test_a_second_call_resumes_and_repeats_nothing(tmp_path):
    """Through mim, after a run that was interrupted."""
    make = [
        sys.executable, ROOT / 'tools/demo/make_digit_scenes.py',
        'data/digit_scenes', '--unlabeled', '8', '--train', '2',
        '--val', '1',
    ]  # fmt: skip
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)

    def sweep(grid, *more):
        return subprocess.run(
            [sys.executable, ROOT / 'tools/sweep.py', CONFIG, '--work-dir',
             'runs', '--grid', grid, '--cfg-options', 'train_cfg.max_epochs=2',
             'default_hooks.checkpoint.interval=1',
             'default_hooks.logger.interval=1',
             'train_dataloader.batch_size=4', *more],
            cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''},
        )  # fmt: skip

    first = sweep('model.mask_ratio=0.5')
    assert first.returncode == 0, first.stdout + first.stderr
    assert '[1/1] mask_ratio=0.5: done in' in first.stdout
    run = tmp_path / 'runs/mask_ratio=0.5'
    starts = list(run.glob('*/vis_data'))
    # The state after an interruption in the last epoch.
    (run / DONE).unlink()
    (run / 'epoch_2.pth').unlink()
    (run / 'last_checkpoint').write_text(str(run / 'epoch_1.pth'))
    second = sweep('model.mask_ratio=0.5,2')
    log = (run / 'sweep.log').read_text()
    log = log[log.index('resumed epoch: 1') :]
    epochs = re.findall(r'Epoch\(train\) +\[(\d)\]', log)
    assert set(epochs) == {'2'}
    assert len(list(run.glob('*/vis_data'))) == len(starts) + 1
    assert (run / DONE).exists() and (run / 'epoch_2.pth').exists()
    # The other point is no mask ratio: it fails, and the sweep continues.
    assert second.returncode != 0
    failed = (tmp_path / 'runs/mask_ratio=2/sweep.log').read_text()
    assert 'mask_ratio must be in (0, 1), got 2' in failed
    assert 'mask_ratio=2: failed after' in second.stdout
    assert '1 failed: mask_ratio=2' in second.stderr
    third = sweep('model.mask_ratio=0.5')
    assert '[1/1] mask_ratio=0.5: finished before' in third.stdout
    assert '| 0.5' in third.stdout and 'finished |' in third.stdout
    assert len(list(run.glob('*/vis_data'))) == len(starts) + 1
