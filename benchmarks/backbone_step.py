"""The backbone on complete images against those of MMPretrain and timm.

    python benchmarks/backbone_step.py

Training (forward and backward) and inference, from images to the last feature
map. MMPretrain's backbone runs in both memory formats.
"""

import timm
import torch
from measure import (
    SIZES,
    autocast,
    count,
    medians,
    parser,
    peak,
    report,
    saved_for_backward,
    side,
    train_step,
)
from mmpretrain.registry import MODELS

import mmpretrain_plugin  # noqa: F401

LAST = torch.channels_last


def variants(size: str, device: str) -> dict[str, tuple]:
    """Return models by name, with functions from images to a feature map."""
    built = {}
    for name, fold in (('ours', True), ('ours, plain MLP', False)):
        model = MODELS.build(
            dict(
                type='mmpretrain.ConvNeXtV2',
                arch=size,
                fold_mlp=fold,
                gap_before_final_norm=False,
            )
        ).to(device)
        built[name] = (model, lambda x, m=model: m(x)[0])
    arch = dict(depths=list(model.depths), channels=list(model.channels))
    stock = dict(
        type='mmpretrain.ConvNeXt',
        arch=arch,
        use_grn=True,
        layer_scale_init_value=0.0,
        gap_before_final_norm=False,
    )
    model = MODELS.build(stock).to(device)
    built['mmpretrain'] = (model, lambda x, m=model: m(x)[0])
    model = MODELS.build(stock).to(device, memory_format=LAST)
    built['mmpretrain, channels-last'] = (
        model,
        lambda x, m=model: m(x.contiguous(memory_format=LAST))[0],
    )
    model = timm.create_model(f'convnextv2_{size}')
    model = model.to(device, memory_format=LAST)
    built['timm, channels-last'] = (
        model,
        lambda x, m=model: m.forward_features(
            x.contiguous(memory_format=LAST)
        ),
    )
    return built


def compare(size: str, pixels: int, batch: int, args: object) -> list[dict]:
    """Measure all backbones at one size of images."""
    images = torch.randn(batch, 3, pixels, pixels, device=args.device)
    built = variants(size, args.device)

    def infer(run):
        with torch.no_grad(), autocast(args.device):
            run(images)

    steps = {
        name: lambda m=model, r=run: train_step(
            m, lambda: r(images), args.device
        )
        for name, (model, run) in built.items()
    }
    training = medians(steps, args.rounds, args.device)
    runs = {k: lambda r=r: infer(r) for k, (_, r) in built.items()}
    inference = medians(runs, args.rounds, args.device)
    rows = []
    for name, (model, run) in built.items():
        with autocast(args.device):
            saved = saved_for_backward(
                lambda run=run: run(images), [images, *model.parameters()]
            )
        rows.append(
            {
                'size': size,
                'pixels': pixels,
                'batch': batch,
                'backbone': name,
                'training images/s': batch / training[name],
                'time / ours': training[name] / training['ours'],
                'inference images/s': batch / inference[name],
                'inference / ours': inference[name] / inference['ours'],
                'saved MiB per image': saved / 2**20 / batch,
                'peak MiB': peak(steps[name], model, args.device),
            }
        )
    return rows


def main() -> None:
    """Run the benchmark."""
    line = parser(__doc__)
    line.add_argument('--size', default='tiny', choices=SIZES)
    line.add_argument(
        '--pixels', nargs='+', type=side, default=[224, 512, 1024]
    )
    line.add_argument(
        '--batch',
        nargs='+',
        type=count,
        help='one per size of image; default by device',
    )
    args = line.parse_args()
    few = [max(1, round(8 * 224**2 / pixels**2)) for pixels in args.pixels]
    many = [8 * batch for batch in few]
    args.batch = args.batch or (few if args.device == 'cpu' else many)
    if len(args.batch) != len(args.pixels):
        line.error(
            f'--batch {args.batch} and --pixels {args.pixels} must have equal '
            f'lengths: pass one batch size per image size'
        )
    rows = []
    for pixels, batch in zip(args.pixels, args.batch):
        try:
            rows += compare(args.size, pixels, batch, args)
        except torch.OutOfMemoryError:
            print(
                f'{batch} images of {pixels} pixels do not fit into memory; '
                'pass a smaller --batch'
            )
    report('backbone_step', args, rows)


if __name__ == '__main__':
    main()
