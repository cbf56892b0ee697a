"""Full-text search in either database: the same words find the same texts, and nothing typed is syntax."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from homeport.core.errors import InvalidRequest
from homeport.storage import words_postgresql
from homeport.storage.db import open_database
from homeport.storage.words import MOST_CHARS, Term, Text, WordIndex, plain, read_terms
from homeport.storage.words_postgresql import PostgresWords, kept_words
from homeport.storage.words_sqlite import NAME, SqliteWords

TEXTS = {
    "r1": "The notice period is three months; see clause 12.4 (Terminación).",
    "r2": "What is the period of notice?\nÜBER die Kündigung: ann@example.com",
    "r3": "東京は日本の首都です。 Tokyo, Japan.",
    "r4": "SELECT * FROM users WHERE name = 'O''Brien' -- DROP",
    "r5": "",
    "r6": "naïve café ﬁne 2026-11-23 v1.2.3",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WordIndex]:
    if request.param == "postgresql":
        connect: Callable[[str], Engine] = request.getfixturevalue("open_postgres")
        yield PostgresWords(connect("a"), "home_a")
        return
    words = SqliteWords(tmp_path / "captured")
    yield words
    words.close()


@pytest.fixture
def open_postgres(postgres: str) -> Iterator[Callable[[str], Engine]]:
    engine = open_database(postgres)
    yield lambda _: engine
    engine.dispose()


def fill(index: WordIndex) -> None:
    index.add([Text(request_id=name, at=100 + place, text=text) for place, (name, text) in enumerate(TEXTS.items())])


def found(index: WordIndex, query: str, **more: int) -> list[str]:
    return [hit.request_id for hit in index.find(read_terms(query), **more).found]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("period", ["r2", "r1"]),
        ("PERIOD notice", ["r2", "r1"]),
        ('"notice period"', ["r1"]),
        ('"period of notice', ["r2"]),
        ("notice nothing", []),
        ("kundig*", ["r2"]),
        ("kundig", []),
        ("über", ["r2"]),
        ("terminacion", ["r1"]),
        ("example.com", ["r2"]),
        ("ann", ["r2"]),
        ("12.4", ["r1"]),
        ("東京", ["r3"]),
        ("首都", ["r3"]),
        ("京東", []),
        ("tokyo japan", ["r3"]),
        ("O'Brien", ["r4"]),
        ("users OR nothing", []),
        ("NEAR(notice period)", []),
        ("text:period", []),
        ("cafe fine", ["r6"]),
        ("2026-11-23", ["r6"]),
        ("v1.2*", ["r6"]),
        ("-- drop", ["r4"]),
        ("'; DROP TABLE words; --", []),
    ],
)
def test_what_is_found(index: WordIndex, query: str, ids: list[str]) -> None:
    fill(index)
    assert found(index, query) == ids


def test_a_page_of_what_is_found(index: WordIndex) -> None:
    index.add([Text(request_id=f"r{number}", at=1_000 + number, text="same word") for number in range(7)])
    assert found(index, "word", most=3) == ["r6", "r5", "r4"]
    place = index.find(read_terms("word"), most=3).next
    assert found(index, "word", before=place, most=3) == ["r3", "r2", "r1"]
    assert found(index, "word", since=1_005) == ["r6", "r5"]
    assert [hit.request_id for hit in index.oldest(0, 2)] == ["r0", "r1"]
    assert [hit.request_id for hit in index.oldest(1_001, 2)] == ["r2", "r3"]


@pytest.mark.slow
def test_words_are_found_however_frequent_they_are(
    open_postgres: Callable[[str], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a database walks, what it leaves for the next page, and what it looks up are together what there is."""
    monkeypatch.setattr(words_postgresql, "_WALKED", 20)
    monkeypatch.setattr(words_postgresql, "_FREQUENT", 5)
    index = PostgresWords(open_postgres("a"), "home_a")
    texts = [f"all {'half' * (number % 2)} {'rare' * (number % 40 == 0)}" for number in range(200)]
    index.add([Text(request_id=f"r{number:03d}", at=1_000 + number, text=text) for number, text in enumerate(texts)])
    for word, count in (("all", 200), ("half", 100), ("rare", 5), ("none", 0)):
        seen: list[str] = []
        before, looks = 0, 0
        while looks == 0 or before:
            hits = index.find(read_terms(word), before=before, most=15)
            seen += [hit.request_id for hit in hits.found]
            before, looks = hits.next, looks + 1
        assert len(seen) == len(set(seen)) == count, word
        assert seen == sorted(seen, reverse=True)


def test_what_is_removed_is_not_found(index: WordIndex) -> None:
    fill(index)
    index.remove(["r1", "r9"])
    assert found(index, "period") == ["r2"]
    index.add([Text(request_id="r2", at=101, text="other")])
    assert found(index, "period") == []
    assert found(index, "other") == ["r2"]


