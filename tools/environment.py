"""Make, check and describe the project's environment in ``.venv``.

    python3 tools/environment.py setup     # what `make` calls first
    python3 tools/environment.py doctor    # versions, and what is missing
    python  tools/environment.py aliases   # in an environment of your own

The environment gets the Python that runs this: 3.11, 3.12 or 3.13. Every
version comes from ``requirements.txt``, which ``make lock`` derives from
``setup.cfg``. Uses the standard library alone, because it runs before anything
is installed.
"""

import argparse
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
READY = VENV / '.ready'
LOCK = ROOT / 'requirements.txt'
MMCV = 'onedl-mmcv'
# `make lock` resolves for the first; the others take the same versions.
PYTHON_VERSIONS = ((3, 11), (3, 12), (3, 13))
PACKAGES = ('mmpretrain_plugin', 'mmdet_plugin', 'mmseg_plugin')

# `mim train mmdet` and `_base_ = 'mmseg::...'` look for distributions of these
# names; the maintained OneDL packages have other names for the same modules.
ALIASES = {
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmsegmentation': ('onedl-mmsegmentation', 'mmseg'),
}


class SetupError(Exception):
    """A problem that the user has to solve; the message says how."""


def say(text: str) -> None:
    """Print one line of progress without buffering."""
    print(f'[setup] {text}', flush=True)


def locked_versions() -> dict[str, str]:
    """Read ``{distribution: version}`` from the lock file."""
    lines = LOCK.read_text().splitlines()
    return dict(
        line.split('==') for line in lines if re.match(r'[\w.-]+==', line)
    )


def site_packages() -> Path:
    """Return the ``site-packages`` folder of ``.venv``."""
    found = VENV.glob('lib/python3.*/site-packages')
    return next(found, VENV / 'lib' / f'python{running()}' / 'site-packages')


def running() -> str:
    """Return the version of the running Python, such as '3.11'."""
    return '{}.{}'.format(*sys.version_info)


def installed_versions(folder: Path) -> dict[str, str]:
    """Read ``{distribution: version}`` from a ``site-packages`` folder."""
    found = importlib.metadata.distributions(path=[str(folder)])
    return {
        re.sub(r'[-_.]+', '-', d.metadata['Name']).lower(): d.version
        for d in found
        if d.metadata['Name']
    }


def fingerprint() -> str:
    """Return a hash of the inputs of the environment, its path included."""
    digest = hashlib.sha256(f'{ROOT}{platform.python_version()}'.encode())
    for name in ('requirements.txt', 'setup.cfg', 'tools/environment.py'):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def has_operators(folder: Path) -> bool:
    """Return whether the mmcv in a folder has its compiled operators."""
    return any(folder.glob('mmcv/_ext*.so'))


def problems() -> list[str]:
    """Return what is missing in ``.venv``; empty when it is ready."""
    if not PYTHON.exists():
        return ['.venv has no Python']
    folder = site_packages()
    have = installed_versions(folder)
    wrong = [
        f'{name} {version} (have {have.get(name, "none")})'
        for name, version in locked_versions().items()
        if have.get(name) != version
    ]
    wrong += [
        f'alias of {module} for mim'
        for module in ALIASES
        if module not in have
    ]
    if 'convnextv2-openmmlab' not in have:
        wrong.append('the three packages of this checkout')
    if not has_operators(folder):
        wrong.append('compiled operators of mmcv')
    return wrong


def run(*command: object, **options: object) -> None:
    """Run a command; on failure show its output and stop."""
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if result.returncode:
        raise SetupError(
            f'{result.stdout[-4000:]}\nfailed: '
            f'{" ".join(str(part) for part in command)}\n'
            'Is the package index reachable and the disk not full? '
            'Run the same command again to go on from here.'
        )


def output_of(*command: object) -> str:
    """Return what a command prints, or an empty string if it fails."""
    try:
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''


def check_machine() -> None:
    """Check what the set-up needs before it starts.

    Raises:
        SetupError: If Python has another version, or its headers or the
            compiler are missing.
    """
    if sys.version_info[:2] not in PYTHON_VERSIONS:
        allowed = ', '.join('{}.{}'.format(*v) for v in PYTHON_VERSIONS)
        raise SetupError(
            f'Python {platform.python_version()} is running this; the pinned '
            f'versions are for {allowed}. Install one of them and '
            'run `make setup PYTHON=/path/to/python3.11`.'
        )
    if not shutil.which('g++'):
        raise SetupError(
            'No C++ compiler (g++) found; mmcv has operators to compile. '
            'On Debian or Ubuntu: apt-get install g++'
        )
    if not Path(sysconfig.get_path('include'), 'Python.h').exists():
        raise SetupError(
            'The headers of Python are missing (Python.h). '
            f'On Debian or Ubuntu: apt-get install python{running()}-dev'
        )


