"""12 epochs of Mask R-CNN on one GPU: a start, not the paper's.

The batch stays 32, by accumulating 8 times 4 pictures, and so does the rate.
Steps at epochs 8 and 11 are the hosts' 1x; warm-up counts iterations, of
which 8 make one update.
"""

_base_ = './coco_3x.py'

accumulative_counts = 8
optim_wrapper = dict(accumulative_counts=accumulative_counts)
train_cfg = dict(max_epochs=12)
param_scheduler = _base_.param_scheduler
param_scheduler[0]['end'] *= accumulative_counts
param_scheduler[1]['milestones'] = [8, 11]
