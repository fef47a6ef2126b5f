"""A runner that checks its inputs, for recipes of other libraries.

Each config adds ``InputCheckHook`` to the hooks that it inherits.
"""

custom_imports = dict(
    imports=['mmpretrain_plugin'], allow_failed_imports=False
)
runner_type = 'CheckedRunner'
