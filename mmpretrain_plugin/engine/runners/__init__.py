from .checked_runner import (
    CheckedFlexibleRunner,
    CheckedRunner,
    CheckedTestLoop,
)
from .custom_data_runner import CustomDataRunner
from .resumable_epoch_loop import ResumableEpochTrainLoop

__all__ = [
    'CheckedFlexibleRunner',
    'CheckedRunner',
    'CheckedTestLoop',
    'CustomDataRunner',
    'ResumableEpochTrainLoop',
]
