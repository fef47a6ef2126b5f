"""The residual block of ConvNeXt V1 and V2."""

import math

import torch
from mmcv.cnn.bricks import DropPath
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...ops import folded_mlp
from ..layouts import DenseLayout, PackedLayout
from .grn import GRN

# The paper's start of every convolution and linear layer.
INIT_CFG = dict(
    type='TruncNormal', layer=['Conv2d', 'Linear'], std=0.02, bias=0.0
)


class ConvNeXtV2Block(nn.Module):
    """Depthwise convolution, LayerNorm, and an MLP with GRN (section 4).

    The block is written once, over a layout that knows which sites exist.
    Parameter names are those of mmpretrain's ``ConvNeXtBlock``.

    Args:
        channels: Width C of input and output; the MLP expands to 4 C.
        use_grn: Whether to normalize the expanded responses (V2).
        layer_scale_init_value: Start of the per-channel scale of the branch
            (V1); 0 means none.
        drop_path_rate: Probability to drop the branch for an image.
        with_cp: Whether to recompute the block in backward to save memory.
        grn_cfg: Ablation: config of a layer in the place of GRN.
        fold_mlp: Whether the MLP folds GRN into its weights and keeps little
            for backward (``ops/folded_mlp.py``): the same values in less
            memory. With False, or with ``grn_cfg`` or hidden sites in the
            layout, layer after layer.
        recompute_mlp: Whether the folded MLP computes its expanded sites
            again in backward; None decides by how much memory that saves
            for its time: where an image has more than 4 C sites.
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
        self.fold_mlp = fold_mlp and grn_cfg is None
        self.recompute_mlp = recompute_mlp

    def forward(self, x: Tensor, layout: DenseLayout | PackedLayout) -> Tensor:
        """Transform the sites of a layout.

        Args:
            x: Sites, channels last, hidden ones absent or zero.
            layout: The layout of x.

        Returns:
            Sites of the same shape, hidden ones absent or zero.
        """
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(self._forward, x, layout, use_reentrant=False)
        return self._forward(x, layout)

    def _forward(
        self, x: Tensor, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        y = layout.depthwise_conv(x, self.depthwise_conv)
        if self.fold_mlp and not layout.has_hidden_sites:
            y = self._folded_mlp(y)
        else:
            y = layout.hide(self._plain_mlp(y, layout))
        return x + self.drop_path(y)

    def _plain_mlp(
        self, y: Tensor, layout: DenseLayout | PackedLayout
    ) -> Tensor:
        """Apply layer after layer: this is the meaning."""
        y = self.act(self.pointwise_conv1(self.norm(y)))
        y = self.pointwise_conv2(self.grn(layout.hide(y)))
        return y if self.gamma is None else y * self.gamma

    def _folded_mlp(self, y: Tensor) -> Tensor:
        """Compute the same in one function."""
        norm, grn = self.norm, None
        expand, project = self.pointwise_conv1, self.pointwise_conv2
        if isinstance(self.grn, GRN):
            grn = (self.grn.gamma, self.grn.beta, self.grn.eps)
        recompute = self.recompute_mlp
        if recompute is None:
            recompute = math.prod(y.shape[1:-1]) > expand.out_features
        return folded_mlp(
            y,
            (norm.weight, norm.bias, norm.eps),
            (expand.weight, expand.bias),
            grn,
            (project.weight, project.bias),
            self.gamma,
            recompute,
        )
