"""What the study trains: pre-trainings, and transfers that start from them."""

from dataclasses import dataclass

V1 = (
    'model.backbone.use_grn=False',
    'model.backbone.layer_scale_init_value=1e-6',
)
FCMAE = 'fcmae_convnextv2-atto_digits'
SUPERVISED = 'convnextv2-atto_digits'
# Library and config of each task; '-fcmae' where weights are loaded.
TASKS = {
    'mask-rcnn': ('mmdet', 'mask-rcnn_convnextv2-atto{}_digits'),
    'upernet': ('mmseg', 'upernet_convnextv2-atto{}_digits'),
}


@dataclass(frozen=True)
class Pretraining:
    """A training whose backbone others start from.

    Attributes:
        config: Name of the config in configs/demo.
        title: Name in tables and plots.
        options: Overrides of the config.
        start: Name of the pre-training it starts from; None for random
            weights.
    """

    config: str
    title: str
    options: tuple[str, ...] = ()
    start: str | None = None


@dataclass(frozen=True)
class Transfer:
    """A training of Mask R-CNN, UperNet, or both.

    Attributes:
        start: Name of the pre-training; None for random weights.
        title: Name in tables and plots.
        options: Overrides of the config.
        tasks: Keys of ``TASKS``.
    """

    start: str | None
    title: str
    options: tuple[str, ...] = ()
    tasks: tuple[str, ...] = tuple(TASKS)


PRETRAININGS = {
    'fcmae-v2': Pretraining(FCMAE, 'FCMAE, V2'),
    'fcmae-v1': Pretraining(FCMAE, 'FCMAE, V1', V1),
    'supervised-v2': Pretraining(SUPERVISED, 'supervised, V2'),
    'supervised-v1': Pretraining(SUPERVISED, 'supervised, V1', V1),
    'fine-tuned': Pretraining(
        SUPERVISED,
        'FCMAE, then supervised, V2',
        start='fcmae-v2',
    ),
    'leaky': Pretraining(
        FCMAE, 'FCMAE without sparse encoding', ('model.encoding=leaky',)
    ),
    # Of 9 patches, 6, 3 (the ratio of 0.6) and 1 are visible. A ratio of 0.9
    # would hide all of them.
    'mask-30': Pretraining(
        FCMAE, 'FCMAE, 6 of 9 patches visible', ('model.mask_ratio=0.3',)
    ),
    'mask-88': Pretraining(
        FCMAE, 'FCMAE, 1 of 9 patches visible', ('model.mask_ratio=0.88',)
    ),
}
LAYER_DECAY = ('optim_wrapper.paramwise_cfg.layer_decay_rate=0.9',)
TRANSFERS = {
    'random': Transfer(None, 'random weights'),
    'fcmae-v2': Transfer('fcmae-v2', 'FCMAE, V2'),
    'layer-decay': Transfer(
        'fcmae-v2', 'FCMAE, V2, layer decay 0.9', LAYER_DECAY
    ),
    'fcmae-v1': Transfer('fcmae-v1', 'FCMAE, V1', V1),
    'supervised-v2': Transfer('supervised-v2', 'supervised, V2'),
    'supervised-v1': Transfer('supervised-v1', 'supervised, V1', V1),
    'fine-tuned': Transfer(
        'fine-tuned', 'FCMAE, then supervised, V2', tasks=('upernet',)
    ),
    'leaky': Transfer('leaky', 'FCMAE without sparse encoding'),
    'mask-30': Transfer(
        'mask-30', 'FCMAE, 6 of 9 patches visible', tasks=('upernet',)
    ),
    'mask-88': Transfer(
        'mask-88', 'FCMAE, 1 of 9 patches visible', tasks=('upernet',)
    ),
}
# Models whose features are compared.
ANALYZED = ('fcmae-v2', 'fcmae-v1', 'supervised-v2', 'supervised-v1')
