"""Report words that a reader of PyTorch or OpenMMLab would stumble over.

    python tools/dev/check_language.py [FILE...]

Without files it checks every file that git tracks below the current folder:
prose, docstrings, comments, messages, and the names of files, functions and
variables. Each finding is a line ``file:line: word -> replacement``, and the
exit status is 1 if there is any. British spelling is codespell's part; its
settings are in ``pyproject.toml``.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {'', '.cff', '.cfg', '.md', '.py', '.sh', '.svg', '.toml'}
SUFFIXES |= {'.txt', '.yaml', '.yml'}
# This file and its test have to contain the words.
SKIPPED = {'LICENSE', 'check_language.py', 'test_check_language.py'}
SKIPPED |= {'requirements.txt'}

Finding = tuple[int, str, str]


@dataclass(frozen=True)
class Rule:
    """A pattern to find in prose, and what to write instead.

    Attributes:
        pattern: Regular expression; a space stands for any white space.
        advice: Replacement to report.
        allowed: Regular expression of longer phrases in which the pattern
            is correct.
        folders: Regular expression of the paths to which the rule applies.
    """

    pattern: str
    advice: str
    allowed: str = r'(?!)'
    folders: str = ''

    def search(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the matches that are not inside an allowed phrase."""
        spans = [m.span() for m in re.finditer(spaced(self.allowed), text)]
        for match in re.finditer(spaced(self.pattern), text, re.IGNORECASE):
            start, end = match.span()
            if not any(a <= start and end <= b for a, b in spans):
                yield match


def spaced(pattern: str) -> str:
    """Let a space in a pattern match a line break and a comment sign too."""
    return pattern.replace(' ', r'(?:\s|\x00?#)+')


LIBRARIES = 'OpenMMLab libraries, or MMPretrain, MMDetection, MMSegmentation'
FORMATS = r'checkpoint|convert|test_loading|download'
RULES = (
    Rule(r'\bhosts?\b', LIBRARIES, r'\bHOST\b|host memory|--host\b'),
    Rule(
        r'\bleaf\b|\b(?:the|of|all|these|those|our|other|its|and) leaves\b',
        'config, configs',
        r'\b[Ll]eaf (?:tensors?|modules?|variables?)\b',
    ),
    Rule(r'\bpictures?\b', 'image'),
    Rule(
        r'\bsites\b|\b(?:a|one|each|every|per|hidden|visible) site\b',
        'positions, pixels of the feature map',
        r'documentation sites?',
    ),
    Rule(r'\bresponses\b', 'activations', r'HTTP responses'),
    Rule(r'\bslopes?\b', 'gradient'),
    Rule(r'\brooms\b|\b(?:a|one|each|every) room\b', 'module, package'),
    Rule(
        r'\bways (?:to|of)\b|\bway to (?:compute|convolve|count|do|train)\b'
        r'|\b(?:another|either|no|other) way of\b',
        'variant, run, method',
    ),
    Rule(
        r'\bmasks? (?:is |are |was |were )?drawn\b'
        r'|\bdraw(?:s|n|ing)? (?:a |the |its |new |random )*masks?\b'
        r'|\bdrawn at random\b|\bdraws nothing\b',
        'sample, sampled',
    ),
    Rule(
        r'\bwhole\b',
        'complete, full, entire, or nothing at all',
        r"whole (?:images?|batch|number)\b|as a whole\b|mode='whole'",
    ),
    Rule(
        r'\b(?:kept|keeps?) (?:\w+ ){0,3}for backward\b|\bkept MiB\b'
        r'|\bbackward keeps\b',
        'saved for backward',
    ),
    Rule(
        r'\b(?:the|a|time /|of) floor\b|\bfloor of\b',
        'roofline bound',
        r'(?:\w+ )?floor division',
    ),
    Rule(
        r'\brates?\b',
        'learning rate (or throughput, or probability)',
        r'(?i:learning|decay|path|drop|dropout|error|sampling)[ -]rates?\b'
        r'|rate=',
    ),
    Rule(r'\blayouts?\b', 'format', r'models/layouts|torch\.layout', FORMATS),
    Rule(
        r'\bcheckpoints? (?:\w+ ){0,2}layouts?\b|\b(?:any|which) layout\b'
        r"|\b(?:timm|transformers|mmpretrain|MMPretrain)'s? layout\b"
        r'|\blayouts? of (?:a |the )?(?:checkpoint|weight)s?\b',
        'format of a checkpoint',
    ),
    Rule(
        r'\btell(?:s|ing)? (?:whether|which|what|where|how|no)\b',
        'return, report, show',
    ),
    Rule(
        r'\bhand(?:s|ed) (?:it|them|over|back|down|to|the)\b', 'return, pass'
    ),
    Rule(
        r'\bstart(?:s|ed)? at random\b',
        'randomly initialized',
    ),
    Rule(r'\b(?:anew|afresh)\b', 'again'),
    Rule(r'\bby way of\b', 'through'),
    Rule(r'\ball the way down\b', 'nothing: say where it is passed'),
    Rule(r'\bbut for\b', 'except for'),
    Rule(
        r'\b(?:amongst|whilst|hitherto|henceforth|whence|whereof|thereof'
        r'|therein|wherein|ere|lest|albeit|thither|nought|upon)\b',
        'a word of today',
    ),
    Rule(r'\bat one stroke\b|\bfor ever\b|\bnobody of us\b', 'plain words'),
    Rule(r'\b(?:weights?|model|network)s? at random\b', 'random weights'),
)