def make_venv() -> None:
    """Create ``.venv``, or replace one that is broken or was moved."""
    version = output_of(
        PYTHON, '-c', 'import pip, sys; print(sys.version_info[:2])'
    )
    made_here = VENV / 'pyvenv.cfg'
    # Scripts such as mim carry the absolute path of their Python.
    if (
        version == str(sys.version_info[:2])
        and made_here.exists()
        and str(VENV) in made_here.read_text()
    ):
        return
    say(
        'creating .venv'
        if not VENV.exists()
        else '.venv is broken, was moved or has another Python: creating it '
        'again'
    )
    try:
        run(sys.executable, '-m', 'venv', '--clear', VENV)
    except SetupError as error:
        raise SetupError(
            f'{error}\nOn Debian or Ubuntu: apt-get install '
            f'python{running()}-venv'
        ) from None


def uv(*arguments: object) -> None:
    """Run `uv pip install` on ``.venv``."""
    run(VENV / 'bin' / 'uv', 'pip', 'install', '--python', PYTHON, *arguments)


def install_pinned(*, reinstall: bool) -> None:
    """Install all pinned packages except mmcv, whose wheel is our own.

    Args:
        reinstall: Write every file again, for an environment whose metadata
            is right and whose files are not.
    """
    versions = locked_versions()
    run(PYTHON, '-m', 'pip', 'install', '-q', f'uv=={versions["uv"]}')
    del versions[MMCV]
    say(f'installing {len(versions)} pinned packages (torch is the large one)')
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, 'wanted.txt')
        wanted.write_text(
            '\n'.join(f'{n}=={v}' for n, v in sorted(versions.items()))
        )
        uv('--no-deps', *(['--reinstall'] if reinstall else []), '-r', wanted)
    # The OpenMMLab libraries require both OpenCV packages, which share their
    # files. The headless ones must win: the others need libGL, which servers
    # lack.
    headless = 'opencv-python-headless'
    uv('--no-deps', '--reinstall', f'{headless}=={versions[headless]}')


def cache_folder(kind: str) -> Path:
    """Return the folder of the mmcv wheel, named after its target."""
    versions = locked_versions()
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    name = (
        f'{MMCV}-{versions[MMCV]}-torch-{versions["torch"]}'
        f'-cp{running().replace(".", "")}'
        f'-{platform.machine()}-{kind}'
    )
    return Path(base) / 'convnextv2-openmmlab' / name


def install_mmcv(*, reinstall: bool) -> None:
    """Install mmcv from our own wheel; compile the wheel if there is none."""
    build = [PYTHON, ROOT / 'tools' / 'build_mmcv.py']
    kind = output_of(*build, '--kind')
    if not kind:
        raise SetupError(f'{" ".join(map(str, build))} --kind failed')
    if kind == 'cpu' and shutil.which('nvidia-smi'):
        say(
            'found a GPU but no nvcc of CUDA 13: mmcv gets its CPU '
            'operators, enough for FCMAE and UperNet on the GPU; Mask R-CNN '
            'on the GPU needs nvcc for CUDA 13, then `make clean-venv setup`'
        )
    folder = cache_folder(kind)
    if list(folder.glob('*.whl')):
        say(f'reusing the compiled mmcv in {folder}')
    else:
        time_needed = 'longer than 2 minutes, which it takes for a CPU'
        if kind == 'cpu':
            time_needed = '2 minutes on two cores'
        say(
            f'compiling the operators of {MMCV} for {kind}: the one long '
            f'step, {time_needed}, once per machine'
        )
        command = [*build, f'{MMCV}=={locked_versions()[MMCV]}', folder]
        if subprocess.run([str(part) for part in command]).returncode:
            raise SetupError('mmcv was not built; see the lines above')
    version = installed_versions(site_packages()).get(MMCV)
    good = version == locked_versions()[MMCV] and has_operators(
        site_packages()
    )
    if reinstall or not good:
        (wheel,) = folder.glob('*.whl')
        uv('--no-deps', '--reinstall', wheel)


def write_aliases(folder: Path) -> None:
    """Write the two dist-info folders by which mim finds the libraries.

    Args:
        folder: A ``site-packages`` folder with the OneDL packages.

    Raises:
        SetupError: If a library is missing.
    """
    have = installed_versions(folder)
    for alias, (distribution, module) in ALIASES.items():
        if distribution not in have:
            if alias in have:
                continue  # the upstream package has the name already
            raise SetupError(
                f'{distribution} is not installed in {folder}; install the '
                'OpenMMLab libraries first'
            )
        version = have[distribution]
        for old in folder.glob(f'{alias}-*.dist-info'):
            shutil.rmtree(old)
        info = folder / f'{alias}-{version}.dist-info'
        info.mkdir()
        files = {
            'METADATA': (
                f'Metadata-Version: 2.1\nName: {alias}\nVersion: {version}\n'
                f'Summary: Name under which mim finds {distribution}.\n'
                f'Requires-Dist: {distribution}=={version}\n'
            ),
            'top_level.txt': f'{module}\n',
            'INSTALLER': 'convnextv2-openmmlab\n',
        }
        for name, text in files.items():
            (info / name).write_text(text)


