from .dispatch import gelu_norms_backward, gelu_norms_forward

__all__ = ['gelu_norms_backward', 'gelu_norms_forward']
