"""Errors about checkpoints; each message is one line with a remedy."""


class CheckpointError(ValueError):
    """Base class of the errors below."""


class CheckpointFileError(CheckpointError):
    """A file is damaged, no checkpoint, or not safe to open."""


class ConversionError(CheckpointError):
    """A state dict is in no known format, or cannot be converted."""


class IncompleteCheckpointError(CheckpointError):
    """Weights are missing, unexpected, of another shape or not finite."""
