"""Which visible patches lie around a visible patch, for a whole batch."""

import torch
from torch import Tensor


class Neighbors:
    """Tables of neighbors, each computed once per mask and stage.

    Nothing here waits for a device: shapes depend on how many patches are
    visible, never on which.

    Args:
        patches: Numbers of the visible patches in their grid, (N, V), in
            raster order.
        grid: Rows and columns of patches.
    """

    def __init__(self, patches: Tensor, grid: tuple[int, int]) -> None:
        self.patches = patches
        self.grid = grid
        self._patches: dict[int, Tensor] = {}
        self._halos: dict[tuple[int, int], Tensor] = {}

    def of_patches(self, radius: int) -> Tensor:
        """Number the visible patches around each one.

        Args:
            radius: How many patches to look in every direction.

        Returns:
            Table (N V, D, D) with D = 2 radius + 1: the number of a patch
            among all N V, or -1 where it is hidden or outside.
        """
        if radius not in self._patches:
            batch, visible = self.patches.shape
            rows, columns = self.grid
            around = 2 * radius + 1
            numbers = torch.arange(batch * visible, device=self.patches.device)
            plane = numbers.new_full((batch, rows * columns), -1)
            plane = plane.scatter(1, self.patches, numbers.view(batch, -1))
            plane = torch.nn.functional.pad(
                plane.view(batch, rows, columns), [radius] * 4, value=-1
            )
            windows = plane.unfold(1, around, 1).unfold(2, around, 1)
            windows = windows.reshape(batch, rows * columns, around**2)
            index = self.patches[..., None].expand(-1, -1, around**2)
            table = windows.gather(1, index)
            self._patches[radius] = table.view(-1, around, around)
        return self._patches[radius]

    def of_sites(self, side: int, margin: int) -> Tensor:
        """Number the sites of each patch with a margin around it.

        Args:
            side: Sites per side p of a patch.
            margin: How many sites to look beyond it.

        Returns:
            Table (N V, q, q) with q = p + 2 margin: the number of a site
            among all N V p², or N V p² where none is visible.
        """
        if (side, margin) not in self._halos:
            table = self.of_patches(-(-margin // side))
            radius = table.shape[1] // 2
            place = torch.arange(-margin, side + margin, device=table.device)
            place = place + radius * side
            patch, inside = place // side, place % side
            number = table[:, patch[:, None], patch]
            sites = number * side**2 + inside[:, None] * side + inside
            none = len(table) * side**2
            self._halos[side, margin] = torch.where(number < 0, none, sites)
        return self._halos[side, margin]
