"""Run a training script of OpenMMLab in several processes without GPUs.

    torchrun --nproc_per_node 2 -m tests.helpers.launched SCRIPT CONFIG ...

The script is the one that ``mim train`` starts. mmengine requires a GPU to
create a process group, but uses one that exists already.
"""

import runpy
import sys

import torch.distributed as dist

if __name__ == '__main__':
    dist.init_process_group('gloo')
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name='__main__')
    dist.destroy_process_group()
