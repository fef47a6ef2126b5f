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
# Else the fields of dataclasses and named tuples are listed twice.
napoleon_use_ivar = True


def page_name(folder: Path) -> str:
    """Return the name of the page about a folder of configs."""
    return f'{"-".join(folder.parts) or "overview"}.md'


def copy_config_pages(app: Sphinx) -> None:
    """Copy the README of each folder of configs to ``docs/configs``.

    Links to another README become links to its page, and links to configs
    become links to files, which the site offers for download.
    """
    pages = DOCS / 'configs'
    pages.mkdir(exist_ok=True)
    for old in pages.glob('*.md'):
        old.unlink()
    for readme in sorted(CONFIGS.rglob('README.md')):

        def page_link(link: re.Match, readme: Path = readme) -> str:
            target = (readme.parent / link[1]).resolve()
            if target.name == 'README.md' and target.is_relative_to(CONFIGS):
                return f']({page_name(target.parent.relative_to(CONFIGS))})'
            return f'](../../{target.relative_to(DOCS.parent)})'

        text = re.sub(
            r'\]\((?!https?:|#)([^)]+)\)', page_link, readme.read_text()
        )
        folder = readme.parent.relative_to(CONFIGS)
        (pages / page_name(folder)).write_text(text)


def setup(app: Sphinx) -> None:
    """Connect the pages of the configs to the build."""
    app.connect('builder-inited', copy_config_pages)
