r"""Train a config at every point of a grid and print a table of results.

    python tools/sweep.py CONFIG --grid KEY=VALUE,VALUE [KEY=VALUE,VALUE ...]

For example, the grid of A.4 of the paper for a config of configs/ade20k:

    python tools/sweep.py CONFIG --launcher pytorch --gpus 8 \
        --grid optim_wrapper.paramwise_cfg.layer_decay_rate=0.8,0.9 \
               optim_wrapper.optimizer.lr=1e-4,2e-4,3e-4 \
               model.backbone.drop_path_rate=0.1,0.2,0.3,0.4

Each point is one `mim train` with a work folder of its own; options that this
tool does not know are passed on to it. The same command, run again after an
interruption, skips finished points and resumes the others, which
`mim gridsearch` does not.
"""

import argparse
import itertools
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from mmengine.config import Config

from mmpretrain_plugin.launch import (
    ProgressLine,
    clock,
    exit_on_signals,
    mim_train,
    run_logged,
    seconds_left,
)
from mmpretrain_plugin.output_files import write_json
from mmpretrain_plugin.result_folder import claim_folder
from mmpretrain_plugin.run_logs import read_scalars

# Main metric of each library; for all of them, higher is better.
METRICS = {
    'mmpretrain': 'accuracy/top1',
    'mmdet': 'coco/bbox_mAP',
    'mmseg': 'mIoU',
}
# Written into the folder of a run when it succeeded.
DONE = 'finished.json'


def parse_grid(words: list[str], cfg: Config) -> dict[str, list[str]]:
    """Parse words of the form ``KEY=VALUE,VALUE``.

    Args:
        words: The words of the command line.
        cfg: The config, which must have the keys.

    Returns:
        Values by key, as text.

    Raises:
        SystemExit: If a word is not of that form or a key does not exist.
    """
    grid = {}
    for word in words:
        key, separator, values = word.partition('=')
        # Commas inside brackets belong to a value.
        values = re.split(r',(?![^\[(]*[\])])', values)
        if not separator or not all(values):
            raise SystemExit(
                f'--grid takes KEY=VALUE,VALUE, got {word!r}; for example '
                'optim_wrapper.optimizer.lr=1e-4,2e-4'
            )
        node = cfg.to_dict()
        for part in key.split('.'):
            if isinstance(node, (list, tuple)):
                node = dict(zip(map(str, range(len(node))), node))
            known = node if isinstance(node, dict) else {}
            if part not in known:
                raise SystemExit(
                    f'--grid {key}: the config has no {part!r} there; it has '
                    f'{", ".join(sorted(known)) or f"the value {node!r}"}'
                )
            node = node[part]
        if key in grid:
            raise SystemExit(f'--grid has {key} twice; list its values once')
        grid[key] = values
    return grid


def short_names(keys: list[str]) -> dict[str, str]:
    """Return the last part of each key, or the key if that is ambiguous."""
    last = [key.split('.')[-1] for key in keys]
    return {
        key: name if last.count(name) == 1 else key
        for key, name in zip(keys, last)
    }


def points(grid: dict[str, list[str]]) -> Iterator[tuple[str, dict]]:
    """Yield name and overrides of each point; the last key varies fastest."""
    names = short_names(list(grid))
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values))
        yield ','.join(f'{names[k]}={v}' for k, v in point.items()), point


def claim(
    folder: Path, cfg: Config, grid: dict[str, list[str]], more: list[str]
) -> TextIO:
    """Lock the folder of a sweep and record its settings.

    A grid may grow between calls; finished points remain.

    Args:
        folder: Folder of the sweep.
        cfg: The config; its content is compared, not its name.
        grid: Values by key.
        more: Options for mim.

    Returns:
        The lock, which lasts as long as the object.

    Raises:
        SystemExit: If the folder cannot be written to, another sweep is
            running in it, or it holds runs with other settings.
    """
    settings = {
        'config': cfg.pretty_text,
        'keys': list(grid),
        'options': more,
    }
    try:
        return claim_folder(folder, settings, 'sweep.json')
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None


def read_metric(run: Path, metric: str) -> tuple[float, float] | None:
    """Return a metric of a run from its logs.

    Args:
        run: Folder of the run, with one folder of logs per start.
        metric: Name of the metric in the logs.

    Returns:
        Its last and its best value (the lowest of a loss), or None.
    """
    values = [r[metric] for r in read_scalars(run) if metric in r]
    if not values:
        return None
    best = min if 'loss' in metric else max
    return values[-1], best(values)


