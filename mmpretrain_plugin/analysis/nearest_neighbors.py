"""Accuracy of a k-nearest-neighbor classifier (paper, appendix D)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

# Similarities that are computed at once: 64 MiB in float32.
CHUNK = 2**24
NO_RANK = torch.iinfo(torch.long).max  # of a class without a vote


def knn_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    features: Tensor,
    labels: Tensor,
    k: int = 20,
    topk: Sequence[int] = (1, 5),
) -> dict[int, float]:
    """Compute the accuracy of classifying features by their neighbors.

    The k training features with the largest cosine similarity vote with
    equal weight. Classes are ranked by their votes, and classes with equal
    votes by their nearest voter. A class without a vote has no rank, so that
    it is never among the first. A feature of length zero has similarity 0 to
    every other.

    Args:
        train_features: Labeled features that vote, (M, C).
        train_labels: Their classes, integers of shape (M,), 0 or more.
        features: Features to classify, (N, C).
        labels: Their classes, integers of shape (N,), 0 or more.
        k: Number of neighbors, at most M.
        topk: A feature counts as correct for each of these numbers if its
            class is among as many first ones.

    Returns:
        Accuracy in percent by number of ``topk``.

    Raises:
        ValueError: If shapes differ, a set is empty, or k is out of range.
    """
    _check_pair('train_features', train_features, train_labels)
    _check_pair('features', features, labels)
    if train_features.shape[1] != features.shape[1]:
        raise ValueError(
            f'train_features have {train_features.shape[1]} channels but '
            f'features {features.shape[1]}'
        )
    if not 1 <= k <= len(train_features):
        raise ValueError(
            f'k must be in [1, {len(train_features)}], the number of '
            f'train_features, got {k}'
        )
    classes = int(max(train_labels.max(), labels.max())) + 1
    train_unit = normalize(train_features.float(), dim=1)
    ranks = []
    for part, own in zip(
        features.split(max(1, CHUNK // len(train_features))),
        labels.split(max(1, CHUNK // len(train_features))),
    ):
        similarity = normalize(part.float(), dim=1) @ train_unit.T
        neighbors = train_labels[similarity.topk(k, dim=1).indices]
        ranks.append(_rank_of(own, neighbors, classes))
    rank = torch.cat(ranks)
    return {n: 100 * float((rank < n).double().mean()) for n in topk}


def _check_pair(name: str, features: Tensor, labels: Tensor) -> None:
    """Raise ValueError if features and labels do not belong together."""
    if features.dim() != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f'{name} must have shape (N, C) and their labels (N,), got '
            f'{tuple(features.shape)} and {tuple(labels.shape)}'
        )
    if not len(features):
        raise ValueError(f'{name} are empty')


def _rank_of(labels: Tensor, neighbors: Tensor, classes: int) -> Tensor:
    """Return the rank of a class among the votes of its neighbors.

    Args:
        labels: Classes to rank, (N,).
        neighbors: Classes of the neighbors, nearest first, (N, k).
        classes: Number of classes.

    Returns:
        Ranks, (N,): 0 for the class with most votes; ``NO_RANK`` without one.
    """
    k = neighbors.shape[1]
    # A vote counts more than any difference of nearness, which is at most k.
    nearness = torch.arange(k, 0, -1, device=neighbors.device)
    score = torch.zeros(
        len(labels), classes, dtype=torch.long, device=labels.device
    )
    votes = torch.full_like(neighbors, k + 1)
    score.scatter_add_(1, neighbors, votes)
    nearest = torch.zeros_like(score)
    nearest.scatter_reduce_(
        1, neighbors, nearness.expand_as(neighbors), 'amax'
    )
    score += nearest
    own = score.gather(1, labels[:, None])
    rank = (score > own).sum(dim=1)
    return torch.where(own[:, 0] > 0, rank, NO_RANK)
