"""Classes and checkpoints that do not fit the model are an error."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner
from mmpretrain.models import ClsDataPreprocessor

from mmpretrain_plugin.checkpoint import IncompleteCheckpointError
from mmpretrain_plugin.engine import (
    CheckedFlexibleRunner,
    CheckedRunner,
    InputCheckHook,
)
from mmpretrain_plugin.engine.hooks.input_check_hook import check_classes
from tests.helpers.small_models import small_backbone, small_fcmae
from tests.test_configs import CONFIGS

COCO = CONFIGS / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_1xb4-lsj-1x_coco.py'
ADE = CONFIGS / (
    'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_ade20k-512x512.py'
)
IMAGENET = CONFIGS / 'imagenet/convnextv2-atto-fcmae_32xb32-600e_in1k.py'
ADDRESS = 'train_dataloader.dataset'


def build(cfg):
    with (
        DefaultScope.overwrite_default_scope(cfg.default_scope),
        torch.device('meta'),
    ):
        return MODELS.build(cfg.model)


def dataset_of(cfg):
    """The classes that the data set of the config has by its type."""
    kind = f'{cfg.default_scope}.{cfg.train_dataloader.dataset.type}'
    return SimpleNamespace(metainfo=DATASETS.get(kind).METAINFO)


def classes(count):
    return SimpleNamespace(metainfo=dict(classes=['name'] * count))


@pytest.mark.parametrize(
    ('path', 'option'),
    [
        (IMAGENET, 'model.head'),
        (COCO, 'model.roi_head.bbox_head'),
        (COCO, 'model.roi_head.mask_head'),
        (ADE, 'model.decode_head'),
        (ADE, 'model.auxiliary_head'),
    ],
)
def test_wrong_number_of_classes(path, option):
    cfg = Config.fromfile(path)
    dataset = dataset_of(cfg)
    count = len(dataset.metainfo['classes'])
    check_classes(build(cfg), dataset, ADDRESS)
    cfg.merge_from_dict({f'{option}.num_classes': 7})
    with pytest.raises(ValueError) as error:
        check_classes(build(cfg), dataset, ADDRESS)
    assert str(error.value) == (
        f'{option}.num_classes is 7 but {ADDRESS} has {count} classes; set '
        f'{option}.num_classes={count}, or {ADDRESS}.metainfo.classes to 7 '
        'names'
    )


def test_classes_of_the_config_replace_those_of_the_type():
    cfg = Config.fromfile(COCO)
    cfg.model.roi_head.bbox_head.num_classes = 2
    cfg.model.roi_head.mask_head.num_classes = 2
    check_classes(build(cfg), classes(2), ADDRESS)


def test_data_without_classes_pass():
    model = torch.nn.ModuleDict({'head': torch.nn.Identity()})
    model['head'].num_classes = 7
    for metainfo in ({}, dict(classes=None)):
        check_classes(model, SimpleNamespace(metainfo=metainfo), ADDRESS)
    check_classes(model, torch.utils.data.TensorDataset(), ADDRESS)


def test_the_preprocessor_is_compared_too():
    """Mixup would create targets with its number of classes."""
    preprocessor = ClsDataPreprocessor()
    preprocessor.num_classes = 7
    model = torch.nn.ModuleDict({'data_preprocessor': preprocessor})
    match = r'^data_preprocessor\.num_classes is 7'
    with pytest.raises(ValueError, match=match):
        check_classes(model, classes(1000), ADDRESS)
    preprocessor.num_classes = None  # the default
    check_classes(model, classes(1000), ADDRESS)


class TTAModel(BaseTTAModel):
    merge_preds = None


def test_addresses_are_those_of_the_config_inside_wrappers():
    model = build(Config.fromfile(IMAGENET))
    for wrapped in (
        torch.nn.DataParallel(model),
        TTAModel(model),
        torch.nn.DataParallel(TTAModel(model)),
    ):
        with pytest.raises(ValueError, match=r'^model\.head\.num_classes is'):
            check_classes(wrapped, classes(7), ADDRESS)


@pytest.fixture
def saved(tmp_path):
    """A function that saves a state dict and returns the file's path."""

    def save(state):
        path = tmp_path / 'saved.pth'
        torch.save(dict(state_dict=state, meta={}), path)
        return str(path)

    return save


