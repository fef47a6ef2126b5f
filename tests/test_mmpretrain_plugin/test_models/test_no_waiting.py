"""A training step never makes the host wait for the device.

The device is torch's meta device, so that no GPU is needed: tensors there have
no values, and what asks for one fails, such as ``item()``, a condition, a
boolean index, ``nonzero`` or a copy to the host. Masks, and what is counted of
them, are on the host and have values. (Fake CUDA tensors would be closer to a
GPU, but torch 2.11 cannot go backward through them without one.)
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
from mmpretrain_plugin.ops import Neighbors
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
    """Find what waits on a GPU, but not on the meta device.

    ``index_put`` with booleans counts those that are true; an index on the
    host is copied first. A copy from the host waits for all that the device
    still has to do, unless it is ``non_blocking``: they are listed in
    ``blocking_copies``, by the line that makes them.
    """

    def __init__(self):
        super().__init__()
        self.blocking_copies = []

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
                self.blocking_copies.append(line_of_ours())
        return result


def line_of_ours():
    """Name the innermost line of the package that is being run."""
    root = mmpretrain_plugin.__path__[0]
    frames = traceback.extract_stack()
    ours = [frame for frame in frames if frame.filename.startswith(root)]
    return str(ours[-1:] or frames[-3])


class Kernel:
    """Stands in for a Triton kernel, whose launch waits for nothing."""

    launches = 0

    def __getitem__(self, grid):
        return self.launch

    def launch(self, *args, **options):
        Kernel.launches += 1


@pytest.fixture(params=['torch', 'triton'])
def device(request, monkeypatch):
    """Let the meta device do as one with or without Triton."""
    # Autocast does not know this device.
    monkeypatch.setattr(torch, 'is_autocast_enabled', lambda *_: False)
    monkeypatch.setattr(
        torch, 'autocast', lambda *_, **__: contextlib.nullcontext()
    )
    if request.param == 'torch':
        return
    monkeypatch.setenv('TRITON_INTERPRET', '1')  # what makes it available
    for info in pkgutil.iter_modules(ops.__path__, f'{ops.__name__}.'):
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
    """The backbone as detectors and segmentors train it."""
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
UNET = dict(type='FCMAEUNetDecoder', in_channels=WIDTHS)
PRETRAINING = {
    'packed': {},
    'packed, given mask': dict(mask=some_mask()),
    'packed, plain MLP': dict(backbone=backbone(fold_mlp=False)),
    'packed, recomputed blocks': dict(backbone=backbone(with_cp=True)),
    'dense': dict(encoding='dense'),
    'dense, given mask': dict(encoding='dense', mask=some_mask()),
    'leaky': dict(encoding='leaky'),
    'Transformer': dict(neck=TRANSFORMER),
    'UNet': dict(neck=UNET, backbone=backbone(out_indices=(0, 1, 2, 3))),
}
TRANSFER = {
    'whole images': {},
    'whole images, plain MLP': dict(fold_mlp=False),
    'whole images, V1': dict(use_grn=False, layer_scale_init_value=1e-6),
}


def loss_of(step):
    if step in TRANSFER:
        return transfer(**TRANSFER[step])
    return pretraining(**PRETRAINING[step])


@pytest.mark.usefixtures('device')
@pytest.mark.parametrize('step', [*PRETRAINING, *TRANSFER])
def test_a_step_asks_for_no_value(step):
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
@pytest.mark.parametrize('step', ['packed', 'whole images'])
def test_kernels_of_triton_were_in_the_step(step):
    Kernel.launches = 0
    loss_of(step)().backward()
    assert Kernel.launches > 0


def test_tables_of_neighbors_ask_for_no_value():
    patches = torch.zeros(2, 3, dtype=torch.long, device='meta')
    with NoWaiting() as mode:
        neighbors = Neighbors(patches, (2, 3))
        assert neighbors.of_patches(1).is_meta
        assert neighbors.of_sites(4, 3).is_meta
    assert mode.blocking_copies == []


def put(x, index, value):
    x[index] = value


WAITING = {
    'item': lambda x, host: x.sum().item(),
    'condition': lambda x, host: 1 if x.sum() > 0 else 2,
    'slice': lambda x, host: host[: (x > 0).sum()],
    'equal': lambda x, host: torch.equal(x, x),
    'nonzero': lambda x, host: x.nonzero(),
    'where': lambda x, host: torch.where(x > 0),
    'masked_select': lambda x, host: x.masked_select(x > 0),
    'unique': lambda x, host: x.unique(),
    'bincount': lambda x, host: x.long().bincount(),
    'repeat_interleave': lambda x, host: x.repeat_interleave(x.long()),
    'boolean index': lambda x, host: x[x > 0],
    'put by booleans': lambda x, host: put(x, x > 0, x[:2]),
    'index on the host': lambda x, host: x[host.argsort()],
    'put by the host': lambda x, host: put(x, host > 0, 0.0),
    'to the host': lambda x, host: x.cpu(),
    'into the host': lambda x, host: host.copy_(x),
}


@pytest.mark.parametrize('name', WAITING)
def test_what_waits_is_refused(name):
    x, host = torch.randn(4, device='meta'), torch.randn(4)
    with NoWaiting(), pytest.raises(RuntimeError, match='(?i)waits|meta'):
        WAITING[name](x, host)


@pytest.mark.usefixtures('device')
def test_backward_is_watched_too():
    loss = loss_of('packed')
    with NoWaiting():
        y = loss()
        y.grad_fn.register_prehook(lambda grads: grads[0].item() and None)
        with pytest.raises(RuntimeError, match='meta'):
            y.backward()


def test_what_blocks_is_found():
    x, host = torch.randn(4, device='meta'), torch.randn(4)
    with NoWaiting() as mode:
        host.to('meta', non_blocking=True)
        x.copy_(host, non_blocking=True)
        host.argsort().sum().item()  # the host may ask itself
        x.clone(), x.to(torch.float64)
        assert mode.blocking_copies == []
        host.to(x)
        x.copy_(host)
    assert len(mode.blocking_copies) == 2
