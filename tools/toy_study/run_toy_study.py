"""Compare encoders of pixels under masks of 1 to 16 pixels (appendix D).

    python tools/toy_study/run_toy_study.py [--cifar100 FOLDER] [--full]

A ConvNeXt of 6 blocks, with and without GRN, and a Transformer of 4 blocks,
about 0.6M parameters each, are pre-trained as masked autoencoders of 32x32
images at full resolution, once per mask size. The results are a table,
``results.json``, and two figures: reconstructions (Figure 4 of the appendix),
and reconstruction error and top-5 error of k-NN against the mask size (Figure
5). Without CIFAR-100 the images are digits on photographs.

The default budget takes about an hour on two idle cores, which is far less
than the paper's 50 epochs of 50,000 images; ``--full`` trains those. The same
command, run again after an interruption, skips finished points and resumes
the others.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.logging import MMLogger
from toy_figures import draw_errors, draw_reconstructions
from toy_images import (
    CLASSES,
    LabeledImages,
    cifar100,
    digits_on_photographs,
)
from toy_models import ENCODERS, build_autoencoder, describe_models
from toy_training import (
    EVALUATION_COST,
    FIRST,
    Schedule,
    describe_training,
    extract_features,
    knn_errors,
    reconstruction_error,
    train,
)

from mmpretrain_plugin.command_line import (
    output_folder,
    positive_int,
    usable_device,
)
from mmpretrain_plugin.launch import Progress, clock
from mmpretrain_plugin.models import FCMAE
from mmpretrain_plugin.output_files import write_json
from mmpretrain_plugin.result_folder import claim_folder

MASK_SIZES = (1, 2, 4, 8, 16)
DRAWN_SIZES = (4, 8, 16)  # in Figure 4
DRAWN_IMAGES = (27, 64)  # of the test images
# Images for training and testing, epochs, and images per iteration.
REDUCED = dict(images=1600, test_images=400, epochs=2, batch_size=8)
FULL = dict(images=50000, test_images=10000, epochs=50, batch_size=128)


class Point(NamedTuple):
    """One training of the study.

    Attributes:
        encoder: Name in ``ENCODERS``.
        mask_size: Side of a hidden patch in pixels.
    """

    encoder: str
    mask_size: int


class Study(NamedTuple):
    """What all points of a study share.

    Attributes:
        folder: Folder of the results.
        train: Training images.
        test: Test images.
        schedule: Epochs and batch size.
        seed: Seed of weights, orders and masks.
        device: Device of the models.
    """

    folder: Path
    train: LabeledImages
    test: LabeledImages
    schedule: Schedule
    seed: int
    device: str

    def build(self, point: Point) -> FCMAE:
        """Return the autoencoder of a point with its initial weights."""
        pixels = self.train.images.double()
        mean = pixels.mean(dim=(0, 2, 3)).tolist()
        std = pixels.std(dim=(0, 2, 3), unbiased=False).tolist()
        torch.manual_seed(self.seed)
        return build_autoencoder(*point, mean, std).to(self.device)

    def result_file(self, point: Point) -> Path:
        """Return the file with the result of a finished point."""
        encoder = point.encoder.lower().replace(' + ', '-')
        return self.folder / f'{encoder}_mask-{point.mask_size}.json'

    def checkpoint(self, point: Point) -> Path:
        """Return the file with the weights of a point."""
        return self.result_file(point).with_suffix('.pth')

    @property
    def untrained_file(self) -> Path:
        """Return the file with the errors without pre-training."""
        return self.folder / 'untrained.json'

    @property
    def cost_of_knn(self) -> float:
        """Return the work of encoding all images, in training images."""
        count = len(self.train.images) + len(self.test.images)
        return EVALUATION_COST * count

    @property
    def cost_of_point(self) -> float:
        """Return the work of one point, in training images."""
        trained = self.schedule.epochs * len(self.train.images)
        tested = EVALUATION_COST * len(self.test.images)
        return trained + tested + self.cost_of_knn


def run_point(study: Study, point: Point, progress: Progress) -> dict:
    """Train and evaluate one encoder at one mask size."""
    started = time.monotonic()
    model = study.build(point)
    train(
        model,
        study.train.images,
        study.schedule,
        study.seed,
        study.checkpoint(point),
        progress.advance,
    )
    result = dict(
        **point._asdict(),
        mse=reconstruction_error(
            model, study.test.images, study.seed, progress.advance
        ),
        **knn_errors(
            study.train,
            study.test,
            lambda images: extract_features(model, images, progress.advance),
        ),
        # Without the epochs before an interruption.
        seconds=round(time.monotonic() - started, 1),
    )
    write_json(result, study.result_file(point))
    return result


def run_untrained(study: Study, progress: Progress) -> dict[str, float]:
    """Compute the top-5 error of k-NN without pre-training.

    Returns:
        Errors in percent: of each encoder with its initial weights, and of
        the pixels themselves under 'pixels'.
    """
    errors = {}
    for encoder in ENCODERS:
        model = study.build(Point(encoder, MASK_SIZES[0]))
        found = knn_errors(
            study.train,
            study.test,
            lambda images, model=model: extract_features(
                model, images, progress.advance
            ),
        )
        errors[encoder] = found['top5_error']
    mean = study.train.images.float().mean(dim=0)
    found = knn_errors(
        study.train,
        study.test,
        lambda images: (images.float() - mean).flatten(1),
    )
    errors['pixels'] = found['top5_error']
    write_json(errors, study.untrained_file)
    return errors


def run_grid(study: Study) -> tuple[list[dict], dict[str, float]]:
    """Run the points that are not finished.

    Returns:
        Results of all points, and the errors without pre-training.
    """
    # All encoders at one size after another: they differ in speed, and so the
    # time left does not jump.
    grid = [Point(e, size) for size in MASK_SIZES for e in ENCODERS]
    todo = [p for p in grid if not study.result_file(p).exists()]
    progress = Progress()
    if study.untrained_file.exists():
        untrained = json.loads(study.untrained_file.read_text())
    else:
        left = len(ENCODERS) * study.cost_of_knn
        left += len(todo) * study.cost_of_point
        progress.left, progress.text = left, 'untrained encoders'
        untrained = run_untrained(study, progress)
    results = []
    for number, point in enumerate(grid, start=1):
        title = f'[{number}/{len(grid)}] {point.encoder}, mask size '
        title += str(point.mask_size)
        if point not in todo:
            path = study.result_file(point)
            results.append(json.loads(path.read_text()))
            print(f'{title}: finished before')
            continue
        left = len(todo) - todo.index(point)
        progress.left, progress.text = left * study.cost_of_point, title
        result = run_point(study, point, progress)
        results.append(result)
        line = f'{title}: MSE {result["mse"]:.3f}, top-5 error '
        line += f'{result["top5_error"]:.1f}%, {clock(result["seconds"])}'
        print(line.ljust(78))
    return results, untrained


def draw(
    study: Study, results: list[dict], untrained: dict[str, float]
) -> None:
    """Draw both figures."""
    draw_errors(results, untrained, study.folder / 'errors.png')
    models: dict[int, dict[str, FCMAE]] = {}
    for size in DRAWN_SIZES:
        models[size] = {}
        for encoder in ENCODERS:
            point = Point(encoder, size)
            model = study.build(point)
            path = study.checkpoint(point)
            state = torch.load(path, study.device, weights_only=True)
            model.load_state_dict(state['model'])
            models[size][encoder] = model
    draw_reconstructions(
        models,
        study.test.images[list(DRAWN_IMAGES)],
        study.folder / 'reconstructions.png',
        study.seed,
    )


def make_table(results: list[dict], untrained: dict[str, float]) -> str:
    """Return the results as a table in Markdown, one row per mask size."""
    head = ['mask size']
    head += [f'{encoder}: MSE' for encoder in ENCODERS]
    head += [f'{encoder}: top-5 error, %' for encoder in ENCODERS]
    rows = [head, ['---'] * len(head)]
    found = {(r['mask_size'], r['encoder']): r for r in results}
    for size in MASK_SIZES:
        own = [found[size, encoder] for encoder in ENCODERS]
        errors = [f'{result["mse"]:.3f}' for result in own]
        errors += [f'{result["top5_error"]:.1f}' for result in own]
        rows.append([str(size), *errors])
    errors = [f'{untrained[encoder]:.1f}' for encoder in ENCODERS]
    rows.append(['untrained', *('-' for _ in ENCODERS), *errors])
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)


def parse_arguments() -> argparse.Namespace:
    """Read the command line; options override the budget."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--cifar100', type=Path, metavar='FOLDER',
        help='folder of torchvision with cifar-100-python; nothing is '
        'downloaded',
    )  # fmt: skip
    parser.add_argument(
        '--full', action='store_true',
        help=f"the paper's budget: {FULL['epochs']} epochs of "
        f'{FULL["images"]} images',
    )  # fmt: skip
    for key, text in (
        ('images', 'training images, a multiple of 100'),
        ('test_images', 'test images, a multiple of 100'),
        ('epochs', 'passes over the training images'),
        ('batch_size', 'images per iteration'),
    ):
        parser.add_argument(
            f'--{key.replace("_", "-")}', type=positive_int, metavar='N',
            help=f'{text} (default: {REDUCED[key]}; --full: {FULL[key]})',
        )  # fmt: skip
    parser.add_argument(
        '--work-dir', type=output_folder, default='work_dirs/toy_study',
        help='folder of the results (default: work_dirs/toy_study)',
    )  # fmt: skip
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--device', type=usable_device, default='cpu')
    args = parser.parse_args()
    for key, value in (FULL if args.full else REDUCED).items():
        if getattr(args, key) is None:
            setattr(args, key, value)
        given, option = getattr(args, key), f'--{key.replace("_", "-")}'
        if 'images' in key and given % CLASSES:
            parser.error(
                f'{option} must be a multiple of {CLASSES}, equally many '
                f'images of each class, got {given}'
            )
    return args


