"""Compile the wheel of mmcv with its operators in two minutes.

    .venv/bin/python tools/build_mmcv.py onedl-mmcv==2.3.6 FOLDER

Needs torch, setuptools, wheel and ninja in the Python that runs it. Plain pip
takes nine minutes on two cores; the difference is a precompiled torch header.
Where torch is missing, pip silently builds a wheel without operators; this
tool fails instead.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from pathlib import Path

import torch
from torch.utils import cpp_extension

# The header is used only if these flags equal those of the extension.
HEADER_FLAGS = (
    '-O2 -fPIC -fwrapv -DNDEBUG -std=c++17 '
    '-DTORCH_API_INCLUDE_EXTENSION_H -DTORCH_EXTENSION_NAME=_ext'
)
PIP = [sys.executable, '-m', 'pip']


def operator_kind() -> str:
    """Return 'cuda' if there are a GPU and the nvcc of PyTorch, else 'cpu'.

    FORCE_CUDA=1, which MMCV reads too, stands for the GPU where there is none,
    as while an image is built.
    """
    has_gpu = torch.cuda.is_available() or os.environ.get('FORCE_CUDA') == '1'
    if not has_gpu or not cpp_extension.CUDA_HOME:
        return 'cpu'
    compiler = Path(cpp_extension.CUDA_HOME, 'bin', 'nvcc')
    printed = subprocess.run(
        [compiler, '--version'], capture_output=True, text=True
    ).stdout
    found = re.search(r'release (\d+)\.', printed)
    needed = (torch.version.cuda or '').split('.')[0]
    return 'cuda' if found and found[1] == needed else 'cpu'


def precompile_header(folder: Path) -> str:
    """Compile the header of torch; return the compiler flags that use it."""
    paths = [*cpp_extension.include_paths(), sysconfig.get_path('include')]
    header = folder / 'torch_types.h'
    header.write_text('#include <torch/types.h>\n')
    subprocess.run(
        ['g++', *HEADER_FLAGS.split(), *(f'-I{path}' for path in paths),
         '-x', 'c++-header', str(header)],
        check=True,
    )  # fmt: skip
    return f'{HEADER_FLAGS} -include {header}'


def run_with_progress(command: list[str], environment: dict) -> None:
    """Run a ninja build and print the time left, from its ``[k/n]`` lines.

    Raises:
        SystemExit: With the end of the output, if the build fails.
    """
    start, log = time.monotonic(), []
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        log.append(line)
        step = re.match(r'\s*\[(\d+)/(\d+)\]', line)
        if step and int(step[1]) % 10 == 0:
            done, total = int(step[1]), int(step[2])
            left = (time.monotonic() - start) * (total - done) / done
            print(f'  {done}/{total} files, about {left:.0f} s left')
    if process.wait():
        raise SystemExit(''.join(log)[-4000:] + '\ncompiling mmcv failed')


def build(requirement: str, target: Path) -> Path:
    """Compile a wheel and move it into a folder in one step.

    Args:
        requirement: Distribution and version, ``onedl-mmcv==2.3.6``.
        target: Folder for the wheel.

    Returns:
        Path of the wheel.

    Raises:
        SystemExit: If the source cannot be downloaded or compiled.
    """
    environment = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'MMCV_WITH_OPS': '1',
        'MAX_JOBS': os.environ.get('MAX_JOBS') or str(os.cpu_count()),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        download = [*PIP, 'download', '-q', '--no-deps', '-d', name,
                    '--no-build-isolation', '--no-binary', ':all:',
                    requirement]  # fmt: skip
        if subprocess.run(download).returncode:
            raise SystemExit(
                f'the source of {requirement} could not be downloaded; is '
                'the package index reachable?'
            )
        (source,) = folder.glob('*.tar.gz')
        if operator_kind() == 'cpu':
            print('  precompiling the torch header')
            environment['CFLAGS'] = precompile_header(folder)
            environment['CUDA_VISIBLE_DEVICES'] = ''
        run_with_progress(
            [*PIP, 'wheel', '-v', '--no-deps', '--no-cache-dir',
             '--no-build-isolation', str(source), '-w', name],
            environment,
        )  # fmt: skip
        (wheel,) = folder.glob('*.whl')
        names = zipfile.ZipFile(wheel).namelist()
        if not any(n.startswith('mmcv/_ext') for n in names):
            raise SystemExit('the mmcv wheel has no operators')
        target.mkdir(parents=True, exist_ok=True)
        # A second set-up may run at the same time: a rename is atomic.
        partial = target / f'.{os.getpid()}.partial'
        shutil.copyfile(wheel, partial)
        return partial.rename(target / wheel.name)


def main() -> None:
    """Build the wheel, or print which kind would be built."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('requirement', nargs='?')
    parser.add_argument('folder', type=Path, nargs='?')
    parser.add_argument(
        '--kind', action='store_true', help='print cpu or cuda, build nothing'
    )
    args = parser.parse_args()
    if args.kind:
        print(operator_kind())
        return
    if not args.folder:
        parser.error('requirement and folder are missing')
    sys.stdout.reconfigure(line_buffering=True)
    start = time.monotonic()
    wheel = build(args.requirement, args.folder)
    print(f'  {wheel} after {time.monotonic() - start:.0f} s')


if __name__ == '__main__':
    main()
