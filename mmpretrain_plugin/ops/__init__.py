from .folded_mlp import folded_mlp

__all__ = ['folded_mlp']
