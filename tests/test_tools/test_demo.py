"""The whole spine, through mim, with budgets of a few steps."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp('demo')
    result = subprocess.run(
        [sys.executable, ROOT / 'tools/demo.py', '--quick', '--root', root],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return root / 'work_dirs/demo', result.stdout


@pytest.mark.timeout(900)
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
        assert re.search(r'load(s|ed)? .*fcmae/epoch_1\.pth', log, re.I)
        assert 'unexpected key' not in log
        missing = re.findall(r'missing keys in source.*?: (.*)', log)
        keys = {k.strip() for m in missing for k in m.split(',')}
        new = {f'norm{i}.{p}' for i in range(4) for p in ('weight', 'bias')}
        assert keys <= new


def test_a_failing_step_shows_its_log(tmp_path):
    (tmp_path / 'data').write_text('in the way of the data set')
    result = subprocess.run(
        [
            sys.executable,
            ROOT / 'tools/demo.py',
            '--quick',
            '--root',
            tmp_path,
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert 'digit scenes failed; its log is' in result.stderr
