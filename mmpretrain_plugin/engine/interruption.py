"""Whether a training has received SIGTERM."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Interruption:
    """Whether SIGTERM was received.

    Attributes:
        received: Whether it was.
    """

    received: bool = False


@contextmanager
def watch_sigterm() -> Iterator[Interruption]:
    """Record SIGTERM instead of ending the process.

    Python handles signals in the main thread only; in another thread, SIGTERM
    does what it did before.
    """
    interruption = Interruption()

    def record(number: int, frame: object) -> None:
        interruption.received = True

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.signal(signal.SIGTERM, record)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGTERM, before)
