"""Every block of README.md and docs/ is a test: Python and sh run against a real gateway, YAML is loaded."""

import os
from collections.abc import Iterator

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from tests.docs.blocks import close_clients, load_yaml, run_shell
from tests.e2e.program import Program

# Threads of linear algebra wait for each other by spinning: beside a second process that takes the time of three.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_PAGES = ["README.md", "docs/**/*.md", "docs/*.md"]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One `homeport up` with the default configuration and the real engine, for all the pages."""
    program = Program(tmp_path_factory.mktemp("docs") / "home")
    program.start()
    yield program
    assert program.stop() == 0, program.output()


@pytest.fixture
def reader(gateway: Program, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Somebody who works through a page: in an empty folder, with what `homeport run` sets."""
    monkeypatch.chdir(tmp_path_factory.mktemp("reader"))
    monkeypatch.setenv("OPENAI_BASE_URL", gateway.url)
    monkeypatch.setenv("OPENAI_API_KEY", gateway.key)
    monkeypatch.setenv("HOMEPORT_HOME", str(gateway.home))
    monkeypatch.setenv("HOMEPORT_PORT", str(gateway.port))
    return gateway


_running = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("sh", run_shell)],
    patterns=_PAGES,
    fixtures=["reader"],
    teardown=close_clients,
    name="run",
)
_loading = Sybil(parsers=[CodeBlockParser("yaml", load_yaml)], patterns=_PAGES, name="load")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Blocks that need the gateway are slow, so that `make test-fast` starts no engine."""
    for item in items:
        if "gateway" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


pytest_collect_file = (_running + _loading).pytest()