@pytest.mark.slow
def test_what_is_private_is_not_in_a_database_elsewhere(open_postgres: Callable[[str], Engine]) -> None:
    engine = open_postgres("a")
    words = PostgresWords(engine, "home_a")
    words.add([Text(request_id="r1", at=1, text="secret", private=True), Text(request_id="r2", at=2, text="plain")])
    PostgresWords(engine, "home_b").add([Text(request_id="r3", at=3, text="plain")])
    with engine.connect() as connection:
        assert set(connection.execute(select(kept_words.c.request_id)).scalars()) == {"r2", "r3"}
    assert [hit.request_id for hit in words.oldest(0, 9)] == ["r2"]
    assert found(words, "plain") == ["r3", "r2"]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    words = SqliteWords(tmp_path / "captured")
    assert words.find(read_terms("a")).found == ()
    assert not (tmp_path / "captured").exists(), "looking makes nothing"
    fill(words)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "captured").iterdir()} == {0o600}
    assert (tmp_path / "captured").stat().st_mode & 0o777 == 0o700
    words.close()


def test_a_folder_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    words = SqliteWords(tmp_path / "captured")
    fill(words)
    shutil.rmtree(tmp_path / "captured")
    assert found(words, "period") == []
    words.add([Text(request_id="r9", at=9, text="new period")])
    assert found(SqliteWords(tmp_path / "captured"), "period") == found(words, "period") == ["r9"]
    words.close()


def test_requests_of_one_moment_are_told_apart(tmp_path: Path) -> None:
    words = SqliteWords(tmp_path)
    words.add([Text(request_id=f"r{number}", at=5, text="word") for number in range(3)])
    assert found(words, "word") == ["r2", "r1", "r0"]
    words.close()


def test_a_removed_text_is_not_in_the_file(tmp_path: Path) -> None:
    words = SqliteWords(tmp_path)
    for number in range(30):
        words.add([Text(request_id=f"r{number}", at=number, text=f"word{number} canarycanary{number}")])
    words.remove([f"r{number}" for number in range(20)])
    words.close()
    with sqlite3.connect(tmp_path / NAME) as connection:
        assert connection.execute("SELECT count(*) FROM words_content").fetchone() == (10,)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = (tmp_path / NAME).read_bytes()
    assert b"canarycanary1" not in data
    assert b"anary25" in data


@given(st.text(max_size=60))
def test_no_query_is_syntax(typed: str) -> None:
    """Whatever is typed is words, or is refused; and FTS5 takes all of them."""
    try:
        terms = read_terms(typed)
    except InvalidRequest:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    match = " ".join(f'"{" ".join(term.words)}"{"*" if term.begins else ""}' for term in terms)
    connection.execute("SELECT 1 FROM words WHERE words MATCH ?", (match,)).fetchall()
    connection.close()


def test_no_query_is_syntax_in_either_database(index: WordIndex) -> None:
    fill(index)
    dice = random.Random(3)
    letters = "ab\"'*:()&|!<->\\%_;-\x1b\u202e\x00é東🙂\n "
    for _ in range(150):
        typed = "".join(dice.choice(letters) for _ in range(dice.randrange(1, 14)))
        try:
            terms = read_terms(typed)
        except InvalidRequest:
            continue
        index.find(terms)


def test_what_a_query_says() -> None:
    assert read_terms('a "b c" d*') == (Term(("a",)), Term(("b", "c")), Term(("d",), begins=True))
    assert read_terms("x-y") == (Term(("x", "y")),)
    for nothing in ("", "  ", '"', "***", "🙂", "-- !", "_"):
        with pytest.raises(InvalidRequest):
            read_terms(nothing)
    with pytest.raises(InvalidRequest):
        read_terms("a " * 40)
    with pytest.raises(InvalidRequest):
        read_terms("a" * 2_000)


def test_long_texts_keep_both_ends() -> None:
    words = plain("first " + "x " * MOST_CHARS + "last")
    assert words.startswith("first")
    assert words.endswith("last")
    assert len(words) <= MOST_CHARS + 2


def test_a_search_of_sqlite_that_takes_long_tells_how_far_it_came_and_goes_on_there(tmp_path: Path) -> None:
    hour, ticks = 3_600_000_000_000, iter(range(0, 10**15, 50_000_000))
    words = SqliteWords(tmp_path / "captured", lambda: next(ticks))
    words.add(
        [
            Text(request_id=f"r{place}", at=1 + place * hour, text="common rare"[: 6 + 5 * (not place)])
            for place in range(50)
        ]
    )
    before, seen, looks = 0, list[str](), 0
    while True:
        told = words.find(read_terms("rare"), before=before)
        seen += [hit.request_id for hit in told.found]
        looks += 1
        if not told.spent:
            break
        assert told.next < (before or 1 << 63)
        before = told.next
    assert seen == ["r0"]
    assert told.next == 0
    assert looks > 10
    words.close()


def test_quick_steps_of_a_search_get_longer_until_all_is_seen(tmp_path: Path) -> None:
    hour = 3_600_000_000_000
    words = SqliteWords(tmp_path / "captured", lambda: 0)
    words.add([Text(request_id=f"r{place}", at=1 + place * hour, text="common") for place in range(50)])
    for most in (1, 7, 50, 60):
        told = words.find(read_terms("common"), most=most)
        assert [hit.request_id for hit in told.found] == [f"r{place}" for place in range(49, 49 - most, -1)][:50]
        assert (told.spent, told.next > 0) == (False, most <= 50)
    found = words.find(read_terms("common"), before=1 + 10 * hour, since=1 + 5 * hour).found
    assert [hit.request_id for hit in found] == ["r9", "r8", "r7", "r6", "r5"]
    words.close()
