"""A conversion is compared on an image, in models of the formats."""

import re

import pytest

from mmpretrain_plugin.checkpoint import (
    FORMATS,
    ConversionError,
    to_state_dict,
    verify,
)
from mmpretrain_plugin.checkpoint.stem import STEM
from tests.helpers.small_weights import weights_for

# Whose models run weights in a format.
LIBRARIES = {
    'timm': 'timm',
    'huggingface': 'transformers',
    'huggingface-dinov3': 'transformers',
    'torchvision': 'torchvision',
}


@pytest.mark.parametrize('name', FORMATS)
def test_keys_of_distributed_training(name):
    weights = weights_for(name)
    state, _ = to_state_dict(weights, name)
    source = {f'module.{key}': value for key, value in state.items()}
    target, _ = to_state_dict(weights, 'official')
    result = verify(source, target)
    if library := LIBRARIES.get(name):
        assert f'(models of {library} and this project)' in result
    else:
        assert 'largest difference on an image: 0 of' in result


@pytest.mark.parametrize('name', LIBRARIES)
@pytest.mark.parametrize(
    ('patch', 'stages'), [(4, 4), (2, 4), (16, 4), (4, 3)]
)
def test_other_stems_and_numbers_of_stages(name, patch, stages):
    """Only V1 and V2 of transformers have three stages and other stems."""
    weights = weights_for(
        name,
        depths=(1,) * stages,
        stem_patch_size=patch,
        classifier=False,
        decoder=False,
    )
    source, _ = to_state_dict(weights, 'mmpretrain')
    target, _ = to_state_dict(weights, name, backbone_only=True)
    pattern = r'image: (\S+) of (\S+) \(models of this project and (.*)\)'
    difference, largest, library = re.search(
        pattern, verify(source, target)
    ).groups()
    assert float(difference) <= 1e-5 * float(largest)
    usual = (patch, stages) == (4, 4)
    in_library = usual or name == 'huggingface'
    assert library == (LIBRARIES[name] if in_library else 'this project')


@pytest.mark.parametrize('name', ['timm', 'official'])
def test_other_weights_are_an_error(weights, name):
    source, _ = to_state_dict(weights, 'mmpretrain')
    weights.backbone[STEM] = -weights.backbone[STEM]
    target, _ = to_state_dict(weights, name)
    with pytest.raises(ConversionError, match='nothing is written: largest'):
        verify(source, target)
