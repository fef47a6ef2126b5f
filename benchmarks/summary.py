"""Summary of the results on a CPU, beside the project's goals.

``make_page.py`` inserts it at the top of docs/performance.md.
"""

from collections.abc import Iterator

Row = dict[str, object]

# Minimum speed and maximum memory, relative to the other implementation.
GOALS = {
    ('FCMAE encoder, atto', 'dense masking'): (2.1, 0.2),
    ('FCMAE encoder, tiny', 'dense masking'): (2.3, 0.2),
    ('FCMAE encoder, base', 'dense masking'): (None, 0.2),
    ('FCMAE encoder, atto', "mmpretrain's SparK"): (None, 0.15),
    ('FCMAE encoder, tiny', "mmpretrain's SparK"): (None, 0.15),
    ('FCMAE encoder, base', "mmpretrain's SparK"): (None, 0.15),
    ('training, 2 x 512 pixels', 'mmpretrain'): (1.3, 0.35),
    ('training, 1 x 512 pixels', 'mmpretrain'): (1.3, 0.35),
    ('inference, 2 x 512 pixels', 'mmpretrain'): (1, None),
    ('inference, 1 x 512 pixels', 'mmpretrain'): (1, None),
}


def line(step: str, others: str, speed: float, saved: float | None) -> Row:
    """Return a row of the table.

    Args:
        step: Computation that was measured.
        others: Implementation it is compared with.
        speed: Speed relative to that.
        saved: Memory saved for backward relative to that, if counted.
    """
    at_least, at_most = GOALS.get((step, others), (None, None))
    return {
        'step': step,
        'compared with': others,
        'speedup': speed,
        'goal': at_least and f'>= {at_least}',
        'memory saved for backward': saved,
        'memory goal': at_most and f'<= {at_most}',
    }


def ratio(rows: list[Row], name: str, others: str, column: str) -> float:
    """Return our result divided by the best of another implementation.

    Args:
        rows: Rows of one setting, ours first.
        name: Column of the names.
        others: Prefix of the other implementation's names.
        column: Column of the results.
    """
    theirs = [row[column] for row in rows if row[name].startswith(others)]
    best = max if 'images/s' in column else min
    return rows[0][column] / best(theirs)


def pretraining(rows: list[Row]) -> Iterator[Row]:
    """Compare packed encoders, and full steps, with others of their size."""
    for part, title in (
        ('encoder', 'FCMAE encoder'),
        ('full model', 'FCMAE step'),
    ):
        for others in ('dense masking', "mmpretrain's SparK"):
            for size in dict.fromkeys(row['size'] for row in rows):
                same = [
                    row
                    for row in rows
                    if (row['size'], row['part']) == (size, part)
                ]
                if any(row['variant'] == others for row in same):
                    yield line(
                        f'{title}, {size}',
                        others,
                        ratio(same, 'variant', others, 'images/s'),
                        ratio(same, 'variant', others, 'saved MiB'),
                    )


def backbones(rows: list[Row]) -> Iterator[Row]:
    """Compare backbones on complete images."""
    settings = dict.fromkeys((row['pixels'], row['batch']) for row in rows)
    for kind in ('training', 'inference'):
        for pixels, batch in settings:
            same = [
                row
                for row in rows
                if (row['pixels'], row['batch']) == (pixels, batch)
            ]
            others = ('backbone', 'mmpretrain')
            yield line(
                f'{kind}, {batch} x {pixels} pixels',
                'mmpretrain',
                ratio(same, *others, f'{kind} images/s'),
                ratio(same, *others, 'saved MiB per image')
                if kind == 'training'
                else None,
            )


def downstream(rows: list[Row]) -> Iterator[Row]:
    """Compare detectors and segmentors with MMPretrain's backbone."""
    for task in dict.fromkeys(row['task'] for row in rows):
        same = [row for row in rows if row['task'] == task]
        others = ('backbone', 'mmpretrain')
        yield line(
            f'{task}, training',
            'mmpretrain',
            ratio(same, *others, 'images/s'),
            ratio(same, *others, 'saved MiB per image'),
        )


PARTS = {
    'fcmae_step': pretraining,
    'backbone_step': backbones,
    'downstream_step': downstream,
}
