"""Configs of configs/coco have the values of section A.3 and Table 6."""

import re

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import MODELS, DefaultScope

from mmpretrain_plugin.models.backbones.convnext_v2 import (
    resolve_architecture,
)
from tests.test_configs import CONFIGS, facts, load

PATHS = sorted((CONFIGS / 'coco').glob('mask-rcnn_*.py'))


def test_no_config_is_missing():
    long = {f'convnextv2-{size}-fcmae' for size in facts.SIZES}
    long |= set(facts.BOX_MASK_AP)
    long |= {f'convnext-{size}-dinov3' for size in facts.DINOV3}
    short = {f'convnextv2-{size}-fcmae' for size in facts.SIZES[:-1]}
    assert {p.stem for p in PATHS} == {
        f'mask-rcnn_{name}_fpn_8xb4-lsj-3x_coco' for name in long
    } | {f'mask-rcnn_{name}_fpn_1xb4-lsj-1x_coco' for name in short}


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_values(path):
    cfg = load(path)
    name, gpus, images, times = re.match(
        r'mask-rcnn_(.*)_fpn_(\d)xb(\d)-lsj-(\d)x_coco', path.stem
    ).groups()
    family, size = re.match(r'(convnext\w*)-([a-z]+)', name).groups()
    decay, drop_path = facts.COCO_CHOICE[size]
    assert decay in facts.COCO_DECAYS and drop_path in facts.COCO_DROP_PATHS
    wrapper = cfg.optim_wrapper
    assert wrapper.type == 'AmpOptimWrapper'
    assert wrapper.optimizer.to_dict() == dict(
        type='AdamW',
        lr=1e-4,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,
    )
    assert wrapper.paramwise_cfg.to_dict() == dict(
        layer_decay_rate=decay, decay_type='layer'
    )
    count = wrapper.accumulative_counts
    assert int(gpus) * int(images) * count == 32
    assert cfg.train_dataloader.batch_size == int(images)
    warmup, steps = cfg.param_scheduler
    assert (warmup.type, warmup.end, warmup.by_epoch) == (
        'LinearLR', 1000 * count, False,
    )  # fmt: skip
    assert cfg.train_cfg.max_epochs == 12 * int(times)
    milestones = {'3': [27, 33], '1': [8, 11]}[times]
    assert (steps.milestones, steps.gamma) == (milestones, 0.1)
    backbone = cfg.model.backbone
    assert (backbone.arch, backbone.drop_path_rate) == (size, drop_path)
    assert backbone.get('use_grn', True) == (family == 'convnextv2')
    assert backbone.out_indices == (0, 1, 2, 3)
    assert not backbone.gap_before_final_norm
    assert tuple(cfg.model.neck.in_channels) == resolve_architecture(size)[1]
    assert cfg.model.test_cfg.rcnn.nms.type == 'soft_nms'
    assert cfg.model.test_cfg.rpn.nms.type == 'nms'
    resize = cfg.test_dataloader.dataset.pipeline[1]
    assert (resize.type, resize.scale) == ('Resize', (1333, 800))
    text, ap = path.read_text(), facts.BOX_MASK_AP.get(name)
    if ap and times == '3':
        assert f'Expected:   {ap[0]} box AP, {ap[1]} mask AP' in text
    else:
        assert 'Expected:   unknown' in text


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_initial_weights_are_those_of_the_paper(path):
    """FCMAE rows start from pre-training, the others from supervision."""
    checkpoint = load(path).model.backbone.init_cfg.checkpoint
    if '-fcmae_' in path.stem:
        assert '3rdparty-fcmae_in1k' in checkpoint
    elif match := re.search(r'_convnext-(\w+)-dinov3_', path.stem):
        assert checkpoint == facts.dinov3_file(match[1])
    elif '_convnext-' in path.stem:
        assert re.search(r'convnext-\w+_3rdparty_\d+xb\d+_in1k', checkpoint)
    else:
        run = re.match(r'work_dirs/(.*)/epoch_300\.pth', checkpoint)[1]
        assert (CONFIGS / f'imagenet/{run}.py').exists()


def draw_objects(height, width):
    """Return an image with objects of different gray and their polygons."""
    image = np.zeros((height, width, 3), np.uint8)
    corners = {
        1: (10, 20, 120, 90),
        2: (200, 40, 380, 210),
        3: (20, 200, 150, 290),
        4: (250, 230, 395, 295),
    }
    instances = []
    for label, (x1, y1, x2, y2) in corners.items():
        image[y1:y2, x1:x2] = 50 * label
        polygon = [x1, y1, x2, y1, x2, y2, x1, y2]
        instances.append(
            dict(
                bbox=[x1, y1, x2, y2], bbox_label=label, mask=[polygon],
                ignore_flag=0,
            )
        )  # fmt: skip
    return image, instances


def test_large_scale_jittering(tmp_path):
    """Inputs have 1024x1024, scales 0.1 to 2; annotations fit the objects."""
    import cv2

    height, width = 300, 400
    image, instances = draw_objects(height, width)
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    cfg = load(
        CONFIGS
        / 'coco/mask-rcnn_convnextv2-atto-fcmae_fpn_8xb4-lsj-3x_coco.py'
    )
    scales, cut = [], 0
    with DefaultScope.overwrite_default_scope('mmdet'):
        pipeline = Compose(cfg.train_dataloader.dataset.pipeline)
        preprocess = MODELS.build(cfg.model.data_preprocessor)
        np.random.seed(0)
        for _ in range(60):
            sample = pipeline(
                dict(
                    img_path=str(tmp_path / 'image.png'), img_id=0,
                    instances=instances, height=height, width=width,
                )
            )  # fmt: skip
            if sample is None:  # no object left: MMDetection retries
                continue
            scales.append(sample['data_samples'].scale_factor[0])
            sample = preprocess(
                dict(
                    inputs=[sample['inputs']],
                    data_samples=[sample['data_samples']],
                ),
                training=True,
            )
            assert sample['inputs'].shape == (1, 3, 1024, 1024)
            (target,) = sample['data_samples']
            assert tuple(target.batch_input_shape) == (1024, 1024)
            gray = sample['inputs'][0, 0] * 58.395 + 123.675
            gray[target.img_shape[0] :] = 0
            gray[:, target.img_shape[1] :] = 0
            truth = target.gt_instances
            masks = truth.masks.to_tensor(torch.bool, 'cpu')
            assert masks.shape[1:] == (1024, 1024)
            assert len(masks) == len(truth.labels) == len(truth.bboxes)
            cut += len(masks) < 4
            boxes = truth.bboxes
            for label, mask, box in zip(truth.labels, masks, boxes):
                ys, xs = mask.nonzero(as_tuple=True)
                if len(ys) < 100:
                    continue
                tight = torch.tensor(
                    [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
                )
                assert torch.allclose(box, tight.float(), atol=2)
                # Away from its border, an object has only its own gray.
                outside = (~mask).float()[None]
                inner = (
                    torch.nn.functional.max_pool2d(outside, 9, 1, 4)[0] == 0
                )
                if inner.any():
                    assert (gray[inner] - 50 * label).abs().max() < 2
    # A scale of 1 enlarges the image by 2.56, to fit into 1024x1024.
    ratios = np.array(scales) / 2.56
    assert ratios.min() < 0.3 and ratios.max() > 1.8
    assert ratios.min() >= 0.1 - 0.01 and ratios.max() <= 2.0 + 0.01
    assert cut > 5  # some crops removed objects
