from .load_random_resized_crop import LoadRandomResizedCrop
from .load_tiff_image import LoadTIFFImage

__all__ = ['LoadRandomResizedCrop', 'LoadTIFFImage']
