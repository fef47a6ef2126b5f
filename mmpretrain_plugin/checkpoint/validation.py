"""Check that weights are complete and have the expected shapes."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .architecture import infer_architecture
from .errors import ConversionError, IncompleteCheckpointError
from .formats import detect_format
from .grn_weights import GRN_WEIGHT
from .initializers import split_initializers
from .key_tables import without_prefix
from .weights import State, Weights

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
OUTPUT_NORM = re.compile(r'norm\d+\.')
LORA_WEIGHT = re.compile(r'.+\.lora_(down|up)\.weight')


def check_weights(
    weights: Weights,
    unknown: list[str],
    duplicated: list[str],
    extra: Collection[str] = (),
) -> None:
    """Raise an error if converted weights are not complete and finite.

    Args:
        weights: Converted weights.
        unknown: Keys of the checkpoint without a row in its key table.
        duplicated: Keys of the checkpoint for the same weight.
        extra: Names of the backbone that are allowed beside those of its
            architecture.

    Raises:
        IncompleteCheckpointError: If keys are missing, unexpected, duplicated
            or have a wrong shape or values; the message lists all of them.
    """
    given = weights.by_name()
    problems = find_problems(expected_parts(weights).by_name(), given)
    allowed = {f'backbone.{name}' for name in extra}
    unexpected = [n for n in problems['unexpected'] if n not in allowed]
    problems['unexpected'] = unexpected + unknown
    problems['duplicated'] = duplicated
    problems['not floating-point numbers of 16 bits or more'] = [
        f'{name} {value.dtype}'
        for name, value in given.items()
        if value.dtype not in DTYPES
    ]
    problems['NaN or infinite'] = [
        name
        for name, value in given.items()
        if value.dtype in DTYPES and not value.isfinite().all()
    ]
    if any(problems.values()):
        raise IncompleteCheckpointError(
            f'the weights ({weights.source_format} format) are not a complete '
            f'ConvNeXt of {weights.architecture}: {describe(problems)}'
        )


def expected_parts(weights: Weights) -> Weights:
    """Return the weights that these should be, on the meta device.

    Classifier and decoder are optional, and so is the norm of each stage;
    a classifier needs that of the last stage.
    """
    architecture = weights.architecture
    stages = len(architecture.depths)
    norms = {
        stage
        for stage in range(stages)
        if f'norm{stage}.weight' in weights.backbone
        or f'norm{stage}.bias' in weights.backbone
    }
    if weights.classifier:
        norms.add(stages - 1)
    configs = dict(
        backbone=architecture.backbone_config(
            out_indices=sorted(norms) or -1, final_norm=bool(norms)
        )
    )
    if weights.classifier:
        configs['classifier'] = dict(
            type='mmpretrain.LinearClsHead',
            num_classes=size(weights.classifier, 'fc.weight', 'fc.bias'),
            in_channels=architecture.channels[-1],
        )
    if weights.decoder:
        stride = architecture.stem_patch_size * 2 ** (stages - 1)
        pixels = size(weights.decoder, 'pred.weight', 'pred.bias')
        blocks = [
            int(match[1])
            for name in weights.decoder
            if (match := re.match(r'decoder\.(\d{1,4})\.', name))
        ]
        configs['decoder'] = dict(
            type='mmpretrain.FCMAEDecoder',
            in_channels=architecture.channels[-1],
            embed_dim=size(weights.decoder, 'proj.weight', 'proj.bias'),
            depth=min(max(blocks, default=0) + 1, len(weights.decoder)),
            patch_size=stride,
            out_channels=max(pixels // stride**2, 1),
            feature_stride=stride,
        )
    with torch.device('meta'):
        states = {
            part: MODELS.build(config).state_dict()
            for part, config in configs.items()
        }
    return Weights(**states)


def size(state: State, *names: str) -> int:
    """Return the length of the first of these tensors, at least 1."""
    sides = (state[name].shape[:1] for name in names if name in state)
    return max([*next(sides, ()), 1])


def check_backbone_weights(
    backbone: nn.Module, state_dict: Mapping[str, Tensor], prefix: str
) -> None:
    """Raise an error if a state dict does not fill a backbone.

    The state dict must have every weight of the stem, the down-sampling
    layers and the blocks, in the expected shape, and no other weight in these
    modules. The norms of the output stages may be missing: pre-training has
    none, and fine-tuning adds them. MMPretrain's LoRA saves its own weights
    only: then these are checked, and that ``init_cfg`` loads the others.

    Args:
        backbone: A ``ConvNeXtV2``.
        state_dict: State dict of the complete model, or of the backbone.
        prefix: Prefix of the backbone's keys in it, such as 'backbone.', or
            ''. 'module.' of distributed training may precede it.

    Raises:
        IncompleteCheckpointError: If keys are missing or unexpected, or have
            another shape; the message lists all of them and a remedy.
    """
    expected = {
        name: value
        for name, value in backbone.state_dict().items()
        if not OUTPUT_NORM.match(name)
    }
    modules = {name.split('.')[0] for name in expected}
    given = {
        name: value
        for name, value in without_prefix(state_dict, prefix).items()
        if name.split('.')[0] in modules
    }
    if lora_weights(expected):
        if not split_initializers(getattr(backbone, 'init_cfg', None))[0]:
            raise IncompleteCheckpointError(
                'the backbone with LoRA has random weights, because a '
                'checkpoint has those of LoRA only; name a file in init_cfg '
                'of the backbone inside of LoRAModel'
            )
        given = lora_weights(given)
    checkpoint_format = None
    with suppress(ConversionError):
        checkpoint_format = detect_format(state_dict).name
    if not given or checkpoint_format not in ('mmpretrain', None):
        found = f"no key begins with '{prefix}'"
        if checkpoint_format:
            found = f'{checkpoint_format} format, {found}'
        raise IncompleteCheckpointError(
            f'the checkpoint has no weights of this backbone ({found}); name '
            'the file in init_cfg of the backbone, which loads every format, '
            'or convert it with tools/convert_checkpoint.py'
        )
    problems = find_problems(lora_weights(expected) or expected, given)
    if not any(problems.values()):
        return
    text = describe(problems)
    wanted = actual = infer_architecture(expected)
    with suppress(IncompleteCheckpointError):
        actual = infer_architecture(given)
    if actual == wanted:
        remedy = 'it is truncated or was edited: export it again'
    else:
        text = f'it has {actual}, the backbone has {wanted}; {text}'
        remedy = (
            'use a checkpoint of this model, or set arch, in_channels and '
            'use_grn of the backbone to those of the checkpoint'
        )
        if all(map(GRN_WEIGHT.fullmatch, chain(*problems.values()))):
            option = 'drop' if problems['unexpected'] else 'zero'
            remedy += (
                '; if only one of them shall have GRN, name the file in '
                f'init_cfg with grn={option!r}'
            )
        elif (
            actual.in_channels != wanted.in_channels
            and replace(actual, in_channels=wanted.in_channels) == wanted
        ):
            remedy += (
                '; to fit the stem to your channels, name the file in '
                "init_cfg with adapt='repeat'"
            )
    raise IncompleteCheckpointError(
        f'the checkpoint does not fit the backbone: {text}; {remedy}'
    )


def lora_weights(state: Mapping[str, Tensor]) -> State:
    """Return the weights that MMPretrain's ``LoRALinear`` adds to a layer."""
    return {k: v for k, v in state.items() if LORA_WEIGHT.fullmatch(k)}


def find_problems(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """Return what is wrong with a state dict, by kind of problem.

    Args:
        expected: State dict of the model; tensors may be on the meta device.
        given: State dict to check.
    """
    return {
        'missing': [name for name in expected if name not in given],
        'unexpected': [name for name in given if name not in expected],
        'wrong shape': [
            f'{name} {tuple(given[name].shape)}, expected {tuple(value.shape)}'
            for name, value in expected.items()
            if name in given and given[name].shape != value.shape
        ],
    }


def describe(problems: dict[str, list[str]]) -> str:
    """Return one line that lists every problem."""
    return '; '.join(
        f'{kind}: {", ".join(names)}'
        for kind, names in problems.items()
        if names
    )
