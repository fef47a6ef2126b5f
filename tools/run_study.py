"""Test the paper's claims at a small scale, with several seeds.

    python tools/run_study.py [--root FOLDER] [--seeds 0 1 2]

Trains ConvNeXt V1 and V2 of size Atto on the digit scenes of the demo, by
FCMAE (with three mask ratios, and without sparse encoding) and supervised, and
Mask R-CNN and UperNet from each of them and from random weights. One seed
should take about an hour on two idle cores, estimated from single steps.

Finished steps are skipped when the same command runs again; a training that
was interrupted starts over. Each complete seed is written to ``seed-N.json``;
from those files tools/dev/make_evidence.py makes docs/evidence.md.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config
from study.results import collect, conditions
from study.runs import PRETRAININGS, TASKS, TRANSFERS
from study.steps import CONFIGS, make_steps, seed_steps
from study.tables import claim_table, feature_table, transfer_table

from mmpretrain_plugin.command_line import output_folder
from mmpretrain_plugin.output_files import write_json
from mmpretrain_plugin.result_folder import claim_folder
from mmpretrain_plugin.step_runner import Step, StepRunner


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--root', type=output_folder, default='work_dirs/study',
        help='folder of data and results (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2],
        help='seeds of weights, orders, crops and masks (default: 0 1 2)',
    )  # fmt: skip
    parser.add_argument(
        '--quick', action='store_true',
        help='run each step, but too briefly to learn anything',
    )  # fmt: skip
    args = parser.parse_args()
    if len(set(args.seeds)) < len(args.seeds) or min(args.seeds) < 0:
        parser.error(
            '--seeds takes different numbers of 0 or more, got '
            f'{" ".join(map(str, args.seeds))}'
        )
    return args


def settings(quick: bool) -> dict[str, object]:
    """Return what all results in a folder have in common."""
    names = {run.config for run in PRETRAININGS.values()}
    for _, config in TASKS.values():
        names |= {config.format(''), config.format('-fcmae')}
    texts = [
        Config.fromfile(CONFIGS / f'{name}.py').pretty_text
        for name in sorted(names)
    ]
    generator = CONFIGS.parents[1] / 'tools/demo/digit_scenes.py'
    texts += [generator.read_text(), repr(PRETRAININGS), repr(TRANSFERS)]
    digest = hashlib.sha256('\n'.join(texts).encode()).hexdigest()[:12]
    return dict(quick=quick, configs_and_data=digest)


def finished_steps(folder: Path) -> set[str]:
    """Return the names of the steps that ran before.

    Not the data set, whose tool checks by itself whether it is up to date.
    """
    paths = folder.rglob('*.json')
    names = {str(p.relative_to(folder).with_suffix('')) for p in paths}
    return names - {'data'}


def run(root: Path, seeds: Iterable[int], quick: bool) -> None:
    """Run the steps that are not finished, and write each complete seed."""
    finished = root / 'finished'
    of_seed = {
        seed: {step.name for step in seed_steps(root, seed, quick)}
        for seed in seeds
    }

    def record(step: Step, seconds: float) -> None:
        path = finished / f'{step.name}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        content = dict(seconds=round(seconds, 1), conditions=conditions())
        write_json(content, path)
        for seed, names in of_seed.items():
            if step.name in names and names <= finished_steps(finished):
                write_json(collect(root, seed), root / f'seed-{seed}.json')

    steps = make_steps(root, list(of_seed), quick)
    before = finished_steps(finished) & {step.name for step in steps}
    print(f'{len(steps)} steps, {len(before)} of them finished before')
    StepRunner(
        steps,
        root / 'logs',
        cwd=root,
        env={'CUDA_VISIBLE_DEVICES': ''},  # the configs are for CPU cores
        on_done=record,
        finished=before,
    ).run()


def main() -> None:
    """Run the study, and print its tables."""
    args = parse_arguments()
    root = args.root.resolve()
    try:
        # Held until this process ends.
        lock = claim_folder(root, settings(args.quick))  # noqa: F841
        run(root, args.seeds, args.quick)
        results = [collect(root, seed) for seed in args.seeds]
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    for make_table in (transfer_table, feature_table, claim_table):
        print(f'\n{make_table(results)}')
    print(f'\nresults: {root}/seed-*.json')


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit('\ninterrupted; run the same command again to continue')
