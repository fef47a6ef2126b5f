"""Read what a training or a test of MMEngine wrote into its work folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_scalars(work_dir: Path) -> list[dict[str, Any]]:
    """Return the logged values of a training, of all its starts in order.

    Args:
        work_dir: Work folder, with one folder of logs per start.
    """
    records = []
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # cut off when the run was killed
    return records


def read_losses(work_dir: Path) -> tuple[list[int], list[float]]:
    """Return iterations and training losses of a run.

    Of an iteration that was repeated after an interruption, the last loss
    counts.
    """
    losses = {
        line['step']: line['loss']
        for line in read_scalars(work_dir)
        if 'loss' in line
    }
    steps = sorted(losses)
    return steps, [losses[step] for step in steps]


def read_test(work_dir: Path) -> dict[str, float]:
    """Return the metrics of the last test in a work folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = sorted(work_dir.glob('*/*.json'), key=lambda p: p.stat().st_mtime)
    if not found:
        raise FileNotFoundError(
            f'{work_dir} has no results of a test; run the test to its end'
        )
    return json.loads(found[-1].read_text())


def final_loss(losses: Sequence[float], share: float = 0.05) -> float:
    """Return the mean loss over the last part of a training.

    Args:
        losses: Logged losses in their order.
        share: Size of the part, of all losses.
    """
    last = losses[-max(round(share * len(losses)), 1) :]
    return sum(last) / len(last)
