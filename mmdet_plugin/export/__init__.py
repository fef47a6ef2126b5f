from .mask_rcnn_graph import MaskRCNNGraph

__all__ = ['MaskRCNNGraph']
