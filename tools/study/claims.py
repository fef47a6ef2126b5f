"""The paper's claims, and what the results of the study say about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.results import METRICS
from study.runs import PRETRAININGS, TRANSFERS


@dataclass(frozen=True)
class Comparison:
    """Two runs, of which the first one should be higher.

    Attributes:
        higher: Run that is higher according to the paper.
        lower: Run that is lower.
        metric: Key of ``METRICS``, or 'cosine_distance' of the features.
    """

    higher: str
    lower: str
    metric: str

    @property
    def title(self) -> str:
        """Both runs and the metric in words."""
        if self.metric in METRICS:
            runs = [TRANSFERS[n].title for n in (self.higher, self.lower)]
            return f'{METRICS[self.metric]}: {runs[0]} > {runs[1]}'
        runs = [PRETRAININGS[n].title for n in (self.higher, self.lower)]
        return f'mean cosine distance: {runs[0]} > {runs[1]}'

    def values(self, results: Sequence[dict[str, Any]]) -> np.ndarray:
        """Return the values (2, seeds) of both runs."""
        return np.array(
            [
                [self._value(result, name) for result in results]
                for name in (self.higher, self.lower)
            ]
        )

    def _value(self, result: dict[str, Any], name: str) -> float:
        if self.metric in METRICS:
            return result['transfer'][name][self.metric]
        return float(np.mean(result['features'][name]['cosine_distance']))


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        text: The claim.
        paper: The paper's numbers and where they are.
        comparisons: Where it should be seen.
    """

    text: str
    paper: str
    comparisons: tuple[Comparison, ...]


def _both(higher: str, lower: str) -> tuple[Comparison, ...]:
    """Compare two runs in detection and in segmentation."""
    return tuple(Comparison(higher, lower, m) for m in ('box_ap', 'miou'))


CLAIMS = (
    Claim(
        'FCMAE weights are better than random ones',
        'ImageNet top-1 of V2-Base 84.6, supervised only 84.3 (Table 3)',
        (
            *_both('fcmae-v2', 'random'),
            *_both('fcmae-long', 'random'),
            Comparison('fcmae-v2', 'random-recipe', 'miou'),
        ),
    ),
    Claim(
        'longer pre-training is better',
        'top-1 of V2-Base 84.6 after 800 epochs (Table 3), 84.9 after 1600 '
        '(Table 4)',
        _both('fcmae-long', 'fcmae-v2'),
    ),
    Claim(
        'the encoder must not see through the mask ("w/o sparse conv")',
        'top-1 of V1-Base 83.7 against 79.3 (section 3); here V2',
        (Comparison('fcmae-v2', 'leaky', 'miou'),),
    ),
    Claim(
        'FCMAE collapses the features of V1',
        'cosine distance (Figure 4), no numbers',
        (Comparison('supervised-v1', 'fcmae-v1', 'cosine_distance'),),
    ),
    Claim(
        'GRN prevents the collapse',
        'cosine distance (Figure 4), no numbers',
        (Comparison('fcmae-v2', 'fcmae-v1', 'cosine_distance'),),
    ),
    Claim(
        'after FCMAE, V2 is better than V1',
        'top-1 of Base 84.6 against 83.7 (Table 3)',
        (Comparison('fcmae-v2', 'fcmae-v1', 'miou'),),
    ),
    Claim(
        'with V1, supervised training is at least as good as FCMAE',
        'top-1 of V1-Base 83.8 supervised, 83.7 with FCMAE (Table 3)',
        (Comparison('supervised-v1', 'fcmae-v1', 'miou'),),
    ),
    Claim(
        'a mask ratio of 0.6 is better than 0.3 and 0.9',
        'top-1 is best from 0.5 to 0.7 (Figure 8)',
        (
            Comparison('fcmae-v2', 'mask-30', 'miou'),
            Comparison('fcmae-v2', 'mask-88', 'miou'),
        ),
    ),
    Claim(
        'layer decay helps',
        'used in all fine-tuning (Tables 9 to 13, A.3, A.4), not compared',
        _both('layer-decay', 'fcmae-v2'),
    ),
    Claim(
        'UperNet is better after supervised fine-tuning',
        'a statement without numbers (A.4)',
        (
            Comparison('fine-tuned', 'fcmae-v2', 'miou'),
            Comparison('supervised-v2', 'fcmae-v2', 'miou'),
        ),
    ),
)


def verdict(values: np.ndarray) -> str:
    """Judge a comparison.

    With three seeds and no true difference, one comparison in ten is decided
    by chance, half of them in each direction.

    Args:
        values: Values (2, seeds), of which the first row should be higher.

    Returns:
        'seen' if the lowest value of the first run is above the highest one
        of the second, 'not seen' if it is the other way round, and 'cannot be
        told at this scale' if the values overlap, or with one seed.
    """
    first, second = values
    if len(first) > 1 and first.min() > second.max():
        return 'seen'
    if len(first) > 1 and second.min() > first.max():
        return 'not seen'
    return 'cannot be told at this scale'
