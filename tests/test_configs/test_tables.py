"""Parameters and operations equal those of the paper, at its precision."""

import math

import pytest

from tests.helpers import complexity
from tests.test_configs import CONFIGS, load

# Table 14: parameters in M and operations in G at 224².
TABLE_14 = {
    'atto': ('3.7', '0.55'),
    'femto': ('5.2', '0.78'),
    'pico': ('9.1', '1.37'),
    'nano': ('15.6', '2.45'),
    'tiny': ('28.6', '4.47'),
    'base': ('89', '15.4'),
    'large': ('198', '34.4'),
    'huge': ('660', '115'),
}
# Table 15: operations in G.
TABLE_15 = {
    ('nano', 384): '7.21',
    ('tiny', 384): '13.1',
    ('base', 384): '45.2',
    ('large', 384): '101.1',
    ('huge', 384): '337.9',
    ('huge', 512): '600.8',
}
# Table 6: operations in G at 1280x800.
TABLE_6 = {
    'convnext-base': '486',
    'convnextv2-base': '486',
    'convnextv2-base-fcmae': '486',
    'convnext-large': '875',
    'convnextv2-large': '875',
    'convnextv2-large-fcmae': '875',
    'convnextv2-huge-fcmae': '2525',
}
# Table 7: parameters in M and operations in G at 2048x512 or 2560x640.
TABLE_7 = {
    ('convnext-base', 512): ('122', '1170'),
    ('convnextv2-base', 512): ('122', '1170'),
    ('convnextv2-base-fcmae', 512): ('122', '1170'),
    ('convnext-large', 512): ('235', '1573'),
    ('convnextv2-large', 512): ('235', '1573'),
    ('convnextv2-large-fcmae', 512): ('235', '1573'),
    ('convnextv2-huge-fcmae', 512): ('707', '3272'),
    ('convnextv2-huge-fcmae-in22k', 640): ('707', '5113'),
}
# The same for Swin, in configs/comparison.
SWIN = {'base': ('497', '121', '1181'), 'large': ('904', '234', '1601')}


def printed(number, like):
    """Round to as many decimals as the paper prints."""
    return f'{number:.{len(like.partition(".")[2])}f}'


@pytest.mark.parametrize('arch', TABLE_14)
def test_table_14(arch):
    parameters, operations = complexity.of_backbone(arch, 224)
    m, g = TABLE_14[arch]
    assert (printed(parameters / 1e6, m), printed(operations / 1e9, g)) == (
        m, g,
    )  # fmt: skip


@pytest.mark.parametrize(('arch', 'pixels'), TABLE_15)
def test_table_15(arch, pixels):
    _, operations = complexity.of_backbone(arch, pixels)
    g = TABLE_15[arch, pixels]
    if (arch, pixels) == ('huge', 384):
        # This rule gives 337.955, which the paper truncates; it rounds others
        # (for 600.809, Table 5 prints 600.7 and Table 15 prints 600.8).
        assert math.floor(operations / 1e8) / 10 == float(g)
    else:
        assert printed(operations / 1e9, g) == g


@pytest.mark.parametrize('name', TABLE_6)
def test_table_6(name):
    path = CONFIGS / f'coco/mask-rcnn_{name}_fpn_8xb4-lsj-3x_coco.py'
    _, operations = complexity.of_mask_rcnn(load(path).model)
    assert printed(operations / 1e9, TABLE_6[name]) == TABLE_6[name]


@pytest.mark.parametrize(('name', 'pixels'), TABLE_7)
def test_table_7(name, pixels):
    path = f'ade20k/upernet_{name}_8xb2-160k_ade20k-{pixels}x{pixels}.py'
    parameters, operations = complexity.of_upernet(
        load(CONFIGS / path).model, pixels, 4 * pixels
    )
    m, g = TABLE_7[name, pixels]
    assert (printed(parameters / 1e6, m), printed(operations / 1e9, g)) == (
        m, g,
    )  # fmt: skip


@pytest.mark.parametrize('size', SWIN)
def test_swin_in_tables_6_and_7(size):
    """Windows of 7. Table 6 counts LayerNorm, here PyTorch's own class.

    That costs 2 operations per value, as a batch norm. Table 7 does not count
    it here either.
    """
    coco, m, ade = SWIN[size]
    folder = CONFIGS / 'comparison'
    path = folder / f'mask-rcnn_swin-{size}-simmim_fpn_8xb4-lsj-3x_coco.py'
    _, operations = complexity.of_mask_rcnn(
        load(path).model, complexity.swin_detection_rule
    )
    assert printed(operations / 1e9, coco) == coco
    path = folder / f'upernet_swin-{size}-simmim_8xb2-160k_ade20k-512x512.py'
    parameters, operations = complexity.of_upernet(load(path).model, 512, 2048)
    assert printed(parameters / 1e6, m) == m
    assert printed(operations / 1e9, ade) == ade
