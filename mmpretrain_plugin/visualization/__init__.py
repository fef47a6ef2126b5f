from .fcmae_loading import load_fcmae
from .image_files import find_images
from .image_grid import save_image_grid
from .reconstruction import draw_reconstructions, reconstruct_image

__all__ = [
    'draw_reconstructions',
    'find_images',
    'load_fcmae',
    'reconstruct_image',
    'save_image_grid',
]
