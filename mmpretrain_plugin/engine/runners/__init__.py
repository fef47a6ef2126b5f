from .checked_runner import (
    CheckedFlexibleRunner,
    CheckedRunner,
    CheckedTestLoop,
)
from .isolated_val_loop import IsolatedValLoop

__all__ = [
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'IsolatedValLoop',
]
