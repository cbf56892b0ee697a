"""A gateway's threads share one heap of the C library."""

import subprocess
import sys

import pytest

HEAPS = """
import ctypes, sys, threading
from homeport.api.server import share_memory
if "share" in sys.argv:
    share_memory()
libc, held, ready = ctypes.CDLL(None), [], threading.Barrier(4)
def hold():
    ready.wait()
    held.extend(bytes(40_000) for _ in range(50))
threads = [threading.Thread(target=hold) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others have one heap anyway")
def test_threads_share_one_heap() -> None:
    def heaps(*arguments: str) -> int:
        argv = (sys.executable, "-c", HEAPS, *arguments)
        told = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        return told.stdout.count("<heap nr")

    assert heaps() > 1
    assert heaps("share") == 1
