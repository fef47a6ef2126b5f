"""The whole spine, through mim, with budgets of a few steps."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mmpretrain_plugin.launch import seconds_left

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp('demo')
    result = subprocess.run(
        [
            sys.executable,
            ROOT / 'tools/demo/run_demo.py',
            '--quick',
            '--root',
            root,
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return root / 'work_dirs/demo', result.stdout


def test_ends_with_a_table_of_the_hosts_numbers(demo):
    work, output = demo
    for row, folder, key, factor in (
        ('box AP', 'mask-rcnn-{}-test', 'coco/bbox_mAP', 100),
        ('mask AP', 'mask-rcnn-{}-test', 'coco/segm_mAP', 100),
        ('single scale: mIoU', 'upernet-{}-test', 'mIoU', 1),
        ('multi-scale: mIoU', 'upernet-{}-test-ms', 'mIoU', 1),
    ):
        numbers = re.search(rf'{row} +(\S+) +(\S+)\n', output).groups()
        for start, number in zip(('fcmae', 'scratch'), numbers):
            (path,) = (work / folder.format(start)).glob('*/*.json')
            expected = factor * json.loads(path.read_text())[key]
            assert float(number) == pytest.approx(expected, abs=0.051)


def test_shows_progress_and_time_left(demo):
    _, output = demo
    steps = re.findall(r'\[ *(\d+)/13\].*done in \d+:\d\d', output)
    assert [int(step) for step in steps] == list(range(1, 14))
    left = (
        r'\] Mask R-CNN.*: \d+:\d\d, about \d+:\d\d left here, \d+:\d\d in all'
    )
    assert re.search(left, output)


@pytest.mark.parametrize(
    ('line', 'seconds'),
    [
        ('Epoch(train) [1][20/63]  lr: 1e-3  eta: 0:04:36  time: 0.4', 276),
        ('Iter(train) [1/2]  eta: 1 day, 2:00:01  loss: 1', 93601),
        ('Epoch(test) [100/100]  coco/bbox_mAP: 0.1', None),
    ],
)
def test_time_left_is_read_from_the_hosts_logs(line, seconds):
    assert seconds_left(line) == seconds


def test_draws_everything_into_one_file_without_links(demo):
    work, _ = demo
    report = (work / 'report.html').read_text()
    assert report.count('src="data:image/png;base64,') == 4
    assert not re.search(r'(?:src|href)="(?!data:)', report)
    assert 'http' not in re.sub(r'base64,[^"]*', '', report)
    for name in ('loss', 'reconstructions', 'detections', 'segmentations'):
        with Image.open(work / f'{name}.png') as picture:
            low, high = picture.convert('L').getextrema()
            assert high - low > 100


def test_transfer_started_from_the_pretrained_weights(demo):
    work, _ = demo
    for task in ('mask-rcnn', 'upernet'):
        log = (work / f'logs/{task}-fcmae.log').read_text()
        origin = r'backbone from .*fcmae/epoch_1\.pth, mmpretrain layout'
        assert re.search(origin, log)
        assert 'not needed: ' not in log
        (found,) = re.findall(r'new here: (.*)', log)
        new = {f'norm{i}.{p}' for i in range(4) for p in ('weight', 'bias')}
        assert set(found.split(', ')) == new


def test_an_interrupted_run_goes_on(demo):
    """On a torch whose load refuses pickled objects by default."""
    work, _ = demo
    command = [
        sys.executable, '-m', 'mim', 'train', 'mmpretrain',
        str(ROOT / 'configs/demo/fcmae_convnextv2-atto_digits.py'),
        '--work-dir', str(work / 'fcmae'), '--resume', '--cfg-options',
        'train_cfg.max_epochs=2', 'train_dataloader.batch_size=4',
        'default_hooks.checkpoint.interval=1',
    ]  # fmt: skip
    result = subprocess.run(
        command, cwd=work.parents[1], capture_output=True, text=True
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert 'resumed epoch: 1' in output
    assert 'Epoch(train)  [1]' not in output
    assert (work / 'fcmae/epoch_2.pth').exists()


def test_a_failing_step_shows_its_log(tmp_path):
    (tmp_path / 'data').write_text('in the way of the data set')
    result = subprocess.run(
        [
            sys.executable,
            ROOT / 'tools/demo/run_demo.py',
            '--quick',
            '--root',
            tmp_path,
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert 'digit scenes failed; its log is' in result.stderr
