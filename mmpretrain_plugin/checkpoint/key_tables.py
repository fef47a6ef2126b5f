"""Key tables: names and shapes of weights in a checkpoint format.

A row maps one name of this project to one key of the format. Reading and
writing are both derived from it, so that they are inverse to each other.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from .architecture import Architecture
from .tensor_forms import TENSOR_FORMS, TensorForm
from .weights import PARTS, State


class Row(NamedTuple):
    """One row of a key table.

    Attributes:
        name: Name in the state dict of a part of this project's models.
        key: Key in the format.
        form: How the format shapes the tensor.
    """

    name: str
    key: str
    form: TensorForm


def key_table(text: str, names: str = '', keys: str = '') -> tuple[Row, ...]:
    """Parse a key table.

    Args:
        text: One row per line: name, key and perhaps the tensor form. In
            names and keys ``{s}``, ``{b}`` and ``{i}`` stand for numbers,
            ``{p}`` for 'weight' or 'bias' and ``{name}`` for anything.
        names: Prefix of all names.
        keys: Prefix of all keys.
    """
    rows = []
    for line in text.strip().splitlines():
        name, key, *form = line.split(maxsplit=2)
        tensor_form = TENSOR_FORMS[form[0] if form else 'same']
        rows.append(Row(names + name, keys + key, tensor_form))
    return tuple(rows)


@functools.cache
def compile_template(template: str) -> re.Pattern:
    """Compile a name or a key of a row to a regular expression."""
    placeholders = {'p': 'weight|bias', 'name': '.+'}
    return re.compile(
        re.sub(
            r'\\\{(\w+)\\\}',
            lambda m: f'(?P<{m[1]}>{placeholders.get(m[1], "[0-9]+")})',
            re.escape(template),
        )
    )


def without_module(key: str) -> str:
    """Remove the prefix that distributed training puts before keys."""
    return key.removeprefix('module.')


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> State:
    """Return the entries whose keys begin with a prefix, without it.

    ``module.`` of distributed training may precede the prefix.
    """
    return {
        key.removeprefix(prefix): value
        for name, value in state.items()
        if (key := without_module(name)).startswith(prefix)
    }


@dataclass(frozen=True)
class Format:
    """A checkpoint format.

    Attributes:
        name: Name of the format on the command line.
        signature: Regular expression that some key of every checkpoint in
            this format matches, and no key of another format.
        extends: Format whose keys checkpoints in this format have as well.
        backbone: Key table of the backbone.
        classifier: Key table of the classifier.
        decoder: Key table of FCMAE's decoder.
        spellings: Regular expressions and replacements that turn keys of
            variants of the format into those of the tables.
        container: Key of a .pth file under which programs that use the
            format look for the state dict; None for a bare state dict.
        finish: Adapts a written state dict to the class that loads it.
        v1_only: Whether the programs that use the format know blocks of
            ConvNeXt V1 only.
        license: License of the weights that the authors published in it.
    """

    name: str
    signature: str
    backbone: tuple[Row, ...]
    classifier: tuple[Row, ...] = ()
    decoder: tuple[Row, ...] = ()
    spellings: tuple[tuple[str, str], ...] = ()
    container: str | None = None
    finish: Callable[[State, Architecture], State] = lambda state, _: state
    v1_only: bool = False
    license: str | None = None
    extends: 'Format | None' = None

    def matches(self, state_dict: Mapping[str, Tensor]) -> bool:
        """Return whether a state dict is in this format."""
        signature = re.compile(self.signature)
        found = any(signature.fullmatch(without_module(k)) for k in state_dict)
        return found and (
            self.extends is None or self.extends.matches(state_dict)
        )

    def canonical_key(self, key: str) -> str:
        """Return the key that the tables have for a variant of it."""
        key = without_module(key)
        for pattern, replacement in self.spellings:
            key = re.sub(pattern, replacement, key)
        return key

    def read_key(
        self, key: str, value: Tensor
    ) -> tuple[str, str, Tensor] | None:
        """Return part, name and tensor of a canonical key, None if unknown."""
        for part in PARTS:
            for row in getattr(self, part):
                if match := compile_template(row.key).fullmatch(key):
                    name = row.name.format(**match.groupdict())
                    return part, name, row.form.read(value)
        return None

    def write_key(
        self, part: str, name: str, value: Tensor
    ) -> tuple[str, Tensor] | None:
        """Return key and tensor of a weight, None if there is no row."""
        for row in getattr(self, part):
            if match := compile_template(row.name).fullmatch(name):
                key = row.key.format(**match.groupdict())
                return key, row.form.write(value)
        return None
