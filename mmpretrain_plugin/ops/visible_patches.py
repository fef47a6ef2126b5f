"""Positions of the visible patches of a batch, and of their neighbors."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class VisiblePatches:
    """Index tables of visible patches, each computed once per mask and stage.

    Nothing here waits for a device: shapes depend on the number of visible
    patches, never on which patches are visible.

    Args:
        indices: Indices of the visible patches in their grid, (N, V), in
            raster order.
        grid: Rows and columns of patches, (h, w).
    """

    def __init__(self, indices: Tensor, grid: tuple[int, ...]) -> None:
        self.indices = indices
        self.grid = grid
        self._positions: dict[int, Tensor] = {}
        self._neighbors: dict[int, Tensor] = {}
        self._halos: dict[tuple[int, int], Tensor] = {}

    def gather(self, x: Tensor) -> Tensor:
        """Select the visible positions of a feature map.

        Args:
            x: Feature map (N, H, W, C).

        Returns:
            Positions (N, V, p * p, C) with p = H / h, in (row, column) order.
        """
        index = self.position_indices(x.shape[1] // self.grid[0])
        x = x.reshape(-1, x.shape[-1]).index_select(0, index.flatten())
        return x.view(*index.shape, -1)

    def scatter(self, x: Tensor) -> Tensor:
        """Write visible positions into a feature map of zeros.

        Args:
            x: Positions (N, V, p * p, C).

        Returns:
            Feature map (N, h * p, w * p, C), zero at hidden positions.
        """
        batch, _, positions, channels = x.shape
        side = math.isqrt(positions)
        height, width = self.grid[0] * side, self.grid[1] * side
        out = x.new_zeros(batch * height * width, channels)
        index = self.position_indices(side).flatten()
        out = out.index_copy(0, index, x.reshape(-1, channels))
        return out.view(batch, height, width, channels)

    def position_indices(self, side: int) -> Tensor:
        """Return indices of the visible positions in the flattened batch.

        Args:
            side: Positions per side p of a patch.

        Returns:
            Indices into (N * h * p * w * p), of shape (N, V, p * p).
        """
        if side not in self._positions:
            height, width = self.grid[0] * side, self.grid[1] * side
            arange = torch.arange(side, device=self.indices.device)
            inside = (arange[:, None] * width + arange).flatten()
            row = self.indices // self.grid[1] * side
            column = self.indices % self.grid[1] * side
            image = torch.arange(len(row), device=row.device) * height * width
            first = image[:, None] + row * width + column
            self._positions[side] = first[..., None] + inside
        return self._positions[side]

    def neighbor_table(self, radius: int) -> Tensor:
        """Return the visible patches around each visible patch.

        Args:
            radius: Patches to look up in every direction.

        Returns:
            Table (N V, D, D) with D = 2 radius + 1: the index of a patch
            among all N V visible ones, or -1 if it is hidden or outside of
            the image.
        """
        if radius not in self._neighbors:
            batch, visible = self.indices.shape
            rows, columns = self.grid
            around = 2 * radius + 1
            numbers = torch.arange(batch * visible, device=self.indices.device)
            plane = numbers.new_full((batch, rows * columns), -1)
            plane = plane.scatter(1, self.indices, numbers.view(batch, -1))
            plane = F.pad(
                plane.view(batch, rows, columns), [radius] * 4, value=-1
            )
            windows = plane.unfold(1, around, 1).unfold(2, around, 1)
            windows = windows.reshape(batch, rows * columns, around**2)
            index = self.indices[..., None].expand(-1, -1, around**2)
            table = windows.gather(1, index)
            self._neighbors[radius] = table.view(-1, around, around)
        return self._neighbors[radius]

    def halo_table(self, side: int, margin: int) -> Tensor:
        """Return the positions of each patch and of a margin around it.

        Args:
            side: Positions per side p of a patch.
            margin: Positions to look up beyond each edge.

        Returns:
            Table (N V, q, q) with q = p + 2 margin: the index of a position
            among all N V p² visible ones, or N V p² if it is hidden or
            outside of the image.
        """
        if (side, margin) not in self._halos:
            table = self.neighbor_table(-(-margin // side))
            radius = table.shape[1] // 2
            place = torch.arange(-margin, side + margin, device=table.device)
            place = place + radius * side
            patch, inside = place // side, place % side
            number = table[:, patch[:, None], patch]
            positions = number * side**2 + inside[:, None] * side + inside
            none = len(table) * side**2
            self._halos[side, margin] = torch.where(
                number < 0, none, positions
            )
        return self._halos[side, margin]
