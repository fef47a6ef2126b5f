from .checked_runner import (
    CheckedFlexibleRunner,
    CheckedRunner,
    CheckedTestLoop,
)

__all__ = ['CheckedFlexibleRunner', 'CheckedRunner', 'CheckedTestLoop']
