from .fcmae_decoder import FCMAEDecoder
from .fcmae_transformer_decoder import FCMAETransformerDecoder
from .fcmae_unet_decoder import FCMAEUNetDecoder

__all__ = ['FCMAEDecoder', 'FCMAETransformerDecoder', 'FCMAEUNetDecoder']
