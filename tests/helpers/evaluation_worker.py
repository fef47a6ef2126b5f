"""Pre-train one epoch in several processes, with its evaluation.

torchrun --nproc_per_node 2 -m tests.helpers.evaluation_worker IMAGES OUT
"""

import json
import sys
from pathlib import Path

import torch.distributed as dist

from tests.helpers.small_pretraining import evaluated, train

if __name__ == '__main__':
    dist.init_process_group('gloo')
    images, out = map(Path, sys.argv[1:])
    cfg = evaluated(images, out, epochs=1)
    cfg.launcher = 'pytorch'
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None
    )
    runner = train(cfg)
    metrics = runner.val_loop.run()
    (out / f'{dist.get_rank()}.json').write_text(json.dumps(metrics))
    dist.destroy_process_group()
