"""Run a host's training script in one of several processes without GPUs.

    torchrun --nproc_per_node 2 -m tests.helpers.launched SCRIPT CONFIG ...

The script is the one that ``mim train`` starts. mmengine would ask for a GPU
before it opens a process group; it takes one that is open already.
"""

import runpy
import sys

import torch.distributed as dist

if __name__ == '__main__':
    dist.init_process_group('gloo')
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name='__main__')
    dist.destroy_process_group()
