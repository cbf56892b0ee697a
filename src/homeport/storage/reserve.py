"""Disk space that is held for the records of requests in progress."""

import os
import tempfile
from pathlib import Path

RESERVE_BYTES = 1 << 20
"""Records of well over a thousand requests in progress."""


class Reserve:
    """Space in a folder, taken by a file without a name: it is free again when its process ends, however it ends.

    When the disk is full, its holder frees it, ends what is under way, and begins nothing new until it is held again.
    """

    def __init__(self, folder: Path, size: int = RESERVE_BYTES) -> None:
        self._folder = folder
        self._size = size
        self._descriptor = -1

    def hold(self) -> None:
        """Take the space, unless it is held. Raises OSError where it is not there."""
        if self._descriptor >= 0:
            return
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            Path(name).unlink()
            self._fill(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def free(self) -> bool:
        """Give the space back to the disk; False where it was not held."""
        if self._descriptor < 0:
            return False
        os.close(self._descriptor)
        self._descriptor = -1
        return True

    def _fill(self, descriptor: int) -> None:
        left = self._size
        while left > 0:
            left -= os.write(descriptor, bytes(left))
