"""Debian's `docker-registry`, as a child process with a folder of its own."""

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homeport.bootstrap import free_port

_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def need(*programs: str) -> None:
    """Skip where one of these is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install docker-registry skopeo)")


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """`host:port` of a real registry that lets everybody in."""
    need("docker-registry")
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(_CONFIG.format(folder=folder / "registry", port=port))
    log = (folder / "registry.log").open("wb")
    with log, subprocess.Popen(("docker-registry", "serve", str(config)), stdout=log, stderr=log) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/v2/", process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def blob_file(folder: Path, digest: str) -> Path:
    """Where the registry of that folder keeps some bytes."""
    name = digest.removeprefix("sha256:")
    return folder / "registry/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(300):
        assert process.poll() is None, "docker-registry ended"
        try:
            opener.open(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("docker-registry does not answer")
