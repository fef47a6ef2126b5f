"""Refuse inputs that cannot work before training starts, in one line each."""

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, RUNNERS
from mmengine.runner import Runner
from torch import nn


def is_missing(path: str) -> bool:
    """Tell whether a path is local and does not exist."""
    return '://' not in str(path) and not Path(path).exists()


def datasets_of(cfg: Config, mode: str) -> Iterator[tuple[str, dict]]:
    """Yield the config of every data set of a mode, with its address.

    Args:
        cfg: Config of the run.
        mode: 'train', 'val' or 'test'.
    """
    loader = cfg.get(f'{mode}_dataloader') or {}
    waiting = [(f'{mode}_dataloader.dataset', loader.get('dataset'))]
    while waiting:
        name, dataset = waiting.pop(0)
        if not dataset:
            continue
        if 'datasets' in dataset:
            parts = enumerate(dataset['datasets'])
            waiting += [(f'{name}.datasets.{i}', part) for i, part in parts]
        elif 'dataset' in dataset:
            waiting.append((f'{name}.dataset', dataset['dataset']))
        else:
            yield name, dataset


def paths_of(dataset: dict) -> list[Path]:
    """List the files and folders that a data set reads."""
    root = Path(dataset.get('data_root') or '')
    prefix = dataset.get('data_prefix') or dataset.get('split') or ''
    prefixes = prefix.values() if isinstance(prefix, dict) else [prefix]
    parts = [*prefixes, dataset.get('ann_file') or '']
    return [root / part for part in parts if part] or [root]


def check_files(cfg: Config, modes: tuple[str, ...]) -> None:
    """Refuse data sets, annotations and checkpoints that are not there.

    Args:
        cfg: Config of the run.
        modes: Which of 'train', 'val' and 'test' it is about to do.

    Raises:
        FileNotFoundError: If one is missing.
    """
    for mode in modes:
        for name, dataset in datasets_of(cfg, mode):
            root = dataset.get('data_root')
            if root and '://' in root:
                continue
            for path in paths_of(dataset):
                if is_missing(path):
                    raise FileNotFoundError(
                        f'{path} of {name} does not exist; put the data '
                        f'there or set {name}.data_root (now {root!r})'
                    )
        evaluators = cfg.get(f'{mode}_evaluator') or []
        if isinstance(evaluators, dict):
            evaluators = [evaluators]
        for evaluator in evaluators:
            path = evaluator.get('ann_file')
            if path and is_missing(path):
                raise FileNotFoundError(
                    f'{path} of {mode}_evaluator.ann_file does not exist; it '
                    f'does not follow the data_root of {mode}_dataloader: '
                    'set both'
                )
    for name, path in checkpoints_of(cfg):
        if is_missing(path):
            raise FileNotFoundError(
                f'{path} of {name} does not exist; train or download it, or '
                f'set {name}'
            )


def checkpoints_of(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield the checkpoints that a run starts from, with their addresses."""
    if cfg.get('load_from'):
        # It replaces what the parts of the model would have loaded.
        yield 'load_from', cfg.load_from
        return
    waiting = [('model', cfg.get('model'))]
    while waiting:
        name, node = waiting.pop(0)
        if isinstance(node, dict):
            if node.get('type') == 'Pretrained':
                yield f'{name}.checkpoint', node['checkpoint']
            waiting += [(f'{name}.{key}', node[key]) for key in node]


def count_classes(dataset: dict, scope: str) -> int | None:
    """Count the classes of a data set, or return None if that is not known.

    Args:
        dataset: Its config: ``metainfo`` comes before what its class says,
            and that before the folders of a folder of classes.
        scope: Host whose registry knows it.
    """
    classes = (dataset.get('metainfo') or {}).get('classes')
    if classes is None:
        classes = dataset.get('classes')
    if classes is None:
        with DATASETS.switch_scope_and_registry(scope) as registry:
            kind = registry.get(dataset['type'])
        classes = (getattr(kind, 'METAINFO', None) or {}).get('classes')
    if isinstance(classes, (list, tuple)):
        return len(classes)
    has_folders = (
        dataset['type'] in ('CustomDataset', 'ImageNet21k')
        and dataset.get('with_label', True)
        and not dataset.get('ann_file')
        and '://' not in (dataset.get('data_root') or '')
    )
    if not has_folders:
        return None
    (folder,) = paths_of(dataset)
    return sum(entry.is_dir() for entry in folder.iterdir())


def check_classes(model: nn.Module, cfg: Config, mode: str) -> None:
    """Refuse heads with another number of classes than the data.

    Args:
        model: The model, built.
        cfg: Config of the run.
        mode: 'train' or 'test'.

    Raises:
        ValueError: If they differ.
    """
    heads = {
        name: module.num_classes
        for name, module in model.named_modules()
        if isinstance(getattr(module, 'num_classes', None), int)
        and name.split('.')[-1].endswith('head')
        and 'rpn_head' not in name
    }
    for place, dataset in datasets_of(cfg, mode):
        classes = count_classes(dataset, cfg.default_scope)
        for name, number in heads.items():
            if classes is not None and number != classes:
                raise ValueError(
                    f'model.{name} has {number} classes and {place} has '
                    f'{classes}; set model.{name}.num_classes={classes} '
                    f'(and data_preprocessor.num_classes, where there is '
                    f'one) or {place}.metainfo.classes'
                )


@RUNNERS.register_module()
class CheckedRunner(Runner):
    """The host's runner, which first looks whether its inputs can work.

    A config asks for it with ``runner_type='CheckedRunner'``. Missing data,
    annotations or checkpoints and a wrong number of classes then end a run
    before it starts, with one line that names the file and the remedy.
    """

    def train(self) -> nn.Module:
        """Check the inputs of training and validation, then train.

        Raises:
            FileNotFoundError: If data or a checkpoint is not there.
            ValueError: If heads and data differ in their classes.
        """
        check_files(self.cfg, ('train', 'val'))
        check_classes(self.model, self.cfg, 'train')
        return super().train()

    def test(self) -> dict[str, float]:
        """Check the inputs of the test, then test.

        Raises:
            FileNotFoundError: If data or a checkpoint is not there.
            ValueError: If heads and data differ in their classes.
        """
        check_files(self.cfg, ('test',))
        check_classes(self.model, self.cfg, 'test')
        return super().test()
