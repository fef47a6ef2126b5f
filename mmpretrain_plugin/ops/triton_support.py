"""Optional import of Triton, and whether its kernels run and are right.

Nobody can test a kernel on every card, so each is compared with PyTorch's
operations on a small input when it is first used on a device with a type. If
it fails, PyTorch computes the operator from then on, in this process. The
variable CONVNEXTV2_KERNELS decides instead: 'triton' uses the kernels without
a comparison, 'pytorch' never.
"""

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = tl = None

__all__ = [
    'TOLERANCES',
    'VARIABLE',
    'Verdict',
    'can_run_triton',
    'kernel_verdict',
    'relative_error',
    'tl',
    'triton',
]

VARIABLE = 'CONVNEXTV2_KERNELS'
# Largest relative error in the Frobenius norm: some times what rounding the
# result costs.
TOLERANCES = {
    torch.float32: 1e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}
# Compares the kernels of an operator with float64, on a device and with a
# type, and returns the largest relative error of their results.
Comparison = Callable[[torch.device, torch.dtype], float]


@dataclass(frozen=True)
class Verdict:
    """Whether the kernels of an operator are used.

    Attributes:
        reason: Why they are not; None if they are.
        error: Their largest relative error; None if they did not run.
        seconds: Duration of the comparison, with compilation.
    """

    reason: str | None
    error: float | None
    seconds: float


# By operator, device and type. They hold until the process ends: another
# decision between forward and recomputation would break checkpointing.
_VERDICTS: dict[tuple[Comparison, torch.device, torch.dtype], Verdict] = {}


def can_run_triton(x: Tensor, compare: Comparison) -> bool:
    """Return whether the Triton kernels of an operator compute x.

    They accumulate in fp32, so float64 is excluded. Under ``torch.compile``
    inductor fuses PyTorch's operations itself, and ``torch.jit.trace`` has to
    record them; both get the plain operations.

    Args:
        x: Input of the operator.
        compare: Compares its kernels with PyTorch.

    Raises:
        ValueError: If the variable has another value than those allowed.
    """
    if triton is None or x.dtype not in TOLERANCES or not x.numel():
        return False
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if type(x) not in (Tensor, nn.Parameter):  # fake, or sharded
        return False
    has_device = x.is_cuda and torch.version.hip is None
    if not has_device and os.environ.get('TRITON_INTERPRET') != '1':
        return False
    choice = os.environ.get(VARIABLE, '')
    if choice not in ('', 'triton', 'pytorch'):
        raise ValueError(
            f"{VARIABLE} is {choice!r}; it must be 'triton', 'pytorch', or "
            'empty'
        )
    if choice:
        return choice == 'triton'
    if (compare, x.device, x.dtype) not in _VERDICTS and _is_capturing(x):
        return False  # a graph is being recorded, which cannot wait
    return kernel_verdict(compare, x.device, x.dtype).reason is None


def _is_capturing(x: Tensor) -> bool:
    """Return whether launches on the device of x are recorded in a graph."""
    return x.is_cuda and torch.cuda.is_current_stream_capturing()


def kernel_verdict(
    compare: Comparison, device: torch.device, dtype: torch.dtype
) -> Verdict:
    """Return whether the kernels of an operator are used; compare them once.

    Args:
        compare: Compares the kernels with PyTorch.
        device: Device on which they run.
        dtype: Type of their input.
    """
    key = compare, device, dtype
    if key not in _VERDICTS:
        _VERDICTS[key] = verdict = _compare(*key)
        if verdict.reason is not None:
            name = compare.__name__.removeprefix('compare_')
            warnings.warn(
                f'the Triton kernels of {name} are not used on {device} in '
                f'{dtype}: {verdict.reason}; PyTorch computes it, more slowly',
                stacklevel=2,
            )
    return _VERDICTS[key]


def _compare(
    compare: Comparison, device: torch.device, dtype: torch.dtype
) -> Verdict:
    """Run a comparison and judge it."""
    start = time.monotonic()
    error = None
    reason = _unsupported(device, dtype)
    if reason is None:
        try:
            with (
                torch.inference_mode(False),
                torch.device('cpu'),
                torch.autocast(device.type, enabled=False),
            ):
                error = compare(device, dtype)
        except Exception as raised:  # Triton raises many types
            lines = str(raised).split('\n')
            reason = f'{type(raised).__name__}: {lines[0]:.200}'
        else:
            if not error <= TOLERANCES[dtype]:
                reason = (
                    f'their relative error is {error:.1e}, more than '
                    f'{TOLERANCES[dtype]:.1e}'
                )
    return Verdict(reason, error, time.monotonic() - start)


def _unsupported(device: torch.device, dtype: torch.dtype) -> str | None:
    """Return why a card is too old for the kernels, if it is."""
    if device.type != 'cuda':
        return None
    major, minor = torch.cuda.get_device_capability(device)
    needed = 8 if dtype == torch.bfloat16 else 7
    if major < needed:
        return (
            f'the compute capability is {major}.{minor}, and they need '
            f'{needed}.0'
        )
    return None


def relative_error(got: Tensor, wanted: Tensor) -> float:
    """Return the error of a result in the Frobenius norm.

    Args:
        got: Result on any device; values that are not finite are infinitely
            wrong.
        wanted: The right values in float64, on the CPU.
    """
    got = got.detach().cpu().double()
    if got.shape != wanted.shape or not torch.isfinite(got).all():
        return float('inf')
    return float((got - wanted).norm() / wanted.norm())
