"""Loss on images that are not trained on, as a metric of MMEngine."""

from collections.abc import Sequence

from mmengine.evaluator import BaseMetric
from mmpretrain.registry import METRICS


@METRICS.register_module()
class ReconstructionLoss(BaseMetric):
    """Mean loss of reconstructing images under fixed masks.

    MMEngine's validation loop averages losses over the batches of one
    process; this is the mean over all images of all processes. The metric is
    named ``val/loss``.

    Args:
        collect_device: 'cpu' or 'gpu', where results of processes are
            collected.
    """

    default_prefix = 'val'

    def __init__(self, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device)

    def process(
        self, data_batch: object, data_samples: Sequence[dict]
    ) -> None:
        """Keep the losses of a batch.

        Args:
            data_batch: Not used; part of MMEngine's interface.
            data_samples: Data samples with ``reconstruction_loss``.
        """
        self.results += [float(s['reconstruction_loss']) for s in data_samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Return the mean of the losses of all images."""
        return {'loss': sum(results) / len(results)}
