"""Every test starts from the same seed and leaves no global state behind."""

import os

# Tests are for the CPU, here and in the processes they start.
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import pytest
import torch
from mmengine.registry import DefaultScope

import mmpretrain_plugin  # noqa: F401  registers what the tests build


@pytest.fixture(autouse=True)
def _clean_state():
    torch.manual_seed(0)
    scopes = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(scopes)
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=['dense', 'packed'])
def encoding(request):
    """Both ways to compute under a mask; every law holds for each."""
    return request.param
