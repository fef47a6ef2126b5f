"""Write configs/README.md and model-index.yml from the configs themselves.

    python tools/dev/make_index.py [--check]

The head of a leaf says what it reproduces, how, on what, with which result and
from which weights; this copies, and computes nothing. With --check nothing is
written, and the exit status tells whether both files are up to date.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {
    'fcmae': 'Pre-training',
    'imagenet': 'ImageNet',
    'coco': 'COCO',
    'ade20k': 'ADE20K',
    'ablation': 'Ablations',
    'demo': 'Demo',
}
# Names of data, as the hosts write them, by the folder they are in.
DATA = {
    'data/imagenet': 'ImageNet-1k',
    'data/imagenet22k': 'ImageNet-22k',
    'data/coco': 'COCO',
    'data/ade/ADEChallengeData2016': 'ADE20K',
    'data/images': 'images of your own',
    'data/digit_scenes/unlabelled': 'digit scenes',
    'data/digit_scenes/coco': 'digit scenes',
    'data/digit_scenes/ade20k': 'digit scenes',
}
INTRODUCTION = """# Configs

<!-- Written by tools/dev/make_index.py from the heads of the configs. -->

Every leaf config, with what its head says: the command, the hardware that its
batch assumes, the paper's result and ours. "Not run" means that nobody of us
has trained it: the numbers of the paper are what to expect, no more. Where a
value is not the paper's, the head says whose it is.

Weights are loaded from where the host library (mmpretrain) says they are;
those of ConvNeXt V2 are for non-commercial use (CC-BY-NC 4.0). "None are
released" names the leaf to train first.

Commands are typed at the root of the repository; from elsewhere, give the
whole path of the config. `mim search convnextv2-openmmlab` finds the same
list, and `--json FILE` writes it in full.

## How the paper counted

The operations that the paper prints are met by two rules, which
`tests/test_configs/test_tables.py` checks for all of Tables 6, 7, 14 and 15:

- Classification (Tables 14, 15): multiply-adds of convolutions and linear
  layers without the classifier, and 5 operations per value that a LayerNorm
  sees. One number is cut off where the others are rounded: huge at 384 pixels
  comes to 337.96G, and the paper has 337.9G (Table 5 also has 600.7G where
  Table 15 has 600.8G).
- Mask R-CNN at 1280x800 (Table 6), with 1000 boxes and 100 masks, and UperNet
  (Table 7), without the auxiliary head: multiply-adds, biases of convolutions,
  2 operations per value of a batch norm, 1 of a ReLU; LayerNorm costs nothing.
  That is what the hosts' tools of the paper's time counted. Parameters of
  UperNet include the auxiliary head.
"""
# From small to large, in which order people look for them.
SIZES = (
    'atto', 'femto', 'pico', 'nano', 'tiny', 'base', 'large', 'xlarge', 'huge',
)  # fmt: skip
# In the order of a head.
FIELDS = (
    'Reproduces', 'Command', 'Before', 'Hardware', 'Expected', 'Measured',
    'Then', 'Data', 'Weights', 'Values',
)  # fmt: skip


@dataclass(frozen=True)
class Leaf:
    """A leaf config and what its head says.

    Attributes:
        path: Relative to the repository.
        title: First line of the head.
        fields: The head's fields by name, each on one line.
        cfg: The config.
    """

    path: Path
    title: str
    fields: dict[str, str]
    cfg: Config


def read_head(text: str) -> tuple[str, dict[str, str]]:
    """Take the head of a config apart.

    Args:
        text: The whole file.

    Returns:
        The title, and the fields with their lines joined.

    Raises:
        ValueError: If a field has another name than those of ``FIELDS``.
    """
    head = text.split('"""')[1]
    title, _, rest = head.partition('\n\n')
    fields: dict[str, str] = {}
    name = None
    for line in rest.strip().splitlines():
        if match := re.match(r'([A-Z]\w+): +(.*)', line):
            name = match[1]
            if name not in FIELDS:
                raise ValueError(f'a head has no field {name}, only {FIELDS}')
            fields[name] = match[2]
        else:
            fields[name] += ' ' + line.strip()
    for name, value in fields.items():
        fields[name] = value.replace('\\ ', '').strip()
    return title.strip().rstrip('.'), fields


