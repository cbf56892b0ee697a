"""Which cores a benchmark uses, and what a process takes of them."""

import contextlib
import os
import platform
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_WANTED_FILES = 16_384


class Cores(msgspec.Struct, frozen=True):
    """One core for the proxy under test, one for everything else (the same where there is only one)."""

    proxy: int
    load: int


def choose_cores() -> Cores:
    """The first two cores that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(proxy=allowed[0], load=allowed[1 % len(allowed)])


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes started inside run on this core, and so do their children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit() -> None:
    """A thousand streams need more descriptors than some shells allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe() -> dict[str, object]:
    """What the figures depend on."""
    cores = choose_cores()
    return {
        "cpu": _first_value("cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": int(_first_value("meminfo", "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": list(os.getloadavg()),
        "pinned": {"proxy": cores.proxy, "mock, load and jobs worker": cores.load},
    }


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, int] = {}
    for path in _PROC.iterdir():
        if path.name.isdigit() and (fields := stat_fields(int(path.name))):
            parents[int(path.name)] = int(fields[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants, those that ended included."""
    return sum(_own_cpu(member) + _cpu_of_ended_children(member) for member in tree(pid))


def rss_mb(pid: int) -> float:
    """Resident memory of a process and its descendants, in MB (2**20 bytes)."""
    pages = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            pages += int((_PROC / str(member) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def open_files(pid: int) -> int:
    """How many descriptors a process holds."""
    return len(list((_PROC / str(pid) / "fd").iterdir()))


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat after the command's name, from the state on; nothing once the process is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _own_cpu(pid: int) -> float:
    # The process's CPU clock counts nanoseconds, /proc only ticks of 10 ms. Its id is clock_getcpuclockid(3)'s.
    try:
        return time.clock_gettime_ns((~pid << 3) | 2) / 1e9
    except OSError:
        return 0.0


def _cpu_of_ended_children(pid: int) -> float:
    fields = stat_fields(pid)
    return sum(int(field) for field in fields[13:15]) / _TICKS_PER_SECOND


def _first_value(name: str, key: str) -> str:
    for line in (_PROC / name).read_text().splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return "0"
