"""A sample that cannot be used is named, or skipped on request."""

import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmpretrain.datasets import CustomDataset
from mmseg.datasets import BaseSegDataset
from mmseg.structures import SegDataSample
from PIL import Image
from torch.utils.data import IterableDataset

import mmpretrain_plugin  # noqa: F401  registers transforms
from mmpretrain_plugin.engine import CheckedRunner
from mmpretrain_plugin.engine.runners.readable_dataset import (
    MIN_SAMPLES,
    ReadableDataset,
    readable,
)
from mmpretrain_plugin.engine.runners.seeded_data import SeededDataset

BAD = {
    'empty': b'',
    'a text': b'not an image',
    'truncated': None,  # the first half of an image
}


def images(folder, count=4):
    rng = np.random.default_rng(0)
    for i in range(count):
        pixels = rng.integers(0, 255, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'{i}.png')
    return custom_dataset(folder)


def custom_dataset(folder):
    return CustomDataset(
        data_root=str(folder), with_label=False,
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    )  # fmt: skip


@pytest.mark.parametrize('kind', BAD)
def test_the_file_is_named(tmp_path, kind):
    dataset = ReadableDataset(images(tmp_path))
    path = tmp_path / '2.png'
    full = path.read_bytes()
    path.write_bytes(full[:50] if BAD[kind] is None else BAD[kind])
    dataset[1]
    with pytest.raises(ValueError) as error:
        dataset[2]
    message = str(error.value)
    assert message.startswith(f'{path} cannot be used: ')
    assert 'bad_sample_share=0.001' in message
    assert '\n' not in message
    path.unlink()
    with pytest.raises(ValueError, match=r'2\.png cannot be used: .*No such'):
        dataset[2]


@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.9, 0.999])
def test_a_jpeg_file_without_its_last_rows_is_named(
    tmp_path, progressive, share
):
    path = tmp_path / 'a.JPEG'
    image = Image.effect_noise((200, 100), 50).convert('RGB')
    image.save(path, progressive=progressive)
    dataset = ReadableDataset(custom_dataset(tmp_path))
    assert dataset[0]['inputs'].shape == (3, 100, 200)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r'a\.JPEG cannot be used: '):
        dataset[0]


def test_few_bad_samples_are_skipped_and_counted(tmp_path, capfd):
    dataset = ReadableDataset(images(tmp_path), bad_share=2 / MIN_SAMPLES)
    (tmp_path / '2.png').write_bytes(b'')
    random.seed(0)
    for _ in range(2):
        assert dataset[2]['inputs'].shape == (3, 40, 50)
    assert dataset.bad == 2
    with pytest.raises(ValueError, match='3 of .* more than bad_sample_share'):
        for _ in range(9):
            dataset[2]


def test_a_share_counts_what_was_loaded():
    """One in a hundred is more than one in a thousand, in the long run."""

    class Numbers:
        def __getitem__(self, index):
            if index % 100 == 0:
                raise OSError('gone')
            return index

        def __len__(self):
            return 10**6

    dataset = ReadableDataset(Numbers(), bad_share=0.02)
    for i in range(5000):
        dataset[i]
    dataset = ReadableDataset(Numbers(), bad_share=0.005)
    with pytest.raises(ValueError, match='sample .* cannot be used: gone'):
        for i in range(5000):
            dataset[i]


def test_the_replacement_follows_from_the_random_state(tmp_path):
    dataset = ReadableDataset(images(tmp_path, 30), bad_share=0.5)
    (tmp_path / '2.png').write_bytes(b'')
    found = []
    for _ in range(2):
        random.seed(3)
        found.append(dataset[2]['data_samples'].img_path)
    assert found[0] == found[1]


def test_a_share_outside_of_its_range_is_an_error():
    with pytest.raises(ValueError, match=r'must be in \[0, 1\), got 1'):
        ReadableDataset([1], bad_share=1)


