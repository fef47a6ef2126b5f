"""A data set around another one."""

from typing import Any

from torch.utils.data import Dataset


class DatasetView(Dataset):
    """A data set whose attributes are those of the one inside of it.

    Hooks of the libraries read and set attributes of a data set, such as its
    pipeline.

    Args:
        dataset: The data set.
    """

    def __init__(self, dataset: Dataset) -> None:
        vars(self)['dataset'] = dataset

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the data set inside."""
        # While it is being copied; and torch's way to load several at once,
        # which would go past ``__getitem__``.
        if name in ('dataset', '__getitems__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute of the data set inside."""
        setattr(self.dataset, name, value)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Load a sample."""
        return self.dataset[index]
