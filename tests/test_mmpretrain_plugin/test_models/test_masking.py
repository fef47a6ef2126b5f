import pytest
import torch

from mmpretrain_plugin.models.masking import (
    num_visible,
    patch_grid,
    random_mask,
    visible_indices,
)


@pytest.mark.parametrize(
    ('cells', 'ratio', 'visible'),
    [(49, 0.6, 19), (49, 0.1, 44), (49, 0.9, 4), (100, 0.9, 10), (6, 0.0, 6)],
)
def test_every_image_has_the_exact_number_of_visible_patches(
    cells, ratio, visible
):
    """19 of 49 is the paper's; 100 * (1 - 0.9) is 9.99... in floats."""
    assert num_visible(cells, ratio) == visible
    mask = random_mask(5, (1, cells), ratio)
    assert mask.dtype == torch.bool
    assert mask.shape == (5, 1, cells)
    assert (~mask).sum(dim=(1, 2)).tolist() == [visible] * 5


def test_every_patch_is_hidden_with_equal_probability():
    mask = random_mask(20000, (3, 4), 0.6)
    share = mask.float().mean(dim=0)
    # 8 of 12; four standard deviations of 20000 samples are 0.013
    assert (share - 8 / 12).abs().max() < 0.014


def test_a_generator_makes_masks_reproducible():
    masks = [
        random_mask(4, (7, 7), 0.6, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize('ratio', [-0.1, 1.0, 0.99])
def test_impossible_ratios_raise_errors(ratio):
    with pytest.raises(ValueError, match=str(ratio)):
        random_mask(1, (7, 7), ratio)


def test_image_sizes_must_be_divisible_by_the_patch_size():
    assert patch_grid((192, 320), 32) == (6, 10)
    with pytest.raises(ValueError, match='200x224 pixels.*32x32'):
        patch_grid((200, 224), 32)


def test_visible_indices_are_in_raster_order():
    mask = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]).bool()
    assert visible_indices(mask).tolist() == [[1, 2], [0, 3]]
