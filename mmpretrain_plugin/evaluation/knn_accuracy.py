"""k-NN accuracy of frozen features, as a metric of MMEngine."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from mmpretrain.registry import METRICS
from torch import Tensor

from ..analysis import knn_accuracy, split_by_class


@METRICS.register_module()
class KNNAccuracy(BaseMetric):
    """Accuracy of classifying features by their nearest neighbors.

    A random part of each class is classified by the neighbors among the other
    images (paper, appendix D: K = 20). It is the same in each evaluation.
    The metrics are named ``knn/top1`` and so on, in percent.

    Args:
        k: Number of neighbors; at most as many as there are.
        topk: An image counts as correct for each of these numbers if its
            class is among as many first ones.
        held_out: Fraction of the images of each class to classify, in (0, 1);
            see ``analysis.split_by_class``.
        seed: Seed of the split.
        collect_device: 'cpu' or 'gpu', where results of processes are
            collected.

    Raises:
        ValueError: If ``held_out`` is not in (0, 1).
    """

    default_prefix = 'knn'

    def __init__(
        self,
        k: int = 20,
        topk: Sequence[int] = (1, 5),
        held_out: float = 0.25,
        seed: int = 0,
        collect_device: str = 'cpu',
    ) -> None:
        super().__init__(collect_device)
        if not 0 < held_out < 1:
            raise ValueError(f'held_out must be in (0, 1), got {held_out}')
        self.k = k
        self.topk = tuple(topk)
        self.held_out = held_out
        self.seed = seed

    def process(
        self, data_batch: object, data_samples: Sequence[dict]
    ) -> None:
        """Keep features and labels of a batch.

        Args:
            data_batch: Not used; part of MMEngine's interface.
            data_samples: Data samples with ``feature`` (C,) and ``gt_label``.

        Raises:
            ValueError: If the images have no labels.
        """
        for sample in data_samples:
            if 'gt_label' not in sample:
                raise ValueError(
                    'KNNAccuracy needs labels, but the data set has none: use '
                    'a folder with one subfolder per class and '
                    'with_label=True, or remove KNNAccuracy from the evaluator'
                )
            self.results.append(
                (sample['feature'].float().cpu(), int(sample['gt_label']))
            )

    def compute_metrics(
        self, results: list[tuple[Tensor, int]]
    ) -> dict[str, float]:
        """Classify one part of the images by the other.

        Args:
            results: Feature and label of every image, in the order of the
                data set.

        Returns:
            Accuracy in percent by name, ``top1`` and so on.

        Raises:
            ValueError: If there are fewer than two classes, of which every
                image would be correct, or no class has two images.
        """
        features = torch.stack([feature for feature, _ in results])
        labels = torch.tensor([label for _, label in results])
        if (classes := len(labels.unique())) < 2:
            raise ValueError(
                f'KNNAccuracy needs images of two or more classes, got '
                f'{len(labels)} images of {classes}: use a folder with one '
                'subfolder per class, or remove KNNAccuracy from the evaluator'
            )
        train, query = split_by_class(labels, self.held_out, self.seed)
        accuracy = knn_accuracy(
            features[train],
            labels[train],
            features[query],
            labels[query],
            k=min(self.k, len(train)),
            topk=self.topk,
        )
        return {f'top{n}': value for n, value in accuracy.items()}