class Nothing(BaseModel):
    """A model that returns what it gets."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return data_samples


class NoMetric(BaseMetric):
    """A metric of nothing."""

    def process(self, data_batch, data_samples):
        pass

    def compute_metrics(self, results):
        return {}


@DATASETS.register_module()
class Numbers(IterableDataset):
    def __iter__(self):
        return iter(range(3))


@pytest.mark.parametrize('kind', [Numbers, 'Numbers'])
def test_data_without_indices_stay_as_they_are(kind):
    loader = dict(batch_size=2, dataset=dict(type=kind))
    assert readable(loader) is loader


class Masks:
    """A data set of one mask."""

    metainfo = dict(classes=('a', 'b', 'c'))

    def __init__(self, *values):
        mask = PixelData(data=torch.tensor([values]))
        self.sample = dict(data_samples=SegDataSample(gt_sem_seg=mask))

    def __getitem__(self, index):
        return self.sample

    def __len__(self):
        return 1

    def get_data_info(self, index):
        return dict(img_path='a.jpg', seg_map_path='a.png')


def test_a_class_that_does_not_exist_is_named():
    assert ReadableDataset(Masks([0, 2, 255]))[0]
    assert ReadableDataset(Masks([255, 255]))[0]
    with pytest.raises(
        ValueError, match=r'^a\.jpg \(mask a\.png\) .* the class 3, .* 3 clas'
    ):
        ReadableDataset(Masks([0, 3]))[0]


def test_attributes_are_those_of_the_data_set(tmp_path):
    """Hooks of the libraries set some of them."""
    inner = images(tmp_path)
    dataset = SeededDataset(ReadableDataset(inner))
    assert dataset.metainfo == inner.metainfo
    assert len(dataset) == 4
    dataset.pipeline = pipeline = object()
    assert inner.pipeline is pipeline
    assert not hasattr(dataset, '__getitems__')
    with pytest.raises(AttributeError):
        dataset.no_such_attribute  # noqa: B018
    inner.pipeline = None
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(copy) == 4 and copy.bad_share == 0


def test_masks_of_mmsegmentation_are_checked(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'masks').mkdir()
    Image.new('RGB', (20, 10)).save(tmp_path / 'images/a.jpg')
    mask = np.zeros((10, 20), np.uint8)
    mask[3, 4] = 7
    Image.fromarray(mask).save(tmp_path / 'masks/a.png')
    pack = [dict(type='LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')]
    dataset = BaseSegDataset(
        data_root=str(tmp_path), metainfo=dict(classes=('a', 'b')),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=[*pack, dict(type='mmseg.PackSegInputs')],
    )  # fmt: skip
    with pytest.raises(ValueError, match=r'masks/a\.png\) .* the class 7'):
        ReadableDataset(dataset)[0]


@pytest.mark.parametrize('mode', ['val', 'test'])
def test_an_evaluation_names_the_file(tmp_path, mode):
    """In MMSegmentation's test tool, too, which has a runner of its own."""
    images(tmp_path, 3)
    bad = tmp_path / '1.png'
    bad.write_bytes(b'')
    loader = dict(
        batch_size=1,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='CustomDataset', data_root=str(tmp_path), with_label=False,
            pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
        ),
    )  # fmt: skip
    runners = [CheckedRunner] if mode == 'val' else [CheckedRunner, Runner]
    for kind in runners:
        runner = kind.from_cfg(
            Config(
                {
                    'model': dict(type=Nothing),
                    f'{mode}_dataloader': loader,
                    f'{mode}_evaluator': dict(type=NoMetric),
                    f'{mode}_cfg': dict(type='CheckedTestLoop')
                    if mode == 'test'
                    else {},
                    'work_dir': str(tmp_path / 'work'),
                    'default_scope': 'mmpretrain',
                }
            )
        )
        with pytest.raises(ValueError) as error:
            getattr(runner, mode)()
        assert str(error.value).startswith(f'{bad} cannot be used: ')
        assert str(error.value).count('cannot be used') == 1
