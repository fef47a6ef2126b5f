"""Images that cannot be stacked are named, and others are stacked."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import default_collate, pseudo_collate
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from mmseg.models import SegDataPreProcessor
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader

from mmpretrain_plugin.engine.batch_sizes import (
    SizeCheckedCollate,
    check_sizes,
)
from mmpretrain_plugin.engine.hooks import InputCheckHook
from mmpretrain_plugin.engine.runners.seeded_data import seed_data


class Model(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        return {}


def samples(*sizes):
    return [
        dict(
            inputs=torch.zeros(size),
            data_samples=DataSample(metainfo=dict(img_path=f'{i}.jpg')),
        )
        for i, size in enumerate(sizes)
    ]


def test_equal_sizes_are_stacked():
    batch = SizeCheckedCollate(default_collate)(samples((3, 4, 6), (3, 4, 6)))
    assert batch['inputs'].shape == (2, 3, 4, 6)


@pytest.mark.parametrize('other', [(3, 4, 5), (3, 5, 6), (1, 4, 6)])
def test_other_sizes_are_named(other):
    collate = SizeCheckedCollate(default_collate)
    text = r'3 x 4 x 6 \(0\.jpg\), {} x {} x {} \(2\.jpg\); .*crop'
    with pytest.raises(ValueError, match=text.format(*other)):
        collate(samples((3, 4, 6), (3, 4, 6), other))


def test_lists_may_have_images_of_any_size():
    """Their preprocessor pads them."""
    batch = SizeCheckedCollate(pseudo_collate)(samples((3, 4, 6), (3, 5, 6)))
    assert len(batch['inputs']) == 2


def test_another_error_stays_as_it_is():
    def fail(_):
        raise RuntimeError('out of memory')

    with pytest.raises(RuntimeError, match='out of memory'):
        SizeCheckedCollate(fail)(samples((3, 4, 6), (3, 4, 6)))
    with pytest.raises(RuntimeError, match='out of memory'):
        SizeCheckedCollate(fail)([1, 2])


@pytest.mark.parametrize(
    ('first', 'second'), [(5, 7), (8, 8), (5, 9), (9, 9), (9, 10)]
)
def test_what_mmsegmentation_pads_passes_and_only_that(first, second):
    preprocessor = SegDataPreProcessor(size=(8, 8))
    images = [torch.zeros(3, 8, first), torch.zeros(3, 8, second)]
    batch = dict(
        inputs=images, data_samples=[SegDataSample(), SegDataSample()]
    )
    fits = (first, second) not in [(5, 9), (9, 10)]
    if fits:
        preprocessor(batch, training=True)
        check_sizes(images, [None, None], (8, 8))
    else:
        with pytest.raises(RuntimeError, match='stack expects'):
            preprocessor(batch, training=True)
        with pytest.raises(ValueError, match=f'3 x 8 x {second} .image 1'):
            check_sizes(images, [None, None], (8, 8))


def test_the_training_loader_names_images():
    data = samples((3, 4, 6), (3, 5, 6))
    loader = DataLoader(data, batch_size=2, collate_fn=default_collate)
    with pytest.raises(ValueError, match=r'3 x 5 x 6 \(1\.jpg\)'):
        next(iter(seed_data(loader, 0)))


def test_a_run_names_images_that_its_preprocessor_cannot_stack():
    model = Model(SegDataPreProcessor(size=(8, 8)))
    pair = samples((3, 8, 8), (3, 8, 9))
    batch = pseudo_collate(pair)
    with pytest.raises(ValueError, match=r'3 x 8 x 9 \(1\.jpg\)'):
        InputCheckHook().before_train_iter(
            SimpleNamespace(model=model), 0, batch
        )
    model.data_preprocessor.size = None
    InputCheckHook().before_train_iter(SimpleNamespace(model=model), 0, batch)
