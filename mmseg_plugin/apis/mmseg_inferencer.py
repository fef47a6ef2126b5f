"""Segmentation with complete weights."""

import mmseg.apis

from mmpretrain_plugin.apis import CheckedInferencer


class MMSegInferencer(CheckedInferencer, mmseg.apis.MMSegInferencer):
    """MMSegmentation's inferencer, by names of this project's configs.

    Args are those of ``mmseg.apis.MMSegInferencer``; ``model`` and
    ``weights`` are needed. Weights are read without running code, and all
    must be there.

    Raises:
        ValueError: If the config or the checkpoint cannot be read, or weights
            are missing.
    """
