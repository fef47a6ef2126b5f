"""Measures of features: functions of tensors."""

from .nearest_neighbors import knn_accuracy

__all__ = ['knn_accuracy']
