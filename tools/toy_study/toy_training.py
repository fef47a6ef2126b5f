"""Train and evaluate one autoencoder of the toy study."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from toy_images import LabeledImages

from mmpretrain_plugin.analysis import knn_accuracy
from mmpretrain_plugin.engine.optimizers.layer_decay_optim_wrapper_constructor import (  # noqa: E501
    has_weight_decay,
)
from mmpretrain_plugin.models import FCMAE
from mmpretrain_plugin.output_files import complete_file

# The paper does not give these values.
LEARNING_RATE = 2e-3
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.05
WARMUP = 0.1  # share of the iterations
NEIGHBORS = 20  # K of the paper
FIRST = 5  # classes of the top-5 error
EVALUATION_BATCH = 50
# What a passed image costs, in units of an image of a training iteration.
# Evaluation encodes complete images, but has no backward.
EVALUATION_COST = 0.4

Advance = Callable[[float], None]


@dataclass(frozen=True)
class Schedule:
    """How long to train.

    Attributes:
        epochs: Number of passes over the training images.
        batch_size: Images per iteration.
    """

    epochs: int
    batch_size: int


def describe_training() -> dict[str, object]:
    """Return the settings of the optimizer, for the record of a study."""
    return dict(
        learning_rate=LEARNING_RATE,
        betas=list(BETAS),
        weight_decay=WEIGHT_DECAY,
        warmup=WARMUP,
    )


def normalize(model: FCMAE, images: Tensor) -> Tensor:
    """Normalize images with the mean and deviation of a model.

    Args:
        model: The autoencoder.
        images: RGB, uint8 (N, 3, H, W).

    Returns:
        float32 (N, 3, H, W) on the device of the model.
    """
    statistics = model.data_preprocessor
    images = images.to(statistics.mean.device).float()
    return (images - statistics.mean) / statistics.std


def train(
    model: FCMAE,
    images: Tensor,
    schedule: Schedule,
    seed: int,
    checkpoint: Path,
    advance: Advance = lambda units: None,
) -> None:
    """Train a model, or resume after the last epoch that was saved.

    Order and masks of an epoch depend on seed and epoch only, so a resumed
    training equals an uninterrupted one.

    Args:
        model: The autoencoder.
        images: RGB, uint8 (N, 3, H, W).
        schedule: Epochs and batch size.
        seed: Seed of orders and masks.
        checkpoint: File that is written after each epoch.
        advance: Called with the number of images of each iteration.

    Raises:
        SystemExit: If the loss is not finite.
    """
    optimizer = torch.optim.AdamW(
        _parameter_groups(model), lr=LEARNING_RATE, betas=BETAS
    )
    iterations = math.ceil(len(images) / schedule.batch_size)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=LEARNING_RATE,
        total_steps=schedule.epochs * iterations,
        pct_start=WARMUP,
        cycle_momentum=False,
    )
    parts = dict(model=model, optimizer=optimizer, scheduler=scheduler)
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, 'cpu', weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        first = state['epoch']
    model.train()
    for epoch in range(first, schedule.epochs):
        generator = torch.Generator().manual_seed(1000 * seed + epoch)
        order = torch.randperm(len(images), generator=generator)
        for rows in order.split(schedule.batch_size):
            inputs = normalize(model, images[rows])
            mask = model.random_mask(inputs, generator)
            loss = model.loss(inputs, mask=mask)['loss']
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            advance(len(rows))
        if not loss.isfinite():
            raise SystemExit(
                f'the loss of {checkpoint.stem} is {loss.item()} in epoch '
                f'{epoch + 1}; try another --seed or a larger --batch-size'
            )
        state = {name: part.state_dict() for name, part in parts.items()}
        with complete_file(checkpoint) as part:
            torch.save(dict(state, epoch=epoch + 1), part)


def _parameter_groups(model: FCMAE) -> list[dict]:
    """Return groups with and without weight decay."""
    groups: dict[bool, list] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[has_weight_decay(name, parameter)].append(parameter)
    return [
        dict(params=parameters, weight_decay=WEIGHT_DECAY * decays)
        for decays, parameters in groups.items()
    ]


@torch.no_grad()
def reconstruction_error(
    model: FCMAE,
    images: Tensor,
    seed: int,
    advance: Advance = lambda units: None,
) -> float:
    """Compute the mean squared error over hidden pixels.

    Args:
        model: The autoencoder.
        images: RGB, uint8 (N, 3, H, W).
        seed: Seed of the masks.
        advance: Called with the cost of each batch.

    Returns:
        The error, in units of the variance of the training images: about 1
        for predicting the mean color everywhere.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    for part in images.split(EVALUATION_BATCH):
        inputs = normalize(model, part)
        mask = model.random_mask(inputs, generator)
        total += len(part) * float(model.loss(inputs, mask=mask)['loss'])
        advance(EVALUATION_COST * len(part))
    return total / len(images)


@torch.no_grad()
def extract_features(
    model: FCMAE, images: Tensor, advance: Advance = lambda units: None
) -> Tensor:
    """Encode complete images and average the last map over its positions.

    Args:
        model: The autoencoder, of which only the encoder is used.
        images: RGB, uint8 (N, 3, H, W).
        advance: Called with the cost of each batch.

    Returns:
        Features (N, C) on the CPU.
    """
    model.eval()
    features = []
    for part in images.split(EVALUATION_BATCH):
        features.append(model.extract_feat(normalize(model, part))[-1].cpu())
        advance(EVALUATION_COST * len(part))
    return torch.cat(features)


def knn_errors(
    train: LabeledImages,
    test: LabeledImages,
    encode: Callable[[Tensor], Tensor],
) -> dict[str, float]:
    """Compute the errors of a k-NN classifier with K = 20.

    Args:
        train: Labeled images, whose features vote.
        test: Images to classify.
        encode: Returns features (N, C) of images (N, 3, H, W).

    Returns:
        ``top1_error`` and ``top5_error`` in percent.
    """
    accuracy = knn_accuracy(
        encode(train.images), train.labels,
        encode(test.images), test.labels,
        k=NEIGHBORS, topk=(1, FIRST),
    )  # fmt: skip
    return dict(top1_error=100 - accuracy[1], top5_error=100 - accuracy[FIRST])
