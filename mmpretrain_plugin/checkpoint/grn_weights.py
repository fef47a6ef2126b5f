"""GRN in only one of pre-training and fine-tuning (section 4, Table 2f)."""

import re

from torch import nn

from .errors import IncompleteCheckpointError
from .weights import State

# Options, and what happens to GRN weights.
GRN_OPTIONS = {'load': 'loaded', 'drop': 'left out', 'zero': 'set to zero'}
GRN_WEIGHT = re.compile(r'stages\.\d+\.\d+\.grn\.(gamma|beta)')
GRN_PLACE = re.compile(r'stages\.\d+\.\d+\.grn\..+')


def names_in_grn_place(backbone: nn.Module) -> list[str]:
    """Return the names of a backbone's weights of GRN or its replacement."""
    return [n for n in backbone.state_dict() if GRN_PLACE.fullmatch(n)]


def apply_grn_option(
    state: State, backbone: nn.Module, option: str
) -> tuple[State, list[str]]:
    """Leave out GRN weights, or add zeros for those of the backbone.

    Args:
        state: Weights of a checkpoint, under the names of the backbone.
        backbone: The ``ConvNeXtV2`` that will load them.
        option: 'load' changes nothing; 'drop' leaves out the GRN weights of
            the checkpoint, for a backbone without GRN; 'zero' adds zeros, with
            which GRN is the identity, for a checkpoint without GRN.

    Returns:
        The weights to load, and the names that were left out or added.

    Raises:
        ValueError: If the option is unknown.
        IncompleteCheckpointError: If the option does not apply: 'drop' needs
            GRN in the checkpoint only, and 'zero' in the backbone only.
    """
    if option not in GRN_OPTIONS:
        raise ValueError(
            f'grn of init_cfg must be one of {tuple(GRN_OPTIONS)}, got '
            f'{option!r}'
        )
    if option == 'load':
        return state, []
    given = [n for n in state if GRN_WEIGHT.fullmatch(n)]
    own = {
        n: value
        for n, value in backbone.state_dict().items()
        if GRN_WEIGHT.fullmatch(n)
    }
    needs = 'the checkpoint' if option == 'drop' else 'the backbone'
    if (bool(given), bool(own)) != (option == 'drop', option == 'zero'):
        raise IncompleteCheckpointError(
            f'grn={option!r} of init_cfg needs GRN in {needs} only; the '
            f'checkpoint has {len(given)} GRN weights and the backbone has '
            f'{len(own)}; set use_grn of the backbone, or leave grn out'
        )
    if option == 'drop':
        return {n: v for n, v in state.items() if n not in given}, given
    zeros = {n: value.new_zeros(value.shape) for n, value in own.items()}
    return {**state, **zeros}, list(zeros)
