"""Categories are put in the order of the classes, by name."""

import json
import sys

import order_categories
import pytest
from mmdet.datasets import CocoDataset

from tests.test_configs import CONFIGS

CONFIG = 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'


def content(*names):
    box = dict(bbox=[1, 2, 30, 40], area=900, iscrowd=0)
    return dict(
        images=[dict(id=1, file_name='1.jpg', height=64, width=64)],
        categories=[dict(id=7 + i, name=n) for i, n in enumerate(names)],
        annotations=[
            dict(id=i, image_id=1, category_id=7 + i, **box)
            for i in range(len(names))
        ],
    )


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, 'argv', ['tool', *map(str, words)])
    order_categories.main()


@pytest.mark.parametrize(
    ('names', 'classes'),
    [
        (('dog', 'cat'), ('cat', 'dog')),
        (('dog', 'cow', 'cat'), ('cat', 'dog')),
        (('dog',), ('cat', 'dog')),
        (('cow', 'dog'), ('cat', 'dog', 'ant')),
    ],
)
def test_mmdetection_then_reads_the_right_classes(
    names, classes, tmp_path, monkeypatch, capsys
):
    before, after = tmp_path / 'before.json', tmp_path / 'after.json'
    before.write_text(json.dumps(content(*names)))
    run(monkeypatch, before, after, '--classes', *classes)
    dataset = CocoDataset(
        ann_file=str(after), metainfo=dict(classes=classes), pipeline=[],
        data_prefix=dict(img=''),
    )  # fmt: skip
    labels = [
        one['bbox_label'] for one in dataset.get_data_info(0)['instances']
    ]
    expected = [name for name in names if name in classes]
    assert [classes[label] for label in labels] == expected
    missing, other = set(classes) - set(names), set(names) - set(classes)
    assert (
        f'{len(classes)} classes, {len(missing)} of them without objects, '
        f'{len(other)} other categories'
    ) in capsys.readouterr().out


def test_classes_of_a_config(tmp_path, monkeypatch):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content('zebra', 'person')))
    run(monkeypatch, path, path, '--config', CONFIGS / CONFIG)
    names = [c['name'] for c in json.loads(path.read_text())['categories']]
    assert tuple(names) == CocoDataset.METAINFO['classes']


def test_wrong_files_are_one_line(tmp_path, monkeypatch):
    path, out = tmp_path / 'a.json', tmp_path / 'out.json'
    path.write_text('{')
    with pytest.raises(SystemExit, match='a.json is damaged or not in COCO'):
        run(monkeypatch, path, out, '--classes', 'a')
    path.write_text(json.dumps(content('a')))
    config = CONFIGS / 'ade20k'
    config = next(config.glob('*.py'))
    with pytest.raises(SystemExit, match='names no classes in train_datal'):
        run(monkeypatch, path, out, '--config', config)
    assert not out.exists()
