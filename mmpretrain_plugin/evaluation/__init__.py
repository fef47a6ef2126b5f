from .knn_accuracy import KNNAccuracy
from .reconstruction_loss import ReconstructionLoss

__all__ = ['KNNAccuracy', 'ReconstructionLoss']
