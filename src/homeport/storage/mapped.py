"""A small file that all processes of a machine map; where it cannot be used, memory of this process alone."""

import logging
import mmap
import os
from pathlib import Path

logger = logging.getLogger(__name__)


def mapped(path: Path, size: int) -> mmap.mmap:
    """`size` bytes of a file, zeros where it was not written. What is lost with it must not matter."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Room is taken now: a full disk would otherwise end the process when a page is first written.
            os.posix_fallocate(file, 0, size)
            return mmap.mmap(file, size)
        finally:
            os.close(file)
    except OSError as error:
        logger.error("%s cannot be used, each process keeps its own: %s", path, error.strerror)
        return mmap.mmap(-1, size)
