"""Images that cannot be stacked to a batch are named."""

from collections.abc import Callable, Sequence
from typing import Any

import torch


class SizeCheckedCollate:
    """A collate function whose error names images that differ in size.

    Args:
        collate: The collate function.
    """

    def __init__(self, collate: Callable) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence[Any]) -> Any:
        """Make a batch of samples.

        Raises:
            ValueError: If it cannot, and images differ in size.
        """
        try:
            return self.collate(samples)
        except RuntimeError:
            if all(isinstance(s, dict) and 'inputs' in s for s in samples):
                check_sizes(
                    [sample['inputs'] for sample in samples],
                    [sample.get('data_samples') for sample in samples],
                )
            raise


def check_sizes(
    images: Sequence[Any],
    samples: Sequence[Any],
    padded_to: Sequence[int] = (0, 0),
) -> None:
    """Raise an error if images of a batch differ in size.

    Args:
        images: Images (C, H, W); anything else passes.
        samples: Data samples of the images, which name their files.
        padded_to: Height and width to which smaller images will be padded.

    Raises:
        ValueError: If two differ after that.
    """
    found: dict[tuple[int, ...], str] = {}
    for i, image in enumerate(images):
        if not torch.is_tensor(image) or image.ndim != 3:
            return
        name = str(getattr(samples[i], 'img_path', f'image {i}'))
        sides = map(max, image.shape[1:], padded_to)
        found.setdefault((len(image), *sides), name)
    if len(found) > 1:
        texts = [
            f'{" x ".join(map(str, size))} ({name})'
            for size, name in found.items()
        ]
        raise ValueError(
            'images of a batch differ in channels x height x width: '
            f'{", ".join(texts[:3])}; let the pipeline end in a crop or a '
            'resize to one size, or use a batch_size of 1'
        )
