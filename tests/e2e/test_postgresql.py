"""The whole program on PostgreSQL: two state folders, as on two machines, share keys and the ledger."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bench.postgres_server import PostgresServer
from homeport.config.default import default_yaml
from tests.e2e.program import Program

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(postgres_server: PostgresServer) -> Iterator[str]:
    made = postgres_server.new_database()
    yield made
    postgres_server.drop(made)


@pytest.fixture(scope="module")
def programs(url: str, new_program: Callable[[], Program]) -> Iterator[list[Program]]:
    """Two that run; the second has the pepper of the first."""
    both = [new_program() for _ in range(2)]
    try:
        for program in both:
            program.environment["DATABASE"] = url
            (program.home / "homeport.yaml").write_text(f'storage: {{url: "${{DATABASE}}"}}\n{default_yaml()}')
            if program is not both[0]:
                shutil.copy(both[0].home / "pepper.key", program.home / "pepper.key")
            program.start()
        yield both
    finally:
        assert [program.stop() for program in both if program.process] == [0, 0]


def nanodollars(headers: dict[str, str]) -> int:
    return int(Decimal(headers["x-homeport-cost"]) * 10**9)


def test_a_key_of_one_works_at_the_other_and_the_ledger_has_both(programs: list[Program]) -> None:
    first, second = programs
    token = json.loads(first.run("keys", "create", "shared", "--json"))["key"]
    headers = {"authorization": f"Bearer {token}"}
    body = {"model": "mid", "max_tokens": 8, "messages": [{"role": "user", "content": "What is a lease?"}]}
    for program in programs:
        wait_for_key(program, headers)
    told = 0
    for program in (first, second, second):
        status, answered, _ = program.post("/chat/completions", body, headers)
        assert status == 200
        told += nanodollars(answered)
    costs = [program.cost()["cost_nanodollars"] for program in programs]  # each ingests its own journal first
    assert costs[-1] == told > 0
    assert not list(first.home.glob("homeport.db*"))


def wait_for_key(program: Program, headers: dict[str, str]) -> None:
    """A running gateway learns of keys within a second or so."""
    until = time.monotonic() + 30
    while program.post("/embeddings", {"model": "none", "input": "x"}, headers)[0] == 401:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/v1/files/%00", "/v1/files/a%00b/content", "/v1/batches/%00", "/v1/files?after=%00"])
def test_a_nul_is_a_name_like_another(programs: list[Program], path: str) -> None:
    """PostgreSQL has no NUL in a text; what it would refuse must not be an error of ours."""
    status, body = programs[0].get(path, {"authorization": f"Bearer {programs[0].key}"})
    assert status in (200, 400, 404), body


def test_a_model_with_a_nul_is_refused_and_the_next_request_is_recorded(programs: list[Program]) -> None:
    program = programs[0]
    before = program.cost()["requests"]
    assert program.chat("Hi", model="\0" * 300)[0] in (400, 404)
    assert program.chat("Hi", model="local")[0] == 200
    assert program.cost()["requests"] == before + 2


def test_check_and_status_say_what_the_database_is(programs: list[Program], url: str) -> None:
    findings = {each["subject"]: each for each in json.loads(programs[0].run("check", "--json"))}
    assert findings["storage"]["message"].startswith("postgresql 18")
    status = programs[0].run("db", "status")
    assert "postgresql+psycopg://homeport:***@" in status
    assert url.split(":")[2].partition("@")[0] not in status


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    program.home.mkdir(mode=0o700)
    wrong = "storage: {url: 'postgresql+psycopg://me:secret@127.0.0.1:1/none'}\n"
    (program.home / "homeport.yaml").write_text(wrong + default_yaml())
    for command in (("check",), ("db", "status"), ("keys", "list"), ("up",)):
        done = program.execute(*command)
        assert done.returncode == 1, done.stdout
        assert "storage.url" in " ".join((done.stdout + done.stderr).split())
        assert "secret" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
