"""What a training loop costs beside the steps of the model.

    python benchmarks/training_loop.py

Pre-training with the configs' data, hooks and optimizer on JPEG images of
ImageNet's usual size, as ``mim train`` runs it, and the same steps on one
batch in memory. Both take turns in one training; of each turn the first
iterations are not counted, in which data workers catch up.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from data_loading import SIZES, write_images
from large_data import CONFIGS, PRETRAINING
from measure import SIZES as MODELS
from measure import count, parser, report
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS

from mmpretrain_plugin.models.backbones.convnext_v2 import resolve_architecture

LEFT_OUT = 6  # iterations of a turn that are not counted
COPIES = 200  # links to each image, so that an epoch is long


class TakeTurns(Hook):
    """Measures iterations of the loop, and after a turn bare steps.

    Args:
        turns: Number of turns.
        length: Iterations of a turn.
    """

    def __init__(self, turns: int, length: int) -> None:
        self.turns = turns
        self.length = length
        self.loop: list[float] = []
        self.bare: list[float] = []
        self.last = 0.0

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Note the duration of an iteration; run bare steps after a turn."""
        now = time.perf_counter()
        place = batch_idx % self.length
        if place >= LEFT_OUT:
            self.loop.append(now - self.last)
        if place == self.length - 1:
            for _ in range(self.length - LEFT_OUT):
                start = time.perf_counter()
                runner.model.train_step(data_batch, runner.optim_wrapper)
                synchronize(runner.model)
                self.bare.append(time.perf_counter() - start)
            if batch_idx + 1 == self.turns * self.length:
                raise StopIteration
        self.last = time.perf_counter()


def synchronize(model: torch.nn.Module) -> None:
    """Wait until the device of a model has finished all work."""
    if next(model.parameters()).is_cuda:
        torch.cuda.synchronize()


def train(size: str, folder: Path, args: argparse.Namespace) -> TakeTurns:
    """Pre-train a model of a size, and return what was measured."""
    cfg = Config.fromfile(CONFIGS / PRETRAINING)
    cfg.merge_from_dict(
        {
            'model.backbone.arch': size,
            'model.neck.in_channels': resolve_architecture(size)[1][-1],
            'train_dataloader.batch_size': args.batch,
            'train_dataloader.num_workers': args.workers,
            'train_dataloader.dataset.data_root': str(folder / 'images'),
            'work_dir': str(folder / size),
            'log_level': 'WARNING',
        }
    )
    runner = RUNNERS.build(cfg)
    hook = TakeTurns(args.rounds, args.length)
    runner.register_hook(hook)
    try:
        runner.train()
    except StopIteration:
        return hook
    raise RuntimeError('the data ended before the last turn')


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__)
    line.add_argument('--sizes', nargs='+', choices=MODELS, default=['atto'])
    line.add_argument('--batch', type=count, help='default: 64; 16 on a CPU')
    line.add_argument('--workers', type=count, default=2)
    line.add_argument('--length', type=count, default=LEFT_OUT + 6)
    args = line.parse_args()
    args.batch = args.batch or (16 if args.device == 'cpu' else 64)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'images').mkdir()
        for path in map(Path, write_images(folder / 'images', *SIZES[0])):
            for i in range(COPIES):
                path.with_stem(f'{path.stem}_{i}').hardlink_to(path)
        for size in args.sizes:
            hook = train(size, folder, args)
            loop, bare = map(statistics.median, (hook.loop, hook.bare))
            rows.append(
                {
                    'size': size,
                    'loop, images/s': args.batch / loop,
                    'bare steps, images/s': args.batch / bare,
                    'loop / bare steps, time': loop / bare,
                }
            )
    report('training_loop', args, rows)


if __name__ == '__main__':
    main()
