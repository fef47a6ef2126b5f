"""Errors of single samples: named, or skipped and counted."""

import logging
import random
from typing import Any

from mmengine.logging import print_log
from mmengine.registry import DATASETS
from torch.utils.data import Dataset, IterableDataset

from .dataset_view import DatasetView

# Samples after which a share means something.
MIN_SAMPLES = 1000


@DATASETS.register_module()
class ReadableDataset(DatasetView):
    """A data set whose errors name the file they are about.

    Args:
        dataset: The data set, or its config.
        bad_share: Share of samples that may be unreadable, 0 to 1. Another
            sample, chosen at random, takes the place of each, and a warning
            counts them, in each worker of the data loader by itself. With 0,
            the first one is an error.
    """

    def __init__(
        self, dataset: Dataset | dict, bad_share: float = 0.0
    ) -> None:
        if isinstance(dataset, dict):
            super().__init__(DATASETS.build(dataset))
        else:
            super().__init__(dataset)
        if not 0 <= bad_share < 1:
            raise ValueError(
                f'bad_sample_share must be in [0, 1), got {bad_share}'
            )
        vars(self).update(bad_share=bad_share, loaded=0, bad=0)

    def __getitem__(self, index: int) -> Any:
        """Load a sample.

        Raises:
            ValueError: If it cannot be loaded, and too many could not.
        """
        own = vars(self)
        own['loaded'] += 1
        try:
            sample = self.dataset[index]
            self._check_labels(sample)
            return sample
        except Exception as error:
            message = f'{self._name(index)} cannot be used: {_text(error)}'
            own['bad'] += 1
            limit = self.bad_share * max(self.loaded, MIN_SAMPLES)
            if self.bad > limit:
                if self.bad_share:
                    message += (
                        f'; {self.bad} of {self.loaded} samples could not be, '
                        f'more than bad_sample_share={self.bad_share:g}'
                    )
                else:
                    message += (
                        '; repair or remove it, or skip up to one sample in a '
                        'thousand with --cfg-options bad_sample_share=0.001'
                    )
                raise ValueError(message) from error
        print_log(
            f'{message}; skipped, {self.bad} of {self.loaded} samples',
            'current',
            logging.WARNING,
        )
        return self[random.randrange(len(self))]

    def _check_labels(self, sample: Any) -> None:
        """Raise an error if a mask has a class that does not exist."""
        samples = sample.get('data_samples') if isinstance(sample, dict) else 0
        mask = getattr(samples, 'gt_sem_seg', None)
        classes = (getattr(self.dataset, 'metainfo', None) or {}).get(
            'classes'
        )
        if mask is None or not classes:
            return
        values = mask.data[mask.data != getattr(self, 'ignore_index', 255)]
        if values.numel() and int(values.max()) >= len(classes):
            raise ValueError(
                f'its mask has the class {int(values.max())}, but there are '
                f'{len(classes)} classes, from 0; correct the mask, or set '
                'reduce_zero_label if its first class is 1'
            )

    def _name(self, index: int) -> str:
        """Return the files of a sample."""
        if not hasattr(self.dataset, 'get_data_info'):
            return f'sample {index}'
        info = self.dataset.get_data_info(index)
        image, mask = info.get('img_path'), info.get('seg_map_path')
        name = str(image or f'sample {index}')
        return f'{name} (mask {mask})' if mask else name


def readable(loader: Any, bad_share: float = 0.0) -> Any:
    """Return the config of a data loader whose errors name files.

    Args:
        loader: Config of a data loader with that of its data set; anything
            else stays as it is.
        bad_share: See ``ReadableDataset``.
    """
    dataset = loader['dataset'] if isinstance(loader, dict) else None
    if not isinstance(dataset, dict):
        return loader
    kind = dataset['type']
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    if kind is ReadableDataset or (
        isinstance(kind, type) and issubclass(kind, IterableDataset)
    ):
        return loader
    dataset = dict(type=ReadableDataset, dataset=dataset, bad_share=bad_share)
    return {**loader, 'dataset': dataset}


def _text(error: Exception) -> str:
    """Return an error in one line."""
    text = ' '.join(str(error).split())
    return text or type(error).__name__
