"""Check whether a module's weights can be used without calling the module."""

from torch import nn
from torch.nn.modules.module import _has_any_global_hook


def is_unmodified(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Return whether calling a module does what its class does, and no more.

    Tools such as LoRA, quantization and parametrization put another class in
    the place of a layer, and FLOPs counters, CAM and pruning add hooks: then
    the module has to be called. PyTorch has no public name for its hooks.

    Args:
        module: The module.
        kind: The class that it should be an instance of, not of a subclass.
    """
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return (
        type(module) is kind
        and not any(hooks)
        and not _has_any_global_hook()
        and 'forward' not in vars(module)  # replaced in this instance
    )
