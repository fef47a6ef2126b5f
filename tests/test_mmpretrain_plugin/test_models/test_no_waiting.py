"""A training step never makes the CPU wait for the device.

The device is PyTorch's meta device, so no GPU is needed: its tensors have no
values, and operations that need one fail, such as ``item()``, a condition, a
boolean index, ``nonzero`` or a copy to the CPU. Masks are on the CPU and have
values. (Fake CUDA tensors would be closer to a GPU, but torch 2.11 cannot run
backward on them without one.)
"""

import contextlib
import importlib
import pkgutil
import traceback

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import mmpretrain_plugin
from mmpretrain_plugin import ops
from mmpretrain_plugin.ops import VisiblePatches
from tests.helpers.small_models import (
    ARCH,
    small_backbone,
    small_fcmae,
    some_mask,
)

aten = torch.ops.aten
INDEXING = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
COPIES = (aten._to_copy.default, aten.copy_.default)


class NoWaiting(TorchDispatchMode):
    """Detect operations that wait for a GPU, but not for the meta device.

    ``index_put`` with booleans counts the true ones; an index on the CPU is
    copied first. A copy from the CPU waits for all work queued on the device
    unless it is ``non_blocking``. ``blocking_copies`` lists the lines that
    make such copies, ``copied_masks`` the shapes of copied bool tensors.
    """

    def __init__(self):
        super().__init__()
        self.blocking_copies = []
        self.copied_masks = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not isinstance(result, torch.Tensor) or not result.is_meta:
            return result
        if func in INDEXING:
            for index in filter(torch.is_tensor, tree_leaves(args[1])):
                if index.dtype == torch.bool or not index.is_meta:
                    raise RuntimeError(f'{func} waits for its index')
        if func in COPIES:
            source = args[func is aten.copy_.default]
            is_async = kwargs.get('non_blocking') or args[2:] == (True,)
            if not source.is_meta and not is_async:
                self.blocking_copies.append(line_of_package())
            if not source.is_meta and source.dtype == torch.bool:
                self.copied_masks.append(tuple(source.shape))
        return result


def line_of_package():
    """Return the innermost line of the package on the stack."""
    root = mmpretrain_plugin.__path__[0]
    frames = traceback.extract_stack()
    inside = [frame for frame in frames if frame.filename.startswith(root)]
    return str(inside[-1:] or frames[-3])


class Kernel:
    """Replaces a Triton kernel, whose launch does not wait."""

    launches = 0

    def __getitem__(self, grid):
        return self.launch

    def launch(self, *args, **options):
        Kernel.launches += 1


@pytest.fixture(params=['torch', 'triton'])
def device(request, monkeypatch):
    """Make the meta device behave like one with or without Triton."""
    # Autocast does not support this device.
    monkeypatch.setattr(torch, 'is_autocast_enabled', lambda *_: False)
    monkeypatch.setattr(
        torch, 'autocast', lambda *_, **__: contextlib.nullcontext()
    )
    if request.param == 'torch':
        return
    monkeypatch.setenv('TRITON_INTERPRET', '1')  # makes Triton available
    monkeypatch.setenv('CONVNEXTV2_KERNELS', 'triton')
    for info in pkgutil.walk_packages(ops.__path__, f'{ops.__name__}.'):
        module = importlib.import_module(info.name)
        for name in list(vars(module)):
            if name.endswith('_kernel'):
                monkeypatch.setattr(module, name, Kernel())


def images():
    return torch.randn(2, 3, 64, 96, device='meta')


def pretraining(mask=None, **options):
    model = small_fcmae(**options).float().to('meta')
    return lambda: model.loss(images(), mask=mask)['loss']


def transfer(**options):
    """Loss of the backbone as detectors and segmentors train it."""
    options |= dict(out_indices=(0, 1, 2, 3), drop_path_rate=0.5)
    model = small_backbone(**options).float().to('meta')
    return lambda: sum(y.square().mean() for y in model(images()))


def backbone(**options):
    return dict(type='ConvNeXtV2', arch=ARCH, **options)


