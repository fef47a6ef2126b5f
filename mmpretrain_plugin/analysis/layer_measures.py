"""Measures of all blocks of a backbone in one pass over images."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .channel_activity import saturated_channels, silent_channels
from .class_selectivity import ClassMeans, class_selectivity_index
from .cosine_distance import feature_cosine_distance
from .spectrum import effective_rank
from .taps import encode, find_blocks, observe

# Bins of the histograms of the class selectivity index, over [0, 1].
BINS = 25


class BackboneMeasures(NamedTuple):
    """What ``measure_backbone`` returns.

    Attributes:
        blocks: Of each block ``name``; ``depth``, the normalized layer index,
            0 to 1; ``normalization``, the class of GRN or of the layer in its
            place, or None; the measures ``activation`` and, with such a
            layer, ``normalized`` (see ``FeatureMeasures.summary``); and, with
            labels, ``selectivity`` of the output: ``counts`` of the index in
            equal bins over [0, 1], ``mean``, and the number of ``inactive``
            channels.
        pooled: Output of the last block averaged over positions, (N, C).
        labels: Class of each image, (N), or None.
    """

    blocks: list[dict[str, Any]]
    pooled: Tensor
    labels: Tensor | None


class FeatureMeasures:
    """Running averages of the measures of one tap over batches."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.sums: dict[str, Tensor] = {}
        self.always: dict[str, Tensor] = {}
        self.distances: list[Tensor] = []

    def update(self, features: Tensor) -> None:
        """Add a batch of features (N, positions, channels)."""
        self.shape = tuple(features.shape[1:])
        distance, undirected = feature_cosine_distance(features)
        self.distances.append(distance.cpu())
        flags = {'silent': silent_channels(features)}
        if self.shape[0] > 1:
            flags['saturated'] = saturated_channels(features)
        values = {name: flag.double().mean(1) for name, flag in flags.items()}
        values['undirected_channels'] = undirected.double()
        values['effective_rank'] = effective_rank(features)
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.sum().cpu()
        for name, flag in flags.items():
            flag = flag.all(dim=0).cpu()
            self.always[name] = self.always.get(name, flag) & flag

    def summary(self) -> dict[str, float | int | None]:
        """Return the averages over images.

        ``cosine_distance`` and its standard deviation over images
        ``cosine_distance_std``; the fractions of ``silent`` and ``saturated``
        channels per image, and of those that are so in every image
        (``silent_always``, ``saturated_always``); ``undirected_channels``,
        the number of channels that are zero at every position of an image;
        ``effective_rank``; ``positions``, ``channels`` and ``images``.
        Saturation is None where there is a single position.
        """
        distances = torch.cat(self.distances).double()
        images = len(distances)
        result: dict[str, float | int | None] = dict(
            images=images,
            positions=self.shape[0],
            channels=self.shape[1],
            cosine_distance=float(distances.mean()),
            cosine_distance_std=float(distances.std(unbiased=False)),
        )
        for name in (
            'silent', 'saturated', 'undirected_channels', 'effective_rank'
        ):  # fmt: skip
            total = self.sums.get(name)
            result[name] = None if total is None else float(total) / images
        for name in ('silent', 'saturated'):
            flag = self.always.get(name)
            share = None if flag is None else float(flag.double().mean())
            result[f'{name}_always'] = share
        return result


def measure_backbone(
    backbone: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor | None]],
    num_classes: int = 0,
) -> BackboneMeasures:
    """Measure the features of every block, batch by batch.

    Memory does not grow with the number of images, except for one pooled
    feature and one distance per block of each image.

    Args:
        backbone: The backbone, in evaluation mode.
        batches: Normalized images (N, C, H, W) and the class of each, (N), or
            None.
        num_classes: Number of classes, if there are labels.

    Returns:
        Measures of the blocks, pooled features and labels.

    Raises:
        ValueError: If the blocks of the backbone are not known or do not run
            their parts as modules, or if features are not finite.
    """
    blocks = find_blocks(backbone)
    taps: list[dict[str, FeatureMeasures]] = [
        {tap: FeatureMeasures() for tap, *_ in block.taps()}
        for block in blocks
    ]
    means = [ClassMeans(num_classes) for _ in blocks]
    pooled, all_labels = [], []
    labels: Tensor | None = None

    def measure(index: int, tap: str, features: Tensor) -> None:
        if not features.isfinite().all():
            raise ValueError(
                f'block {blocks[index].name} has NaN or infinite features'
            )
        if tap != 'output':
            taps[index][tap].update(features)
            return
        if labels is not None:
            means[index].update(features, labels)
        if index == len(blocks) - 1:
            pooled.append(features.float().mean(dim=1).cpu())

    with observe(blocks, measure):
        for images, labels in batches:
            encode(backbone, images)
            if labels is not None:
                all_labels.append(labels.cpu())
    results = []
    for index, block in enumerate(blocks):
        measures = {
            tap: _summary(block.name, tap, found)
            for tap, found in taps[index].items()
            if tap != 'output'
        }
        results.append(
            dict(
                name=block.name,
                depth=index / max(len(blocks) - 1, 1),
                normalization=_name_of(block.normalization),
                activation=measures['activation'],
                normalized=measures.get('normalized'),
                selectivity=_selectivity(means[index]) if all_labels else None,
            )
        )
    return BackboneMeasures(
        results,
        torch.cat(pooled),
        torch.cat(all_labels) if all_labels else None,
    )


def _name_of(module: nn.Module | None) -> str | None:
    """Return the name of the class of a module."""
    return None if module is None else type(module).__name__


def _summary(name: str, tap: str, found: FeatureMeasures) -> dict:
    """Return the averages of a tap, which must have been reached."""
    if not found.shape:
        raise ValueError(
            f'block {name} never called the module of its tap {tap!r}, so '
            'its features cannot be read'
        )
    return found.summary()


def _selectivity(means: ClassMeans) -> dict[str, Any]:
    """Return the histogram of the index over channels."""
    index = class_selectivity_index(means.means())
    active = index[~index.isnan()].clamp(0, 1)
    return dict(
        counts=torch.histc(active, BINS, 0, 1).int().tolist(),
        mean=float(active.mean()) if len(active) else None,
        inactive=len(index) - len(active),
    )
