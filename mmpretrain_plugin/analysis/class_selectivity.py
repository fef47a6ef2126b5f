"""Class selectivity index (paper, appendix C; Morcos et al., ICLR 2018)."""

import torch
from torch import Tensor


class ClassMeans:
    """Mean activation of every channel for every class, over many batches.

    Activations are rectified first, as if a ReLU followed: the index is
    defined for activations >= 0, and the outputs of ConvNeXt's residual
    blocks have both signs.

    Args:
        num_classes: Number of classes.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(num_classes, dtype=torch.float64)
        self.sums = torch.empty(0)

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Add a batch.

        Args:
            features: Activations, channels last, (N, ..., C).
            labels: Class of each image, (N), in [0, num_classes).
        """
        active = features.flatten(1, -2).clamp(min=0).mean(dim=1).cpu()
        labels = labels.cpu()
        if not self.sums.numel():
            self.sums = torch.zeros(
                len(self.counts), active.shape[1], dtype=torch.float64
            )
        self.sums.index_add_(0, labels, active.double())
        self.counts += labels.bincount(minlength=len(self.counts))

    def means(self) -> Tensor:
        """Return the means of the classes that have images, (K, C)."""
        seen = self.counts > 0
        return self.sums[seen] / self.counts[seen, None]


def class_selectivity_index(means: Tensor) -> Tensor:
    """Compute how much each channel prefers one class.

    It is ``(max - others) / (max + others)``, with ``max`` the largest of the
    class means and ``others`` the average of the remaining ones: 1 if the
    channel is active for one class only, 0 if equally for all.

    Args:
        means: Mean activation per class and channel, (K, C). Negative means
            count as 0; those of ``ClassMeans`` are never negative.

    Returns:
        Index of each channel, (C), in [0, 1]; NaN for channels that are
        active for no class.

    Raises:
        ValueError: If there are fewer than two classes.
    """
    if len(means) < 2:
        raise ValueError(
            f'class selectivity compares two or more classes, got {len(means)}'
        )
    means = means.clamp(min=0)
    largest = means.amax(dim=0)
    others = (means.sum(dim=0) - largest) / (len(means) - 1)
    return (largest - others) / (largest + others)