def table(folder: Path, grid: dict[str, list[str]], metric: str) -> str:
    """Return the results of all points as a table in Markdown."""
    names = short_names(list(grid))
    rows = [[*names.values(), f'{metric}, last', 'best', 'state']]
    results = {}
    for name, point in points(grid):
        run = folder / name
        found = read_metric(run, metric) if run.exists() else None
        state = 'finished' if (run / DONE).exists() else (
            'unfinished' if run.exists() else 'not run'
        )  # fmt: skip
        numbers = [f'{v:.4g}' for v in found] if found else ['-', '-']
        results[len(rows)] = found
        rows.append([*point.values(), *numbers, state])
    known = {row: found[1] for row, found in results.items() if found}
    if known:
        choose = min if 'loss' in metric else max
        rows[choose(known, key=known.get)][-2] += ' *'
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        '| ' + ' | '.join(c.ljust(w) for c, w in zip(row, widths)) + ' |'
        for row in rows
    ]
    lines.insert(1, '|' + '|'.join('-' * (w + 2) for w in widths) + '|')
    return '\n'.join(lines)


def train(
    config: str,
    library: str,
    run: Path,
    point: dict,
    more: list[str],
    title: str,
) -> bool:  # fmt: skip
    """Train one point, or resume it.

    Args:
        config: Path of the config.
        library: 'mmpretrain', 'mmdet' or 'mmseg'.
        run: Folder of the run.
        point: Overrides of the config.
        more: Options for mim.
        title: First part of each line of progress.

    Returns:
        Whether it succeeded.
    """
    overrides = [f'{key}={value}' for key, value in point.items()]
    command = mim_train(library, config, run, more, overrides)
    started, progress = time.monotonic(), ProgressLine()

    def show(line: str) -> None:
        left = seconds_left(line)
        if left is not None:
            passed = clock(time.monotonic() - started)
            progress.show(f'{title}: {passed}, about {clock(left)} left')

    status = run_logged(command, run / 'sweep.log', show)
    passed = clock(time.monotonic() - started)
    if status:
        tail = (run / 'sweep.log').read_text().splitlines()[-5:]
        print('\n'.join(tail))
        print(f'{title}: failed after {passed}; its log: {run / "sweep.log"}')
        return False
    # Written at once: after a crash no run looks finished that is not.
    write_json({'overrides': point, 'command': command}, run / DONE)
    print(f'{title}: done in {passed}'.ljust(78))
    return True


def main() -> None:
    """Train the points that are not finished, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('config', help='any config with a model')
    parser.add_argument(
        '--grid', nargs='+', required=True, metavar='KEY=V1,V2',
        help='values to try, by key of the config',
    )  # fmt: skip
    parser.add_argument(
        '--work-dir', type=Path,
        help='folder of all runs (default: work_dirs/sweep_CONFIG)',
    )  # fmt: skip
    parser.add_argument(
        '--metric',
        help='name in the logs (default: main metric, or the loss)',
    )
    parser.add_argument(
        '--table', action='store_true', help='only print the table'
    )
    args, more = parser.parse_known_args()
    if not Path(args.config).is_file():
        parser.error(f'{args.config} is no config file')
    cfg = Config.fromfile(args.config)
    library = cfg.default_scope
    grid = parse_grid(args.grid, cfg)
    metric = args.metric
    if metric is None:
        metric = METRICS[library] if cfg.get('val_evaluator') else 'loss'
    folder = args.work_dir or Path(f'work_dirs/sweep_{Path(args.config).stem}')
    failed = []
    swept = [word for word in more if word.split('=')[0] in grid]
    if swept:
        parser.error(f'{swept[0]} is already a key of --grid')
    if not args.table:
        lock = claim(folder, cfg, grid, more)  # noqa: F841  until the end
        todo = list(points(grid))
        for i, (name, point) in enumerate(todo, start=1):
            title = f'[{i}/{len(todo)}] {name}'
            if (folder / name / DONE).exists():
                print(f'{title}: finished before')
            elif not train(
                args.config, library, folder / name, point, more, title
            ):
                failed.append(name)
    print(table(folder, grid, metric))
    if failed:
        raise SystemExit(f'{len(failed)} failed: {"; ".join(failed)}')


if __name__ == '__main__':
    try:
        with exit_on_signals():
            main()
    except KeyboardInterrupt:
        sys.exit('interrupted; run the same command again to continue')
