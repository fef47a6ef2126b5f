from .load_tiff_image import LoadTIFFImage

__all__ = ['LoadTIFFImage']
