"""Pre-training is evaluated while it runs, and does not notice it."""

import json
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from torch.testing import assert_close

from mmpretrain_plugin.engine.runners.input_files import check_inputs
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
from tests.test_configs import CONFIGS, load


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp('images') / 'labeled')


@pytest.fixture(scope='module')
def run(folder, tmp_path_factory):
    """The folder and the runner of two epochs with their evaluation."""
    work_dir = tmp_path_factory.mktemp('run')
    cfg = evaluated(folder, work_dir)
    # An augmentation in the validation consumes random numbers of NumPy.
    flip = dict(type='RandomFlip', prob=0.0)
    cfg.val_dataloader.dataset.pipeline.insert(1, flip)
    cfg.default_hooks.checkpoint.save_best = ['val/loss', 'knn/top1']
    return work_dir, train(cfg)


def records(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def metrics(work_dir):
    return [r for r in records(work_dir) if 'val/loss' in r]


def losses(work_dir):
    return [r['loss'] for r in records(work_dir) if 'loss' in r]


def test_training_is_the_same_with_and_without(run, folder, tmp_path):
    """Bit by bit."""
    train(pretraining(folder, tmp_path / 'without'))
    without, evaluated = (
        torch.load(work_dir / 'epoch_2.pth', weights_only=False)
        for work_dir in (tmp_path / 'without', run[0])
    )
    for part in ('state_dict', 'optimizer'):
        assert_close(evaluated[part], without[part], rtol=0, atol=0)
    assert losses(run[0]) == losses(tmp_path / 'without')


def test_metrics_equal_their_definition(run):
    """The mask of each image is sampled with its place as the seed."""
    work_dir, runner = run
    first, last = metrics(work_dir)
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
    assert last['knn/top1'] in [pytest.approx(100 * i / 6) for i in range(7)]


def test_features_are_those_of_complete_images(run, folder):
    model = run[1].model.eval()
    batch = next(iter(Runner.build_dataloader(data_loader(folder, 3))))
    with torch.no_grad():
        samples = model.val_step(batch)
        inputs = model.data_preprocessor(batch)['inputs']
        model.backbone.gap_before_final_norm = False
        maps = model.backbone(inputs)[-1]
        pooled = torch.stack([s.feature for s in model.predict(inputs)])
    model.backbone.gap_before_final_norm = True
    features = torch.stack([sample.feature for sample in samples])
    assert_close(features, maps.mean(dim=(2, 3)))
    assert_close(pooled, features)  # maps are averaged


def test_masks_do_not_depend_on_the_batch(run, folder):
    model = run[1].model.eval()
    loss = {}
    for size in (1, 4, 15):
        loader = Runner.build_dataloader(data_loader(folder, size))
        with torch.no_grad():
            samples = [s for batch in loader for s in model.val_step(batch)]
        loss[size] = torch.stack([s.reconstruction_loss for s in samples])
    assert_close(loss[4], loss[1])
    assert_close(loss[15], loss[1])
    assert loss[1].unique().numel() == len(CLASSES) * EACH


def test_reconstructions_are_in_the_log(run, folder):
    """A row per image: input, masked input, prediction."""
    paths = sorted(run[0].glob('*/vis_data/vis_image/*'))
    names = [f'reconstructions_{step}.png' for step in (1, 2)]
    assert [path.name for path in paths] == names
    first, second = (cv2.imread(str(path))[..., ::-1] for path in paths)
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


def test_the_best_checkpoint_is_saved(run):
    work_dir, _ = run
    table = metrics(work_dir)
    best = min(table, key=lambda r: r['val/loss'])['step']
    names = [path.name for path in work_dir.glob('best_val_loss_*')]
    assert names == [f'best_val_loss_epoch_{best}.pth']
    best = max(table, key=lambda r: r['knn/top1'])['step']
    assert (work_dir / f'best_knn_top1_epoch_{best}.pth').exists()


def test_training_stops_early_by_the_loss_of_unlabeled_images(
    folder, tmp_path
):
    cfg = evaluated(folder, tmp_path, epochs=9)
    cfg.val_dataloader.dataset.with_label = False
    cfg.val_evaluator = dict(type='ReconstructionLoss')
    cfg.custom_hooks.append(
        dict(
            type='EarlyStoppingHook',
            monitor='val/loss',
            min_delta=10,  # the loss never falls by as much
            patience=2,
        )
    )
    runner = train(cfg)
    assert runner.epoch == 3  # 2 without progress after the first
    assert all(0 < row['val/loss'] < 2 for row in metrics(tmp_path))


def test_a_resumed_run_goes_on(run, folder, tmp_path):
    work_dir, _ = run
    before = metrics(work_dir)
    cfg = evaluated(folder, tmp_path, epochs=3)
    cfg.update(load_from=str(work_dir / 'epoch_2.pth'), resume=True)
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    best = runner.message_hub.get_info('best_score_val/loss')
    assert best == min(row['val/loss'] for row in before)
    names = ('val/loss', 'knn/top1')
    assert runner.val() == {name: before[-1][name] for name in names}
    runner.train()
    assert [row['step'] for row in metrics(tmp_path)][-1] == 3


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


def test_tensorboard_and_wandb_receive_metrics_and_images(
    folder, tmp_path, monkeypatch
):
    logged = []
    wandb = SimpleNamespace(
        init=lambda **options: SimpleNamespace(**options),
        log=lambda content, **_: logged.append(content),
        Image=np.asarray,
        run=SimpleNamespace(log_code=lambda **_: None),
        config=SimpleNamespace(update=lambda *_, **__: None),
        join=lambda: None,
    )
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    cfg = evaluated(folder, tmp_path, epochs=1)
    for kind in ('WandbVisBackend', 'TensorboardVisBackend'):
        cfg.visualizer.vis_backends.append(dict(type=kind))
    train(cfg)
    names = {name for content in logged for name in content}
    assert {'loss', 'val/loss', 'knn/top1', 'reconstructions'} <= names

    (file,) = tmp_path.rglob('events.out.tfevents.*')
    events = EventAccumulator(str(file)).Reload()
    assert {'loss', 'val/loss', 'knn/top1'} <= set(events.Tags()['scalars'])
    got = [(e.step, e.value) for e in events.Scalars('val/loss')]
    assert got == [
        (r['step'], pytest.approx(r['val/loss'])) for r in metrics(tmp_path)
    ]
    assert [i.step for i in events.Images('reconstructions')] == [1]


def test_a_missing_labeled_folder_is_named_before_training(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    name = 'fcmae_convnextv2-tiny_1xb64-800e_labeled-folder.py'
    cfg = load(CONFIGS / 'fcmae' / name)
    cfg.train_dataloader.dataset.data_root = str(folder)
    message = r'^data/labeled of val_dataloader\.dataset does .* set val_data'
    with pytest.raises(FileNotFoundError, match=message):
        check_inputs(cfg, 'train', 'val')
    cfg.val_dataloader.dataset.data_root = str(folder)
    check_inputs(cfg, 'train', 'val')


def test_the_number_of_images_is_checked():
    with pytest.raises(ValueError, match='num_images must be 1 or more'):
        HOOKS.build(dict(type='ReconstructionVisualizationHook', num_images=0))
