"""The commands of the study, in their order."""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from mmpretrain_plugin.launch import last_checkpoint, mim_test, mim_train
from mmpretrain_plugin.step_runner import Step
from study.runs import ANALYZED, FCMAE, PRETRAININGS, TASKS, TRANSFERS

TOOLS = Path(__file__).resolve().parents[1]
CONFIGS = TOOLS.parent / 'configs' / 'demo'
DATA = Path('data/digit_scenes')
# Expected seconds on one core; only their ratios matter.
SECONDS = {
    'data': 25,
    'fcmae': 480,
    'fcmae-long': 1800,
    'supervised': 170,
    'mask-rcnn': 210,
    'upernet': 260,
    'test': 40,
    'features': 60,
}
# --quick: each step runs, but too briefly to learn anything.
QUICK = {
    'data': ('--unlabeled', '8', '--train', '24', '--val', '1',
             '--test', '40'),
    'mmpretrain': ('train_cfg.max_epochs=1', 'train_dataloader.batch_size=4',
                   'default_hooks.checkpoint.interval=1',
                   'default_hooks.logger.interval=1'),
    'mmdet': ('train_cfg.max_epochs=1', 'default_hooks.checkpoint.interval=1',
              'default_hooks.logger.interval=1'),
    'mmseg': ('train_cfg.max_iters=2', 'default_hooks.checkpoint.interval=2',
              'default_hooks.logger.interval=1'),
}  # fmt: skip


def make_steps(root: Path, seeds: Sequence[int], quick: bool) -> list[Step]:
    """Return all steps, seed by seed.

    Args:
        root: Folder of data and results.
        seeds: Seeds of weights, orders, crops and masks.
        quick: Whether to shorten all schedules to a minimum.
    """
    data = [sys.executable, str(TOOLS / 'demo/make_digit_scenes.py')]
    data += [str(DATA), *(QUICK['data'] if quick else ())]
    steps = [Step('data', 'digit scenes', SECONDS['data'], lambda: data)]
    for seed in seeds:
        steps += seed_steps(root, seed, quick)
    return steps


def seed_steps(root: Path, seed: int, quick: bool) -> list[Step]:
    """Return the steps of one seed, which need the data set.

    The transfers of a pre-training follow it, so that an interrupted study
    has few pre-trainings that are still needed.
    """
    steps = []
    for start in (None, *PRETRAININGS):
        if start is not None:
            steps.append(_pretrain(root, seed, start, quick))
        if start == ANALYZED[-1]:
            steps.append(_analyze(root, seed))
        for name, transfer in TRANSFERS.items():
            if transfer.start == start:
                for task in transfer.tasks:
                    steps += _transfer(root, seed, name, task, quick)
    return steps


def still_needed(
    steps: Sequence[Step], finished: Collection[str], root: Path
) -> list[Step]:
    """Return the steps to run, in the same order.

    Those are the steps that are not finished, and the trainings whose
    weights such a step needs and the folder does not have, because they ran
    on another machine.
    """
    needed: list[Step] = []
    wanted: set[str] = set()
    for step in reversed(steps):
        is_lost = not (root / step.name / 'last_checkpoint').exists()
        if step.name not in finished or (step.name in wanted and is_lost):
            needed.append(step)
            wanted.update(step.after)
    return needed[::-1]


def _initial_weights(folder: Path) -> str:
    """Return the option that loads the weights of a training."""
    checkpoint = last_checkpoint(folder)
    return f'model.backbone.init_cfg.checkpoint={checkpoint}'


def _pretrain(root: Path, seed: int, name: str, quick: bool) -> Step:
    run, folder = PRETRAININGS[name], f'seed-{seed}/{name}'
    after = ('data',) if run.start is None else (f'seed-{seed}/{run.start}',)

    def command() -> list[str]:
        options = [*run.options, f'randomness.seed={seed}']
        options += QUICK['mmpretrain'] if quick else ()
        if run.start is not None:
            # In the place of the config's None, which nothing can merge with.
            options.append('model.backbone.init_cfg._delete_=True')
            options.append('model.backbone.init_cfg.type=Pretrained')
            options.append(_initial_weights(root / after[0]))
        config = CONFIGS / f'{run.config}.py'
        return mim_train('mmpretrain', config, root / folder, options=options)

    kind = 'fcmae' if run.config == FCMAE else 'supervised'
    title = f'seed {seed}: {run.title}'
    seconds = SECONDS.get(name, SECONDS[kind])
    return Step(folder, title, seconds, command, after)


def _transfer(
    root: Path, seed: int, name: str, task: str, quick: bool
) -> list[Step]:
    """Return training and test of a task from one start."""
    run, folder = TRANSFERS[name], f'seed-{seed}/{task}_{name}'
    library, config = TASKS[task]
    suffix = '' if run.start is None else '-fcmae'
    path = CONFIGS / f'{config.format(suffix)}.py'
    before = 'data' if run.start is None else f'seed-{seed}/{run.start}'
    title = f'seed {seed}: {task} from {run.title}'

    def train() -> list[str]:
        options = [*run.options, f'randomness.seed={seed}']
        options += QUICK[library] if quick else ()
        if run.start is not None:
            options.append(_initial_weights(root / before))
        return mim_train(library, path, root / folder, options=options)

    def test() -> list[str]:
        return mim_test(
            library,
            path,
            last_checkpoint(root / folder),
            root / f'{folder}_test',
            options=run.options,
        )

    return [
        Step(folder, title, SECONDS[task], train, (before,)),
        Step(
            f'{folder}_test',
            f'{title}: test',
            SECONDS['test'],
            test,
            (folder,),
        ),
    ]


def _analyze(root: Path, seed: int) -> Step:
    """Return the step that measures the features of the pre-trainings."""
    names = [f'seed-{seed}/{name}' for name in ANALYZED]

    def command() -> list[str]:
        models: list[str] = []
        for name, folder in zip(ANALYZED, names):
            # The config as it was trained, which MMEngine wrote.
            config = root / folder / f'{PRETRAININGS[name].config}.py'
            models += [str(config), last_checkpoint(root / folder)]
        return [
            sys.executable, str(TOOLS / 'analyze_features.py'), *models,
            '--data', str(DATA / 'crops/test'), '--labels', '--size', '96',
            '--names', *(PRETRAININGS[name].title for name in ANALYZED),
            '--out', str(root / f'seed-{seed}/features'),
        ]  # fmt: skip

    return Step(
        f'seed-{seed}/features',
        f'seed {seed}: features',
        SECONDS['features'],
        command,
        tuple(names),
    )
