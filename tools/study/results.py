"""What each seed of the study measured, in one file per seed."""

import json
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mmpretrain_plugin.output_files import write_json
from mmpretrain_plugin.run_logs import final_loss, read_losses, read_test
from study.runs import ANALYZED, PRETRAININGS

PACKAGES = ('torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection',
            'onedl-mmsegmentation', 'onedl-mmpretrain')  # fmt: skip
METRICS = {'box_ap': 'box AP', 'mask_ap': 'mask AP', 'miou': 'mIoU'}
# By task: key of a metric in the log, and what makes it percent.
LOGGED = {
    'mask-rcnn': {
        'box_ap': ('coco/bbox_mAP', 100),
        'mask_ap': ('coco/segm_mAP', 100),
    },
    'upernet': {'miou': ('mIoU', 1)},
}


def conditions() -> dict[str, Any]:
    """Return date, machine and versions, recorded when a step ends."""
    cores = len(os.sched_getaffinity(0))
    return dict(
        date=str(date.today()),
        machine=f'{platform.machine()}, {cores} cores',
        versions={name: version(name) for name in PACKAGES},
    )


def read_results(
    root: Path, seed: int, settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what was measured for a seed so far.

    Args:
        root: Folder of the study.
        seed: The seed.
        settings: What the results must have been measured with.

    Returns:
        ``transfer``: AP and mIoU in percent by run; ``features``: measures by
        pre-training; ``loss``: loss at the end of each pre-training;
        ``seconds`` of each finished step beside another one; ``conditions``:
        the different dates, machines and versions of the steps;
        ``settings``.

    Raises:
        ValueError: If the results have other settings.
    """
    path = root / f'seed-{seed}.json'
    if not path.exists():
        return dict(
            seed=seed, transfer={}, features={}, loss={}, seconds={},
            conditions=[], settings=settings,
        )  # fmt: skip
    results = json.loads(path.read_text())
    before = results.get('settings')
    if settings is not None and before != settings:
        raise ValueError(
            f'{path} was measured with {before}, now it is {settings}; move '
            'the file away, or use the commit that wrote it'
        )
    return results


def add_step(
    root: Path, step: str, seconds: float, settings: dict[str, Any]
) -> None:
    """Add the results of a step to the file of its seed.

    Args:
        root: Folder of the study.
        step: Name of the step, ``seed-N/name``.
        seconds: Its duration.
        settings: What it was measured with.

    Raises:
        FileNotFoundError: If the step left no results.
    """
    folder, name = step.split('/')
    seed = int(folder.removeprefix('seed-'))
    results = read_results(root, seed, settings)
    task, _, run = name.removesuffix('_test').partition('_')
    if name in PRETRAININGS:
        losses = read_losses(root / step)[1]
        results['loss'][name] = round(final_loss(losses), 4)
    elif name == 'features':
        results['features'] = _features(root / step / 'features.json')
    elif name.endswith('_test'):
        found = read_test(root / step)
        results['transfer'].setdefault(run, {}).update(
            (key, round(found[log_key] * scale, 4))
            for key, (log_key, scale) in LOGGED[task].items()
        )
    results['seconds'][name] = round(seconds, 1)
    if (now := conditions()) not in results['conditions']:
        results['conditions'].append(now)
    write_json(results, root / f'{folder}.json')


def _features(path: Path) -> dict[str, dict[str, Any]]:
    """Return measures of the features of each analyzed pre-training."""
    content = json.loads(path.read_text())
    features = {}
    for name, model in zip(ANALYZED, content['models']):
        # In the expanded dimension of the MLP: after GRN where there is one.
        taps = [b['normalized'] or b['activation'] for b in model['blocks']]
        features[name] = dict(
            cosine_distance=[round(t['cosine_distance'], 6) for t in taps],
            silent=round(float(np.mean([t['silent'] for t in taps])), 6),
            saturated=round(float(np.mean([t['saturated'] for t in taps])), 6),
            knn=model['knn'] and model['knn']['top1'],
            linear_probe=model['linear_probe'],
        )
    return features
