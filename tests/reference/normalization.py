"""Layers in the place of GRN, written out position by position in NumPy.

As in ``sparse_convnext.py``, positions are a dict from the coordinates of
visible positions to vectors, of one image, or of a batch for ``batch_norm``.
``get`` returns an array of the layer by its name in the state dict.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def layer_norm(positions, get):
    out = {}
    for s, h in positions.items():
        centered = h - sum(h) / len(h)
        variance = sum(centered**2) / len(h)
        normalized = centered / np.sqrt(variance + 1e-6)
        out[s] = get('weight') * normalized + get('bias')
    return out


def batch_statistics(positions):
    """Return mean and biased variance of every channel."""
    mean = sum(positions.values()) / len(positions)
    variance = sum((h - mean) ** 2 for h in positions.values())
    return mean, variance / len(positions)


def batch_norm(positions, get, statistics=None):
    """Use the running statistics, or those that are given."""
    mean, variance = statistics or (get('running_mean'), get('running_var'))
    return {
        s: get('weight') * (h - mean) / np.sqrt(variance + 1e-5) + get('bias')
        for s, h in positions.items()
    }


def local_response_norm(positions, get):
    """Section 3.3 of the AlexNet paper: n = 5, k = 2, alpha = 1e-4."""
    out = {}
    for s, h in positions.items():
        out[s] = np.empty_like(h)
        for i in range(len(h)):
            first, last = max(0, i - 2), min(len(h) - 1, i + 2)
            total = sum(h[j] ** 2 for j in range(first, last + 1))
            out[s][i] = h[i] / (2 + 1e-4 * total) ** 0.75
    return out


def mlp(x, get):
    hidden = np.maximum(get('mlp.0.weight') @ x + get('mlp.0.bias'), 0)
    return get('mlp.2.weight') @ hidden + get('mlp.2.bias')


def squeeze_excitation(positions, get):
    weights = sigmoid(mlp(sum(positions.values()) / len(positions), get))
    return {s: h * weights for s, h in positions.items()}


def cbam(positions, get):
    mean = sum(positions.values()) / len(positions)
    highest = np.max(list(positions.values()), axis=0)
    weights = sigmoid(mlp(mean, get) + mlp(highest, get))
    x = {s: h * weights for s, h in positions.items()}
    kernel, bias = get('spatial_conv.weight'), get('spatial_conv.bias').sum()
    out = {}
    for row, column in x:
        total = bias
        for i in range(7):
            for j in range(7):
                neighbor = x.get((row + i - 3, column + j - 3))
                if neighbor is not None:
                    total += kernel[0, 0, i, j] * neighbor.mean()
                    total += kernel[1, 0, i, j] * neighbor.max()
        out[row, column] = x[row, column] * sigmoid(total)
    return out


def average_grn(positions, get):
    """GRN with average pooling in the place of the norm."""
    g = sum(positions.values()) / len(positions)
    ratio = g / (g.mean() + 1e-6)
    return {
        s: get('gamma') * (h * ratio) + get('beta') + h
        for s, h in positions.items()
    }
