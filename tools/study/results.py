"""Collect what one seed of the study measured."""

import json
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mmpretrain_plugin.run_logs import final_loss, read_losses, read_test
from study.runs import ANALYZED, PRETRAININGS, TRANSFERS

PACKAGES = ('torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection',
            'onedl-mmsegmentation', 'onedl-mmpretrain')  # fmt: skip
METRICS = {'box_ap': 'box AP', 'mask_ap': 'mask AP', 'miou': 'mIoU'}


def conditions() -> dict[str, Any]:
    """Return date, machine and versions, recorded when a step ends."""
    cores = len(os.sched_getaffinity(0))
    return dict(
        date=str(date.today()),
        machine=f'{platform.machine()}, {cores} cores',
        versions={name: version(name) for name in PACKAGES},
    )


def collect(root: Path, seed: int) -> dict[str, Any]:
    """Return the results of a seed that has run completely.

    Args:
        root: Folder of the study.
        seed: The seed.

    Returns:
        ``transfer``: AP and mIoU in percent by run; ``features``: measures by
        pre-training; ``loss``: loss at the end of each pre-training;
        ``seconds`` of each step beside another one; ``conditions``: the
        different dates, machines and versions of the steps.

    Raises:
        FileNotFoundError: If results of a step are missing.
    """
    folder = root / f'seed-{seed}'
    transfer = {}
    for name, run in TRANSFERS.items():
        found = {}
        if 'mask-rcnn' in run.tasks:
            detection = read_test(folder / f'mask-rcnn_{name}_test')
            found['box_ap'] = 100 * detection['coco/bbox_mAP']
            found['mask_ap'] = 100 * detection['coco/segm_mAP']
        if 'upernet' in run.tasks:
            found['miou'] = read_test(folder / f'upernet_{name}_test')['mIoU']
        transfer[name] = {k: round(v, 4) for k, v in found.items()}
    records = {
        path.stem: json.loads(path.read_text())
        for path in sorted((root / f'finished/seed-{seed}').glob('*.json'))
    }
    known: list[dict[str, Any]] = []
    for record in records.values():
        if record['conditions'] not in known:
            known.append(record['conditions'])
    return dict(
        seed=seed,
        transfer=transfer,
        features=_features(folder / 'features/features.json'),
        loss={
            name: round(final_loss(read_losses(folder / name)[1]), 4)
            for name in PRETRAININGS
        },
        seconds={name: record['seconds'] for name, record in records.items()},
        conditions=known,
    )


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
