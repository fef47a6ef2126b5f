"""Classification of images with weights of any format."""

from pathlib import Path
from typing import Any

import mmpretrain
from mmengine.registry import DefaultScope
from mmpretrain.models.classifiers import ImageClassifier

from ..trained_models import load_model, read_config
from .checked_inferencer import (
    check_scope,
    configured_classes,
    image_paths,
    saved_classes,
)


class ImageClassificationInferencer(mmpretrain.ImageClassificationInferencer):
    """MMPretrain's inferencer, with complete weights of any format.

    MMPretrain's own class runs code that a checkpoint contains, and goes on
    without the weights that it does not find, such as all of timm's.

    Args:
        model: Path of a config, or its name, which is that of a file in
            configs/ without .py.
        weights: Path or address of a checkpoint of a classifier in any format
            that ``mmpretrain_plugin.checkpoint`` reads.
        device: Device of the model.
        classes: Names of the classes; None: those of the checkpoint, or else
            of the data set in the config.

    Raises:
        ValueError: If the config or the checkpoint cannot be read, or weights
            are missing.
    """

    def __init__(
        self,
        model: str | Path,
        weights: str | Path,
        device: str = 'cpu',
        classes: list[str] | None = None,
    ) -> None:
        model, weights = str(model), str(weights)
        cfg = read_config(model)
        check_scope(cfg, 'mmpretrain')
        classifier: Any = load_model(model, weights, device)[0]
        if not isinstance(classifier, ImageClassifier):
            raise ValueError(
                f'{model} is the config of {type(classifier).__name__}, not '
                'of an ImageClassifier'
            )
        meta = saved_classes(weights) or configured_classes(cfg)
        classifier._config, classifier._dataset_meta = cfg, meta
        # Other inferencers leave the scope of their library behind.
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            super().__init__(classifier, pretrained=False, classes=classes)

    def _inputs_to_list(self, inputs: Any) -> list:
        """Return the images of a folder in the order of their names."""
        return super()._inputs_to_list(image_paths(inputs))
