"""Soft-NMS for all classes at once, on the device where the boxes are.

The same result as mmcv's ``soft_nms``, whose loop in C++ runs on the CPU and
compares every box with every other. mmcv keeps classes apart by moving them
along x; boxes whose intervals on x do not meet, those of different classes for
one, never change each other. So boxes fall into groups, and one step of the
loop picks a box in every group, or row of small groups.

mmcv takes an operator by name from ``nms``; this one is known to PyTorch::

    nms=dict(
        type='torch.ops.convnextv2.soft_nms',
        iou_threshold=0.5,
        split_thr=10**9)  # never class by class, as mmcv does from 10,000 on
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.ops import soft_nms as serial_soft_nms
from torch import Tensor

DEAD = float('-inf')
# On a CPU, with at most so many groups, mmcv's loop is faster for each; it is
# not worth looking for groups among so few boxes.
FEW_GROUPS = 16
FEW_BOXES = 256
# Steps between two looks at what is left, each of which waits for the device.
STEPS = 32
METHODS = ('naive', 'linear', 'gaussian')


class Options(NamedTuple):
    """What ``soft_nms`` takes besides boxes, in the order of mmcv's loop."""

    iou_threshold: float
    sigma: float
    min_score: float
    method: str
    offset: int


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 1e-3,
    method: str = 'linear',
    offset: int = 0,
) -> tuple[Tensor, Tensor]:
    """Pick boxes by score, each lowering the scores of those it overlaps.

    Bodla et al., Soft-NMS, ICCV 2017. A box of IoU o with a picked one gets
    its score times 0 ('naive') or 1 - o ('linear') from ``iou_threshold`` on,
    or times exp(-o^2 / sigma) whatever o is ('gaussian').

    Args:
        boxes: Boxes (x1, y1, x2, y2), (N, 4).
        scores: Scores (N).
        iou_threshold: IoU from which on boxes count as overlapping.
        sigma: Width of 'gaussian'.
        min_score: Boxes whose score falls below are dropped, the best of all
            never.
        method: One of ``METHODS``.
        offset: 1 if a box from 0 to 0 is one pixel wide, else 0.

    Returns:
        Boxes with their new scores (M, 5), highest first, and their indices
        (M). Boxes of one score come in the order in which they were given,
        but for mmcv's loop, whose order then depends on what it dropped. Two
        boxes without area do not overlap; mmcv's 'gaussian' makes their
        scores NaN.

    Raises:
        ValueError: If shapes or options are not of these.
    """
    if boxes.dim() != 2 or boxes.shape[1] != 4 or scores.dim() != 1:
        raise ValueError(
            f'boxes must be (N, 4) and scores (N), got {tuple(boxes.shape)} '
            f'and {tuple(scores.shape)}'
        )
    if len(boxes) != len(scores):
        raise ValueError(f'{len(boxes)} boxes have {len(scores)} scores')
    if method not in METHODS:
        raise ValueError(f'method must be one of {METHODS}, got {method!r}')
    if offset not in (0, 1):
        raise ValueError(f'offset must be 0 or 1, got {offset}')
    if method == 'gaussian' and not sigma > 0:
        raise ValueError(f'sigma must be above 0, got {sigma}')
    options = Options(iou_threshold, sigma, min_score, method, offset)
    where, last = boxes.float(), scores.float()
    # Of two boxes without area mmcv's loop makes 0/0, which 'gaussian' keeps.
    one_by_one = boxes.device.type == 'cpu' and (
        method != 'gaussian' or has_areas(where, offset)
    )
    if len(boxes) == 0:
        picked = torch.zeros(0, dtype=torch.long, device=boxes.device)
    elif one_by_one and len(boxes) <= FEW_BOXES:
        dets, picked = serial_soft_nms(where, last, *options)
        last = dets[:, 4]
    else:
        groups = group(where, offset)
        # 'naive' then drops what does not overlap too.
        if method == 'naive' and iou_threshold <= 0:
            groups.zero_()
        if one_by_one and int(groups.max()) < FEW_GROUPS:
            last, picked = each(where, last, groups, options)
        else:
            last, picked = together(where, last, groups, options)
    new = torch.cat([boxes[picked], last[:, None].to(boxes.dtype)], dim=1)
    return new, picked


