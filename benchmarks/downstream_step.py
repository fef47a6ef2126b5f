"""A training step of Mask R-CNN and UperNet, with two backbones.

    python benchmarks/downstream_step.py

Models of the configs, forward and backward, on random images with two objects;
this project's backbone against MMPretrain's ConvNeXt with GRN.
"""

from pathlib import Path

import torch
from measure import (
    SIZES,
    autocast,
    count,
    medians,
    parser,
    peak,
    report,
    saved_for_backward,
    side,
)
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmpretrain_plugin.models.backbones.convnext_v2 import resolve_architecture

HALF = torch.float16  # as in the configs: MMCV's RoIAlign has no bf16
CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
TASKS = {
    'Mask R-CNN': (
        'mmdet',
        'coco/mask-rcnn_convnextv2-{}-fcmae_fpn_8xb4-lsj-3x_coco.py',
    ),
    'UperNet': (
        'mmseg',
        'ade20k/upernet_convnextv2-{}-fcmae_8xb2-160k_ade20k-512x512.py',
    ),
}


def build(task: str, size: str, is_ours: bool) -> torch.nn.Module:
    """Return the model of a config without its checkpoint."""
    scope, path = TASKS[task]
    model = Config.fromfile(CONFIGS / path.format(size)).model
    model.pop('data_preprocessor')
    model.backbone.pop('init_cfg', None)
    for head in ('decode_head', 'auxiliary_head'):
        if head in model:  # SyncBN needs several processes
            model[head].norm_cfg = dict(type='BN')
    if not is_ours:
        depths, channels = resolve_architecture(size)
        model.backbone = dict(
            type='mmpretrain.ConvNeXt',
            arch=dict(depths=list(depths), channels=list(channels)),
            use_grn=True,
            layer_scale_init_value=0.0,
            out_indices=[0, 1, 2, 3],
            gap_before_final_norm=False,
        )
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(model).train()


def sample(task: str, pixels: int, device: str) -> object:
    """Return annotations of a random image."""
    shape = dict(
        img_shape=(pixels, pixels),
        ori_shape=(pixels, pixels),
        pad_shape=(pixels, pixels),
        batch_input_shape=(pixels, pixels),
        scale_factor=(1.0, 1.0),
    )
    if task == 'UperNet':
        result = SegDataSample(metainfo=shape)
        labels = torch.randint(150, (1, pixels, pixels), device=device)
        result.gt_sem_seg = PixelData(data=labels)
        return result
    half = pixels / 2
    boxes = torch.tensor([[0, 0, half, half], [half, half, pixels, pixels]])
    boxes = boxes.to(device)
    result = DetDataSample(metainfo=shape)
    masks = torch.ones(2, pixels, pixels, dtype=torch.uint8).numpy()
    result.gt_instances = InstanceData(
        bboxes=boxes,
        labels=torch.tensor([0, 1], device=device),
        masks=BitmapMasks(masks, pixels, pixels),
    )
    result.ignored_instances = InstanceData(bboxes=boxes[:0])
    return result


def loss_of(model: torch.nn.Module, images: Tensor, samples: list) -> Tensor:
    """Return the sum of a model's losses."""
    return model.parse_losses(model(images, samples, mode='loss'))[0]


def compare(task: str, args: object) -> list[dict]:
    """Measure one task with both backbones."""
    images = torch.randn(
        args.batch, 3, args.pixels, args.pixels, device=args.device
    )
    samples = [
        sample(task, args.pixels, args.device) for _ in range(args.batch)
    ]
    models = {
        name: build(task, args.size, is_ours).to(args.device)
        for name, is_ours in (('ours', True), ('mmpretrain', False))
    }

    def step(model: torch.nn.Module) -> None:
        model.zero_grad(set_to_none=True)
        with autocast(args.device, HALF):
            loss = loss_of(model, images, samples)
        loss.backward()

    steps = {name: lambda m=m: step(m) for name, m in models.items()}
    seconds = medians(steps, args.rounds, args.device)
    rows = []
    for name, model in models.items():
        with autocast(args.device, HALF):
            saved = saved_for_backward(
                lambda m=model: loss_of(m, images, samples),
                [images, *model.parameters()],
            )
        rows.append(
            {
                'task': task,
                'size': args.size,
                'backbone': name,
                'images/s': args.batch / seconds[name],
                'time / ours': seconds[name] / seconds['ours'],
                'saved MiB per image': saved / 2**20 / args.batch,
                'peak MiB': peak(steps[name], model, args.device),
            }
        )
    return rows


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__)
    line.add_argument('--size', default='tiny', choices=SIZES)
    line.add_argument('--pixels', type=side, default=512)
    line.add_argument('--batch', type=count, default=2)
    args = line.parse_args()
    report(
        'downstream_step', args, [r for t in TASKS for r in compare(t, args)]
    )


if __name__ == '__main__':
    main()
