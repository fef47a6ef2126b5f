"""Three steps of a recipe on one process, or on two under torchrun.

    torchrun --nproc_per_node 2 -m tests.helpers.distributed_worker TASK:WAY...
        FILE

The batch of every step is the same in both: two processes take half each.
"""

import sys

import torch
import torch.distributed as dist
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
)

from mmpretrain_plugin.engine.strategies.fully_shard_strategy import shard
from mmpretrain_plugin.models.selfsup import FCMAE
from tests.helpers.small_models import ARCH, randomize, small_fcmae
from tests.test_configs import CONFIGS

IMAGES, STEPS, SIDE = 4, 3, 64
LEAVES = {
    'mmdet': 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_8xb4-lsj-3x_coco.py',
    'mmseg': 'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_'
    'ade20k-512x512.py',
}


class DarkHidden(FCMAE):
    """Hides the darker half of each image, whoever its batch mates are."""

    def random_mask(self, inputs, generator=None):
        light = inputs.unfold(2, 32, 32).unfold(3, 32, 32).mean((1, 4, 5))
        order = light.flatten(1).argsort(dim=1).argsort(dim=1)
        return (order < order.shape[1] // 2).view(light.shape)


def leaf(host):
    """The model of a leaf, with a narrow backbone without a checkpoint."""
    model = Config.fromfile(CONFIGS / LEAVES[host]).model
    model.pop('data_preprocessor')
    model.backbone.update(arch=ARCH, init_cfg=None, drop_path_rate=0.0)
    channels = list(ARCH['channels'])
    if host == 'mmdet':
        model.neck.in_channels = channels
        return model
    group = dict(type='GN', num_groups=2)  # statistics of an image, not batch
    model.decode_head.update(
        in_channels=channels, channels=8, num_classes=3, norm_cfg=group,
        dropout_ratio=0.0,
    )  # fmt: skip
    model.auxiliary_head.update(
        in_channels=channels[2], channels=8, num_classes=3, norm_cfg=group,
        dropout_ratio=0.0,
    )  # fmt: skip
    return model


def build(task):
    torch.manual_seed(0)
    if task == 'fcmae':
        return small_fcmae(type=DarkHidden)
    host = {'mask-rcnn': 'mmdet', 'upernet': 'mmseg'}[task]
    with DefaultScope.overwrite_default_scope(host):
        model = MODELS.build(leaf(host))
    randomize(model.backbone)
    return model.float().train()


def batch(task, step):
    """Images of a step, and what the model's loss needs beside them."""
    torch.manual_seed(100 + step)
    images = torch.randn(IMAGES, 3, SIDE, SIDE)
    if task == 'fcmae':
        return images.double(), [None] * IMAGES
    shape = dict(img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE),
                 pad_shape=(SIDE, SIDE), batch_input_shape=(SIDE, SIDE),
                 scale_factor=(1.0, 1.0))  # fmt: skip
    samples = []
    for _ in range(IMAGES):
        if task == 'upernet':
            sample = SegDataSample(metainfo=shape)
            labels = torch.randint(3, (1, SIDE, SIDE))
            sample.gt_sem_seg = PixelData(data=labels)
        else:
            sample = DetDataSample(metainfo=shape)
            corner = torch.randint(0, 24, (2, 2)).float()
            boxes = torch.cat([corner, corner + 32], dim=1)
            masks = torch.ones(2, SIDE, SIDE).byte().numpy()
            sample.gt_instances = InstanceData(
                bboxes=boxes,
                labels=torch.randint(80, (2,)),
                masks=BitmapMasks(masks, SIDE, SIDE),
            )
            sample.ignored_instances = InstanceData(bboxes=boxes[:0])
        samples.append(sample)
    return images, samples


def wrap(model, way):
    if way == 'ddp':
        return MMDistributedDataParallel(
            model, device_ids=None, broadcast_buffers=False
        )
    if way == 'fsdp':
        return shard(model)
    return model


def loss_of(model, images, samples):
    """As the hosts call it."""
    losses = model(images, samples, mode='loss')
    return getattr(model, 'module', model).parse_losses(losses)[0]


def train(task, way, shares):
    """Train on shares of each batch, accumulating their gradients.

    Args:
        task: 'fcmae', 'mask-rcnn' or 'upernet'.
        way: 'alone', 'ddp' or 'fsdp'.
        shares: Slices of the batch that this process takes, one by one.

    Returns:
        The loss of every step, and the weights.
    """
    model = wrap(build(task), way)
    optim_wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.8),
            accumulative_counts=len(shares),
            # A large eps, lest rounding decide the sign of a tiny step.
            optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, eps=1e-3),
        ),
    )
    optim_wrapper.initialize_count_status(model, 0, STEPS * len(shares))
    losses = []
    for step in range(STEPS):
        images, samples = batch(task, step)
        total = 0.0
        for share in shares:
            torch.manual_seed(1000 * step + share.start)  # of samplers
            with optim_wrapper.optim_context(model):
                loss = loss_of(model, images[share], samples[share])
            optim_wrapper.update_params(loss)
            total += loss.detach() / len(shares)
        if way != 'alone':
            dist.all_reduce(total)
            total /= dist.get_world_size()
        losses.append(total)
    if way == 'fsdp':
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state = get_model_state_dict(model, options=options)
    else:
        state = getattr(model, 'module', model).state_dict()
    return torch.stack(losses), state


def halves():
    return [slice(0, IMAGES // 2), slice(IMAGES // 2, IMAGES)]


def shares_of(way, rank):
    """What a process takes of a batch: a half, at once or image by image."""
    half = halves()[rank]
    if 'accumulated' not in way:
        return [half]
    return [slice(i, i + 1) for i in range(half.start, half.stop)]


if __name__ == '__main__':
    dist.init_process_group('gloo')
    results = {}
    for job in sys.argv[1:-1]:
        task, way = job.split(':')
        shares = shares_of(way, dist.get_rank())
        results[job] = train(task, way.split()[0], shares)
    if dist.get_rank() == 0:
        torch.save(results, sys.argv[-1])
    dist.destroy_process_group()
