"""Pre-train, transfer and test on two CPU cores; `make demo` calls this.

    python tools/demo/run_demo.py [--root FOLDER] [--quick]

FCMAE pre-training on unlabeled digit scenes, then Mask R-CNN and UperNet from
those weights and, with the same schedule, from random weights. All training
and testing runs through mim. The results are a table, and figures and
``report.html`` in ``work_dirs/demo/``.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmpretrain_plugin.launch import (
    ProgressLine,
    clock,
    run_logged,
    seconds_left,
)

DEMO = Path(__file__).resolve().parent
TOOLS = DEMO.parent
CONFIGS = TOOLS.parent / 'configs' / 'demo'
WORK = Path('work_dirs/demo')
DATA = Path('data/digit_scenes')
MIM = str(Path(sys.executable).with_name('mim'))
# --quick: each step runs, but too briefly to learn anything.
QUICK = {
    'data': ['--unlabeled', '8', '--train', '8', '--val', '4'],
    'fcmae': [
        'train_cfg.max_epochs=1',
        'default_hooks.checkpoint.interval=1',
        'train_dataloader.batch_size=4',
        'default_hooks.logger.interval=1',
    ],
    'mask-rcnn': [
        'train_cfg.max_epochs=1',
        'default_hooks.checkpoint.interval=1',
        'default_hooks.logger.interval=1',
    ],
    'upernet': [
        'train_cfg.max_iters=2',
        'default_hooks.checkpoint.interval=2',
        'default_hooks.logger.interval=1',
    ],
}


@dataclass(frozen=True)
class Step:
    """One command of the demo.

    Attributes:
        name: Name of its log and its work folder.
        title: Description that is printed.
        seconds: Its duration on two cores, to estimate the time left.
        command: Returns the command line, after the previous steps ran.
    """

    name: str
    title: str
    seconds: float
    command: Callable[[], list[str]]


def last_checkpoint(name: str, root: Path) -> str:
    """Return the last checkpoint of a training step."""
    return (root / WORK / name / 'last_checkpoint').read_text().strip()


def transfer_steps(
    task: str, start: str, root: Path, quick: bool
) -> list[Step]:
    """Return the steps of one downstream task from one initialization.

    Args:
        task: 'mask-rcnn' or 'upernet'.
        start: 'fcmae' or 'scratch'.
        root: Folder of data and results.
        quick: Whether to shorten the schedule to a minimum.
    """
    library = 'mmdet' if task == 'mask-rcnn' else 'mmseg'
    name = f'{task}-{start}'
    suffix = '-fcmae' if start == 'fcmae' else ''
    config = str(CONFIGS / f'{task}_convnextv2-atto{suffix}_digits.py')
    long_title = 'Mask R-CNN' if task == 'mask-rcnn' else 'UperNet'
    origin = 'FCMAE weights' if start == 'fcmae' else 'random weights'

    def train() -> list[str]:
        options = list(QUICK[task]) if quick else []
        if start == 'fcmae':
            checkpoint = last_checkpoint('fcmae', root)
            options.append(f'model.backbone.init_cfg.checkpoint={checkpoint}')
        return [
            MIM, 'train', library, config,
            '--work-dir', str(root / WORK / name),
            *(['--cfg-options', *options] if options else []),
        ]  # fmt: skip

    def test(kind: str, *more: str) -> Callable[[], list[str]]:
        return lambda: [
            MIM, 'test', library, config,
            '--checkpoint', last_checkpoint(name, root),
            '--work-dir', str(root / WORK / f'{name}-{kind}'), *more,
        ]  # fmt: skip

    # Absolute, because mmdet nests a relative folder again for each image.
    folder = root / WORK / f'{name}-test' / 'images'
    images = ('--show-dir', str(folder))
    if task == 'mask-rcnn':
        return [
            Step(name, f'{long_title} from {origin}', 135, train),
            Step(f'{name}-test', 'test with soft-NMS', 33,
                 test('test', *images)),
        ]  # fmt: skip
    return [
        Step(name, f'{long_title} from {origin}', 95, train),
        Step(f'{name}-test', 'single-scale test', 30,
             test('test', *images)),
        Step(f'{name}-test-ms', 'multi-scale test', 32,
             test('test-ms', '--tta')),
    ]  # fmt: skip


def make_steps(root: Path, quick: bool) -> list[Step]:
    """Return the steps of the demo in their order.

    Args:
        root: Folder of data and results.
        quick: Whether to shorten all schedules to a minimum.
    """
    config = str(CONFIGS / 'fcmae_convnextv2-atto_digits.py')
    data = [sys.executable, str(DEMO / 'make_digit_scenes.py'), str(DATA)]
    fcmae = [MIM, 'train', 'mmpretrain', config,
             '--work-dir', str(root / WORK / 'fcmae')]  # fmt: skip
    if quick:
        data += QUICK['data']
        fcmae += ['--cfg-options', *QUICK['fcmae']]
    steps = [
        Step('data', 'digit scenes', 29, lambda: data),
        Step('fcmae', 'FCMAE pre-training', 180, lambda: fcmae),
    ]
    for task in ('mask-rcnn', 'upernet'):
        for start in ('fcmae', 'scratch'):
            steps += transfer_steps(task, start, root, quick)
    draw = [
        sys.executable, str(TOOLS / 'visualize_reconstruction.py'), config,
    ]  # fmt: skip
    steps.append(
        Step(
            'reconstructions', 'figure of reconstructions', 15,
            lambda: [*draw, last_checkpoint('fcmae', root),
                     str(WORK / 'reconstructions.png'),
                     str(DATA / 'coco' / 'val')],
        )
    )  # fmt: skip
    return steps


class Progress:
    """Progress of all steps.

    Args:
        steps: All steps.
    """

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.line = ProgressLine()

    def show(self, index: int, started: float, left: float | None) -> None:
        """Print which step runs, its duration, and the time left.

        Args:
            index: Index of the running step.
            started: Its start, on the monotonic clock.
            left: Seconds left by the log of the step, None if unknown.
        """
        step, passed = self.steps[index], time.monotonic() - started
        if left is None:
            left = max(step.seconds - passed, 1)
        later = sum(s.seconds for s in self.steps[index + 1 :])
        self.line.show(
            f'{self._head(index)}: {clock(passed)}, about {clock(left)} left '
            f'in this step, {clock(left + later)} in all   '
        )

    def done(self, index: int, seconds: float) -> None:
        """Print that a step finished."""
        print(f'{self._head(index)}: done in {clock(seconds)}'.ljust(78))

    def _head(self, index: int) -> str:
        step = self.steps[index]
        return f'[{index + 1:2}/{len(self.steps)}] {step.title}'


def run_step(
    steps: list[Step], index: int, root: Path, progress: Progress
) -> float:
    """Run one step with its output in a log file.

    Returns:
        Its duration in seconds.

    Raises:
        SystemExit: With the end of the log, if the command fails.
    """
    step, started = steps[index], time.monotonic()
    log = root / WORK / 'logs' / f'{step.name}.log'
    status = run_logged(
        step.command(),
        log,
        lambda line: progress.show(index, started, seconds_left(line)),
        cwd=root,
        # The configs are for two CPU cores, and without a CUDA compiler mmcv
        # has its operators for the CPU only.
        env={'CUDA_VISIBLE_DEVICES': ''},
    )
    if status:
        tail = log.read_text().splitlines()[-25:]
        raise SystemExit(
            '\n'.join(tail) + f'\n\n{step.title} failed; its log is {log}'
        )
    seconds = time.monotonic() - started
    progress.done(index, seconds)
    return seconds


def main() -> None:
    """Run all steps, then write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--root', type=Path,
        help='folder for data/ and work_dirs/ (default: current folder)',
    )  # fmt: skip
    parser.add_argument(
        '--quick', action='store_true',
        help='run each step, but too briefly to learn anything',
    )  # fmt: skip
    args = parser.parse_args()
    if args.quick and not args.root:
        parser.error('--quick needs --root: it must not replace real results')
    root = (args.root or Path.cwd()).resolve()
    shutil.rmtree(root / WORK, ignore_errors=True)
    (root / WORK).mkdir(parents=True)
    steps = make_steps(root, args.quick)
    total = sum(step.seconds for step in steps)
    if not args.quick:
        print(f'{len(steps)} steps, about {clock(total)} on two cores')
    progress = Progress(steps)
    seconds = {
        step.name: run_step(steps, i, root, progress)
        for i, step in enumerate(steps)
    }
    (root / WORK / 'seconds.json').write_text(json.dumps(seconds, indent=2))
    report = [sys.executable, str(DEMO / 'report.py'), str(WORK)]
    raise SystemExit(subprocess.run(report, cwd=root).returncode)


if __name__ == '__main__':
    main()
