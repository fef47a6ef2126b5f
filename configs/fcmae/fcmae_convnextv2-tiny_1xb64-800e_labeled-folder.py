"""FCMAE of ConvNeXt V2-Tiny on a folder, evaluated on a labeled folder.

Reproduces: nothing in the paper.
Data:       a folder of images and one with a subfolder per class:
            --cfg-options train_dataloader.dataset.data_root=/my/images
            val_dataloader.dataset.data_root=/my/labeled
Expected:   a loss (`loss`, `val/loss`) that decreases from 1.0, and a k-NN
            accuracy (`knn/top1`) that rises, every 10 epochs.
Weights:    none; randomly initialized.
Values:     those of fcmae_convnextv2-tiny_1xb64-800e_folder. The second base
            adds the evaluation, to any pre-training config; K = 20 neighbors
            as in appendix D.
"""

_base_ = [
    './fcmae_convnextv2-tiny_1xb64-800e_folder.py',
    '../_base_/fcmae_evaluation.py',
]
