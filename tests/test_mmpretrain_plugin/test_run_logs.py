"""Logs of trainings and tests are read as MMEngine writes them."""

import json
import os

import pytest

from mmpretrain_plugin.run_logs import (
    final_loss,
    read_losses,
    read_scalars,
    read_test,
)


def write_scalars(work_dir, start, records):
    path = work_dir / start / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(records))


def test_a_training_that_started_over_counts_once(tmp_path):
    """The first start got to iteration 30, and its last line is cut off."""
    for start, count, loss in (('1', 3, 9.0), ('2', 5, 1.0)):
        records = [
            json.dumps(dict(step=10 * i, loss=loss + i))
            for i in range(1, count + 1)
        ]
        if start == '1':
            records += [
                json.dumps(dict(accuracy=7, step=1)),
                '{"step": 40, "l',
            ]
        write_scalars(tmp_path, start, records)
    assert len(read_scalars(tmp_path)) == 3 + 1 + 5
    steps, losses = read_losses(tmp_path)
    assert steps == [10, 20, 30, 40, 50]
    assert losses == [2, 3, 4, 5, 6]


def test_the_final_loss_is_a_mean():
    assert final_loss([5.0, 1.0]) == 1
    assert final_loss([9.0] * 95 + [1, 2, 3, 4, 5]) == 3
    assert final_loss([9.0] * 6 + [1, 2, 3, 4], share=0.4) == 2.5


def test_the_last_test_counts(tmp_path):
    for name, value in (('b', 1), ('a', 2)):
        path = tmp_path / name / f'{name}.json'
        path.parent.mkdir()
        path.write_text(json.dumps(dict(mIoU=value)))
        os.utime(path, (value, value))
    assert read_test(tmp_path) == dict(mIoU=2)


def test_a_missing_test_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'{tmp_path} has no results'):
        read_test(tmp_path)
