"""Pre-train, transfer and test on two CPU cores; `make demo` calls this.

    python tools/demo/run_demo.py [--root FOLDER] [--quick]

FCMAE pre-training on unlabeled digit scenes, then Mask R-CNN and UperNet from
those weights and, with the same schedule, from random weights. All training
and testing runs through mim, two steps at a time. The results are a table, and
figures and ``report.html`` in ``work_dirs/demo/``.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mmpretrain_plugin.launch import (
    clock,
    last_checkpoint,
    mim_test,
    mim_train,
)
from mmpretrain_plugin.step_runner import Step, StepRunner

DEMO = Path(__file__).resolve().parent
TOOLS = DEMO.parent
CONFIGS = TOOLS.parent / 'configs' / 'demo'
WORK = Path('work_dirs/demo')
DATA = Path('data/digit_scenes')
# Expected seconds of each step on one core; the time left is estimated from
# their ratios and the speed of this machine.
SECONDS = {
    'data': 20,
    'fcmae': 480,
    'mask-rcnn': 210,
    'mask-rcnn-test': 55,
    'upernet': 260,
    'upernet-test': 43,
    'upernet-test-ms': 45,
    'reconstructions': 12,
}
# --quick: each step runs, but too briefly to learn anything.
QUICK = {
    'data': ['--unlabeled', '8', '--train', '8', '--val', '2', '--test', '4'],
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
    config = CONFIGS / f'{task}_convnextv2-atto{suffix}_digits.py'
    model = 'Mask R-CNN' if task == 'mask-rcnn' else 'UperNet'
    origin = 'FCMAE weights' if start == 'fcmae' else 'random weights'
    work = root / WORK

    def train() -> list[str]:
        options = list(QUICK[task]) if quick else []
        if start == 'fcmae':
            checkpoint = last_checkpoint(work / 'fcmae')
            options.append(f'model.backbone.init_cfg.checkpoint={checkpoint}')
        return mim_train(library, config, work / name, options=options)

    def test(kind: str, title: str, *more: str) -> Step:
        return Step(
            f'{name}-{kind}',
            f'{title} of {model} from {origin}',
            SECONDS[f'{task}-{kind}'],
            lambda: mim_test(
                library,
                config,
                last_checkpoint(work / name),
                work / f'{name}-{kind}',
                more,
            ),
            after=(name,),
        )

    # Absolute, because mmdet nests a relative folder again for each image.
    images = ('--show-dir', str(work / f'{name}-test' / 'images'))
    steps = [
        Step(
            name,
            f'{model} from {origin}',
            SECONDS[task],
            train,
            after=('data', 'fcmae') if start == 'fcmae' else ('data',),
        ),
        test('test', 'test', *images),
    ]
    if task == 'upernet':
        steps.append(test('test-ms', 'multi-scale test', '--tta'))
    return steps


def make_steps(root: Path, quick: bool) -> list[Step]:
    """Return the steps of the demo in their order.

    Args:
        root: Folder of data and results.
        quick: Whether to shorten all schedules to a minimum.
    """
    work = root / WORK
    config = CONFIGS / 'fcmae_convnextv2-atto_digits.py'
    data = [sys.executable, str(DEMO / 'make_digit_scenes.py'), str(DATA)]
    draw = [sys.executable, str(TOOLS / 'visualize_reconstruction.py')]

    def step(
        name: str, title: str, command: Callable[[], list[str]], *after: str
    ) -> Step:
        return Step(name, title, SECONDS[name], command, after)

    steps = [
        step(
            'data',
            'digit scenes',
            lambda: data + (QUICK['data'] if quick else []),
        ),
        step(
            'fcmae',
            'FCMAE pre-training',
            lambda: mim_train(
                'mmpretrain',
                config,
                work / 'fcmae',
                options=QUICK['fcmae'] if quick else (),
            ),
            'data',
        ),
    ]
    # Trainings first: what is left at the end is short, so that no core waits
    # for the other one for long.
    transfers = [
        transfer_steps(task, start, root, quick)
        for start in ('scratch', 'fcmae')
        for task in ('upernet', 'mask-rcnn')
    ]
    steps += [training for training, *_ in transfers]
    steps += [test for _, *tests in transfers for test in tests]
    steps.append(
        step(
            'reconstructions',
            'figure of reconstructions',
            lambda: [
                *draw, str(config), last_checkpoint(work / 'fcmae'),
                str(WORK / 'reconstructions.png'),
                str(DATA / 'coco' / 'test'),
            ],
            'fcmae',
        )
    )  # fmt: skip
    return steps


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
    runner = StepRunner(
        steps,
        root / WORK / 'logs',
        cwd=root,
        # The configs are for two CPU cores, and without a CUDA compiler mmcv
        # has its operators for the CPU only.
        env={'CUDA_VISIBLE_DEVICES': ''},
    )
    if not args.quick:
        total = clock(runner.time_left(time.monotonic()))
        print(f'{len(steps)} steps, about {total} on two cores', flush=True)
    seconds = runner.run()
    (root / WORK / 'seconds.json').write_text(json.dumps(seconds, indent=2))
    report = [sys.executable, str(DEMO / 'report.py'), str(WORK)]
    raise SystemExit(subprocess.run(report, cwd=root).returncode)


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit('\ninterrupted; the next run starts over')
