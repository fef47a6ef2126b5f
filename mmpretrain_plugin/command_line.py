"""Types of command-line arguments, whose errors argparse prints."""

from argparse import ArgumentTypeError
from pathlib import Path

import torch

from .output_files import check_output_folder


def positive_int(word: str) -> int:
    """Return a whole number of 1 or more.

    Raises:
        ArgumentTypeError: If the word is none.
    """
    if not word.isdecimal() or int(word) < 1:
        raise ArgumentTypeError(f'must be 1 or more, got {word}')
    return int(word)


def usable_device(word: str) -> str:
    """Return the name of a device of PyTorch on this machine.

    Raises:
        ArgumentTypeError: If there is no such device.
    """
    try:
        torch.empty(0, device=word)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ArgumentTypeError(f'{word} cannot be used: {reason}') from None
    return word


def output_folder(word: str) -> Path:
    """Return a folder that can be written to, or can be created.

    Raises:
        ArgumentTypeError: If it cannot.
    """
    try:
        check_output_folder(Path(word))
    except OSError as error:
        raise ArgumentTypeError(str(error)) from None
    return Path(word)
