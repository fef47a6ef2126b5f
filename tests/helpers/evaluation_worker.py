"""Pre-train one epoch in several processes, with its evaluation.

torchrun --nproc_per_node 2 -m tests.helpers.evaluation_worker IMAGES OUT

Once with replicated and once with sharded weights, in folders of OUT.
"""

import json
import sys
from pathlib import Path

import torch.distributed as dist
from mmengine.registry import RUNNERS

from tests.helpers.small_pretraining import evaluated

VARIANTS = {
    'replicated': dict(
        model_wrapper_cfg=dict(
            type='MMDistributedDataParallel', device_ids=None
        )
    ),
    'sharded': dict(
        runner_type='CheckedFlexibleRunner',
        strategy=dict(type='FullyShardStrategy', blocks='ConvNeXtV2Block'),
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
    ),
}

if __name__ == '__main__':
    dist.init_process_group('gloo')
    images, out = map(Path, sys.argv[1:])
    for name, options in VARIANTS.items():
        cfg = evaluated(images, out / name, epochs=1)
        cfg.update(launcher='pytorch', **options)
        runner = RUNNERS.build(cfg)
        runner.train()
        metrics = runner.val_loop.run()
        file = out / name / f'{dist.get_rank()}.json'
        file.write_text(json.dumps(metrics))
    dist.destroy_process_group()
