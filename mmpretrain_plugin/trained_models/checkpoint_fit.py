"""Whether a state dict has the weights of a model: all, and no others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..checkpoint.errors import (
    CheckpointError,
    CheckpointFileError,
    ConversionError,
    IncompleteCheckpointError,
)
from ..checkpoint.formats import detect_format
from ..checkpoint.validation import describe
from ..checkpoint.weights import State

SHOWN = 3  # names of each kind in a message


def is_of_another_format(state: State) -> bool:
    """Return whether a state dict is a ConvNeXt with names of other code."""
    try:
        return detect_format(state).name != 'mmpretrain'
    except ConversionError:  # no ConvNeXt
        return False


def check_fit(
    expected: State,
    given: State,
    ignored: Callable[[str], object] = lambda name: False,
) -> None:
    """Compare the names and shapes of two state dicts, and check the values.

    Args:
        expected: State dict of the model.
        given: State dict of the checkpoint.
        ignored: Whether a weight of this name may be in one of them alone.

    Raises:
        IncompleteCheckpointError: If they differ, or a value is not finite;
            the message is one line.
    """
    alone = {
        'missing': [name for name in expected if name not in given],
        'unexpected': [name for name in given if name not in expected],
    }
    problems = {
        kind: [name for name in names if not ignored(name)]
        for kind, names in alone.items()
    }
    problems['of another shape'] = [
        f'{name} {tuple(given[name].shape)}, not {tuple(value.shape)}'
        for name, value in expected.items()
        if name in given and given[name].shape != value.shape
    ]
    problems['not finite'] = [
        name for name, value in given.items() if not value.isfinite().all()
    ]
    for names in problems.values():
        if len(names) > SHOWN + 1:
            names[SHOWN:] = [f'{len(names) - SHOWN} others']
    if text := describe(problems):
        raise IncompleteCheckpointError(text)


@contextmanager
def naming_both(checkpoint: str, config: str) -> Iterator[None]:
    """Name the checkpoint and the config of the model in errors.

    Raises:
        ValueError: In the place of a ``CheckpointError``.
    """
    try:
        yield
    except CheckpointFileError:
        raise  # it names the file
    except CheckpointError as error:
        raise ValueError(
            f'{checkpoint} does not fit {config}: {error}; use the config '
            'that the training saved in its work_dir'
        ) from None