def has_areas(boxes: Tensor, offset: int) -> bool:
    """Tell whether the area of every box (N, 4) is above zero."""
    width, height = (boxes[:, 2:] - boxes[:, :2] + offset).unbind(1)
    return bool((width * height > 0).all())


def group(boxes: Tensor, offset: int) -> Tensor:
    """Number the groups of boxes whose intervals on x meet, (N)."""
    order = rank(boxes[:, 0]).argsort()
    start = boxes[order, 0]
    reach = boxes[order, 2].cummax(0).values
    groups = torch.zeros_like(order)
    groups[1:] = (reach[:-1] - start[1:] + offset <= 0).cumsum(0)
    return torch.empty_like(groups).scatter_(0, order, groups)


def rank(numbers: Tensor) -> Tensor:
    """Give integers in the order of fp32 numbers: a CPU sorts these faster."""
    bits = (numbers + 0).view(torch.int32)  # -0 + 0 is 0
    return bits ^ (bits >> 31 & 0x7FFFFFFF)  # below zero bits count down


@cache
def before(number: float) -> float:
    """Return the fp32 number before one: what is not above it is less."""
    return float(np.nextafter(np.float32(number), np.float32(DEAD)))


def in_order(scores: Tensor, picked: Tensor) -> tuple[Tensor, Tensor]:
    """Sort picks by score, those of one score by index."""
    picked, order = picked.sort()
    scores = scores[order]
    best = (~rank(scores)).argsort(stable=True)  # the highest first
    return scores[best], picked[best]


def each(
    boxes: Tensor, scores: Tensor, groups: Tensor, options: Options
) -> tuple[Tensor, Tensor]:
    """Run mmcv's loop on one group after the other.

    Args:
        boxes: Boxes (x1, y1, x2, y2), (N, 4), on a CPU.
        scores: Scores (N).
        groups: Group of each box, counted from 0, (N).
        options: Threshold, method and so on.

    Returns:
        New scores (M) and indices (M), the best box first.
    """
    if not groups.any():
        dets, picked = serial_soft_nms(boxes, scores, *options)
        return dets[:, 4], picked
    results = []
    for part in groups.argsort().split(torch.bincount(groups).tolist()):
        part = part.sort().values
        dets, kept = serial_soft_nms(boxes[part], scores[part], *options)
        results.append((dets[:, 4], part[kept]))
    last, picked = (torch.cat(column) for column in zip(*results))
    # Of a group that is below the least score the loop keeps the best box.
    alive = (last >= options.min_score) | (picked == scores.argmax())
    return in_order(last[alive], picked[alive])


def together(
    boxes: Tensor, scores: Tensor, groups: Tensor, options: Options
) -> tuple[Tensor, Tensor]:
    """Pick in all groups at once, from tables of one row per group.

    Args:
        boxes: Boxes (x1, y1, x2, y2), (N, 4), on any device.
        scores: Scores (N).
        groups: Group of each box, counted from 0, (N).
        options: Threshold, method and so on.

    Returns:
        New scores (M) and indices (M), the best box first.
    """
    alive = scores >= options.min_score
    alive[scores.argmax()] = True  # as mmcv's loop, which drops from then on
    index = alive.nonzero()[:, 0]
    groups, order = merge(groups[index]).sort(stable=True)
    index = index[order]
    scores, index = tables(scores[index], index, torch.bincount(groups))
    sides = boxes.t().contiguous()
    picks = [(scores.new_zeros(0), index.new_zeros(0))]
    while scores.numel():
        every = sides.gather(1, index.view(1, -1).expand(4, -1))
        low, high = every.view(2, 2, *index.shape)
        width, height = high - low + options.offset
        area = width * height
        alive = scores > DEAD
        left = most = int(alive.sum())
        while left > 0.8 * most:
            for _ in range(min(STEPS, scores.shape[1])):
                best, at = scores.max(dim=1, keepdim=True)
                picks.append((best, index.gather(1, at)))
                scores.scatter_(1, at, DEAD)
                iou = iou_with(low, high, area, at, options.offset)
                lower(scores, iou, options)
            alive = scores > DEAD
            left = int(alive.sum())
        place = alive.flatten().nonzero()[:, 0]
        counts = alive.sum(dim=1)
        scores, index = tables(scores.take(place), index.take(place), counts)
    last, picked = (torch.cat([p.flatten() for p in c]) for c in zip(*picks))
    alive = last > DEAD
    return in_order(last[alive], picked[alive])


