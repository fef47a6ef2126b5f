"""Fixtures and rules for all tests: same seed, no state left behind."""

import os

import pytest


def pytest_configure(config):
    """Hide GPUs from tests and their processes, except with ``-m gpu``."""
    if config.getoption('markexpr') != 'gpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    # mmengine chooses its device when it is imported: not before this line.
    import mmpretrain_plugin  # noqa: F401  registers what the tests build


def pytest_collection_modifyitems(config, items):
    """Skip GPU tests without a GPU; slow files first."""
    import torch

    # Each process takes the next file, and a slow one at the end would keep
    # the others waiting.
    slow = {item.path for item in items if item.get_closest_marker('slow')}
    items.sort(key=lambda item: item.path not in slow)

    reason = 'no GPU'
    if config.getoption('markexpr') != 'gpu':
        reason = 'CPU run; where there is a GPU, use pytest -m gpu'
    for item in items:
        if item.get_closest_marker('gpu') and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _clean_state():
    import torch
    from mmengine.registry import DefaultScope

    torch.manual_seed(0)
    scopes = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(scopes)
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=['dense', 'packed'])
def encoding(request):
    """Both encodings of masked images; every law holds for each."""
    return request.param