# The same for parts of names, which are separated by '_' or capitals.
NAMES = {
    'behaviour': 'behavior',
    'centre': 'center',
    'colour': 'color',
    'colours': 'colors',
    'floor': 'roofline',
    'host': 'library',
    'hosts': 'libraries',
    'leaf': 'config',
    'leaves': 'configs',
    'licence': 'license',
    'neighbour': 'neighbor',
    'neighbours': 'neighbors',
    'optimiser': 'optimizer',
    'picture': 'image',
    'pictures': 'images',
    'responses': 'activations',
    'room': 'module',
    'rooms': 'modules',
    'site': 'position',
    'sites': 'positions',
    'slope': 'gradient',
    'slopes': 'gradients',
    'tells': 'returns',
    'way': 'variant',
    'ways': 'variants',
    'whole': 'complete, full',
}
# In the code of checkpoints a layout is not spatial; `layout` is also an
# attribute of tensors.
FORMAT_NAMES = {'layouts': 'formats'}
# Names of other libraries, and idioms.
ALLOWED_NAMES = (
    r'is_leaf|tree_leaves|site_packages|\bfloor\b|both_ways|one_way'
)

FIRST_WORDS = {
    'Ask': 'Request, Require',
    'Count': 'Return the number of',
    'Give': 'Return',
    'Hand': 'Return, Pass',
    'Let': 'Allow',
    'Refuse': 'Raise ... if',
    'Say': 'Report, Return',
    'Take': 'Accept, Read, Return',
    'Tell': 'Return whether',
}


def mask_code(source: str) -> str:
    """Replace all but the comments and strings of a module by NUL signs.

    Positions do not change, so a match has the line of the source.
    """
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    result = ['\x00' if not char.isspace() else char for char in source]
    prose = {tokenize.COMMENT, tokenize.STRING}
    prose.add(getattr(tokenize, 'FSTRING_MIDDLE', tokenize.STRING))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in prose:
            begin = starts[token.start[0] - 1] + token.start[1]
            end = starts[token.end[0] - 1] + token.end[1]
            result[begin:end] = source[begin:end]
    return ''.join(result)


def check_prose(text: str, path: str) -> Iterator[Finding]:
    """Yield the findings of all rules in a text."""
    text = re.sub(r'https?://\S+', lambda m: ' ' * len(m[0]), text)
    for rule in RULES:
        if re.search(rule.folders, path):
            for match in rule.search(text):
                line = text.count('\n', 0, match.start()) + 1
                yield line, ' '.join(match[0].split()), rule.advice


def check_name(name: str, path: str) -> Iterator[str]:
    """Yield what to use in place of each private word in a name."""
    words = {**NAMES, **FORMAT_NAMES} if re.search(FORMATS, path) else NAMES
    name = re.sub(r'([a-z])([A-Z])', r'\1_\2', name)
    name = re.sub(ALLOWED_NAMES, '', name).replace('-', '_').lower()
    parts = name.strip('_').split('_')
    if 'leaves' in parts[1:-1]:
        parts.remove('leaves')  # the verb
    for part in set(parts) & set(words):
        yield words[part]


def check_names(source: str, path: str) -> Iterator[Finding]:
    """Yield the names of a module that contain a private word, once each."""
    seen = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string not in seen:
            seen.add(token.string)
            for advice in check_name(token.string, path):
                yield token.start[0], token.string, advice


def check_docstrings(source: str) -> Iterator[Finding]:
    """Yield the docstrings of functions that begin with an unclear verb."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            word = text.split(maxsplit=1)[0] if text.strip() else ''
            if word in FIRST_WORDS and not node.name.startswith('test_'):
                yield node.body[0].lineno, f'"{word} ..."', FIRST_WORDS[word]


def check_file(path: Path) -> list[Finding]:
    """Return the findings of a file, in the order of its lines.

    Args:
        path: A text file; a module is checked for names and docstrings too.
    """
    source, place = path.read_text(), path.as_posix()
    names = check_name(path.stem, place)
    findings = [(1, path.name, advice) for advice in names]
    if path.suffix == '.py':
        findings += check_prose(mask_code(source), place)
        findings += check_names(source, place)
        findings += check_docstrings(source)
    else:
        findings += check_prose(source, place)
    return sorted(set(findings))


def tracked_files() -> list[Path]:
    """List the files that git tracks below the current folder."""
    command = ['git', 'ls-files', '-z']
    result = subprocess.run(
        command, capture_output=True, check=True, text=True
    )
    return [Path(name) for name in result.stdout.split('\0') if name]


def main() -> None:
    """Check the files and exit with 1 if there is a finding."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('files', type=Path, nargs='*')
    count = 0
    for path in parser.parse_args().files or tracked_files():
        if path.suffix not in SUFFIXES or path.name in SKIPPED:
            continue
        if path.is_symlink() or not path.is_file():
            continue
        for line, word, advice in check_file(path):
            print(f'{path}:{line}: {word} -> {advice}')
            count += 1
    if count:
        sys.exit(f'{count} findings')


if __name__ == '__main__':
    main()
