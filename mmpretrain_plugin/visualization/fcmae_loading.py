"""A trained FCMAE for figures, with all of its weights."""

from pathlib import Path

from mmengine.config import Config
from mmpretrain.apis import get_model

from ..checkpoint.pretrained import read_state_dict
from ..models import FCMAE


def load_fcmae(config: Path, checkpoint: Path, device: str = 'cpu') -> FCMAE:
    """Build a model and load all weights of a checkpoint, decoder included.

    MMPretrain's ``get_model`` would leave what the checkpoint lacks randomly
    initialized, and the figure would show noise.

    Args:
        config: Config of the training.
        checkpoint: File that the training saved.
        device: Device of the model.

    Raises:
        ValueError: If the checkpoint cannot be read or does not fit the
            config.
    """
    model = get_model(Config.fromfile(config), device=device)
    try:
        model.load_state_dict(read_state_dict(str(checkpoint)))
    except RuntimeError as error:
        problems = ' '.join(str(error).split())
        raise ValueError(
            f'{checkpoint} does not fit {config}; use the config that the '
            f'training saved in its work_dir: {problems}'
        ) from None
    return model
