"""Write the table in README.md and the metafile.yml of each folder of configs.

    python tools/dev/make_metafiles.py [--check]

The text of a README above its table is written by hand and stays.

The head of a config states what it reproduces, the expected result, the
weights and the source of its values; the rest is read from the config and its
file name. With --check nothing is written, and the exit status is 1 if a file
is out of date.
"""

import argparse
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mmpretrain
import yaml
from mmengine.config import Config
from modelindex.load_model_index import load

ROOT = Path(__file__).resolve().parents[2]
SIZES = (
    'atto', 'femto', 'pico', 'nano', 'tiny', 'small', 'base', 'large',
    'xlarge', 'huge',
)  # fmt: skip
# Fields of a head, in this order.
FIELDS = (
    'Reproduces', 'Data', 'Expected', 'Measured', 'Then', 'Weights', 'Values',
)  # fmt: skip
# Names of data sets as OpenMMLab writes them, by folder.
DATA = {
    'data/imagenet': 'ImageNet-1k',
    'data/imagenet22k': 'ImageNet-22k',
    'data/coco': 'COCO',
    'data/ade/ADEChallengeData2016': 'ADE20K',
    'data/images': 'your own images',
    'data/custom': 'your own data',
    'data/digit_scenes/unlabeled': 'digit scenes',
    'data/digit_scenes/crops/train': 'digit scenes',
    'data/digit_scenes/coco': 'digit scenes',
    'data/digit_scenes/ade20k': 'digit scenes',
    'data/microscopy/train': 'nuclei in microscopy',
    'data/microscopy': 'nuclei in microscopy',
    'data/spectral/train': 'spectral digits',
    'data/spectral': 'spectral digits',
}
# Folders of configs and their names in MMPretrain's and mim's lists of models.
COLLECTIONS = {
    'fcmae': 'FCMAE',
    'imagenet': 'ConvNeXt V2',
    'coco': 'Mask R-CNN with ConvNeXt V2',
    'ade20k': 'UperNet with ConvNeXt V2',
    'ablation': 'FCMAE ablations',
    'comparison': 'Comparisons with FCMAE',
    'custom': 'Your own data',
    'multichannel': 'Images with other channels and bits',
    'demo': 'Demo on digit scenes',
}
WRITTEN = 'Written by tools/dev/make_metafiles.py from the configs.'
TABLE = f'<!-- {WRITTEN} -->\n'  # what follows in a README


def read_head(text: str) -> tuple[str, dict[str, str]]:
    """Parse the head of a config.

    Args:
        text: The complete file.

    Returns:
        The title, and the fields with their lines joined.

    Raises:
        ValueError: If a field is not one of ``FIELDS``.
    """
    head = text.split('"""')[1]
    title, _, rest = head.partition('\n\n')
    fields: dict[str, str] = {}
    name = ''
    for line in rest.strip().splitlines():
        if match := re.match(r'([A-Z]\w+): +(.*)', line):
            name = match[1]
            if name not in FIELDS:
                raise ValueError(
                    f'field {name} in the head of a config is not one of '
                    f'{FIELDS}'
                )
            fields[name] = match[2]
        else:
            fields[name] += ' ' + line.strip()
    return title.strip().rstrip('.'), fields


@dataclass(frozen=True)
class Recipe:
    """A config with what its head states.

    Attributes:
        path: The file.
        cfg: The loaded config.
    """

    path: Path
    cfg: Config

    @cached_property
    def fields(self) -> dict[str, str]:
        """Fields of the head by name."""
        return read_head(self.path.read_text())[1]

    @property
    def size(self) -> str:
        """Model size, such as ``'atto'``, from the file name."""
        words = re.split('[-_]', self.path.stem)
        return next(size for size in SIZES if size in words)

    @property
    def gpus(self) -> int | None:
        """Number of GPUs, from a file name with ``64xb64``."""
        match = re.search(r'_(\d+)xb\d+-', self.path.stem)
        return int(match[1]) if match else None

    @property
    def has_ema(self) -> bool:
        """Whether an average of the weights is trained and saved."""
        hooks = self.cfg.get('custom_hooks') or []
        return any(hook['type'] == 'EMAHook' for hook in hooks)

    def one_node_options(self) -> dict[str, int]:
        """Return options that reach the same batch size with 8 GPUs."""
        if not self.gpus or self.gpus <= 8:
            return {}
        count = self.gpus // 8
        options = {'optim_wrapper.accumulative_counts': count}
        if self.has_ema:
            options['custom_hooks.0.interval'] = count
        return options

    @property
    def paper_result(self) -> str:
        """The paper's result, if the config reproduces one."""
        if self.fields['Reproduces'].startswith('nothing'):
            return 'not in the paper'
        return self.fields['Expected'].rstrip('.')

    @property
    def our_result(self) -> str:
        """What was measured, if anything was."""
        return self.fields.get('Measured', 'not run').rstrip('.')

    @property
    def initial_weights(self) -> str:
        """Address or file of the initial weights; empty if random."""
        initial = self.cfg.model.backbone.get('init_cfg')
        # A list has rules of random initialization.
        return (
            initial.get('checkpoint', '') if isinstance(initial, dict) else ''
        )

    @property
    def released_result(self) -> str:
        """Name in MMPretrain of released weights of exactly this model."""
        match = re.search(r'is released as (\S+);', self.fields['Weights'])
        return match[1] if match else ''


def order(path: Path) -> tuple[int, str]:
    """Return a key that sorts configs by size, then by name."""
    size = Recipe(path, Config()).size
    return SIZES.index(size), path.stem


