"""Optimizer of FCMAE (paper, Table 8).

No weight decay on biases, norms, GRN and the mask token. The released PyTorch
code decays GRN and the mask token; this config does not follow it.
"""

# Learning rate: base learning rate x batch size / 256 for the paper's batch of
# 4096. `--auto-scale-lr` adapts it to another batch size but does not count
# gradient accumulation: use one or the other.
optim_wrapper = dict(
    type='OptimWrapper',  # the released code trains in fp32
    accumulative_counts=1,  # larger: the same batch size with fewer GPUs
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=1.0),
    optimizer=dict(
        type='AdamW',
        lr=1.5e-4 * 4096 / 256,
        betas=(0.9, 0.95),
        weight_decay=0.05,
        fused=True,
    ),
)
auto_scale_lr = dict(base_batch_size=4096)
