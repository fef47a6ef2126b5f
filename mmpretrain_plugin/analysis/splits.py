"""A reproducible split of labeled images."""

import torch
from torch import Tensor


def split_by_class(
    labels: Tensor, held_out: float = 0.25, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Split images at random into training and held-out ones, per class.

    Args:
        labels: Class of each image, (N).
        held_out: Fraction of the images of each class to hold out, in
            (0, 1), rounded; at least one, and at least one remains. The
            image of a class with a single one remains.
        seed: Seed of the split.

    Returns:
        Indices of the training images and of the held-out images, sorted.

    Raises:
        ValueError: If no class has two images.
    """
    generator = torch.Generator().manual_seed(seed)
    is_held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        order = torch.randperm(len(members), generator=generator)
        count = round(held_out * len(members))
        count = min(max(count, 1), len(members) - 1)
        is_held_out[members[order[:count]]] = True
    if not is_held_out.any():
        raise ValueError(
            'a split needs a class with two or more images; there are '
            f'{len(labels)} images, each of another class'
        )
    return (~is_held_out).nonzero()[:, 0], is_held_out.nonzero()[:, 0]
