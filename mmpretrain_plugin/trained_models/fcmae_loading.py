"""A trained FCMAE with its decoder."""

from ..models import FCMAE
from .model_loading import load_model


def load_fcmae(config: str, checkpoint: str, device: str = 'cpu') -> FCMAE:
    """Build an FCMAE and load all of its weights, the decoder included.

    Args:
        config: Config of the training.
        checkpoint: Checkpoint that the training saved.
        device: Device of the model.

    Raises:
        ValueError: If the config is of another model, or the checkpoint
            cannot be read or does not fit it.
    """
    model, _ = load_model(config, checkpoint, device)
    if not isinstance(model, FCMAE):
        raise ValueError(
            f'{config} is the config of {type(model).__name__}; use that of a '
            'pre-training with FCMAE'
        )
    return model
