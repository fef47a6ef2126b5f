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
import numpy as np
from PIL import Image

from mmpretrain_plugin.run_logs import final_loss, read_losses, read_test
from mmpretrain_plugin.visualization import save_figure, save_image_grid

STARTS = {'fcmae': 'FCMAE pre-trained', 'scratch': 'from scratch'}
# Name of the row, folder of the test, key of the metric.
METRICS = (
    ('Mask R-CNN, soft-NMS: box AP', 'mask-rcnn-{}-test', 'coco/bbox_mAP'),
    ('Mask R-CNN, soft-NMS: mask AP', 'mask-rcnn-{}-test', 'coco/segm_mAP'),
    ('UperNet, single scale: mIoU', 'upernet-{}-test', 'mIoU'),
    ('UperNet, multi-scale: mIoU', 'upernet-{}-test-ms', 'mIoU'),
)
TASKS = {'mask-rcnn': 'Mask R-CNN', 'upernet': 'UperNet'}
IMAGES = 6
SMOOTHING = 0.03  # of a curve: a running mean over this share of it
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


def read_metric(work: Path, folder: str, key: str) -> float:
    """Return one metric in percent from the result file of a test."""
    value = read_test(work / folder)[key]
    return value if key == 'mIoU' else 100 * value


def make_table(work: Path) -> list[tuple[str, str, str]]:
    """Return the rows of the table: name, pre-trained, from scratch."""
    rows = []
    for name, folder, key in METRICS:
        values = [read_metric(work, folder.format(s), key) for s in STARTS]
        rows.append((name, *(f'{value:.1f}' for value in values)))
    seconds = json.loads((work / 'seconds.json').read_text())
    for task, name in (('mask-rcnn', 'Mask R-CNN'), ('upernet', 'UperNet')):
        spent = [seconds[f'{task}-{start}'] for start in STARTS]
        rows.append((f'{name}: seconds, beside another step',
                     *(f'{s:.0f}' for s in spent)))  # fmt: skip
    rows.append(
        ('FCMAE: seconds, beside another step', f'{seconds["fcmae"]:.0f}', '0')
    )
    return rows


def print_table(rows: list[tuple[str, str, str]]) -> None:
    """Print the table to the terminal."""
    head = ('', *STARTS.values())
    for name, *values in (head, *rows):
        print(f'{name:34}' + ''.join(f'{value:>20}' for value in values))


def smooth(values: list[float]) -> np.ndarray:
    """Return a running mean, of fewer values at both ends."""
    half = max(round(SMOOTHING * len(values) / 2), 1)
    parts = [values[max(i - half, 0) : i + half + 1]
             for i in range(len(values))]  # fmt: skip
    return np.array([np.mean(part) for part in parts])


def draw_curves(work: Path) -> str:
    """Plot the losses of pre-training and of both downstream tasks.

    Returns:
        What the curves show.
    """
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4))

    def draw(axis: plt.Axes, folder: str, label: str) -> list[float]:
        steps, losses = read_losses(work / folder)
        (line,) = axis.plot(steps, smooth(losses), label=label)
        axis.plot(steps, losses, color=line.get_color(), alpha=0.2, lw=0.8)
        return losses

    losses = draw(axes[0], 'fcmae', 'FCMAE')
    axes[0].axhline(1, color='gray', linestyle=':')
    axes[0].set_title('FCMAE (dotted: predicting the mean)')
    sentences = [
        f'FCMAE ends at {final_loss(losses):.2f}, where predicting the mean '
        'of each hidden patch costs 1.'
    ]
    for axis, (task, name) in zip(axes[1:], TASKS.items()):
        both = [
            draw(axis, f'{task}-{start}', label)
            for start, label in STARTS.items()
        ]
        axis.set_title(name)
        axis.set_yscale('log')
        axis.legend()
        means = [np.mean(losses) for losses in both]
        last = [final_loss(losses) for losses in both]
        lower = 'lower' if means[0] < means[1] else 'not lower'
        sentences.append(
            f'The loss of {name} is {lower} on average with FCMAE weights, '
            f'and ends at {last[0]:.2f} against {last[1]:.2f} from scratch.'
        )
    for axis in axes:
        axis.set_xlabel('iteration')
        axis.set_ylabel('training loss')
    figure.tight_layout()
    save_figure(figure, work / 'loss.png')
    return ' '.join(sentences)


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


def write_report(
    work: Path, rows: list[tuple[str, str, str]], curves: str
) -> Path:
    """Write one self-contained HTML file.

    Args:
        work: Folder of the results and figures.
        rows: Rows of the table.
        curves: What the figure of the losses shows.

    Returns:
        Its path.
    """
    cells = ''.join(
        '<tr>' + ''.join(f'<td>{html.escape(c)}</td>' for c in row) + '</tr>'
        for row in rows
    )
    head = ''.join(f'<th>{title}</th>' for title in ('', *STARTS.values()))
    packages = ', '.join(
        f'{name} {version(name)}' for name in ('torch', 'numpy')
    )
    box, _, single, _ = (row[1:] for row in rows[: len(METRICS)])
    sections = (
        ('Losses', 'loss.png', curves),
        (
            'Reconstructions',
            'reconstructions.png',
            'The last column is the prediction: where patches are hidden, '
            'look for colors and edges that continue those of the visible '
            'patches. Hidden patches have their true mean and contrast.',
        ),
        (
            'Detections',
            'detections.png',
            'Look for digits that one model finds or names correctly and the '
            f'other one does not: box AP is {box[0]} with FCMAE weights and '
            f'{box[1]} from scratch.',
        ),
        (
            'Segmentations',
            'segmentations.png',
            'A digit is right where its color is that of the annotation: '
            f'mIoU is {single[0]} with FCMAE weights and {single[1]} from '
            'scratch.',
        ),
    )
    body = ''.join(
        f'<h2>{title}</h2>{embed(work / name)}<p>{text}</p>'
        for title, name, text in sections
    )
    path = work / 'report.html'
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<title>ConvNeXt V2 demo</title><style>{STYLE}</style>'
        '<h1>ConvNeXt V2-Atto on digit scenes</h1>'
        '<p>FCMAE pre-training on unlabeled images, then Mask R-CNN and '
        'UperNet, once from those weights and once from random weights, with '
        'the same data and schedule. Results and images are those of the test '
        'split, on which no setting was chosen. One seed: docs/evidence.md '
        'has more, with their spread.</p>'
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
    try:
        rows = make_table(work)
    except FileNotFoundError as error:
        raise SystemExit(f'{error}; `make demo` runs all of it') from None
    curves = draw_curves(work)
    draw_predictions(work, 'mask-rcnn', 'detections.png')
    draw_predictions(work, 'upernet', 'segmentations.png')
    path = write_report(work, rows, curves)
    print_table(rows)
    print(f'\nfigures and report: {path}')


if __name__ == '__main__':
    sys.exit(main())
