"""The demo runs from the data to the report, with schedules of a few steps."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import run_demo
from mmengine.config import Config
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
# The fixture runs the complete demo, once for all tests of this file.
SLOW = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp('demo')
    result = subprocess.run(
        [sys.executable, ROOT / 'tools/demo/run_demo.py', '--quick',
         '--root', root],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return root / 'work_dirs/demo', result.stdout


def slow(test):
    """Mark a test that uses the results of the demo."""
    for mark in SLOW:
        test = mark(test)
    return test


@slow
def test_the_table_has_the_metrics_of_the_libraries(demo):
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


@slow
def test_progress_and_time_left_are_printed(demo):
    _, output = demo
    steps = re.findall(r'\[ *(\d+)/13\] .*: \d+:\d\d', output)
    assert [int(step) for step in steps] == list(range(1, 14))
    left = r'\d+:\d\d passed, about \d+:\d\d left: .*Mask R-CNN'
    assert re.search(left, output)


@slow
def test_the_report_is_one_file_without_links(demo):
    work, _ = demo
    report = (work / 'report.html').read_text()
    assert report.count('src="data:image/png;base64,') == 4
    assert not re.search(r'(?:src|href)="(?!data:)', report)
    assert 'http' not in re.sub(r'base64,[^"]*', '', report)
    for name in ('loss', 'reconstructions', 'detections', 'segmentations'):
        with Image.open(work / f'{name}.png') as figure:
            low, high = figure.convert('L').getextrema()
            assert high - low > 100


@slow
def test_downstream_tasks_start_from_the_pretrained_weights(demo):
    work, _ = demo
    for task in ('mask-rcnn', 'upernet'):
        log = (work / f'logs/{task}-fcmae.log').read_text()
        origin = r'backbone from .*fcmae/epoch_1\.pth \(mmpretrain format\)'
        assert re.search(origin, log)
        (unused,) = re.findall(r'not used from the checkpoint: (.*)', log)
        assert all(n.startswith('decoder.') for n in unused.split(', '))
        (found,) = re.findall(r'not in the checkpoint: (.*)', log)
        first = 1 if task == 'mask-rcnn' else 0  # map of the neck
        new = {
            f'norm{i}.{p}' for i in range(first, 4) for p in ('weight', 'bias')
        }
        assert set(found.split(', ')) == new


def test_a_failing_step_shows_its_log(tmp_path, monkeypatch):
    (tmp_path / 'data').write_text('a file where the folder should be')
    words = ['run_demo.py', '--quick', '--root', str(tmp_path)]
    monkeypatch.setattr('sys.argv', words)
    with pytest.raises(SystemExit, match='digit scenes failed; its log is'):
        run_demo.main()


def essence(command):
    """Return a command without the values of its options.

    Returns:
        Program or action of mim, library and config, or script; and the
        options, with the keys of ``--cfg-options``.
    """
    words = [Path(command[0]).name, *command[1:]]
    at = words.index('--cfg-options') if '--cfg-options' in words else None
    keys = [word.split('=')[0] for word in words[at:][1:]] if at else []
    options = {w for w in words[:at] if w.startswith('--')} - {'--work-dir'}
    named = [
        Path(word).name
        for word in words[1:at]
        if word.startswith('mm')
        or word in ('train', 'test')
        or (word.endswith('.py') and '/' in word)
    ]
    return named, options | set(keys)


def test_the_documented_commands_are_those_of_the_demo(tmp_path):
    """What the pages show step by step is what the demo runs.

    Checkpoints are in the folder of a training before, with the number of its
    last epoch or iteration.
    """
    pages = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]
    blocks = {
        block
        for page in pages
        for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S)
        if 'make_digit_scenes' in block and 'mim train' in block
    }
    (block,) = blocks
    commands = [shlex.split(c) for c in block.splitlines() if c.strip()]
    commands = [c for c in commands if c[0] in ('mim', 'python')]
    assert len(commands) >= 7
    for name in ('fcmae', 'mask-rcnn-fcmae', 'upernet-fcmae'):
        folder = tmp_path / run_demo.WORK / name
        folder.mkdir(parents=True)
        (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    steps = run_demo.make_steps(tmp_path, quick=False)
    known = [
        essence(step.command()) for step in steps if 'scratch' not in step.name
    ]
    for command in commands:
        if 'draw_packing' in command[1]:  # draws a figure for the README
            continue
        named, options = essence(command)
        assert any(n == named and options <= o for n, o in known), command
    trained = {}
    for command in commands:
        for checkpoint in re.findall(r'work_dirs/(\S+\.pth)', str(command)):
            folder, name = checkpoint.removesuffix('.pth').split('/')
            loop = trained[f'work_dirs/{folder}']
            end = loop.get('max_epochs') or loop.get('max_iters')
            assert name.split('_')[1] == str(end)
        if command[:2] == ['mim', 'train']:
            work_dir = command[command.index('--work-dir') + 1]
            config = Config.fromfile(ROOT / command[3])
            trained[work_dir] = config.train_cfg
    assert len(trained) == 3
