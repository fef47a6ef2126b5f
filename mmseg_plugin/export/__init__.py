from .segmentor_graph import SegmentorGraph

__all__ = ['SegmentorGraph']
