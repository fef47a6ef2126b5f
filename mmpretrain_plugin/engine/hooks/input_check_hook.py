"""Check classes and checkpoints against the model before a run."""

import re
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner, find_latest_checkpoint
from torch import nn
from torch.utils.data import Dataset

from ...checkpoint import IncompleteCheckpointError, check_backbone_weights
from ..batch_sizes import check_sizes
from ..mask_sizes import check_mask_sizes

# Heads of foreground, and of semantic maps beside the objects.
OTHER_HEADS = r'rpn_head|semantic_head$'
# The parts of mmdet.SemiBaseDetector.
PAIR = r'^(student|teacher)\.'


def unwrap(model: nn.Module) -> nn.Module:
    """Return the model inside of wrappers (distributed, augmented test)."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.get_submodule('module')
    return model


def check_classes(model: nn.Module, dataset: Dataset, address: str) -> None:
    """Raise an error if a model and a data set differ in their classes.

    Args:
        model: Model, with or without wrappers.
        dataset: Data set; one that does not name its classes always passes.
        address: Its address in the config.

    Raises:
        ValueError: If ``num_classes`` of a head, or of a preprocessor that
            creates targets for Mixup, differs.
    """
    metainfo = getattr(dataset, 'metainfo', None) or {}
    classes = metainfo.get('classes')
    model = unwrap(model)
    # Open-vocabulary detectors compare with texts, of any number.
    if not isinstance(classes, (list, tuple)) or hasattr(
        model, 'language_model'
    ):
        return
    # The detector in a panoptic model predicts the countable classes only.
    allowed = {len(classes), len(metainfo.get('thing_classes', classes))}
    for name, module in model.named_modules():
        # Depth heads share an attribute of their class, which means nothing.
        count = vars(module).get('num_classes')
        if not isinstance(count, int) or count in allowed:
            continue
        is_head = name.endswith('head') and not re.search(OTHER_HEADS, name)
        is_onehot = name == 'data_preprocessor' and getattr(
            module, 'to_onehot', False
        )
        if is_head or is_onehot:
            option = f'{"model." * is_head}{name}.num_classes'
            raise ValueError(
                f'{option} is {count} but {address} has {len(classes)} '
                f'classes; set {option}={len(classes)}, or '
                f'{address}.metainfo.classes to {count} names'
            )


@HOOKS.register_module()
class InputCheckHook(Hook):
    """Stop a run whose heads, data and checkpoint do not fit together.

    Before training and testing, every ``num_classes`` must equal the number
    of classes of the data, and masks must have the size of their images. A
    checkpoint of ``load_from`` or ``resume`` must fill every ``ConvNeXtV2``,
    because mmengine loads with ``strict=False`` and would leave the rest
    randomly initialized. Works with ``Runner`` and
    ``FlexibleRunner`` in all OpenMMLab libraries::

        default_hooks = dict(input_check=dict(type='InputCheckHook'))
    """

    priority = 'VERY_HIGH'  # before EMAHook loads the checkpoint

    def before_train(self, runner: Runner) -> None:
        """Raise ``ValueError`` if heads, masks and images do not agree."""
        self._check_data(runner, 'train')
        if runner.val_loop is not None:
            self._check_data(runner, 'val')

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Raise ``ValueError`` if the preprocessor cannot stack images."""
        size = getattr(unwrap(runner.model).data_preprocessor, 'size', None)
        images = (
            data_batch.get('inputs') if isinstance(data_batch, dict) else 0
        )
        # MMSegmentation's preprocessor pads smaller images to a size.
        if isinstance(images, list) and isinstance(size, (list, tuple)):
            check_sizes(images, data_batch['data_samples'], size)

    def before_test(self, runner: Runner) -> None:
        """Raise ``ValueError`` if heads, masks and images do not agree."""
        self._check_data(runner, 'test')

    def _check_data(self, runner: Runner, mode: str) -> None:
        dataset = getattr(runner, f'{mode}_dataloader').dataset
        address = f'{mode}_dataloader.dataset'
        check_classes(runner.model, dataset, address)
        if is_main_process() and (count := check_mask_sizes(dataset, address)):
            runner.logger.info(
                f'{count} masks of {address} have the size of their images'
            )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise ``IncompleteCheckpointError`` if a backbone is not filled."""
        state = checkpoint.get('state_dict', checkpoint)
        kind = MODELS.get('mmpretrain.ConvNeXtV2')
        # MMDetection's semi-supervised models load a plain detector twice.
        is_plain = not any(re.match(PAIR, key) for key in state)
        for name, module in unwrap(runner.model).named_modules():
            if not isinstance(module, kind):
                continue
            name = re.sub(PAIR, '', name) if is_plain else name
            try:
                check_backbone_weights(
                    module, state, f'{name}.' if name else ''
                )
            except IncompleteCheckpointError as error:
                # The runner may have chosen another one than the config.
                file = (
                    getattr(runner, '_load_from', None)
                    or runner.cfg.get('load_from')
                    or find_latest_checkpoint(runner.work_dir)
                )
                raise IncompleteCheckpointError(f'{file}: {error}') from None
