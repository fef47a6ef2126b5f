"""Compile the Triton kernels that launchers launch, without a GPU."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock


@contextmanager
def compiled_for(capability: int) -> Iterator[list]:
    """Compile to machine code what is launched, with the arguments it gets.

    Types, constants, divisible numbers and numbers of warps then are those of
    a run. Nothing runs: results keep whatever their memory had.

    Args:
        capability: Compute capability, such as 90.

    Yields:
        The compiled kernels, in order; they have ``asm`` and ``metadata``.
    """
    # A process that interprets kernels must not import these.
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    device = mock.Mock()
    device.get_current_target.return_value = GPUTarget('cuda', capability, 32)
    # Triton looks compiled kernels up by the number of the device.
    device.get_current_device.return_value = capability
    kernels, run = [], JITFunction.run

    def compile_only(self, *args, grid, warmup, **kwargs):
        kernels.append(run(self, *args, grid=grid, warmup=True, **kwargs))

    with (
        mock.patch.object(driver, '_active', device),
        mock.patch.object(JITFunction, 'run', compile_only),
    ):
        yield kernels


def resource_usage(kernel, folder: Path) -> dict[str, int]:
    """Return what a program of a compiled kernel uses.

    Args:
        kernel: Compiled kernel.
        folder: Folder for a temporary file.

    Returns:
        Its registers per thread (REG), and bytes that do not fit into them
        (STACK and LOCAL).
    """
    import triton.backends.nvidia as nvidia

    path = folder / 'kernel.cubin'
    path.write_bytes(kernel.asm['cubin'])
    tool = Path(nvidia.__file__).parent / 'bin/cuobjdump'
    text = subprocess.run(
        [tool, '--dump-resource-usage', path],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return {
        name: int(value)
        for name, value in re.findall(r'\b(REG|STACK|LOCAL):(\d+)', text)
    }
