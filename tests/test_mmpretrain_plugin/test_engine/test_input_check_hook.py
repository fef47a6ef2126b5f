"""Classes and checkpoints that do not fit the model are an error."""

from types import SimpleNamespace

import pytest
import torch
from mmdet.datasets import CocoPanopticDataset
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner
from mmpretrain.models import ClsDataPreprocessor
from mmseg.models.decode_heads import VPDDepthHead

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
    for metainfo in ({}, dict(classes=None), None):
        check_classes(model, SimpleNamespace(metainfo=metainfo), ADDRESS)
    check_classes(model, torch.utils.data.TensorDataset(), ADDRESS)


def test_a_preprocessor_that_creates_targets_is_compared_too():
    """Mixup would create targets with its number of classes."""
    model = torch.nn.ModuleDict()
    for count, batch_augments, is_error in (
        (7, dict(augments=dict(type='Mixup', alpha=0.8)), True),
        (None, dict(augments=dict(type='Mixup', alpha=0.8)), False),
        (7, None, False),  # the number is not used
    ):
        model['data_preprocessor'] = ClsDataPreprocessor(
            num_classes=count, batch_augments=batch_augments
        )
        if is_error:
            match = r'^data_preprocessor\.num_classes is 7'
            with pytest.raises(ValueError, match=match):
                check_classes(model, classes(1000), ADDRESS)
        else:
            check_classes(model, classes(1000), ADDRESS)


def model_with(**heads):
    """A model whose heads have these numbers of classes."""
    model = torch.nn.Module()
    for name, count in heads.items():
        head = torch.nn.Module()
        head.num_classes = count
        model.add_module(name, head)
    return model


def test_heads_that_count_other_things_are_not_compared():
    """Heads of depth, and the semantic branch of HTC, beside detectors."""
    scope = DefaultScope.overwrite_default_scope('mmseg')
    with scope, torch.device('meta'):
        depth = VPDDepthHead()
    assert depth.num_classes == 1
    model = torch.nn.ModuleDict({'decode_head': depth})
    check_classes(model, classes(27), ADDRESS)  # the scenes of NYU
    model = model_with(bbox_head=80, semantic_head=183)
    check_classes(model, classes(80), ADDRESS)
    with pytest.raises(ValueError, match=r'^model\.bbox_head'):
        check_classes(model, classes(183), ADDRESS)


def test_detectors_of_panoptic_data_predict_things():
    dataset = SimpleNamespace(metainfo=CocoPanopticDataset.METAINFO)
    check_classes(model_with(bbox_head=80), dataset, ADDRESS)
    check_classes(model_with(panoptic_head=133), dataset, ADDRESS)
    with pytest.raises(ValueError, match='has 133 classes'):
        check_classes(model_with(bbox_head=79), dataset, ADDRESS)


def test_open_vocabulary_detectors_are_not_compared():
    model = model_with(bbox_head=256)
    model.language_model = torch.nn.Identity()
    check_classes(torch.nn.DataParallel(model), classes(80), ADDRESS)


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


def test_a_detector_loads_into_both_parts_of_a_semi_supervised_model():
    """As ``mmdet.SemiBaseDetector`` does; its own files have both parts."""
    model = torch.nn.Module()
    for part in ('student', 'teacher'):
        model.add_module(part, torch.nn.Module())
        model.get_submodule(part).backbone = small_backbone()
    runner = SimpleNamespace(model=model, cfg=dict(load_from='file.pth'))
    hook, both = InputCheckHook(), model.state_dict()
    plain = model.student.state_dict()
    for state in (both, plain):
        hook.after_load_checkpoint(runner, dict(state_dict=state))
    for state, key in (
        (both, 'teacher.backbone.stages.0.0.grn.gamma'),
        (plain, 'backbone.stages.0.0.grn.gamma'),
    ):
        del state[key]
        with pytest.raises(IncompleteCheckpointError, match='grn.gamma'):
            hook.after_load_checkpoint(runner, dict(state_dict=state))


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
