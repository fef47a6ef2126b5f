from .convnext_v2 import ConvNeXtV2
from .swin_transformer_any_window import SwinTransformerAnyWindow

__all__ = ['ConvNeXtV2', 'SwinTransformerAnyWindow']
