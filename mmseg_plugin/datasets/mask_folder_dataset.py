"""Images of any type with masks, for segmentation."""

from pathlib import Path

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmpretrain_plugin.datasets.mask_folder import find_pairs


@DATASETS.register_module()
class MaskFolderDataset(BaseSegDataset):
    """MMSegmentation's ``BaseSegDataset`` for images of several types.

    That one finds images of a single suffix, in lower case. Here all suffixes
    count, and each image has a PNG mask of the same name.

    ``CustomDataRunner`` sets its classes. The arguments are those of
    ``BaseSegDataset``.
    """

    def load_data_list(self) -> list[dict]:
        """Return a record per image, sorted by path.

        Raises:
            FileNotFoundError: If an image has no mask.
        """
        prefix = self.data_prefix
        pairs = find_pairs(
            Path(prefix['img_path']), Path(prefix['seg_map_path'])
        )
        return [
            dict(
                img_path=str(image),
                seg_map_path=str(mask),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for image, mask in pairs
        ]
