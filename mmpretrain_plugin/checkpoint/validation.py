"""Check that weights are complete and have the expected shapes."""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from .architecture import Architecture, infer_architecture
from .convert import recognize
from .errors import ConversionError, IncompleteCheckpointError


def check_backbone_weights(
    backbone: nn.Module, state_dict: Mapping[str, Tensor], prefix: str
) -> None:
    """Raise an error if a state dict does not fill a backbone.

    All weights of stem, down-sampling layers and blocks must be there, with
    their shapes, and no others beside them. The norms of the output stages
    may be missing: pre-training has none, and fine-tuning adds them.

    Args:
        backbone: A ``ConvNeXtV2``.
        state_dict: State dict of the complete model, or of the backbone.
        prefix: Prefix of the backbone's keys in it, such as 'backbone.', or
            ''. 'module.' of distributed training may precede it.

    Raises:
        IncompleteCheckpointError: If keys are missing or unexpected, or have
            another shape; the message lists all of them and a remedy.
    """
    expected = without_output_norms(backbone.state_dict())
    modules = {name.split('.')[0] for name in expected}
    given = {}
    for key, value in state_dict.items():
        key = key.removeprefix('module.')
        name = key.removeprefix(prefix)
        if key.startswith(prefix) and name.split('.')[0] in modules:
            given[name] = value
    checkpoint_format = format_name(state_dict)
    if not given or checkpoint_format not in ('mmpretrain', None):
        found = f"no key begins with '{prefix}'"
        if checkpoint_format:
            found = f'{checkpoint_format} format, {found}'
        raise IncompleteCheckpointError(
            f'the checkpoint has no weights of this backbone ({found}); name '
            'the file in init_cfg of the backbone, which loads every format, '
            'or convert it with tools/convert_checkpoint.py'
        )
    problems = list_problems(expected, given)
    if not problems:
        return
    wanted, found = infer_architecture(expected), architecture_or_none(given)
    if found in (None, wanted):
        remedy = 'it is truncated or was edited: export it again'
    else:
        problems.insert(0, f'it has {found}, the backbone has {wanted}')
        remedy = (
            'use a checkpoint of this model, or set arch, in_channels and '
            'use_grn of the backbone to those of the checkpoint'
        )
    raise IncompleteCheckpointError(
        f'the checkpoint does not fit the backbone: {"; ".join(problems)}; '
        f'{remedy}'
    )


def without_output_norms(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of a backbone without norm0, norm1, ..."""
    return {k: v for k, v in state.items() if not re.match(r'norm\d+\.', k)}


def list_problems(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> list[str]:
    """List what is wrong with a state dict: one text per kind of problem.

    Args:
        expected: State dict of the model; tensors may be on the meta device.
        given: State dict to check.
    """
    found = {
        'missing': [name for name in expected if name not in given],
        'unexpected': [name for name in given if name not in expected],
        'wrong shape': [
            f'{name} {tuple(given[name].shape)}, expected {tuple(value.shape)}'
            for name, value in expected.items()
            if name in given and given[name].shape != value.shape
        ],
    }
    return [f'{kind}: {", ".join(names)}' for kind, names in found.items()
            if names]  # fmt: skip


def architecture_or_none(state: Mapping[str, Tensor]) -> Architecture | None:
    """Return the architecture of a backbone's weights, None if incomplete."""
    try:
        return infer_architecture(state)
    except IncompleteCheckpointError:
        return None


def format_name(state_dict: Mapping[str, Tensor]) -> str | None:
    """Return the name of a state dict's format, None if it is unknown."""
    try:
        return recognize(state_dict).name
    except ConversionError:
        return None
