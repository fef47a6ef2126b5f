"""The notebook runs from top to bottom, and shows images."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_configs import CONFIGS

NOTEBOOK = CONFIGS.parent / 'docs/tutorial.ipynb'
PARAMETERS = """
SCENES = '{folder}/scenes'
IMAGES = f'{{SCENES}}/unlabeled'
OUT = '{folder}/out'
COUNTS = '--unlabeled 40 --train 24 --val 8 --test 8'
PRETRAINING_EPOCHS = DETECTION_EPOCHS = 1
"""


def read():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_saved_without_outputs():
    """They would make each change of it large."""
    assert not any(cell.get('outputs') for cell in read().cells)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_runs(tmp_path):
    notebook = read()
    (settings,) = (
        cell
        for cell in notebook.cells
        if 'parameters' in cell.metadata.get('tags', ())
    )
    settings.source = PARAMETERS.format(folder=tmp_path)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name='python3',
        resources=dict(metadata=dict(path=str(NOTEBOOK.parent))),
    )
    client.execute()
    images = [
        sum(
            bool({'image/png', 'image/jpeg'} & set(output.get('data', ())))
            for output in cell.get('outputs', ())
        )
        for cell in notebook.cells
    ]
    assert [n for n in images if n] == [4, 1, 6]
