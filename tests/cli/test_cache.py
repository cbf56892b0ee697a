"""`homeport cache`, with a database and, for explanations, a gateway that says one thing."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from sqlalchemy import Engine

from homeport import bootstrap
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.core.caching import Entry, Mode, Sharing, Standing
from homeport.pipeline.cache_told import ToldCache, ToldNear, ToldPlace, ToldRule
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.db import open_database, sqlite_url, writing
from homeport.storage.ingest import insert_events
from tests.cli.terminal import Terminal
from tests.storage.entries import made, name
from tests.storage.events import finished

PARTITION = "70" * 16


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path / "home")
    terminal.run("budget", "list")  # which makes the database
    return terminal


@pytest.fixture
def engine(terminal: Terminal) -> Iterator[Engine]:
    opened = open_database(sqlite_url(terminal.home / "homeport.db"))
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> DatabaseEntryStore:
    return DatabaseEntryStore(engine, time.time_ns)


def entry(number: int, **changes: Any) -> Entry:
    return made(number, SystemClock(), **changes)


def test_figures_of_an_empty_cache(terminal: Terminal) -> None:
    told = terminal.told("cache", "stats")
    assert (told["entries"], told["answers"]["hit_rate"], told["checked"]) == (0, None, [])
    assert "nobody asked it" in terminal.run("cache", "stats", "--since", "7d")


def test_figures(terminal: Terminal, store: DatabaseEntryStore, engine: Engine) -> None:
    store.keep([entry(1), entry(2, target="[bold]top")])
    store.stand([Standing(partition=b"p" * 16, checked=40, wrong=3, off=time.time_ns())])
    now = time.time_ns()
    asked = [
        msgspec.structs.replace(finished(f"req_{number}"), started_at=now, cache=kind, saved_cost=saved)
        for number, (kind, saved) in enumerate([("hit", 7), ("semantic", 5), ("miss", 0), ("", 0)])
    ]
    with writing(engine) as connection:
        insert_events(connection, asked)
    told = terminal.told("cache", "stats")
    assert (told["entries"], told["bytes"], told["off"]) == (2, 2_000, 1)
    assert told["answers"]["by_kind"] == {"hit": 1, "miss": 1, "semantic": 1}
    assert told["answers"]["saved_usd"] == "0.000000012"
    assert "process" not in told
    said = terminal.run("cache", "stats")
    for text in ("66.7% of 3 requests", "0.000000012 $", "[bold]top", "key_1", PARTITION, "40"):
        assert text in said


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (("--tag", "a"), 1),
        (("--model", "smart"), 2),
        (("--key", "key_1", "--model", "top"), 0),
        (("--id", name(1).hex()), 1),
        (("--partition", PARTITION), 2),
        (("--prompt", "71" * 16), 2),
        (("--all", "--yes"), 2),
    ],
)
def test_what_is_meant_is_taken_out(
    terminal: Terminal, store: DatabaseEntryStore, words: tuple[str, ...], gone: int
) -> None:
    store.keep([entry(1, tags=("a",)), entry(2)])
    assert terminal.told("cache", "purge", *words) == {"purged": gone}
    assert terminal.told("cache", "stats")["entries"] == 2 - gone


def test_a_system_prompt_is_meant_by_its_text(
    terminal: Terminal, store: DatabaseEntryStore, engine: Engine, tmp_path: Path
) -> None:
    keys = bootstrap.open_cache(engine, Home(terminal.home)).keys
    store.keep([entry(1, prompt=keys.prompt("Be brief.\n")), entry(2)])
    file = tmp_path / "prompt.txt"
    file.write_text("Be brief.\n")
    assert "Took 1 entry out" in terminal.run("cache", "purge", "--system", str(file))


def test_everything_is_asked_about_first(terminal: Terminal, store: DatabaseEntryStore) -> None:
    store.keep([entry(1)])
    assert terminal.ask("cache", "purge", "--all").exit_code == 1
    assert terminal.told("cache", "stats")["entries"] == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "cache_purge_unclear"),
        (("--yes",), "cache_purge_unclear"),
        (("--all", "--tag", "a"), "cache_purge_unclear"),
        (("--id", "zz"), "invalid_value"),
        (("--id", ""), "invalid_value"),
        (("--tag", "x" * 65), "invalid_value"),
        (("--tag", "a\udcff"), "name_unreadable"),
        (("--key", "a\nb"), "name_unreadable"),
        (("--system", "/nowhere/at/all"), "cache_file_unreadable"),
        (("--system", "/"), "cache_file_unreadable"),
        (("--nonsense",), "usage"),
    ],
)
def test_hostile_purges(terminal: Terminal, store: DatabaseEntryStore, words: tuple[str, ...], code: str) -> None:
    store.keep([entry(1)])
    said = terminal.ask("cache", "purge", *words)
    assert (said.exit_code != 0, said.code) == (True, code)
    assert terminal.told("cache", "stats")["entries"] == 1


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ((), "such as --tag NAME, or say --all"),
        (("--partition", "8d1e"), "--partition takes an id; 32 characters of 0-9 and a-f"),
        (("--tag", ""), "(--tag); homeport cache purge -h"),
    ],
)
def test_a_purge_is_refused_in_the_words_of_the_command_line(
    terminal: Terminal, words: tuple[str, ...], advice: str
) -> None:
    assert advice in terminal.ask("cache", "purge", *words).advice


def test_a_partition_answers_again(terminal: Terminal, store: DatabaseEntryStore) -> None:
    store.stand([Standing(partition=b"p" * 16, checked=40, wrong=3, off=1)])
    assert "answers again" in terminal.run("cache", "resume", PARTITION)
    assert terminal.told("cache", "stats")["off"] == 0
    assert [one.off for one in store.changes(0, 10).standings] == [0]


@pytest.mark.parametrize("word", [PARTITION, "x", "", "' OR 1=1", "\N{ARABIC-INDIC DIGIT ONE}" * 32])
def test_what_is_no_partition(terminal: Terminal, word: str) -> None:
    assert terminal.ask("cache", "resume", "--", word).code == "cache_partition_unknown"


@pytest.mark.parametrize("since", ["", "-1h", "x", "1" * 400 + "d"])
def test_hostile_spans(terminal: Terminal, since: str) -> None:
    assert terminal.ask("cache", "stats", f"--since={since}").code == "since_invalid"


NEAR = ToldNear(
    entry="a" * 32,
    similarity=0.97,
    same=False,
    reason="negation",
    doubtful=True,
    expires_in_seconds=5,
    text="[red]Cancel[/] it?",
)
PLACE = ToldPlace(
    model="mid",
    entry="b" * 32,
    partition="c" * 32,
    prompt="d" * 32,
    kept=False,
    expires_in_seconds=None,
    alias="",
    barred=True,
    off=True,
    nearest=(NEAR,),
)
RULE = ToldRule(route="faq", exact=True, semantic=Mode.BALANCED, share=Sharing.KEY, ttl_seconds=60)
TOLD = ToldCache(result="miss", not_semantic="", rule=RULE, places=(PLACE,))


class Gateway(BaseHTTPRequestHandler):
    """Says one thing, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, Any, str | None]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, body, self.headers["x-homeport-data-class"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(msgspec.json.encode(TOLD))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gateway(terminal: Terminal) -> Iterator[list[tuple[str, Any, str | None]]]:
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    home = Home(terminal.home)
    home.address.parent.mkdir(exist_ok=True)
    home.address.write_text(f"http://127.0.0.1:{server.server_port}")
    home.local_key.write_text("hp-local")
    Gateway.asked.clear()
    yield Gateway.asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_prompt_is_explained(terminal: Terminal, gateway: list[tuple[str, Any, str | None]]) -> None:
    told = terminal.told("cache", "explain", "Cancel", "it?", "--private")
    assert msgspec.convert(told, ToldCache) == TOLD
    path, body, data_class = gateway[0]
    assert (path, data_class) == ("/v1/cache/explain?surface=chat/completions", "private")
    assert body == {"model": "auto", "messages": [{"role": "user", "content": "Cancel it?"}]}
    said = terminal.run("cache", "explain", "Cancel it?")
    for text in (
        "miss",
        "faq",
        "barred",
        "switched itself off",
        "0.9700",
        "negation",
        "a judge's",
        "[red]Cancel[/] it?",
        "still reading",
    ):
        assert text in said


def test_a_whole_request_is_explained(
    terminal: Terminal, gateway: list[tuple[str, Any, str | None]], tmp_path: Path
) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"model": "mid", "input": "x"}')
    terminal.run("cache", "explain", "--file", str(file), "--surface", "embeddings")
    assert gateway[0][:2] == ("/v1/cache/explain?surface=embeddings", {"model": "mid", "input": "x"})


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 100_000, b"{", b'{"a":"\xff"}'])
def test_hostile_files(terminal: Terminal, tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(text)
    assert terminal.ask("cache", "explain", "--file", str(file)).code == "cache_file_unreadable"


def test_what_cannot_be_explained(terminal: Terminal, tmp_path: Path) -> None:
    for words, code in (
        ((), "cache_request_missing"),
        (("--file", "x", "y"), "cache_request_missing"),
        (("--file", str(tmp_path)), "cache_file_unreadable"),
        (("x", "--surface", "no"), "usage"),
        (("x",), "gateway_not_running"),
        (("--", "\udcff"), "gateway_not_running"),
    ):
        assert terminal.ask("cache", "explain", *words).code == code, words
