from . import transforms
from .false_color import false_color
from .false_color_backend import FalseColorBackend
from .image_files import find_images, open_image
from .tiff_files import read_tiff

__all__ = [
    'FalseColorBackend',
    'false_color',
    'find_images',
    'open_image',
    'read_tiff',
    'transforms',
]