def read_recipes(folder: str, load_config=Config.fromfile) -> list[Recipe]:
    """Load all configs of a folder, sorted by size."""
    paths = sorted((ROOT / 'configs' / folder).glob('*.py'), key=order)
    return [Recipe(path, load_config(path)) for path in paths]


def released_weights() -> dict[str, str]:
    """Return the address of all weights in MMPretrain's index by name."""
    index = Path(mmpretrain.__file__).parent / '.mim' / 'model-index.yml'
    return {model.name: model.weights for model in load(str(index)).models}


def model_name(address: str) -> str:
    """Return the name in a file name of OpenMMLab, without date and hash."""
    return re.sub(r'_\d{8}-[0-9a-f]{8}\.pth$', '', address.rsplit('/', 1)[1])


def source_and_license(name: str) -> tuple[str, str]:
    """Return who released weights, and their license.

    Args:
        name: Name in MMPretrain's index; those of others have ``3rdparty``.
    """
    if '3rdparty' not in name:
        return 'trained and released by OpenMMLab', 'Apache 2.0'
    license_ = 'CC-BY-NC 4.0' if '-v2-' in name else 'MIT'
    return 'released by the authors, converted by OpenMMLab', license_


def weights_cell(recipe: Recipe) -> str:
    """Write the initial weights for a table."""
    weights = recipe.initial_weights
    if not weights:
        return 'random'
    if weights.startswith('http'):
        return f'[{model_name(weights)}]({weights})'
    if weights.startswith('weights/'):
        return f'on request from Meta: `{Path(weights).name}`'
    if recipe.path.parent.name == 'demo':
        return 'the pre-training of the demo'
    return f'train `{Path(weights).parent.name}`'


def write_readme(
    text: str, recipes: list[Recipe], released: dict[str, str]
) -> str:
    """Return the text of a README with a new table."""
    results = any(recipe.released_result for recipe in recipes)
    columns = ['config', 'size', 'paper', 'ours', 'initial weights']
    if results:
        columns += ['released result', 'EMA']
    rows = [columns, ['---'] * len(columns)]
    for recipe in recipes:
        row = [
            f'[{recipe.path.stem}]({recipe.path.name})',
            recipe.size,
            recipe.paper_result,
            recipe.our_result,
            weights_cell(recipe),
        ]
        if results:
            name = recipe.released_result
            row.append(f'[{name}]({released[name]})' if name else 'none')
            row.append('yes' if recipe.has_ema else 'no')
        rows.append(row)
    table = '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)
    return f'{text.partition(TABLE)[0]}{TABLE}\n{table}\n'


def write_metafile(
    folder: str, recipes: list[Recipe], released: dict[str, str]
) -> str:
    """Write the metafile of a folder in OpenMMLab's format.

    Weights are named only where the authors released this very model. Results
    of the paper are metadata, because ``Results`` would state what we measured
    with these weights.
    """
    collection = COLLECTIONS[folder]
    models = []
    for recipe in recipes:
        loop = recipe.cfg.train_cfg
        root = recipe.cfg.train_dataloader.dataset.data_root.rstrip('/')
        metadata = {'Training Data': DATA[root]}
        for key, value in (
            ('Epochs', loop.get('max_epochs')),
            ('Iterations', loop.get('max_iters')),
            ('Training Resources', recipe.gpus and f'{recipe.gpus} GPUs'),
        ):
            if value:
                metadata[key] = value
        metadata['Paper Result'] = recipe.paper_result
        metadata['Our Result'] = recipe.our_result
        metadata['Initial Weights'] = recipe.initial_weights or 'random'
        model = {
            'Name': recipe.path.stem,
            'In Collection': collection,
            'Config': str(recipe.path.relative_to(ROOT)),
            'Metadata': metadata,
            'Results': None,
        }
        if name := recipe.released_result:
            source, license_ = source_and_license(name)
            metadata['Weights Source'] = f'{name}: {source}'
            metadata['Weights License'] = license_
            model['Weights'] = released[name]
        models.append(model)
    index = {
        'Collections': [
            {
                'Name': collection,
                'Paper': {
                    'Title': 'ConvNeXt V2: Co-designing and Scaling ConvNets '
                    'with Masked Autoencoders',
                    'URL': 'https://arxiv.org/abs/2301.00808',
                },
                'README': f'configs/{folder}/README.md',
            }
        ],
        'Models': models,
    }
    return f'# {WRITTEN}\n' + yaml.safe_dump(index, sort_keys=False, width=79)


def write_index() -> str:
    """Write model-index.yml, which imports the metafiles."""
    imports = [f'configs/{folder}/metafile.yml' for folder in COLLECTIONS]
    return f'# {WRITTEN}\n' + yaml.safe_dump({'Import': imports})


def write_all(load_config=Config.fromfile) -> dict[Path, str]:
    """Return the text of every file that this tool writes, by path."""
    released = released_weights()
    files = {ROOT / 'model-index.yml': write_index()}
    for folder in COLLECTIONS:
        recipes = read_recipes(folder, load_config)
        readme = ROOT / 'configs' / folder / 'README.md'
        files[readme] = write_readme(readme.read_text(), recipes, released)
        files[readme.with_name('metafile.yml')] = write_metafile(
            folder, recipes, released
        )
    return files


def main() -> None:
    """Write the files, or compare them with what would be written."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--check', action='store_true', help='compare without writing'
    )
    args = parser.parse_args()
    stale = []
    for path, text in write_all().items():
        if args.check:
            if not path.exists() or path.read_text() != text:
                stale.append(str(path.relative_to(ROOT)))
        else:
            path.write_text(text)
    if stale:
        raise SystemExit(
            f'{", ".join(stale)}: out of date; run '
            'python tools/dev/make_metafiles.py'
        )


if __name__ == '__main__':
    main()
