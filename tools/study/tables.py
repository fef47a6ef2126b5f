"""Tables of the study in Markdown."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from study.claims import CLAIMS, verdict
from study.results import METRICS
from study.runs import ANALYZED, PRETRAININGS, TRANSFERS


def spread(values: Sequence[float] | np.ndarray, digits: int = 1) -> str:
    """Format a mean, with its standard deviation if there are several.

    Args:
        values: The values; none of them gives '-'.
        digits: Digits after the decimal point.
    """
    values = np.asarray(values, float)
    if not len(values):
        return '-'
    mean = f'{values.mean():.{digits}f}'
    if len(values) < 2:
        return mean
    return f'{mean} ± {values.std(ddof=1):.{digits}f}'


def table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows, the first of which is the head."""
    rows = [rows[0], ['---'] * len(rows[0]), *rows[1:]]
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def transfer_table(results: Sequence[dict[str, Any]]) -> str:
    """Return AP and mIoU of each run."""
    rows = [['initial weights', *METRICS.values()]]
    for name, run in TRANSFERS.items():
        found = [result['transfer'][name] for result in results]
        cells = [spread([f[m] for f in found if m in f]) for m in METRICS]
        rows.append([run.title, *cells])
    return table(rows)


def feature_table(results: Sequence[dict[str, Any]]) -> str:
    """Return the measures of the features of each analyzed pre-training."""
    rows = [['features of', 'cosine distance', 'silent channels, %',
             'saturated, %', 'k-NN, %', 'linear probe, %']]  # fmt: skip
    for name in ANALYZED:
        found = [result['features'][name] for result in results]
        row = [PRETRAININGS[name].title]
        row.append(spread([np.mean(f['cosine_distance']) for f in found], 3))
        for key in ('silent', 'saturated'):
            row.append(spread([100 * f[key] for f in found]))
        for key in ('knn', 'linear_probe'):
            row.append(spread([f[key] for f in found if f[key] is not None]))
        rows.append(row)
    return table(rows)


def claim_table(results: Sequence[dict[str, Any]]) -> str:
    """Return a line per claim and comparison, with a verdict."""
    rows = [['claim', 'paper', 'compared here', 'measured here', 'verdict']]
    for claim in CLAIMS:
        for comparison in claim.comparisons:
            values = comparison.values(results)
            digits = 1 if comparison.metric in METRICS else 3
            measured = ' against '.join(spread(row, digits) for row in values)
            rows.append(
                [
                    claim.text,
                    claim.paper,
                    comparison.title,
                    measured,
                    verdict(values),
                ]
            )
    return table(rows)