WIDTHS = ARCH['channels']
TRANSFORMER = dict(
    type='FCMAETransformerDecoder', in_channels=WIDTHS[-1], embed_dim=8,
    num_heads=2, depth=1,
)  # fmt: skip
NORM, CBAM = (dict(type=name) for name in ('VisibleBatchNorm', 'CBAM'))
UNET = dict(type='FCMAEUNetDecoder', in_channels=WIDTHS)
PRETRAINING = {
    'packed': {},
    'packed, given mask': dict(mask=some_mask()),
    'packed, plain MLP': dict(backbone=backbone(fold_mlp=False)),
    'packed, recomputed blocks': dict(backbone=backbone(with_cp=True)),
    'dense': dict(encoding='dense'),
    'dense, given mask': dict(encoding='dense', mask=some_mask()),
    'leaky': dict(encoding='leaky'),
    'packed, CBAM': dict(backbone=backbone(grn_cfg=CBAM)),
    'dense, CBAM': dict(encoding='dense', backbone=backbone(grn_cfg=CBAM)),
    'packed, BatchNorm': dict(backbone=backbone(grn_cfg=NORM)),
    'dense, BatchNorm': dict(
        encoding='dense', backbone=backbone(grn_cfg=NORM)
    ),
    'Transformer': dict(neck=TRANSFORMER),
    'UNet': dict(neck=UNET, backbone=backbone(out_indices=(0, 1, 2, 3))),
}
TRANSFER = {
    'complete images': {},
    'complete images, plain MLP': dict(fold_mlp=False),
    'complete images, V1': dict(use_grn=False, layer_scale_init_value=1e-6),
}


def loss_of(step):
    if step in TRANSFER:
        return transfer(**TRANSFER[step])
    return pretraining(**PRETRAINING[step])


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize('step', [*PRETRAINING, *TRANSFER])
def test_a_step_reads_no_value_of_the_device(step):
    loss = loss_of(step)
    with NoWaiting():
        loss().backward()


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize('step', [*PRETRAINING, *TRANSFER])
def test_a_step_copies_without_blocking(step):
    loss = loss_of(step)
    with NoWaiting() as mode:
        loss().backward()
    assert mode.blocking_copies == []


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize('device', ['triton'], indirect=True)
@pytest.mark.parametrize('step', ['packed', 'complete images'])
def test_triton_kernels_run_in_the_step(step):
    Kernel.launches = 0
    loss_of(step)().backward()
    assert Kernel.launches > 0


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize('device', ['torch'], indirect=True)
@pytest.mark.parametrize('step', PRETRAINING)
def test_the_mask_is_copied_to_the_device_once(step):
    loss = loss_of(step)
    with NoWaiting() as mode:
        loss().backward()
    assert mode.copied_masks == [(2, 2, 3)]


def test_index_tables_read_no_value_of_the_device():
    indices = torch.zeros(2, 3, dtype=torch.long, device='meta')
    with NoWaiting() as mode:
        patches = VisiblePatches(indices, (2, 3))
        assert patches.neighbor_table(1).is_meta
        assert patches.halo_table(4, 3).is_meta
        assert patches.position_indices(4).is_meta
    assert mode.blocking_copies == []


def put(x, index, value):
    x[index] = value


WAITING = {
    'item': lambda x, cpu: x.sum().item(),
    'condition': lambda x, cpu: 1 if x.sum() > 0 else 2,
    'slice': lambda x, cpu: cpu[: (x > 0).sum()],
    'equal': lambda x, cpu: torch.equal(x, x),
    'nonzero': lambda x, cpu: x.nonzero(),
    'where': lambda x, cpu: torch.where(x > 0),
    'masked_select': lambda x, cpu: x.masked_select(x > 0),
    'unique': lambda x, cpu: x.unique(),
    'bincount': lambda x, cpu: x.long().bincount(),
    'repeat_interleave': lambda x, cpu: x.repeat_interleave(x.long()),
    'boolean index': lambda x, cpu: x[x > 0],
    'put by booleans': lambda x, cpu: put(x, x > 0, x[:2]),
    'index on the CPU': lambda x, cpu: x[cpu.argsort()],
    'put by the CPU': lambda x, cpu: put(x, cpu > 0, 0.0),
    'to the CPU': lambda x, cpu: x.cpu(),
    'into the CPU': lambda x, cpu: cpu.copy_(x),
}


@pytest.mark.parametrize('name', WAITING)
def test_waiting_operations_are_detected(name):
    x, cpu = torch.randn(4, device='meta'), torch.randn(4)
    with NoWaiting(), pytest.raises(RuntimeError, match='(?i)waits|meta'):
        WAITING[name](x, cpu)


@pytest.mark.usefixtures('device')
def test_waiting_operations_in_backward_are_detected():
    loss = loss_of('packed')
    with NoWaiting():
        y = loss()
        y.grad_fn.register_prehook(lambda grads: grads[0].item() and None)
        with pytest.raises(RuntimeError, match='meta'):
            y.backward()


def test_blocking_copies_are_detected():
    x, cpu = torch.randn(4, device='meta'), torch.randn(4)
    with NoWaiting() as mode:
        cpu.to('meta', non_blocking=True)
        x.copy_(cpu, non_blocking=True)
        cpu.argsort().sum().item()  # values on the CPU may be read
        x.clone(), x.to(torch.float64)
        assert mode.blocking_copies == []
        cpu.to(x)
        x.copy_(cpu)
    assert len(mode.blocking_copies) == 2
