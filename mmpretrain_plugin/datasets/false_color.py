"""False-color images of any number of channels."""

from collections.abc import Sequence

import numpy as np

# Percentiles of a channel that become black and white.
LIMITS = (1, 99)


def false_color(
    image: np.ndarray,
    channels: Sequence[int],
    contrast_of: np.ndarray | None = None,
) -> np.ndarray:
    """Show one or three channels of an image, each with its own contrast.

    Args:
        image: Pixels (H, W, channels) of any type.
        channels: The channel shown in gray, or the three shown in red, green
            and blue.
        contrast_of: Image with as many channels, whose contrast is taken; by
            default the same one.

    Returns:
        RGB pixels, uint8 (H, W, 3). Between the 1st and the 99th percentile, a
        channel goes from black to white; a constant channel is black.

    Raises:
        ValueError: If there are not one or three channels, or the image lacks
            one of them.
    """
    count = image.shape[2]
    if len(channels) not in (1, 3):
        raise ValueError(
            f'channels must name 1 or 3 channels to show, got {list(channels)}'
        )
    if not all(0 <= channel < count for channel in channels):
        raise ValueError(
            f'channels must be between 0 and {count - 1}, as the image has '
            f'{count}, got {list(channels)}'
        )
    chosen = image[..., list(channels)].astype(np.float32)
    source = (
        chosen if contrast_of is None else contrast_of[..., list(channels)]
    )
    low, high = np.percentile(source, LIMITS, axis=(0, 1))
    scaled = (chosen - low) / np.maximum(high - low, np.finfo('f4').tiny)
    shown = (scaled.clip(0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(shown, (*shown.shape[:2], 3)).copy()
