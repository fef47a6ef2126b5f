from .dispatch import layer_norm_backward, layer_norm_forward

__all__ = ['layer_norm_backward', 'layer_norm_forward']
