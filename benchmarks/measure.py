"""Shared measurements: medians of interleaved runs, memory, reports."""

import argparse
import ctypes
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor, nn

# All sizes of the paper, smallest first.
SIZES = ['atto', 'femto', 'pico', 'nano', 'tiny', 'base', 'large', 'huge']
OUT = Path('work_dirs/benchmarks')
STATUS, RESET_PEAK = Path('/proc/self/status'), Path('/proc/self/clear_refs')


def parser(
    description: str, has_gpu: bool = True, has_rounds: bool = True
) -> argparse.ArgumentParser:
    """Return a parser with the common options.

    Args:
        description: Description of the benchmark.
        has_gpu: Whether it also runs on a GPU.
        has_rounds: Whether it measures time.
    """
    line = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    devices = ['cpu']
    if has_gpu and torch.cuda.is_available():
        devices.append('cuda')
    line.add_argument('--device', default=devices[-1], choices=devices)
    if has_rounds:
        line.add_argument('--rounds', type=count, default=7)
    line.add_argument(
        '--out', type=Path, default=OUT, help=f'folder of results ({OUT})'
    )
    return line


def count(text: str) -> int:
    """Parse a positive integer."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'must be 1 or more, got {text}')
    return number


def side(text: str) -> int:
    """Parse the side of an image in pixels, a multiple of 32."""
    pixels = count(text)
    if pixels % 32:
        raise argparse.ArgumentTypeError(
            f'must be divisible by 32, got {text}'
        )
    return pixels


def autocast(
    device: str, half: torch.dtype = torch.bfloat16
) -> torch.autocast:
    """Return autocast to half precision on a GPU, or fp32 on a CPU."""
    return torch.autocast(device, half, enabled=device == 'cuda')


def train_step(
    model: nn.Module, forward: Callable[[], Tensor], device: str
) -> None:
    """Run forward and backward, with the mean square of the result as loss.

    Args:
        model: Model, whose gradients are freed first.
        forward: Computes a result of the model; runs under ``autocast``.
        device: Device it runs on.
    """
    model.zero_grad(set_to_none=True)
    with autocast(device):
        y = forward()
    y.float().square().mean().backward()


def medians(
    variants: dict[str, Callable[[], object]], rounds: int, device: str
) -> dict[str, float]:
    """Time variants of a computation, interleaved in every round.

    Other load on the machine then affects all of them equally.

    Args:
        variants: Functions by name.
        rounds: Number of timed runs of each, after one to warm up.
        device: Device they run on.

    Returns:
        Median seconds by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    with Progress(transient=True) as progress:
        task = progress.add_task('rounds', total=(rounds + 1) * len(variants))
        for number in range(rounds + 1):
            for name, run in variants.items():
                synchronize(device)
                start = time.perf_counter()
                run()
                synchronize(device)
                if number:
                    seconds[name].append(time.perf_counter() - start)
                progress.advance(task)
    return {name: statistics.median(times) for name, times in seconds.items()}


def synchronize(device: str) -> None:
    """Wait until a GPU has finished all work."""
    if device == 'cuda':
        torch.cuda.synchronize()


def saved_for_backward(forward: Callable[[], Tensor], without: list) -> int:
    """Return the bytes of tensors that autograd saves for backward.

    Args:
        forward: Computes a result to differentiate.
        without: Tensors that are not counted: weights and inputs.

    Returns:
        Bytes of the saved storages, each counted once.
    """
    known = {tensor.untyped_storage().data_ptr() for tensor in without}
    saved = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            saved[storage.data_ptr()] = storage
        return tensor.detach()  # saving an output itself would be a cycle

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        result = forward()
        total = sum(storage.nbytes() for storage in saved.values())
        del result
    return total


def peak(
    step: Callable[[], object], model: nn.Module, device: str
) -> float | None:
    """Return the MiB that a training step allocates beyond those in use.

    On a CPU it is the resident memory, which only Linux reports; else None.

    Args:
        step: Runs forward and backward.
        model: Model that it trains; its gradients are freed first.
        device: Device it runs on.
    """
    model.zero_grad(set_to_none=True)
    if device != 'cuda':
        return resident_peak(step) if STATUS.exists() else None
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def resident_peak(run: Callable[[], object]) -> float:
    """Return the MiB by which the process grows while a function runs."""
    gc.collect()
    # Unused memory of malloc would hide growth.
    ctypes.CDLL(None).malloc_trim(0)
    RESET_PEAK.write_text('5')
    before = status('VmRSS')
    run()
    return (status('VmHWM') - before) / 1024


def status(key: str) -> int:
    """Return a number, in KiB, of Linux's status of this process."""
    lines = dict(x.split(':', 1) for x in STATUS.read_text().splitlines())
    return int(lines[key].split()[0])


def hardware(device: str) -> dict[str, object]:
    """Return the machine and the versions of packages."""
    if device == 'cuda':
        name = torch.cuda.get_device_name()
    else:
        info = Path('/proc/cpuinfo')
        lines = info.read_text().splitlines() if info.exists() else []
        models = [x.split(':')[1].strip() for x in lines if 'model name' in x]
        name = (models or [platform.processor()])[0]
    return {
        'device': name,
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'python': platform.python_version(),
        'mmcv': version('onedl-mmcv'),
        'mmpretrain': version('onedl-mmpretrain'),
        'timm': version('timm'),
        'date': date.today().isoformat(),
    }


def report(
    name: str, args: argparse.Namespace, rows: list[dict[str, object]]
) -> None:
    """Print a table, and save it with hardware and settings as JSON.

    Args:
        name: Name of the file, without the device.
        args: Command line.
        rows: Cells by column, the same columns in every row.
    """
    machine = hardware(args.device)
    table = Table(title=f'{name}: {machine["device"]}')
    for column in rows[0]:
        table.add_column(column, justify='right')
    for row in rows:
        table.add_row(*map(cell, row.values()))
    Console(width=150).print(table)
    settings = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in vars(args).items()
        if key != 'out'
    }
    content = dict(machine=machine, settings=settings, rows=rows)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f'{name}_{args.device}.json'
    path.write_text(json.dumps(content, indent=1) + '\n')


def cell(value: object) -> str:
    """Format a cell: three digits, or a dash if not measured."""
    if value is None:
        return '-'
    if not isinstance(value, float):
        return str(value)
    return f'{value:.0f}' if value >= 1000 else f'{value:.3g}'
