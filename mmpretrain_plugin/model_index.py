"""Add the configs of this package to MMPretrain's list of models."""

from pathlib import Path

from mmpretrain.apis.model import ModelHub

# A checkout has links to its own files here, a wheel has copies.
MIM = Path(__file__).parent / '.mim'
# Those of the other folders build with MMDetection and MMSegmentation, or, in
# comparison, partly have the names of MMPretrain's own.
FOLDERS = ('fcmae', 'imagenet', 'ablation')


def register_models() -> None:
    """Register all configs that MMPretrain can build.

    ``mmpretrain.get_model`` and ``mmpretrain.list_models`` then find them by
    name. Without metafiles, as in a partial copy of the package, or if they
    are registered already, nothing happens.
    """
    for folder in FOLDERS:
        metafile = MIM / 'configs' / folder / 'metafile.yml'
        names = (path.stem for path in metafile.parent.glob('*.py'))
        if metafile.is_file() and not any(map(ModelHub.has, names)):
            ModelHub.register_model_index(metafile, config_prefix=MIM)
