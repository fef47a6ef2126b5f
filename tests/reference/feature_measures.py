"""Slow definitions of the measures of features, written out in loops.

Features are nested sequences of floats: [position][channel] of one image.
Sources: ConvNeXt V2, section 4 and appendix C; Morcos et al. 2018; Roy and
Vetterli 2007.
"""

import math

import numpy as np


def channel(features, i):
    """Return the activations of a channel at all positions."""
    return [float(position[i]) for position in features]


def norm(vector):
    return math.sqrt(sum(value * value for value in vector))


def cosine(a, b):
    """Return the cosine of two vectors; 0 if one has no direction."""
    if norm(a) == 0 or norm(b) == 0:
        return 0.0
    return sum(x * y for x, y in zip(a, b)) / (norm(a) * norm(b))


def cosine_distance(features):
    """1 / C² times the double sum of (1 - cos(X_i, X_j)) / 2."""
    channels = [channel(features, i) for i in range(len(features[0]))]
    total = 0.0
    for a in channels:
        for b in channels:
            total += (1 - cosine(a, b)) / 2
    return total / len(channels) ** 2


def silent(features, tolerance):
    """Return whether the norm of each channel is negligible."""
    norms = [norm(channel(features, i)) for i in range(len(features[0]))]
    mean = sum(norms) / len(norms)
    return [value <= tolerance * mean for value in norms]


def saturated(features, tolerance, silent_tolerance):
    """Return whether each channel is constant up to the tolerance."""
    result = []
    for i, is_silent in enumerate(silent(features, silent_tolerance)):
        values = channel(features, i)
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        square = sum(v * v for v in values) / len(values)
        constant = math.sqrt(variance) <= tolerance * math.sqrt(square)
        result.append(constant and not is_silent)
    return result


def effective_rank(features):
    """Return exp of the entropy of the normalized singular values."""
    values = np.linalg.svd(np.array(features, float), compute_uv=False)
    shares = [value / sum(values) for value in values if value > 0]
    return math.exp(-sum(p * math.log(p) for p in shares if p > 1e-12))


def class_selectivity(images, labels):
    """Return the index of each channel, from rectified activations.

    Args:
        images: Features of each image.
        labels: Class of each image.
    """
    result = []
    for i in range(len(images[0][0])):
        means = []
        for label in sorted(set(labels)):
            values = [
                sum(max(v, 0) for v in channel(image, i)) / len(image)
                for image, own in zip(images, labels)
                if own == label
            ]
            means.append(sum(values) / len(values))
        largest = max(means)
        means.remove(largest)
        others = sum(means) / len(means)
        total = largest + others
        result.append((largest - others) / total if total else math.nan)
    return result


def linear_probe(train, train_labels, test, c, steps=200):
    """Predict classes by a logistic regression on standardized features.

    Newton's method on the sum of cross-entropies times c, plus half of the
    squared weights; biases are not penalized.
    """
    train, test = np.asarray(train, float), np.asarray(test, float)
    mean, std = train.mean(0), train.std(0)
    std[std == 0] = 1
    train, test = (train - mean) / std, (test - mean) / std
    classes = sorted(set(train_labels))
    one_hot = np.array(
        [[label == k for k in classes] for label in train_labels]
    )
    n, d, k = len(train), train.shape[1], len(classes)
    x = np.hstack([train, np.ones((n, 1))])
    w = np.zeros((d + 1, k))
    penalty = np.ones((d + 1, k))
    penalty[-1] = 1e-9  # keeps the Hessian regular
    for _ in range(steps):
        scores = x @ w
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        gradient = c * x.T @ (p - one_hot) + penalty * w
        hessian = np.zeros(((d + 1) * k,) * 2)
        for row, q in zip(x, p):
            hessian += c * np.kron(
                np.outer(row, row), np.diag(q) - np.outer(q, q)
            )
        hessian += np.diag(penalty.reshape(-1))
        step = np.linalg.solve(hessian, gradient.reshape(-1)).reshape(w.shape)
        w -= step
        if np.abs(step).max() < 1e-10:
            break
    scores = np.hstack([test, np.ones((len(test), 1))]) @ w
    return [classes[i] for i in scores.argmax(1)]
