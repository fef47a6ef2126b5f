"""Random states that follow from the seed and the place in a training."""

import random

import numpy as np
import torch

# First of the numbers, by what the state is for.
SAMPLE, STEP = 1, 2


def set_random_state(*numbers: int) -> None:
    """Set the random states of Python, NumPy and PyTorch.

    Args:
        *numbers: What the states follow from, such as a seed and an
            iteration; integers of 0 or more.
    """
    state = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)
