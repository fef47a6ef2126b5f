"""Test the paper's claims at a small scale, with several seeds.

    python tools/run_study.py [--root FOLDER] [--seeds 0 1 2]

Trains ConvNeXt V1 and V2 of size Atto on the digit scenes of the demo, by
FCMAE (with three mask ratios, and without sparse encoding) and supervised, and
Mask R-CNN and UperNet from each of them and from random weights. One seed
should take about an hour on two idle cores, estimated from single steps.

Results are written to ``seed-N.json`` after each step, and finished steps are
skipped when the same command runs again; a training that was interrupted
starts over. To continue on another machine, copy those files into its folder:
of the steps that are in them, only the pre-trainings that others still need
run again. tools/dev/make_evidence.py makes docs/evidence.md from complete
seeds.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from study.results import add_step, read_results
from study.runs import PRETRAININGS, TASKS, TRANSFERS
from study.steps import CONFIGS, make_steps, still_needed
from study.tables import claim_table, feature_table, transfer_table

from mmpretrain_plugin.command_line import output_folder
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


def run(root: Path, seeds: Sequence[int], quick: bool) -> None:
    """Run the steps that are not finished, and write each seed's results."""
    steps = make_steps(root, seeds, quick)
    # Not the data set, whose tool checks by itself whether it is up to date.
    common = settings(quick)
    finished = {
        f'seed-{seed}/{name}'
        for seed in seeds
        for name in read_results(root, seed, common)['seconds']
    }
    needed = still_needed(steps, finished, root)
    print(f'{len(steps)} steps, {len(needed)} of them to run')

    def record(step: Step, seconds: float) -> None:
        if step.name != 'data':
            add_step(root, step.name, seconds, common)

    StepRunner(
        steps,
        root / 'logs',
        cwd=root,
        env={'CUDA_VISIBLE_DEVICES': ''},  # the configs are for CPU cores
        on_done=record,
        finished={s.name for s in steps} - {s.name for s in needed},
    ).run()


def main() -> None:
    """Run the study, and print its tables."""
    args = parse_arguments()
    root = args.root.resolve()
    try:
        # Held until this process ends.
        lock = claim_folder(root, settings(args.quick))  # noqa: F841
        run(root, args.seeds, args.quick)
        results = [read_results(root, seed) for seed in args.seeds]
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
