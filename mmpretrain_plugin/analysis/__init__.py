"""Measures of features: functions of tensors."""

from .channel_activity import saturated_channels, silent_channels
from .class_selectivity import ClassMeans, class_selectivity_index
from .cosine_distance import CosineDistance, feature_cosine_distance
from .layer_measures import BackboneMeasures, measure_backbone
from .linear_probe import linear_probe_accuracy
from .nearest_neighbors import knn_accuracy
from .pooling import pooled_features
from .spectrum import effective_rank
from .splits import split_by_class
from .taps import Block, collect_features, encode, find_blocks, observe

__all__ = [
    'BackboneMeasures',
    'Block',
    'ClassMeans',
    'CosineDistance',
    'class_selectivity_index',
    'collect_features',
    'effective_rank',
    'encode',
    'feature_cosine_distance',
    'find_blocks',
    'knn_accuracy',
    'linear_probe_accuracy',
    'measure_backbone',
    'observe',
    'pooled_features',
    'saturated_channels',
    'silent_channels',
    'split_by_class',
]