def iou_with(
    low: Tensor, high: Tensor, area: Tensor, at: Tensor, offset: int
) -> Tensor:
    """Compute the IoU of one box of each row with all of its row.

    Args:
        low: Tables of x1 and y1, (2, G, L).
        high: Tables of x2 and y2, (2, G, L).
        area: Table of areas, (G, L).
        at: Place of the box in each row, (G, 1).
        offset: What is added to the sides.

    Returns:
        IoU (G, L), NaN where both have no area.
    """
    both = at.expand(2, -1, -1)
    size = torch.minimum(high, high.gather(2, both))
    size -= torch.maximum(low, low.gather(2, both))
    width, height = (size + offset if offset else size).clamp_(min=0)
    shared = width.mul_(height)
    return shared.div_((area.gather(1, at) + area).sub_(shared))


def lower(scores: Tensor, iou: Tensor, options: Options) -> None:
    """Lower scores by IoU, and write over both tables, (G, L).

    All in numbers: booleans are what a CPU takes one by one.
    """
    if options.method == 'gaussian':
        factor = iou.nan_to_num_().square_().div_(-options.sigma).exp_()
    elif options.method == 'linear':
        under = before(options.iou_threshold)
        less = F.threshold_(iou.nan_to_num_(), under, 0)
        factor = less.neg_().add_(1)
    else:
        less = iou.ge_(options.iou_threshold).neg_()
        if options.min_score > 0:  # zero is dropped
            scores += F.threshold_(less, -0.5, DEAD)
            return
        factor = less.add_(1)
    # Where a dead score meets 0 it is NaN, and dead again.
    scores.mul_(factor).nan_to_num_(DEAD, -DEAD, DEAD)
    F.threshold_(scores, before(options.min_score), DEAD)


def merge(groups: Tensor) -> Tensor:
    """Put small groups together where a table would be mostly empty.

    A table has a row for every group, of the length of the longest. Where
    that is more than four places for a box, groups that begin within that
    length of each other share a row: at most two places for a box, and two
    rows of the longest.

    Args:
        groups: Group of each box, (N).
    """
    counts = torch.bincount(groups)
    longest = int(counts.max())
    if len(counts) * longest <= 4 * len(groups):
        return groups
    bins = (counts.cumsum(0) - counts) // longest
    return bins.unique_consecutive(return_inverse=True)[1][groups]


def tables(
    scores: Tensor, index: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor]:
    """Spread boxes over tables with one row per group, as long as the longest.

    Args:
        scores: Scores of boxes, group after group, (M).
        index: Their indices, (M).
        counts: Boxes of each group; there is no row for none.

    Returns:
        Tables of scores, dead in empty places, and of indices, (G, L).
    """
    counts = counts[counts > 0]
    length = int(counts.max()) if len(counts) else 0
    gaps = length - counts
    shift = (gaps.cumsum(0) - gaps).repeat_interleave(counts)
    place = torch.arange(len(index), device=index.device) + shift
    shape = (len(counts), length)
    return (
        scores.new_full(shape, DEAD).put_(place, scores),
        index.new_zeros(shape).put_(place, index),
    )


LIBRARY = torch.library.Library('convnextv2', 'DEF')
LIBRARY.define(
    'soft_nms(Tensor boxes, Tensor scores, float iou_threshold=0.3, '
    'float sigma=0.5, float min_score=0.001, str method="linear", '
    'int offset=0) -> (Tensor, Tensor)'
)
LIBRARY.impl('soft_nms', soft_nms, 'CompositeExplicitAutograd')
