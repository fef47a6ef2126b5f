"""Reference implementation of FCMAE in NumPy and float64.

It shares no code with the packages: a feature map is a dict from the
coordinates of visible positions to vectors, as in a submanifold sparse
convolution, and every layer is a loop over it.
"""

import numpy as np
from scipy.special import erf


def layer_norm(x, weight, bias):
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-6)
    return x * weight + bias


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def depthwise(positions, weight, bias):
    """7x7, zero padding; a neighbor that is not visible contributes 0."""
    out = {}
    for row, column in positions:
        total = bias.copy()
        for i in range(7):
            for j in range(7):
                neighbor = positions.get((row + i - 3, column + j - 3))
                if neighbor is not None:
                    total += weight[:, 0, i, j] * neighbor
        out[row, column] = total
    return out


def strided(positions, weight, bias):
    """Kernel = stride; every window lies inside one visible patch."""
    k = weight.shape[-1]
    out = {}
    for row, column in positions:
        if row % k == 0 and column % k == 0:
            total = bias.copy()
            for i in range(k):
                for j in range(k):
                    total += (
                        weight[:, :, i, j] @ positions[row + i, column + j]
                    )
            out[row // k, column // k] = total
    return out


def grn(positions, get):
    """Apply GRN to one image; ``get`` returns the arrays of its state dict.

    ``normalization.py`` has the layers that replace it.
    """
    gamma, beta = get('gamma'), get('beta')
    norm = np.sqrt(sum(h**2 for h in positions.values()))
    ratio = norm / (norm.mean() + 1e-6)
    return {s: gamma * (h * ratio) + beta + h for s, h in positions.items()}


def block(positions, get, layer=grn):
    y = depthwise(positions, get('depthwise_conv.weight'),
                  get('depthwise_conv.bias'))  # fmt: skip
    y = {
        s: get('pointwise_conv1.weight')
        @ layer_norm(v, get('norm.weight'), get('norm.bias'))
        + get('pointwise_conv1.bias')
        for s, v in y.items()
    }
    y = layer(
        {s: gelu(v) for s, v in y.items()}, lambda name: get(f'grn.{name}')
    )
    return {
        s: positions[s]
        + get('pointwise_conv2.weight') @ v
        + get('pointwise_conv2.bias')
        for s, v in y.items()
    }


def reader(state, prefix):
    return lambda name: state[f'{prefix}.{name}']


def encode(state, depths, image, mask, layer=grn):
    """Return the map of every stage for one image.

    Args:
        state: State dict of the backbone as float64 arrays.
        depths: Blocks per stage.
        image: (C, H, W).
        mask: (h, w), True = hidden.
        layer: What the blocks have in the place of GRN.
    """
    _, height, width = image.shape
    patch = height // mask.shape[0]
    positions = {
        (r, c): image[:, r, c]
        for r in range(height)
        for c in range(width)
        if not mask[r // patch, c // patch]
    }
    maps = []
    for stage, depth in enumerate(depths):
        conv, norm = (0, 1) if stage == 0 else (1, 0)
        get = reader(state, f'downsample_layers.{stage}')

        def normalize(x, get=get, norm=norm):
            weight, bias = get(f'{norm}.weight'), get(f'{norm}.bias')
            return {s: layer_norm(v, weight, bias) for s, v in x.items()}

        if stage:
            positions = normalize(positions)
        positions = strided(
            positions, get(f'{conv}.weight'), get(f'{conv}.bias')
        )
        if not stage:
            positions = normalize(positions)
        for j in range(depth):
            get = reader(state, f'stages.{stage}.{j}')
            positions = block(positions, get, layer)
        stride = 4 * 2**stage
        channels = len(next(iter(positions.values())))
        out = np.zeros((channels, height // stride, width // stride))
        for (row, column), value in positions.items():
            out[:, row, column] = value
        maps.append(out)
    return maps


def decode(state, depth, feature, mask):
    """Return the prediction (h * w, values) for one image.

    Args:
        state: State dict of the decoder as float64 arrays.
        depth: Number of blocks.
        feature: Last map of the encoder, (C, h, w), a cell per patch.
        mask: (h, w), True = hidden.
    """
    weight = state['proj.weight'][:, :, 0, 0]
    cells = {}
    for r, c in np.ndindex(*mask.shape):
        cells[r, c] = (
            state['mask_token'][0, :, 0, 0]
            if mask[r, c]
            else weight @ feature[:, r, c] + state['proj.bias']
        )
    for j in range(depth):
        cells = block(cells, reader(state, f'decoder.{j}'))
    weight = state['pred.weight'][:, :, 0, 0]
    return np.stack(
        [
            weight @ cells[r, c] + state['pred.bias']
            for r, c in np.ndindex(*mask.shape)
        ]
    )


def loss(prediction, image, mask):
    """Return (sum of patch errors, number of hidden patches)."""
    patch = image.shape[1] // mask.shape[0]
    total, count = 0.0, 0
    for k, (r, c) in enumerate(np.ndindex(*mask.shape)):
        if not mask[r, c]:
            continue
        rows = slice(r * patch, (r + 1) * patch)
        columns = slice(c * patch, (c + 1) * patch)
        pixels = image[:, rows, columns].transpose(1, 2, 0).ravel()
        target = (pixels - pixels.mean()) / np.sqrt(pixels.var(ddof=1) + 1e-6)
        total += np.mean((prediction[k] - target) ** 2)
        count += 1
    return total, count
