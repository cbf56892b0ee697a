"""Requests are found by what was said in them, and only while it is kept."""

import time
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.types import DataClass
from homeport.jobs.indexing import Indexer
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.request_filter import RequestFilter
from homeport.storage.words import WordIndex, read_terms
from homeport.storage.words_postgresql import PostgresWords
from homeport.storage.words_sqlite import SqliteWords
from homeport.traces import search as search_module
from homeport.traces.search import Search, snippet
from tests.storage.events import finished
from tests.storage.test_bodies import DAY_NS, NOW
from tests.traces.kept import HOSTILE, chat


class Desk:
    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.bodies = BodyStore(folder / "captured", keep_days=7, most_bytes=1 << 24)
        self.index: WordIndex = (
            SqliteWords(folder / "captured") if engine.dialect.name == "sqlite" else PostgresWords(engine, "home")
        )
        self.indexer = Indexer(self.bodies, self.index)
        self.search = Search(engine, self.index, self.bodies)

    def ask(self, number: int, prompt: str, *, key: str = "key_1", data_class: DataClass = DataClass.OPEN) -> None:
        request_id = f"req_{number}"
        event = msgspec.structs.replace(finished(request_id, started_at=NOW + number), key_id=key)
        with writing(self.engine) as connection:
            insert_events(connection, [event])
        self.bodies.put(chat(request_id, prompt=prompt, at=NOW + number, data_class=data_class))

    def found(self, query: str, **wanted: object) -> list[str]:
        page = self.search.page(query, msgspec.convert(wanted, RequestFilter))
        return [one.row.request_id for one in page.found]


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def test_what_was_said_is_found_once_it_is_indexed(desk: Desk) -> None:
    desk.ask(1, "When does the contract end?")
    assert desk.found("contract") == []
    assert desk.indexer.work() == 1
    assert desk.indexer.work() == 0
    desk.ask(2, "Which contract?", key="key_2")
    desk.indexer.work()
    assert desk.found("contract") == ["req_2", "req_1"]
    assert desk.found("contract", key_id="key_2") == ["req_2"]
    assert desk.found("contract", since=NOW + 2) == ["req_2"]
    assert desk.found("contract", until=NOW + 2) == ["req_1"]
    assert desk.found("world") == ["req_2", "req_1"]
    [one, _] = desk.search.page("contract").found
    assert one.snippet == "be brief\nWhich contract?\nworld"


def test_a_long_phrase_in_a_long_text_is_quick() -> None:
    said = "a " * 500_000
    began = time.process_time()
    snippet(said, read_terms('"' + "a " * 300 + 'b"'))
    assert time.process_time() - began < 0.3


def test_page_by_page_where_a_filter_leaves_most_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "_HITS", 4)
    for number in range(40):
        desk.ask(number, "same words", key=f"key_{number % 8}")
    desk.indexer.work()
    seen: list[str] = []
    before = 0
    for _ in range(20):
        page = desk.search.page("same", RequestFilter(key_id="key_3"), before=before, limit=2)
        seen += [one.row.request_id for one in page.found]
        before = page.next
        if not before:
            break
    assert seen == [f"req_{number}" for number in (35, 27, 19, 11, 3)]


def test_words_go_with_their_body(desk: Desk) -> None:
    for number in range(3):
        desk.ask(number, "same words")
    desk.indexer.work()
    assert desk.bodies.remove("req_1")
    assert desk.indexer.sweep() == 1
    assert desk.found("same") == ["req_2", "req_0"]
    assert desk.indexer.tidy(NOW + 30 * DAY_NS) == 4
    assert not desk.index.find(read_terms("same")).found


def test_an_index_that_is_lost_is_made_again(desk: Desk, tmp_path: Path) -> None:
    desk.ask(1, "same words")
    desk.indexer.work()
    desk.index.remove(["req_1"])
    again = Indexer(desk.bodies, desk.index)
    assert again.work() == 1
    assert desk.found("same") == ["req_1"]


def test_what_cannot_be_read_is_passed_over(desk: Desk, tmp_path: Path) -> None:
    desk.ask(1, "one")
    desk.ask(2, "two")
    [path] = (tmp_path / "captured").glob("[0-9]*/req_1.*")
    path.write_bytes(b"broken")
    desk.indexer.work()
    assert desk.found("two") == ["req_2"]
    assert desk.indexer.work() == 0


def test_what_is_private_stays_in_the_state_folder(desk: Desk) -> None:
    desk.ask(1, "secret words", data_class=DataClass.PRIVATE)
    desk.indexer.work()
    expected = ["req_1"] if desk.engine.dialect.name == "sqlite" else []
    assert desk.found("secret") == expected


def test_a_snippet() -> None:
    text = "x " * 200 + "the Notice-Period ends" + " y" * 200
    told = snippet(text, read_terms('"notice period"'))
    assert "the Notice-Period ends" in told
    assert told.startswith("…")
    assert told.endswith("…")
    assert len(told) < 200
    assert snippet("abc", read_terms("zzz")) == "abc"
    assert HOSTILE[:20] in snippet(HOSTILE, read_terms("script"))
