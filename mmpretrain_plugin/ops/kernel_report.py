"""Compare all Triton kernels on all cards, and print the verdicts.

python -m mmpretrain_plugin.ops.kernel_report
"""

import os
from collections.abc import Iterator

import torch

from .depthwise.comparison import compare_depthwise_conv
from .gelu_norms.comparison import compare_gelu_norms
from .layer_norm.comparison import compare_layer_norm
from .triton_support import TOLERANCES, VARIABLE, kernel_verdict, triton

OPERATORS = {
    'layer norm': compare_layer_norm,
    'GELU and norms': compare_gelu_norms,
    'depthwise convolution': compare_depthwise_conv,
}


def report() -> Iterator[str]:
    """Yield a line for each card, type and operator."""
    choice = os.environ.get(VARIABLE)
    if choice:
        yield f'{VARIABLE}={choice}: the kernels are used as it says'
    if triton is None:
        yield 'Triton is not installed: PyTorch computes everything'
        return
    if torch.version.hip is not None or not torch.cuda.is_available():
        yield 'no NVIDIA GPU: PyTorch computes everything'
        return
    for number in range(torch.cuda.device_count()):
        device = torch.device('cuda', number)
        yield f'{device}: {torch.cuda.get_device_name(device)}'
        for dtype in TOLERANCES:
            for name, compare in OPERATORS.items():
                verdict = kernel_verdict(compare, device, dtype)
                text = verdict.reason or f'used, error {verdict.error:.1e}'
                kind = str(dtype).removeprefix('torch.')
                yield (f'  {name:22} {kind:9} {text}, {verdict.seconds:.1f} s')


if __name__ == '__main__':
    for line in report():
        print(f'{"kernels":22} {line}', flush=True)