def order(path: Path) -> tuple[int, str]:
    """Sort leaves by size, then by name."""
    words = re.split('[-_]', path.stem)
    return next(i for i, s in enumerate(SIZES) if s in words), path.stem


def read_leaves() -> list[Leaf]:
    """Read all leaf configs, section by section."""
    leaves = []
    for section in SECTIONS:
        paths = (ROOT / 'configs' / section).glob('*.py')
        for path in sorted(paths, key=order):
            title, fields = read_head(path.read_text())
            leaves.append(
                Leaf(
                    path.relative_to(ROOT), title, fields,
                    Config.fromfile(path),
                )
            )  # fmt: skip
    return leaves


def cell(text: str) -> str:
    """Write a text so that a table keeps it in one cell."""
    return text.replace('|', r'\|')


def of_paper(leaf: Leaf) -> str:
    """Return the paper's result, if the leaf reproduces anything of it."""
    if leaf.fields.get('Reproduces', 'nothing').startswith('nothing'):
        return 'not in the paper'
    return leaf.fields['Expected'].rstrip('.')


def index(leaves: list[Leaf]) -> str:
    """Write configs/README.md."""
    parts = [INTRODUCTION]
    for section, title in SECTIONS.items():
        parts.append(f'\n## {title}\n')
        parts.append(
            '| config | paper | ours | weights | hardware | command |'
        )
        parts.append('|---|---|---|---|---|---|')
        for leaf in leaves:
            if leaf.path.parent.name != section:
                continue
            f = leaf.fields
            link = leaf.path.relative_to('configs')
            cells = [
                f'[{leaf.title}]({link})',
                of_paper(leaf),
                f.get('Measured', 'not run').rstrip('.'),
                f['Weights'].rstrip('.'),
                f['Hardware'].rstrip('.'),
                f'`{f["Command"]}`',
            ]
            parts.append('| ' + ' | '.join(map(cell, cells)) + ' |')
    return '\n'.join(parts) + '\n'


def model_index(leaves: list[Leaf]) -> str:
    """Write model-index.yml, in the hosts' format.

    Results are those we measured, of which no leaf has weights; the paper's
    are metadata.
    """
    models = []
    for leaf in leaves:
        loop = leaf.cfg.train_cfg
        root = leaf.cfg.train_dataloader.dataset.data_root.rstrip('/')
        budget = {
            'Epochs': loop.get('max_epochs'),
            'Iterations': loop.get('max_iters'),
        }
        models.append(
            {
                'Name': leaf.path.stem,
                'In Collection': 'ConvNeXt V2',
                'Config': str(leaf.path),
                'Metadata': {
                    'Training Data': DATA[root],
                    **{k: v for k, v in budget.items() if v},
                    'Training Resources': leaf.fields['Hardware'],
                    'Paper Result': of_paper(leaf),
                    'Our Result': leaf.fields.get('Measured', 'not run'),
                    'Initial Weights': leaf.fields['Weights'],
                },
                'Results': None,
            }
        )
    collection = {
        'Name': 'ConvNeXt V2',
        'Paper': {
            'Title': 'ConvNeXt V2: Co-designing and Scaling ConvNets with '
            'Masked Autoencoders',
            'URL': 'https://arxiv.org/abs/2301.00808',
        },
        'README': 'configs/README.md',
    }
    return '# Written by tools/dev/make_index.py.\n' + yaml.safe_dump(
        {'Collections': [collection], 'Models': models},
        sort_keys=False,
        width=79,
    )


def main() -> None:
    """Write both files, or compare them with what would be written."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--check', action='store_true', help='write nothing, compare'
    )
    args = parser.parse_args()
    leaves = read_leaves()
    stale = []
    for name, text in (
        ('configs/README.md', index(leaves)),
        ('model-index.yml', model_index(leaves)),
    ):
        path = ROOT / name
        if args.check:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.write_text(text)
            print(f'{name}: {len(leaves)} configs')
    if stale:
        raise SystemExit(
            f'{" and ".join(stale)} differ from the configs; run '
            'python tools/dev/make_index.py'
        )


if __name__ == '__main__':
    main()