def load_images(
    args: argparse.Namespace,
) -> tuple[LabeledImages, LabeledImages]:
    """Return training and test images."""
    if args.cifar100:
        return (
            cifar100(args.cifar100, True, args.images),
            cifar100(args.cifar100, False, args.test_images),
        )
    return (
        digits_on_photographs(True, args.images, args.seed),
        digits_on_photographs(False, args.test_images, args.seed),
    )


def main() -> None:
    """Run the study, and write table and figures."""
    args = parse_arguments()
    # Otherwise mmengine prints how it initialized each layer of each model.
    MMLogger.get_current_instance().setLevel('WARNING')
    training, test = load_images(args)
    settings = dict(
        data='CIFAR-100' if args.cifar100 else 'digits on photographs',
        images=args.images,
        test_images=args.test_images,
        epochs=args.epochs,
        batch_size=args.batch_size,
        seed=args.seed,
        **describe_models(),
        **describe_training(),
    )
    study = Study(
        args.work_dir,
        training,
        test,
        Schedule(args.epochs, args.batch_size),
        args.seed,
        args.device,
    )
    try:
        # Held until this process ends.
        lock = claim_folder(study.folder, settings)  # noqa: F841
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    parameters = {}
    for encoder in ENCODERS:
        backbone = study.build(Point(encoder, 1)).backbone
        parameters[encoder] = sum(p.numel() for p in backbone.parameters())
        print(f'{encoder}: {parameters[encoder] / 1e6:.3f}M parameters')
    share = args.images * args.epochs / (FULL['images'] * FULL['epochs'])
    print(
        f'{settings["data"]}: {args.images} images, {args.epochs} epochs: '
        f"{share:.2%} of the paper's {FULL['epochs']} epochs of "
        f'{FULL["images"]} images'
    )
    results, untrained = run_grid(study)
    draw(study, results, untrained)
    machine = f'{platform.machine()}, {os.cpu_count()} cores, {args.device}'
    content = dict(
        settings=settings,
        machine=f'{machine}, torch {torch.__version__}',
        parameters=parameters,
        untrained=untrained,
        points=results,
    )
    write_json(content, study.folder / 'results.json')
    print(f'\n{make_table(results, untrained)}\n')
    chance = 100 - 100 * FIRST / CLASSES
    print(
        'MSE: predicting the mean color costs 1. Top-5 error: chance is '
        f'{chance:.1f}, of pixels {untrained["pixels"]:.1f}\n'
        f'{study.folder}: results.json, errors.png, reconstructions.png'
    )


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit('\ninterrupted; run the same command again to continue')
