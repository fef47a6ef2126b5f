from .reconstruction import draw_reconstructions, reconstruct_image

__all__ = ['draw_reconstructions', 'reconstruct_image']
