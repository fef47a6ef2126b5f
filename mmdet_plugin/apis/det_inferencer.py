"""Detection with complete weights."""

import mmdet.apis

from mmpretrain_plugin.apis import CheckedInferencer


class DetInferencer(CheckedInferencer, mmdet.apis.DetInferencer):
    """MMDetection's inferencer, by names of this project's configs.

    Args are those of ``mmdet.apis.DetInferencer``; ``model`` and ``weights``
    are needed. Weights are read without running code, and all must be there.

    Raises:
        ValueError: If the config or the checkpoint cannot be read, or weights
            are missing.
    """
