"""Inference with this project's configs by name, and with complete weights."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, DefaultScope
from torch import nn

from ..checkpoint import download_checkpoint, read_dataset_meta
from ..datasets import find_images
from ..trained_models import build_model, load_checkpoint, read_config


class CheckedInferencer:
    """Mixin of the inferencers of MMDetection and MMSegmentation.

    Their own classes know the configs of their library by name, run code that
    a checkpoint contains, and go on without weights that it lacks.
    """

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path,
        **kwargs: object,
    ) -> None:
        model = str(model) if isinstance(model, Path) else model
        super().__init__(model=model, weights=str(weights), **kwargs)

    def _inputs_to_list(self, inputs: Any) -> list:
        """Return the images of a folder in the order of their names."""
        return super()._inputs_to_list(image_paths(inputs))

    def _load_model_from_metafile(self, model: str) -> tuple[Config, None]:
        return read_config(model), None

    def _init_model(
        self, cfg: Config, weights: str, device: str = 'cpu'
    ) -> nn.Module:
        check_scope(cfg, self.scope)
        source = getattr(cfg, 'filename', None) or 'the config'
        model = build_model(cfg.model, cfg, source)
        load_checkpoint(model, weights, source)
        meta = saved_classes(weights) or configured_classes(cfg)
        # The library finds the classes, in the checkpoint or elsewhere.
        checkpoint = dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=meta) if meta else {},
        )
        self._load_weights_to_model(model, checkpoint, cfg)
        model.cfg = cfg
        return model.to(device).eval()

    def _init_pipeline(self, cfg: Config) -> Compose:
        """Keep the loading of images with other channels than RGB."""
        pipeline = cfg.test_dataloader.dataset.pipeline
        kinds = [step['type'].split('.')[-1] for step in pipeline]
        if 'LoadTIFFImage' not in kinds:
            return super()._init_pipeline(cfg)
        steps = [
            dict(step)
            for step, kind in zip(pipeline, kinds)
            if kind != 'LoadAnnotations'
        ]
        for step in steps:
            if 'meta_keys' in step:  # a file has no number
                keys = (key for key in step['meta_keys'] if key != 'img_id')
                step['meta_keys'] = tuple(keys)
        return Compose([_as_result, *steps])


def _as_result(path: str) -> dict[str, str]:
    """Begin a pipeline with a path."""
    return dict(img_path=path)


def check_scope(cfg: Config, expected: str) -> None:
    """Raise an error if a config is of another library.

    Raises:
        ValueError: If it is.
    """
    scope = cfg.get('default_scope', expected)
    if scope != expected:
        raise ValueError(
            f'the config is of {scope}, but this inferencer needs one of '
            f'{expected}'
        )


def image_paths(inputs: Any) -> Any:
    """Return the paths of the images in a folder, or other inputs unchanged.

    Raises:
        FileNotFoundError: If there are none.
    """
    if isinstance(inputs, (str, Path)) and Path(inputs).is_dir():
        return [str(path) for path in find_images([Path(inputs)])]
    return str(inputs) if isinstance(inputs, Path) else inputs


def saved_classes(weights: str) -> dict[str, list]:
    """Return names and colors of classes in a checkpoint, if it has any.

    Args:
        weights: Path or http address.
    """
    is_address = weights.startswith(('http://', 'https://'))
    path = download_checkpoint(weights) if is_address else Path(weights)
    return read_dataset_meta(path.expanduser())


def configured_classes(cfg: Config) -> dict[str, Any]:
    """Return names and colors of the classes of the test's data set.

    Args:
        cfg: Config of a classifier, detector or segmentor.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset')
    if not dataset:
        return {}
    if dataset.get('metainfo'):
        return dict(dataset.metainfo)
    scope = cfg.get('default_scope', 'mmpretrain')
    with DefaultScope.overwrite_default_scope(scope):
        kind = DATASETS.get(dataset.type)
    return dict(getattr(kind, 'METAINFO', {}))