def load(model, tmp_path, load_from, kind=CheckedRunner, **options):
    """Load as a run does, and return the model that runs."""
    cfg = dict(work_dir=str(tmp_path), load_from=load_from)
    runner = kind(
        model, experiment_name=tmp_path.name, cfg=Config(cfg), **cfg, **options
    )
    if hasattr(runner, 'strategy'):
        runner.strategy.prepare(runner.model)
        runner.model = runner.strategy.model
    runner.load_or_resume()
    return runner.model


FLEXIBLE = dict(
    kind=CheckedFlexibleRunner, strategy=dict(type='SingleDeviceStrategy')
)
RUNNERS = [
    dict(kind=CheckedRunner),
    dict(kind=Runner, default_hooks=dict(check=dict(type='InputCheckHook'))),
    FLEXIBLE,
]


@pytest.mark.parametrize('options', RUNNERS, ids=lambda o: o['kind'].__name__)
def test_a_checkpoint_must_fill_the_backbone(options, saved, tmp_path):
    model, other = small_fcmae(), small_fcmae()
    state = model.state_dict()
    path = saved(state)
    load(model, tmp_path, path, **options)
    state.pop('backbone.stages.2.1.norm.bias')
    state.pop('neck.mask_token')  # other parts are mmengine's concern
    saved(state)
    match = rf'^{path}: .*stages\.2\.1\.norm\.bias'
    with pytest.raises(IncompleteCheckpointError, match=match) as error:
        load(other, tmp_path, path, **options)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('options', RUNNERS, ids=lambda o: o['kind'].__name__)
def test_another_network_is_an_error(options, saved, tmp_path):
    path = saved({'backbone.conv1.weight': torch.zeros(3)})
    with pytest.raises(IncompleteCheckpointError, match=f'^{path}: '):
        load(small_fcmae(), tmp_path, path, **options)


def test_the_file_of_an_automatic_resume_is_named(saved, tmp_path):
    path = saved({'backbone.conv1.weight': torch.zeros(3)})
    (tmp_path / 'last_checkpoint').write_text(path)
    with pytest.raises(IncompleteCheckpointError, match=f'^{path}: '):
        load(small_fcmae(), tmp_path, None, resume=True)


def test_keys_of_distributed_training_are_accepted(saved, tmp_path):
    state = small_fcmae().state_dict()
    path = saved({f'module.{key}': value for key, value in state.items()})
    loaded = load(small_fcmae(), tmp_path, path)
    assert torch.equal(loaded.neck.mask_token, state['neck.mask_token'])


def test_a_wrapped_model_and_a_plain_state_dict_are_checked():
    """The model of an augmented test, and a file without 'state_dict'."""
    model = torch.nn.Module()
    model.backbone, model.test_step = small_backbone(), None
    state = model.state_dict()
    runner = SimpleNamespace(
        model=TTAModel(model), cfg=Config(dict(load_from='file.pth'))
    )
    InputCheckHook().after_load_checkpoint(runner, state)
    state.pop('backbone.stages.0.0.grn.gamma')
    with pytest.raises(IncompleteCheckpointError, match=r'^file\.pth: '):
        InputCheckHook().after_load_checkpoint(runner, state)


def test_models_without_our_backbone_are_not_checked():
    runner = SimpleNamespace(model=torch.nn.Linear(2, 2))
    InputCheckHook().after_load_checkpoint(runner, dict(state_dict={}))


@pytest.mark.parametrize('hooks', [{}, dict(a=dict(type='InputCheckHook'))])
def test_checked_runners_have_the_hook_once(hooks, tmp_path):
    runner = CheckedRunner(
        small_fcmae(), str(tmp_path), default_hooks=hooks,
        experiment_name=f'{tmp_path.name}',
    )  # fmt: skip
    found = [hook for hook in runner.hooks if type(hook) is InputCheckHook]
    assert len(found) == 1
