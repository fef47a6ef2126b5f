"""Refuse inputs that cannot work before training starts, in one line each."""

import json
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


def pretrained_of(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield the checkpoints that parts of the model load, with addresses."""
    waiting = [('model', cfg.get('model'))]
    while waiting:
        name, node = waiting.pop(0)
        if isinstance(node, dict):
            if node.get('type') == 'Pretrained':
                yield f'{name}.checkpoint', node['checkpoint']
            waiting += [(f'{name}.{key}', node[key]) for key in node]
        elif isinstance(node, (list, tuple)):
            waiting += [(f'{name}.{i}', part) for i, part in enumerate(node)]


def check_files(cfg: Config, modes: tuple[str, ...]) -> None:
    """Refuse data sets, annotations and checkpoints that are not there.

    Args:
        cfg: Config of the run.
        modes: Which of 'train', 'val' and 'test' it is about to do.

    Raises:
        FileNotFoundError: If one is missing.
    """
    missing = []
    for mode in modes:
        for name, dataset in datasets_of(cfg, mode):
            root = dataset.get('data_root')
            if root and '://' in root:
                continue
            missing += [
                f'{path} of {name} does not exist; put the data there or set '
                f'{name}.data_root (now {root!r})'
                for path in paths_of(dataset)
                if is_missing(path)
            ]
        evaluators = cfg.get(f'{mode}_evaluator') or []
        if isinstance(evaluators, dict):
            evaluators = [evaluators]
        missing += [
            f'{path} of {mode}_evaluator.ann_file does not exist; it does not '
            f'follow the data_root of {mode}_dataloader: set both'
            for path in (e.get('ann_file') for e in evaluators)
            if path and is_missing(path)
        ]
    # Parts load theirs before load_from, which comes on top.
    checkpoints = list(pretrained_of(cfg)) if 'train' in modes else []
    if cfg.get('load_from'):
        checkpoints.append(('load_from', cfg.load_from))
    missing += [
        f'{path} of {name} does not exist; train or download it, or set {name}'
        for name, path in checkpoints
        if is_missing(path)
    ]
    if missing:
        raise FileNotFoundError('; '.join(missing))


def check_categories(dataset: dict, place: str, classes: tuple) -> None:
    """Refuse annotations in COCO format with categories of other names.

    The host drops objects of categories that it does not know.

    Args:
        dataset: Config of the data set.
        place: Its address in the config.
        classes: The names that it is to have.

    Raises:
        ValueError: If a category is none of them.
    """
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    if path.suffix != '.json' or not path.is_file():
        return
    # Reading COCO's own hundreds of megabytes twice is not worth it.
    if path.stat().st_size > 50_000_000:
        return
    names = [c['name'] for c in json.loads(path.read_text())['categories']]
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise ValueError(
            f'{path} has categories that {place} does not know: '
            f'{", ".join(unknown[:3])}, {len(unknown)} of {len(names)}; set '
            f'{place}.metainfo.classes to their names'
        )


def names_of_classes(dataset: dict, scope: str) -> tuple | None:
    """Return the names of a data set's classes, if config or class has them.

    Args:
        dataset: Its config: ``metainfo`` comes before what its class says.
        scope: Host whose registry knows it.
    """
    classes = (dataset.get('metainfo') or {}).get('classes')
    if classes is None:
        classes = dataset.get('classes')
    if classes is None:
        with DATASETS.switch_scope_and_registry(scope) as registry:
            kind = registry.get(dataset['type'])
        classes = (getattr(kind, 'METAINFO', None) or {}).get('classes')
    return tuple(classes) if isinstance(classes, (list, tuple)) else None


def count_classes(dataset: dict, scope: str) -> int | None:
    """Count the classes of a data set, or return None if that is not known.

    Args:
        dataset: Its config: ``metainfo`` comes before what its class says,
            and that before the folders of a folder of classes.
        scope: Host whose registry knows it.
    """
    names = names_of_classes(dataset, scope)
    if names is not None:
        return len(names)
    root = dataset.get('data_root') or ''
    # ImageNet21k reads this file, where it exists, and not the folders.
    listed = Path(root, 'meta', f'{dataset.get("split")}.txt').exists()
    has_folders = (
        dataset['type'] in ('CustomDataset', 'ImageNet21k')
        and dataset.get('with_label', True)
        and not (dataset.get('ann_file') or listed)
        and '://' not in root
    )
    if not has_folders:
        return None
    (folder,) = paths_of(dataset)
    return sum(entry.is_dir() for entry in folder.iterdir())


def class_numbers(model: nn.Module) -> dict[str, int]:
    """Return the numbers of classes of a model, by their place in a config.

    Args:
        model: The model, perhaps wrapped for distribution or augmented tests.
    """
    numbers = {}
    for name, module in model.named_modules():
        name = name.removeprefix('module.')
        number = getattr(module, 'num_classes', None)
        if not isinstance(number, int) or 'rpn_head' in name:
            continue
        if name == 'data_preprocessor':
            numbers['data_preprocessor.num_classes'] = number
        elif name.endswith('head'):
            numbers[f'model.{name}.num_classes'] = number
    return numbers


def check_classes(
    model: nn.Module, cfg: Config, modes: tuple[str, ...]
) -> None:
    """Refuse heads with another number of classes than the data.

    Args:
        model: The model, built.
        cfg: Config of the run.
        modes: Which of 'train', 'val' and 'test' it is about to do.

    Raises:
        ValueError: If they differ.
    """
    numbers = class_numbers(model)
    for mode in modes:
        for place, dataset in datasets_of(cfg, mode):
            classes = count_classes(dataset, cfg.default_scope)
            names = names_of_classes(dataset, cfg.default_scope)
            if names and dataset['type'] == 'CocoDataset':
                check_categories(dataset, place, names)
            for name, number in numbers.items():
                if classes not in (None, number):
                    raise ValueError(
                        f'{name} is {number} and {place} has {classes} '
                        f'classes; set {name}={classes}, or '
                        f'{place}.metainfo.classes to {number} names'
                    )


@RUNNERS.register_module()
class CheckedRunner(Runner):
    """The host's runner, which first looks whether its inputs can work.

    A config asks for it with ``runner_type='CheckedRunner'``. Missing data,
    annotations or checkpoints and a wrong number of classes then end a run
    before it starts, with one line that names the file and the remedy. All
    hosts heed it but mmseg's test tool, which takes the plain runner.
    """

    def train(self) -> nn.Module:
        """Check the inputs of training and validation, then train.

        Raises:
            FileNotFoundError: If data or a checkpoint is not there.
            ValueError: If heads and data differ in their classes.
        """
        check_files(self.cfg, ('train', 'val'))
        check_classes(self.model, self.cfg, ('train', 'val'))
        return super().train()

    def test(self) -> dict[str, float]:
        """Check the inputs of the test, then test.

        Raises:
            FileNotFoundError: If data or a checkpoint is not there.
            ValueError: If heads and data differ in their classes.
        """
        check_files(self.cfg, ('test',))
        check_classes(self.model, self.cfg, ('test',))
        return super().test()

    def load_or_resume(self) -> None:
        """Load as the host does, and name the file that does not fit.

        Raises:
            ValueError: If the checkpoint does not fit the model.
        """
        try:
            super().load_or_resume()
        except ValueError as error:
            raise ValueError(f'{self._load_from}: {error}') from None
