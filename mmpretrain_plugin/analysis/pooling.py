"""One feature vector per image."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .taps import encode


@torch.no_grad()
def pooled_features(backbone: nn.Module, images: Tensor) -> Tensor:
    """Average the last output of a backbone over its positions.

    The class token of a Transformer that returns all of its tokens is left
    out. Outputs without positions, such as those of a classifier's backbone,
    stay as they are.

    Args:
        backbone: The backbone, in evaluation mode.
        images: Normalized images (N, C, H, W).

    Returns:
        Features (N, C'), float32.
    """
    outputs = encode(backbone, images)
    features = outputs[-1] if isinstance(outputs, Sequence) else outputs
    if features.dim() == 4:  # a map
        features = features.mean(dim=(2, 3))
    elif features.dim() == 3:  # tokens
        extra = getattr(backbone, 'num_extra_tokens', 0)
        features = features[:, extra:].mean(dim=1)
    return features.float()