def imports_work() -> str:
    """Import every package; return the error, or an empty string."""
    code = (
        'import torch, mmcv.ops, mmengine, mmpretrain, mmdet, mmseg, '
        f'{", ".join(PACKAGES)}'
    )
    result = subprocess.run(
        [PYTHON, '-c', code], capture_output=True, text=True, cwd=ROOT.parent
    )
    return result.stderr.strip() if result.returncode else ''


def compile_bytecode() -> None:
    """Compile all packages, which Python would do again in every process.

    Python saves what it compiles at import, except where
    PYTHONDONTWRITEBYTECODE is set, as in many containers. There the import of
    the OpenMMLab libraries takes twice as long without this. Files that do not
    compile, such as templates, are left to their users.
    """
    command = [PYTHON, '-W', 'ignore', '-m', 'compileall', '-qq', '-j', '0',
               site_packages()]  # fmt: skip
    subprocess.run([str(part) for part in command])


def setup() -> None:
    """Bring ``.venv`` to the state that ``requirements.txt`` describes."""
    mark = fingerprint()
    known = READY.exists() and READY.read_text() == mark
    wrong = problems()
    if known and not wrong:
        return
    start = time.monotonic()
    check_machine()
    if VENV.exists() and wrong:
        say(f'.venv lacks {len(wrong)} parts, the first is {wrong[0]}')
    READY.unlink(missing_ok=True)
    make_venv()
    for reinstall in (False, True):
        install_pinned(reinstall=reinstall)
        install_mmcv(reinstall=reinstall)
        uv('--no-deps', '--no-build-isolation', '-e', ROOT)
        write_aliases(site_packages())
        say('compiling bytecode and importing everything once')
        compile_bytecode()
        error = imports_work()
        if not error:
            break
        if not reinstall:
            say('an import failed: installing every file again')
    else:
        raise SetupError(f'{error}\nthe packages cannot be imported')
    READY.write_text(mark)
    say(f'ready after {time.monotonic() - start:.0f} s')


def doctor() -> int:
    """Print versions, what is missing, and what to do about it.

    Returns:
        The exit status: 0 when nothing is missing.
    """
    have = installed_versions(site_packages())
    rows = [
        ('system', f'{platform.platform()}, {os.cpu_count()} cores'),
        ('python', f'{platform.python_version()} ({sys.executable})'),
        ('compiler', output_of('g++', '--version').partition('\n')[0]),
        ('CUDA compiler', shutil.which('nvcc') or 'none'),
        ('GPU', output_of('nvidia-smi', '-L') or 'none'),
        ('environment', str(VENV) if PYTHON.exists() else 'none'),
        ('mmcv wheels', ', '.join(
            str(path) for path in cache_folder('cpu').parent.glob('*/*.whl')
        ) or 'none compiled yet'),
    ]  # fmt: skip
    names = ('torch', 'torchvision', 'numpy', 'onedl-mmengine', MMCV,
             'onedl-mmpretrain', 'onedl-mmdetection', 'onedl-mmsegmentation',
             'onedl-mim', 'convnextv2-openmmlab')  # fmt: skip
    rows += [(name, have.get(name, 'missing')) for name in names]
    for name, value in rows:
        print(f'{name:22} {value or "none"}')
    wrong = problems()
    if not wrong and (error := imports_work()):
        wrong = [f'a working import: {error.splitlines()[-1]}']
        READY.unlink(missing_ok=True)
    for item in wrong:
        print(f'missing: {item}')
    if wrong:
        try:
            check_machine()
            print('remedy: run `make setup`, which installs what is missing')
        except SetupError as error:
            print(f'remedy: {error}')
        return 1
    report = output_of(PYTHON, '-m', 'mmpretrain_plugin.ops.kernel_report')
    for line in report.splitlines():
        if line.startswith('kernels'):  # not what libraries print
            print(line)
    print('nothing is missing')
    return 0


def main() -> int:
    """Run the command of the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('command', choices=('setup', 'doctor', 'aliases'))
    command = parser.parse_args().command
    try:
        if command == 'doctor':
            return doctor()
        if command == 'aliases':
            write_aliases(Path(sysconfig.get_path('purelib')))
        else:
            setup()
    except SetupError as error:
        print(f'[setup] {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
