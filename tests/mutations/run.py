"""Break the packages one line at a time and report which test notices.

    python -m tests.mutations.run [--only NAME ...] [--tier fast] [--again]

Each mutation of ``mutations.yml`` is applied to a copy of the working tree.
The tests that are likely to notice run first, and if they pass, those of the
tier. A test counts only if it passes on the unchanged copy. Results are saved
after each mutation, and a second call continues where the first stopped.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name('mutations.yml')
# The tests of the environment need the .venv that a copy does not have.
ARGUMENTS = ['-q', '-p', 'no:cacheprovider', '-rfE', '--tb', 'no',
             '--ignore', 'tests/test_tools/test_environment.py']  # fmt: skip
TIERS = {
    'likely': None,
    'fast': 'not slow and not distributed and not nightly',
    'all': 'not nightly',
}


class MutationError(ValueError):
    """A mutation that cannot be applied as it is written."""


@dataclass(frozen=True)
class Edit:
    """The replacement of one text in one file.

    Attributes:
        file: Path in the repository.
        old: Text that occurs exactly once in the file.
        new: Text to write in its place.
    """

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """A fault that some test should notice.

    Attributes:
        name: Short name.
        fault: What is wrong after the mutation.
        edits: Replacements, all applied together.
        tests: Test files that are likely to notice, best first.
    """

    name: str
    fault: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


@dataclass
class Result:
    """Outcome of one mutation.

    Attributes:
        fault: What was wrong.
        edits: The replacements, to detect that a saved result is stale.
        test: The test that noticed, or None if the mutation survived.
        tier: Tests that ran last: 'likely', 'fast' or 'all'.
        seconds: Duration.
    """

    fault: str
    edits: list[dict]
    test: str | None
    tier: str
    seconds: int


def read_mutations(path: Path = LIST) -> list[Mutation]:
    """Return the mutations of a YAML file.

    Raises:
        MutationError: If two have the same name.
    """
    entries = yaml.safe_load(path.read_text())
    names = [entry['name'] for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MutationError(f'{path}: names are not unique: {twice}')
    return [
        Mutation(
            entry['name'],
            entry['fault'],
            tuple(Edit(**edit) for edit in entry['edits']),
            tuple(entry['tests']),
        )
        for entry in entries
    ]


def mutate(mutation: Mutation, root: Path) -> dict[Path, str]:
    """Return the new text of each file that a mutation changes.

    Args:
        mutation: The mutation.
        root: Folder of the repository.

    Raises:
        MutationError: If a file or test is missing, a text to replace does
            not occur exactly once, or the result is no valid Python.
    """
    for test in mutation.tests:
        if not (root / test).exists():
            raise MutationError(f'{mutation.name}: {test} does not exist')
    texts: dict[Path, str] = {}
    for edit in mutation.edits:
        path = root / edit.file
        if not path.is_file():
            raise MutationError(f'{mutation.name}: {path} does not exist')
        text = texts.get(path) or path.read_text()
        count = text.count(edit.old)
        if count != 1 or edit.old == edit.new:
            raise MutationError(
                f'{mutation.name}: {edit.old!r} must occur once in '
                f'{edit.file} and be changed, it occurs {count} times; adapt '
                f'{LIST.name}'
            )
        texts[path] = text.replace(edit.old, edit.new)
    for path, text in texts.items():
        if path.suffix == '.py':
            try:
                compile(text, str(path), 'exec')
            except SyntaxError as error:
                raise MutationError(f'{mutation.name}: {error}') from None
    return texts


def copy_tree(root: Path, target: Path) -> None:
    """Copy the tracked and the new files of a git working tree."""
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '-co', '--exclude-standard'],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split('\0')):
        if not (root / name).exists():
            continue
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, path, follow_symlinks=False)


class Pytest:
    """Runs tests in copies of the repository, see ``fork_pytest.py``.

    Args:
        python: Interpreter that runs the tests.
    """

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name('fork_pytest.py')
        self.process = subprocess.Popen(
            [python, '-P', script], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd='/', env={**os.environ, 'OMP_NUM_THREADS': '1',
                          'CUDA_VISIBLE_DEVICES': '',
                          'PYTHONDONTWRITEBYTECODE': '1'},
        )  # fmt: skip

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()

    def first_failure(
        self, root: Path, tests: tuple[str, ...], skipped: set[str],
        *options: str,
    ) -> str | None:  # fmt: skip
        """Run tests in a copy and return the first one that fails, or None.

        Raises:
            RuntimeError: If pytest neither passes nor names a failing test.
        """
        deselected = [f'--deselect={name}' for name in sorted(skipped)]
        arguments = [*ARGUMENTS, *options, *deselected, *tests]
        print(
            json.dumps([str(root), arguments]),
            file=self.process.stdin,
            flush=True,
        )
        status, output = json.loads(self.process.stdout.readline())
        if status in (0, 5):  # 5: everything was deselected
            return None
        pattern = r'^(?:FAILED|ERROR) (tests/.*?)(?: - .*)?$'
        failed = re.search(pattern, output, re.MULTILINE)
        if not failed:
            raise RuntimeError(output[-3000:])
        return failed[1]


def find_test(
    mutation: Mutation, clean: Path, changed: Path, tier: str, pytest: Pytest
) -> tuple[str | None, str]:
    """Return the test that notices a mutation, and the tier that ran last.

    Args:
        mutation: A mutation that was applied to ``changed``.
        clean: Copy without it, where the test must pass.
        changed: Copy with it.
        tier: Tests to run if the likely ones pass; a name of ``TIERS``.
        pytest: Runs the tests.
    """
    broken: set[str] = set()  # fail without any mutation
    stages = [('likely', mutation.tests, ['-x'])]
    if TIERS[tier]:
        options = ['-x', '-n', '2', '--dist', 'loadscope', '-m', TIERS[tier]]
        stages.append((tier, ('tests',), options))
    for stage, tests, options in stages:
        while name := pytest.first_failure(changed, tests, broken, *options):
            if not pytest.first_failure(clean, (name,), set()):
                return name, stage
            broken.add(name)
    return None, tier


def markdown(results: dict[str, Result]) -> str:
    """Return the results as a table."""
    caught = sum(result.test is not None for result in results.values())
    lines = [
        f'{caught} of {len(results)} mutations caught.',
        '',
        '| Mutation | Fault | Caught by | Seconds |',
        '|---|---|---|---|',
    ]
    for name, result in results.items():
        test = f'`{result.test}`' if result.test else '**survived**'
        test += '' if result.tier == 'likely' else f' ({result.tier} tests)'
        lines.append(
            f'| {name} | {result.fault} | {test} | {result.seconds} |'
        )
    return '\n'.join(lines) + '\n'


def run(args: argparse.Namespace) -> dict[str, Result]:
    """Apply the mutations one by one and save each result."""
    mutations = read_mutations(args.list)
    unknown = set(args.only) - {mutation.name for mutation in mutations}
    if unknown:
        raise MutationError(f'{args.list} has no {sorted(unknown)}')
    for mutation in mutations:
        mutate(mutation, args.root)
    if args.check:
        print(f'{len(mutations)} mutations can be applied')
        return {}
    saved = {}
    if args.out.exists():
        saved = json.loads(args.out.read_text())
    results = {name: Result(**entry) for name, entry in saved.items()}

    def is_done(mutation: Mutation) -> bool:
        result = results.get(mutation.name)
        edits = [asdict(edit) for edit in mutation.edits]
        return result is not None and result.edits == edits and not args.again

    waiting = [
        mutation
        for mutation in mutations
        if (not args.only or mutation.name in args.only)
        and not is_done(mutation)
    ]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        clean, changed = Path(folder, 'clean'), Path(folder, 'changed')
        copy_tree(args.root, clean)
        copy_tree(args.root, changed)
        pytest = Pytest(args.python)
        for done, mutation in enumerate(waiting, start=1):
            start = time.monotonic()
            texts = mutate(mutation, changed)
            originals = {path: path.read_text() for path in texts}
            for path, text in texts.items():
                path.write_text(text)
            test, tier = find_test(mutation, clean, changed, args.tier, pytest)
            for path, text in originals.items():
                path.write_text(text)
            now = time.monotonic()
            edits = [asdict(edit) for edit in mutation.edits]
            results[mutation.name] = Result(
                mutation.fault, edits, test, tier, round(now - start)
            )
            order = [m.name for m in mutations if m.name in results]
            results = {name: results[name] for name in order}
            entries = {name: asdict(r) for name, r in results.items()}
            args.out.write_text(json.dumps(entries, indent=1) + '\n')
            args.out.with_suffix('.md').write_text(markdown(results))
            left = (now - begin) / done * (len(waiting) - done) / 60
            print(
                f'[{done}/{len(waiting)}] {mutation.name}: '
                f'{f"caught by {test}" if test else "SURVIVED"}, '
                f'{now - start:.0f} s, about {left:.0f} min left',
                flush=True,
            )
        pytest.close()
    return results


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--only', nargs='+', default=[], metavar='NAME')
    add('--tier', choices=list(TIERS), default='fast',
        help='tests to run if the likely ones pass')  # fmt: skip
    add('--again', action='store_true', help='repeat what has a result')
    add('--check', action='store_true',
        help='only check that each mutation can be applied')  # fmt: skip
    add('--out', type=Path, default=ROOT / 'work_dirs/mutations.json',
        help='results; a Markdown table is written beside them')  # fmt: skip
    add('--list', type=Path, default=LIST, help='another list of mutations')
    add('--root', type=Path, default=ROOT, help='another working tree')
    add('--python', default=sys.executable, help='another interpreter')
    return parser


def main() -> None:
    """Run the mutations and fail if one survives."""
    args = build_parser().parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        results = run(args)
    except MutationError as error:
        sys.exit(str(error))
    survived = [name for name, r in results.items() if r.test is None]
    if survived:
        sys.exit(f'survived: {", ".join(survived)}')


if __name__ == '__main__':
    main()
