"""What the study trains: pre-trainings, and transfers that start from them."""

from dataclasses import dataclass

V1 = (
    'model.backbone.use_grn=False',
    'model.backbone.layer_scale_init_value=1e-6',
)
LONG = (
    'train_cfg.max_epochs=30',
    'param_scheduler.1.end=30',
    'param_scheduler.1.T_max=28',  # after two epochs of warm-up
    'default_hooks.checkpoint.interval=30',
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
    'fcmae-long': Pretraining(FCMAE, 'FCMAE of 30 epochs, V2', LONG),
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
# The backbone's default; the demo's configs have PyTorch's in its place.
RECIPE_INIT = (
    'model.backbone.init_cfg._delete_=True',
    'model.backbone.init_cfg.type=TruncNormal',
    'model.backbone.init_cfg.layer=[Conv2d,Linear]',
    'model.backbone.init_cfg.std=0.02',
    'model.backbone.init_cfg.bias=0.0',
)
# Detection where pre-training is compared with none, to save time.
TRANSFERS = {
    'random': Transfer(None, 'random weights'),
    'random-recipe': Transfer(
        None,
        'random weights, standard deviation 0.02',
        RECIPE_INIT,
        tasks=('upernet',),
    ),
    'fcmae-v2': Transfer('fcmae-v2', 'FCMAE, V2'),
    'fcmae-long': Transfer('fcmae-long', 'FCMAE of 30 epochs, V2'),
    'layer-decay': Transfer(
        'fcmae-v2', 'FCMAE, V2, layer decay 0.9', LAYER_DECAY
    ),
    'fcmae-v1': Transfer('fcmae-v1', 'FCMAE, V1', V1, tasks=('upernet',)),
    'supervised-v2': Transfer(
        'supervised-v2', 'supervised, V2', tasks=('upernet',)
    ),
    'supervised-v1': Transfer(
        'supervised-v1', 'supervised, V1', V1, tasks=('upernet',)
    ),
    'fine-tuned': Transfer(
        'fine-tuned', 'FCMAE, then supervised, V2', tasks=('upernet',)
    ),
    'leaky': Transfer(
        'leaky', 'FCMAE without sparse encoding', tasks=('upernet',)
    ),
    'mask-30': Transfer(
        'mask-30', 'FCMAE, 6 of 9 patches visible', tasks=('upernet',)
    ),
    'mask-88': Transfer(
        'mask-88', 'FCMAE, 1 of 9 patches visible', tasks=('upernet',)
    ),
}
# Models whose features are compared.
ANALYZED = ('fcmae-v2', 'fcmae-v1', 'supervised-v2', 'supervised-v1')
