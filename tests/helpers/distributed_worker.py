"""Train three steps of a recipe in one process, or in two with torchrun.

    torchrun --nproc_per_node 2 -m tests.helpers.distributed_worker \
        TASK:METHOD... FILE

Both train on the same batches: each of two processes takes half of a batch.
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
RECIPES = {
    'mmdet': 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_8xb4-lsj-3x_coco.py',
    'mmseg': 'ade20k/upernet_convnextv2-atto-fcmae_8xb2-160k_'
    'ade20k-512x512.py',
}


class DarkHidden(FCMAE):
    """FCMAE that hides the darker half of each image.

    The mask of an image does not depend on the rest of the batch.
    """

    def random_mask(self, inputs, generator=None):
        light = inputs.unfold(2, 32, 32).unfold(3, 32, 32).mean((1, 4, 5))
        order = light.flatten(1).argsort(dim=1).argsort(dim=1)
        return (order < order.shape[1] // 2).view(light.shape)


def small_config(library):
    """Return the model of a recipe with a narrow backbone, not pre-trained."""
    model = Config.fromfile(CONFIGS / RECIPES[library]).model
    model.pop('data_preprocessor')
    model.backbone.update(arch=ARCH, init_cfg=None, drop_path_rate=0.0)
    channels = list(ARCH['channels'])
    if library == 'mmdet':
        model.neck.in_channels = channels
        return model
    group = dict(
        type='GN', num_groups=2
    )  # statistics per image, not per batch
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
    library = {'mask-rcnn': 'mmdet', 'upernet': 'mmseg'}[task]
    with DefaultScope.overwrite_default_scope(library):
        model = MODELS.build(small_config(library))
    randomize(model.backbone)
    return model.float().train()


def batch(task, step):
    """Return the images and data samples of a step."""
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


def wrap(model, method):
    if method == 'ddp':
        return MMDistributedDataParallel(
            model, device_ids=None, broadcast_buffers=False
        )
    if method == 'fsdp':
        return shard(model)
    return model


def loss_of(model, images, samples):
    """Compute the loss as the OpenMMLab libraries do."""
    losses = model(images, samples, mode='loss')
    return getattr(model, 'module', model).parse_losses(losses)[0]


def train(task, method, shares):
    """Train on parts of each batch, accumulating their gradients.

    Args:
        task: 'fcmae', 'mask-rcnn' or 'upernet'.
        method: 'single', 'ddp' or 'fsdp'.
        shares: Slices of the batch for this process, one per iteration.

    Returns:
        Loss of every step (STEPS), and state dict of the model.
    """
    model = wrap(build(task), method)
    optim_wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.8),
            accumulative_counts=len(shares),
            # A large eps, so that rounding cannot change the sign of a step.
            optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, eps=1e-3),
        ),
    )
    optim_wrapper.initialize_count_status(model, 0, STEPS * len(shares))
    losses = []
    for step in range(STEPS):
        images, samples = batch(task, step)
        total = 0.0
        for share in shares:
            torch.manual_seed(1000 * step + share.start)  # for samplers
            with optim_wrapper.optim_context(model):
                loss = loss_of(model, images[share], samples[share])
            optim_wrapper.update_params(loss)
            total += loss.detach() / len(shares)
        if method != 'single':
            dist.all_reduce(total)
            total /= dist.get_world_size()
        losses.append(total)
    if method == 'fsdp':
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state = get_model_state_dict(model, options=options)
    else:
        state = getattr(model, 'module', model).state_dict()
    return torch.stack(losses), state


def halves():
    return [slice(0, IMAGES // 2), slice(IMAGES // 2, IMAGES)]


def shares_of(method, rank):
    """Return the slices for a process: half a batch, or its images."""
    half = halves()[rank]
    if 'accumulated' not in method:
        return [half]
    return [slice(i, i + 1) for i in range(half.start, half.stop)]


if __name__ == '__main__':
    dist.init_process_group('gloo')
    results = {}
    for job in sys.argv[1:-1]:
        task, method = job.split(':')
        shares = shares_of(method, dist.get_rank())
        results[job] = train(task, method.split()[0], shares)
    if dist.get_rank() == 0:
        torch.save(results, sys.argv[-1])
    # A process that ends while another one still works may abort in gloo.
    dist.barrier()
    dist.destroy_process_group()
