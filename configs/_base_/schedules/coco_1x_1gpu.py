"""12 epochs of Mask R-CNN on one GPU; not a schedule of the paper.

The batch size and therefore the learning rate stay: 4 images, accumulated over
8 iterations, are 32. Learning rate steps at epochs 8 and 11 are MMDetection's
1x schedule. Warm-up counts iterations, of which 8 are one update.
"""

_base_ = './coco_3x.py'

max_epochs = 12
milestones = [8, 11]
accumulative_counts = 8
warmup_iters = 1000 * accumulative_counts
optim_wrapper = dict(accumulative_counts=accumulative_counts)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, end=warmup_iters),
    dict(type='MultiStepLR', milestones=milestones, gamma=0.1),
]
