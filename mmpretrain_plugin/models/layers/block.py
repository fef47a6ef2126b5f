"""The residual block of ConvNeXt V1 and V2."""

import math

import torch
from mmcv.cnn.bricks import DropPath
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...ops import MLPWeights, folded_mlp
from ..layouts import DenseLayout, PackedLayout
from ..unmodified import is_unmodified
from .grn import GRN

# Initialization of every convolution and linear layer in the paper.
INIT_CFG = dict(
    type='TruncNormal', layer=['Conv2d', 'Linear'], std=0.02, bias=0.0
)


class ConvNeXtV2Block(nn.Module):
    """Depthwise convolution, LayerNorm, and an MLP with GRN (section 4).

    The block is written once, for every layout of the feature map.
    Parameter names are those of mmpretrain's ``ConvNeXtBlock``.

    Args:
        channels: Width C of input and output; the MLP expands to 4 C.
        use_grn: Whether to normalize the expanded activations by GRN (V2).
        layer_scale_init_value: Initial value of the per-channel scale of the
            branch (V1); 0 means none.
        drop_path_rate: Probability to drop the branch for an image.
        with_cp: Whether to recompute the block in backward to save memory.
        grn_cfg: Ablation: config of a layer that replaces GRN. It is built
            with ``channels`` and called with features and their layout.
        fold_mlp: Whether the MLP folds GRN into its weights
            (``ops/mlp.py``): the same values in less activation memory. If
            False, or with ``grn_cfg`` or hidden positions in the layout, the
            MLP runs layer by layer. It also runs layer by layer if a tool
            replaced one of its layers or added a hook to it, or records the
            operations, as ``torch.export`` and ``torch.jit.trace`` do.
        recompute_mlp: Whether the folded MLP recomputes its expanded features
            in backward; None: if an image has more than 4 C positions, where
            it saves most memory for its time.
    """

    def __init__(
        self,
        channels: int,
        use_grn: bool = True,
        layer_scale_init_value: float = 0.0,
        drop_path_rate: float = 0.0,
        with_cp: bool = False,
        grn_cfg: dict | None = None,
        fold_mlp: bool = True,
        recompute_mlp: bool | None = None,
    ) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(
            channels, channels, kernel_size=7, padding=3, groups=channels
        )
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pointwise_conv1 = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.replaces_grn = grn_cfg is not None
        if grn_cfg is not None:
            self.grn = MODELS.build({**grn_cfg, 'channels': 4 * channels})
        else:
            self.grn = GRN(4 * channels) if use_grn else nn.Identity()
        self.pointwise_conv2 = nn.Linear(4 * channels, channels)
        if layer_scale_init_value > 0:
            scale = torch.full((channels,), float(layer_scale_init_value))
            self.gamma = nn.Parameter(scale)
        else:
            self.gamma = None
        self.drop_path = DropPath(drop_path_rate)
        self.with_cp = with_cp
        self.fold_mlp = fold_mlp and not self.replaces_grn
        self.recompute_mlp = recompute_mlp

    def forward(self, x: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Apply the block to a feature map.

        Args:
            x: Features of a layout, (N, ..., C), absent or zero at hidden
                positions.
            layout: The layout of x.

        Returns:
            Features of the same shape, absent or zero at hidden positions.
        """
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(self._forward, x, layout, use_reentrant=False)
        return self._forward(x, layout)

    def _forward(
        self, x: Tensor, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        y = layout.depthwise_conv(x, self.depthwise_conv)
        if self._folds(layout):
            y = self._folded_mlp(y)
        else:
            y = layout.hide(self._plain_mlp(y, layout))
        return x + self.drop_path(y)

    def _folds(self, layout: DenseLayout | PackedLayout) -> bool:
        """Return whether the folded MLP computes what its layers would."""
        linears = (self.pointwise_conv1, self.pointwise_conv2)
        return (
            self.fold_mlp
            and not _is_recorded()
            and not layout.has_hidden_positions
            and is_unmodified(self.norm, nn.LayerNorm)
            and self.norm.weight is not None
            and self.norm.bias is not None
            and all(is_unmodified(linear, nn.Linear) for linear in linears)
            and all(linear.bias is not None for linear in linears)
            and is_unmodified(self.act, nn.GELU)
            and self.act.approximate == 'none'
            and (
                is_unmodified(self.grn, GRN)
                or is_unmodified(self.grn, nn.Identity)
            )
        )

    def _plain_mlp(
        self, y: Tensor, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        """Apply the MLP layer by layer: the definition."""
        y = self.act(self.pointwise_conv1(self.norm(y)))
        y = layout.hide(y)
        y = self.grn(y, layout) if self.replaces_grn else self.grn(y)
        y = self.pointwise_conv2(y)
        return y if self.gamma is None else y * self.gamma

    def _folded_mlp(self, y: Tensor) -> Tensor:
        """Apply the same MLP as one function, in less activation memory."""
        grn = self.grn if isinstance(self.grn, GRN) else None
        recompute = self.recompute_mlp
        if recompute is None:
            positions = math.prod(y.shape[1:-1])
            recompute = positions > self.pointwise_conv1.out_features
        weights = MLPWeights(
            norm_weight=self.norm.weight,
            norm_bias=self.norm.bias,
            expand_weight=self.pointwise_conv1.weight,
            expand_bias=self.pointwise_conv1.bias,
            gamma=grn.gamma if grn else None,
            beta=grn.beta if grn else None,
            project_weight=self.pointwise_conv2.weight,
            project_bias=self.pointwise_conv2.bias,
            scale=self.gamma,
        )
        return folded_mlp(
            y,
            weights,
            norm_eps=self.norm.eps,
            grn_eps=grn.eps if grn else 0.0,
            recompute=recompute,
        )


def _is_recorded() -> bool:
    """Return whether an exporter or a counter of FLOPs records operations.

    It cannot look inside of a custom function, and would fix the choice that
    the folded MLP makes by the number of positions.
    """
    # Under torch.compile, PyTorch 2.11 answers that it is exporting, too.
    is_exporting = (
        torch.compiler.is_exporting()
        and not torch.compiler.is_dynamo_compiling()
    )
    return torch.jit.is_tracing() or is_exporting
