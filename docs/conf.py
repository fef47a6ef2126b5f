"""Settings of the documentation site; `make docs` builds it."""

import re
from pathlib import Path

from sphinx.application import Sphinx

import mmpretrain_plugin

DOCS = Path(__file__).parent
CONFIGS = DOCS.parent / 'configs'

project = 'ConvNeXt V2 for OpenMMLab'
author = 'The contributors of ConvNeXt V2 for OpenMMLab'
project_copyright = '2026, the contributors'
release = version = mmpretrain_plugin.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
]
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'{project} {release}'
html_static_path = ['_static']

# Anchors of the headings, as GitHub makes them.
myst_heading_anchors = 3

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
napoleon_numpy_docstring = False


def copy_config_pages(app: Sphinx) -> None:
    """Copy the README of each folder of configs to ``docs/configs``.

    Links to configs become links to the files of the repository, which the
    site offers for download.
    """
    pages = DOCS / 'configs'
    pages.mkdir(exist_ok=True)
    for old in pages.glob('*.md'):
        old.unlink()
    for readme in sorted(CONFIGS.rglob('README.md')):
        folder = readme.parent.relative_to(CONFIGS)
        to_folder = Path('../../configs', folder)
        text = re.sub(
            r'\]\((?!https?:|#)([^)]+)\)',
            lambda link, to=to_folder: f']({to / link[1]})',
            readme.read_text(),
        )
        name = '-'.join(folder.parts) or 'overview'
        (pages / f'{name}.md').write_text(text)


def setup(app: Sphinx) -> None:
    """Connect the pages of the configs to the build."""
    app.connect('builder-inited', copy_config_pages)
