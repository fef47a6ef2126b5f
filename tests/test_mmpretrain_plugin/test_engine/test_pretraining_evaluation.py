"""Pre-training is evaluated while it runs, and does not notice it."""

import json
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from torch.testing import assert_close

from mmpretrain_plugin.models.masking import random_mask
from tests.helpers.small_pretraining import (
    CLASSES,
    EACH,
    SIDE,
    data_loader,
    evaluated,
    make_images,
    pretraining,
    train,
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp('images') / 'labeled')


def records(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def metrics(work_dir):
    return [r for r in records(work_dir) if 'val/loss' in r]


def losses(work_dir):
    return [r['loss'] for r in records(work_dir) if 'loss' in r]


def test_training_is_the_same_with_and_without(folder, tmp_path):
    """Bit by bit; with mmengine's validation loop it is not."""
    train(pretraining(folder, tmp_path / 'without'))
    cfg = evaluated(folder, tmp_path / 'with')
    # An augmentation in the validation consumes random numbers of NumPy.
    cfg.val_dataloader = data_loader(folder, batch_size=4, random=True)
    train(cfg)
    cfg = evaluated(folder, tmp_path / 'mmengine')
    cfg.val_cfg.type = 'ValLoop'
    train(cfg)
    without, isolated = (
        torch.load(tmp_path / name / 'epoch_2.pth', weights_only=False)
        for name in ('without', 'with')
    )
    assert_close(isolated['state_dict'], without['state_dict'], rtol=0, atol=0)
    assert_close(isolated['optimizer'], without['optimizer'], rtol=0, atol=0)
    assert losses(tmp_path / 'with') == losses(tmp_path / 'without')
    assert losses(tmp_path / 'mmengine') != losses(tmp_path / 'without')


def test_metrics_equal_their_definition(folder, tmp_path):
    """The mask of each image is sampled with its place as the seed."""
    runner = train(evaluated(folder, tmp_path))
    first, last = metrics(tmp_path)
    assert (first['step'], last['step']) == (1, 2)
    model, dataset = runner.model.eval(), runner.val_dataloader.dataset
    expected = []
    for i, item in enumerate(dataset):
        image = model.data_preprocessor(dict(inputs=[item['inputs'][None]], s=[
            item['data_samples']]))['inputs'][0]  # fmt: skip
        generator = torch.Generator().manual_seed(i)
        mask = random_mask(1, (2, 2), 0.6, generator)
        with torch.no_grad():
            expected.append(model.loss(image, mask=mask)['loss'].item())
    assert len(expected) == len(CLASSES) * EACH
    assert last['val/loss'] == pytest.approx(np.mean(expected), rel=1e-5)
    assert last['val/loss'] < first['val/loss']
    assert last['knn/top1'] in [pytest.approx(100 * i / 6) for i in range(7)]


def test_features_are_those_of_complete_images(folder, tmp_path):
    runner = Runner.from_cfg(evaluated(folder, tmp_path))
    model = runner.model.eval()
    batch = next(iter(runner.build_dataloader(data_loader(folder, 3))))
    with torch.no_grad():
        samples = model.val_step(batch)
        inputs = model.data_preprocessor(batch)['inputs']
        model.backbone.gap_before_final_norm = False
        maps = model.backbone(inputs)[-1]
        pooled = torch.stack([s.feature for s in model.predict(inputs)])
    features = torch.stack([sample.feature for sample in samples])
    assert_close(features, maps.mean(dim=(2, 3)))
    assert_close(pooled, features)
    assert_close(runner.model.backbone(inputs, None)[-1], maps)


def test_masks_do_not_depend_on_the_batch(folder, tmp_path):
    model = Runner.from_cfg(evaluated(folder, tmp_path)).model.eval()
    loss = {}
    for size in (1, 4, 15):
        loader = Runner.build_dataloader(data_loader(folder, size))
        with torch.no_grad():
            samples = [s for batch in loader for s in model.val_step(batch)]
        loss[size] = torch.stack([s.reconstruction_loss for s in samples])
    assert_close(loss[4], loss[1])
    assert_close(loss[15], loss[1])
    assert loss[1].unique().numel() == len(CLASSES) * EACH


def test_reconstructions_are_in_the_log(folder, tmp_path):
    """A row per image: input, masked input, prediction."""
    train(evaluated(folder, tmp_path))
    images = {
        path.name: cv2.imread(str(path))[..., ::-1]
        for path in tmp_path.glob('*/vis_data/vis_image/*')
    }
    assert set(images) == {f'reconstructions_{i}.png' for i in (1, 2)}
    first, second = images.values()
    assert first.shape == (3 * SIDE, 3 * SIDE, 3)
    original, masked, _ = np.split(first, 3, axis=1)
    files = [
        folder / 'blue/0.png',
        folder / 'green/2.png',
        folder / 'red/4.png',
    ]
    expected = np.concatenate([cv2.imread(str(f)) for f in files])[..., ::-1]
    assert np.abs(original.astype(int) - expected).max() <= 1
    assert (np.split(second, 3, axis=1)[1] == masked).all()  # same masks
    # Of four patches one is visible in all columns; the others are gray.
    cells = masked.reshape(3, 2, 32, 2, 32, 3).std(axis=(2, 4, 5))
    assert ((cells > 20).sum(axis=(1, 2)) == 1).all()
    visible = (cells > 20).repeat(32, 1).repeat(32, 2).reshape(-1, SIDE)
    assert (first[:, -SIDE:][visible] == original[visible]).all()
    assert (first[:, -SIDE:][~visible] != second[:, -SIDE:][~visible]).any()


def test_the_best_checkpoint_is_saved_and_training_stops_early(
    folder, tmp_path
):
    cfg = evaluated(folder, tmp_path, epochs=9)
    cfg.default_hooks.checkpoint.save_best = ['val/loss', 'knn/top1']
    cfg.custom_hooks.append(
        dict(
            type='EarlyStoppingHook',
            monitor='val/loss',
            min_delta=10,  # the loss never falls by as much
            patience=3,
        )
    )
    runner = train(cfg)
    assert runner.epoch == 4  # 3 without progress after the first
    table = metrics(tmp_path)
    best = min(table, key=lambda r: r['val/loss'])['step']
    assert [p.name for p in tmp_path.glob('best_val_loss_*')] == [
        f'best_val_loss_epoch_{best}.pth'
    ]
    best = max(table, key=lambda r: r['knn/top1'])['step']
    assert (tmp_path / f'best_knn_top1_epoch_{best}.pth').exists()


def test_a_resumed_run_goes_on(folder, tmp_path):
    cfg = evaluated(folder, tmp_path / 'run')
    cfg.default_hooks.checkpoint.save_best = 'val/loss'
    train(cfg)
    before = metrics(tmp_path / 'run')
    more = evaluated(folder, tmp_path / 'more', epochs=3)
    more.update(load_from=str(tmp_path / 'run/epoch_2.pth'), resume=True)
    more.default_hooks.checkpoint.save_best = 'val/loss'
    runner = Runner.from_cfg(more)
    runner.load_or_resume()
    best = runner.message_hub.get_info('best_score')
    assert best == min(r['val/loss'] for r in before)
    assert runner.val() == {
        key: before[-1][key] for key in ('val/loss', 'knn/top1')
    }
    runner.train()
    assert [r['step'] for r in metrics(tmp_path / 'more')][-1] == 3


def test_loops_of_iterations_are_evaluated_too(folder, tmp_path):
    cfg = evaluated(folder, tmp_path)
    cfg.train_cfg = dict(
        type='IterBasedTrainLoop', max_iters=4, val_interval=2
    )
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler')
    cfg.default_hooks = dict(
        checkpoint=dict(
            type='CheckpointHook',
            by_epoch=False,
            interval=4,
            save_best='knn/top1',
        ),
        logger=dict(type='LoggerHook', log_metric_by_epoch=False),
    )
    train(cfg)
    assert [r['step'] for r in metrics(tmp_path)] == [2, 4]
    drawn = {p.stem for p in tmp_path.glob('*/vis_data/vis_image/*')}
    assert drawn == {'reconstructions_2', 'reconstructions_4'}
    assert list(tmp_path.glob('best_knn_top1_iter_*.pth'))


def test_images_without_labels_have_a_loss(folder, tmp_path):
    cfg = evaluated(folder, tmp_path, epochs=1)
    cfg.val_dataloader.dataset.with_label = False
    cfg.val_evaluator = dict(type='ReconstructionLoss')
    train(cfg)
    (row,) = metrics(tmp_path)
    assert 0 < row['val/loss'] < 2


def test_weights_and_biases_receives_metrics_and_images(
    folder, tmp_path, monkeypatch
):
    logged = []
    wandb = SimpleNamespace(
        init=lambda **options: SimpleNamespace(**options),
        log=lambda content, **_: logged.append(content),
        Image=np.asarray,
        define_metric=lambda *_: None,
        run=SimpleNamespace(log_code=lambda **_: None),
        config=SimpleNamespace(update=lambda *_, **__: None),
        finish=lambda: None,
        join=lambda: None,
    )
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    cfg = evaluated(folder, tmp_path, epochs=1)
    cfg.visualizer.vis_backends.append(dict(type='WandbVisBackend'))
    train(cfg)
    names = {name for content in logged for name in content}
    assert {'loss', 'val/loss', 'knn/top1', 'reconstructions'} <= names


def test_tensorboard_receives_metrics_and_images(folder, tmp_path):
    accumulator = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator'
    )
    cfg = evaluated(folder, tmp_path, epochs=2)
    cfg.visualizer.vis_backends.append(dict(type='TensorboardVisBackend'))
    train(cfg)
    (file,) = tmp_path.rglob('events.out.tfevents.*')
    events = accumulator.EventAccumulator(str(file)).Reload()
    assert {'loss', 'val/loss', 'knn/top1'} <= set(events.Tags()['scalars'])
    logged = [(e.step, e.value) for e in events.Scalars('val/loss')]
    assert logged == [
        (r['step'], pytest.approx(r['val/loss'])) for r in metrics(tmp_path)
    ]
    images = events.Images('reconstructions')
    assert [image.step for image in images] == [1, 2]


def test_the_number_of_images_is_checked():
    from mmengine.registry import HOOKS

    with pytest.raises(ValueError, match='num_images must be 1 or more'):
        HOOKS.build(dict(type='ReconstructionVisualizationHook', num_images=0))
