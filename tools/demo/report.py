"""Write the results of the demo as a table and ``report.html``.

    python tools/demo/report.py work_dirs/demo

All numbers are read from the logs of MMDetection and MMSegmentation.
"""

import argparse
import base64
import html
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import mmcv
from PIL import Image

from mmpretrain_plugin.visualization import save_image_grid

STARTS = {'fcmae': 'FCMAE pre-trained', 'scratch': 'from scratch'}
# Name of the row, folder of the test, key of the metric.
METRICS = (
    ('Mask R-CNN, soft-NMS: box AP', 'mask-rcnn-{}-test', 'coco/bbox_mAP'),
    ('Mask R-CNN, soft-NMS: mask AP', 'mask-rcnn-{}-test', 'coco/segm_mAP'),
    ('UperNet, single scale: mIoU', 'upernet-{}-test', 'mIoU'),
    ('UperNet, multi-scale: mIoU', 'upernet-{}-test-ms', 'mIoU'),
)
IMAGES = 4
STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; color: #222; }
table { border-collapse: collapse; }
td, th { padding: .3rem .9rem; border-bottom: 1px solid #ccc;
         text-align: right; }
td:first-child, th:first-child { text-align: left; }
img { max-width: 100%; }
small { color: #666; }
"""


def newest(folder: Path, pattern: str) -> Path:
    """Return the newest file that matches a pattern.

    Raises:
        SystemExit: If there is none.
    """
    found = sorted(folder.glob(pattern), key=lambda p: p.stat().st_mtime)
    if not found:
        raise SystemExit(
            f'{folder} has no {pattern}; run `make demo` to the end first'
        )
    return found[-1]


def read_metric(work: Path, folder: str, key: str) -> float:
    """Return one metric in percent from the result file of a test."""
    metrics = json.loads(newest(work / folder, '*/*.json').read_text())
    value = metrics[key]
    return value if key == 'mIoU' else 100 * value


def read_curve(work: Path, folder: str) -> tuple[list[int], list[float]]:
    """Return steps and losses from a training log."""
    path = newest(work / folder, '*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line for line in lines if 'loss' in line]
    return [line['step'] for line in lines], [line['loss'] for line in lines]


def make_table(work: Path) -> list[tuple[str, str, str]]:
    """Return the rows of the table: name, pre-trained, from scratch."""
    rows = []
    for name, folder, key in METRICS:
        values = [read_metric(work, folder.format(s), key) for s in STARTS]
        rows.append((name, *(f'{value:.1f}' for value in values)))
    seconds = json.loads((work / 'seconds.json').read_text())
    for task, name in (('mask-rcnn', 'Mask R-CNN'), ('upernet', 'UperNet')):
        spent = [seconds[f'{task}-{start}'] for start in STARTS]
        rows.append((f'{name}: seconds of training',
                     *(f'{s:.0f}' for s in spent)))  # fmt: skip
    rows.append(
        ('FCMAE: seconds of pre-training', f'{seconds["fcmae"]:.0f}', '0')
    )
    return rows


def print_table(rows: list[tuple[str, str, str]]) -> None:
    """Print the table to the terminal."""
    head = ('', *STARTS.values())
    for name, *values in (head, *rows):
        print(f'{name:34}' + ''.join(f'{value:>20}' for value in values))


def draw_curves(work: Path) -> None:
    """Plot the losses of pre-training and of both downstream tasks."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4))
    axes[0].plot(*read_curve(work, 'fcmae'))
    axes[0].axhline(1, color='gray', linestyle=':')
    axes[0].set_title('FCMAE (dotted: predicting the mean)')
    for axis, task in zip(axes[1:], ('mask-rcnn', 'upernet')):
        for start, label in STARTS.items():
            axis.plot(*read_curve(work, f'{task}-{start}'), label=label)
        axis.set_title('Mask R-CNN' if task == 'mask-rcnn' else 'UperNet')
        axis.set_yscale('log')
        axis.legend()
    for axis in axes:
        axis.set_xlabel('iteration')
        axis.set_ylabel('training loss')
    figure.tight_layout()
    figure.savefig(work / 'loss.png', dpi=110)
    plt.close(figure)


def draw_predictions(work: Path, task: str, out: str) -> None:
    """Draw the predictions of both models side by side, one row per image.

    MMDetection and MMSegmentation draw ground truth and prediction next to
    each other; the ground truth is drawn once.
    """
    folders = [work / f'{task}-{start}-test' for start in STARTS]
    names = sorted({p.name for p in folders[0].rglob('*.[jp][pn]g')})
    names = names[:IMAGES]
    if not names:
        raise SystemExit(f'{folders[0]} has no images of predictions')
    rows = []
    for name in names:
        pairs = [Image.open(next(f.rglob(name))) for f in folders]
        half, height = pairs[0].width // 2, pairs[0].height
        truth = pairs[0].crop((0, 0, half, height))
        rows.append(
            [truth, *(p.crop((half, 0, 2 * half, height)) for p in pairs)]
        )
    titles = ('ground truth', *STARTS.values())
    save_image_grid(rows, titles, work / out, inches=3)


def embed(path: Path) -> str:
    """Return an img element that contains the image."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{path.stem}" src="data:image/png;base64,{data}">'


def write_report(work: Path, rows: list[tuple[str, str, str]]) -> Path:
    """Write one self-contained HTML file and return its path."""
    cells = ''.join(
        '<tr>' + ''.join(f'<td>{html.escape(c)}</td>' for c in row) + '</tr>'
        for row in rows
    )
    head = ''.join(f'<th>{title}</th>' for title in ('', *STARTS.values()))
    packages = ', '.join(
        f'{name} {version(name)}' for name in ('torch', 'numpy')
    )
    sections = (
        ('Losses', 'loss.png', 'Both initializations have the same schedule.'),
        (
            'Reconstructions',
            'reconstructions.png',
            'Images of the validation set. Hidden patches are predicted from '
            'visible ones and drawn with their true mean and contrast.',
        ),
        ('Detections', 'detections.png', 'Mask R-CNN with soft-NMS.'),
        ('Segmentations', 'segmentations.png', 'UperNet, single scale.'),
    )
    body = ''.join(
        f'<h2>{title}</h2><p>{text}</p>{embed(work / name)}'
        for title, name, text in sections
    )
    path = work / 'report.html'
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<title>ConvNeXt V2 demo</title><style>{STYLE}</style>'
        '<h1>ConvNeXt V2-Atto on digit scenes</h1>'
        '<p>FCMAE pre-training on unlabeled images, then Mask R-CNN and '
        'UperNet, once from those weights and once from random weights. One '
        'seed and minutes of training: this shows that all parts work, and '
        'is no benchmark.</p>'
        f'<table><tr>{head}</tr>{cells}</table>{body}'
        f'<p><small>{html.escape(platform.platform())}, {os.cpu_count()} '
        f'cores, Python {platform.python_version()}, {packages}, mmcv '
        f'{mmcv.__version__}</small></p></html>'
    )
    return path


def main() -> None:
    """Draw the figures, write the report and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('work_dir', type=Path)
    work = parser.parse_args().work_dir
    rows = make_table(work)
    draw_curves(work)
    draw_predictions(work, 'mask-rcnn', 'detections.png')
    draw_predictions(work, 'upernet', 'segmentations.png')
    path = write_report(work, rows)
    print_table(rows)
    print(f'\nfigures and report: {path}')


if __name__ == '__main__':
    sys.exit(main())
