"""nginx as a bare reverse proxy: the limit of what one core can relay. Debian's package, unpacked, not installed."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.contender import Running, free_port, process, wait_ready
from bench.kept import cache_folder
from bench.machine import Cores, pinned
from bench.native import BenchmarkError, Mock

_CONFIG = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000;
  upstream mock {{
    server 127.0.0.1:{upstream};
    keepalive 128;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def find_nginx() -> Path:
    """nginx of this machine, or Debian's package unpacked into the cache. Raises BenchmarkError."""
    installed = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if installed:
        return Path(installed)
    unpacked = cache_folder() / "nginx"
    program = unpacked / "usr" / "sbin" / "nginx"
    if not program.exists():
        _unpack(unpacked)
    return program


@contextlib.contextmanager
def start_nginx(mock: Mock, cores: Cores, folder: Path) -> Iterator[Running]:
    """See `bench.contender.Start`."""
    program, port = find_nginx(), free_port()
    # A worker of root's nginx would run as nobody, who may not write to this folder.
    user = "user root root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(user=user, folder=folder, upstream=mock.port, port=port), encoding="utf-8")
    argv = (program, "-p", folder, "-c", config, "-e", folder / "error.log")
    with contextlib.ExitStack() as stack:
        with pinned(cores.proxy):
            child = stack.enter_context(process(argv, folder=folder))
        ready = wait_ready(child, port, "/healthz", 10.0, folder)
        yield Running(port=port, key="none", pid=child.pid, ready_ms=ready, about={"version": _version(program)})


def _version(program: Path) -> str:
    done = subprocess.run((program, "-v"), capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("/")[2]


def _unpack(into: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise BenchmarkError("nginx is not here, and this is no Debian to take it from")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ("apt-get", "download", "-q", "nginx"), cwd=folder, capture_output=True, text=True, check=False
        )
        packages = list(Path(folder).glob("nginx_*.deb"))
        if done.returncode or not packages:
            raise BenchmarkError("nginx is not here (apt-get update && apt-get install nginx)")
        subprocess.run(("dpkg-deb", "-x", packages[0], into), check=True)
