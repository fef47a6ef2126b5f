from .feature_plots import (
    ActivationMaps,
    channel_mosaic,
    plot_activation_maps,
    plot_channel_health,
    plot_cosine_distance,
    plot_selectivity,
    tap_title,
)
from .figure_files import save_figure
from .image_batches import (
    ImageSample,
    read_batches,
    read_image,
    sample_images,
)
from .image_grid import save_image_grid
from .reconstruction import draw_reconstructions, reconstruct_image

__all__ = [
    'ActivationMaps',
    'ImageSample',
    'channel_mosaic',
    'draw_reconstructions',
    'plot_activation_maps',
    'plot_channel_health',
    'plot_cosine_distance',
    'plot_selectivity',
    'read_batches',
    'read_image',
    'reconstruct_image',
    'sample_images',
    'save_figure',
    'save_image_grid',
    'tap_title',
]
