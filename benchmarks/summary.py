"""Ours against others on a CPU in one table, beside the project's goals.

``make_page.py`` puts it at the top of docs/performance.md.
"""

from collections.abc import Iterator

Row = dict[str, object]

# Least speed and most memory, in units of theirs.
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


def line(step: str, others: str, speed: float, kept: float | None) -> Row:
    """Write a row of the table.

    Args:
        step: What was measured.
        others: What it was measured against.
        speed: Speed in units of theirs.
        kept: Memory kept for backward in units of theirs, if counted.
    """
    at_least, at_most = GOALS.get((step, others), (None, None))
    return {
        'step': step,
        'compared with': others,
        'times as fast': speed,
        'goal': at_least and f'>= {at_least}',
        'kept for backward': kept,
        'goal of memory': at_most and f'<= {at_most}',
    }


def ratio(rows: list[Row], name: str, others: str, column: str) -> float:
    """Return ours divided by theirs, by the fastest or smallest of theirs.

    Args:
        rows: Rows of one setting, ours first.
        name: Column of the names.
        others: What theirs begin with.
        column: Column of the numbers.
    """
    theirs = [row[column] for row in rows if row[name].startswith(others)]
    best = max if 'images/s' in column else min
    return rows[0][column] / best(theirs)


def pretraining(rows: list[Row]) -> Iterator[Row]:
    """Compare packed encoders, and whole steps, with others of their size."""
    for part, title in (('encoder', 'FCMAE encoder'), ('whole', 'FCMAE step')):
        for others in ('dense masking', "mmpretrain's SparK"):
            for size in dict.fromkeys(row['size'] for row in rows):
                same = [
                    row
                    for row in rows
                    if (row['size'], row['part']) == (size, part)
                ]
                if any(row['way'] == others for row in same):
                    yield line(
                        f'{title}, {size}',
                        others,
                        ratio(same, 'way', others, 'images/s'),
                        ratio(same, 'way', others, 'kept MiB'),
                    )


def backbones(rows: list[Row]) -> Iterator[Row]:
    """Compare backbones on whole images."""
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
                ratio(same, *others, 'kept MiB per image')
                if kind == 'training'
                else None,
            )


def downstream(rows: list[Row]) -> Iterator[Row]:
    """Compare detectors and segmentors with those of the other backbone."""
    for task in dict.fromkeys(row['task'] for row in rows):
        same = [row for row in rows if row['task'] == task]
        others = ('backbone', 'mmpretrain')
        yield line(
            f'{task}, training',
            'mmpretrain',
            ratio(same, *others, 'images/s'),
            ratio(same, *others, 'kept MiB per image'),
        )


PARTS = {
    'fcmae_step': pretraining,
    'backbone_step': backbones,
    'downstream_step': downstream,
}
