"""The words of kept requests in PostgreSQL: a tsvector for each, and no text. The table is made by a migration.

What is private is not put there: the database may be on another machine, and what is private does not leave home.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import TSVECTOR, insert

from homeport.storage.db import writing
from homeport.storage.words import Hit, Hits, Term, Text, plain

kept_words = Table(
    "kept_words",
    MetaData(),
    Column("request_id", String(64), primary_key=True),
    Column("home", String(40), nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Index("kept_words_by_place", "place"),
    Index("kept_words_by_home", "home", "place"),
    Index("kept_words_by_word", "words", postgresql_using="gin"),
)
_CONFIG = "simple"
_WALKED = 4_000
_FREQUENT = 20
"""A word that as many of the texts that were walked have is not looked for by the index of words."""
_LAST = (1 << 63) - 1


class PostgresWords:
    """`WordIndex` in the database that the ledger is in. A place is when the request began.

    Args:
        home: the id of this state folder, which has the bodies of what it puts there.
    """

    def __init__(self, engine: Engine, home: str) -> None:
        self._engine = engine
        self._home = home

    def add(self, texts: Sequence[Text]) -> None:
        rows = [self._row(text) for text in texts if not text.private]
        if not rows:
            return
        new = insert(kept_words).values(words=func.to_tsvector(_CONFIG, bindparam("plain")))
        changed = {name: new.excluded[name] for name in ("home", "place", "words")}
        with writing(self._engine) as connection:
            connection.execute(new.on_conflict_do_update(index_elements=["request_id"], set_=changed), rows)

    def remove(self, request_ids: Sequence[str]) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(kept_words).where(kept_words.c.request_id.in_(list(request_ids))))

    def find(self, terms: Sequence[Term], *, before: int = 0, since: int = 0, most: int = 50) -> Hits:
        """The newest texts are walked first. Frequent words are found there, and rare ones by the index of words:
        its figures say too little of a word to leave the choice to PostgreSQL, and a wrong one takes seconds.
        """
        place = kept_words.c.place
        asked = func.to_tsquery(_CONFIG, " & ".join(map(_query, terms)))
        wanted = self._hits.where(kept_words.c.words.op("@@")(asked), place >= since)
        within = select(place).where(place < (before or _LAST), place >= since).order_by(place.desc())
        with self._engine.connect() as connection:
            reached = connection.execute(within.limit(1).offset(_WALKED)).scalar() or 0
        newest = wanted.where(place < (before or _LAST), place >= reached)
        found = self._read(newest.order_by(place.desc()).limit(most))
        if len(found) >= most or not reached:
            return Hits.of(found, most)
        if len(found) >= _FREQUENT:
            return Hits(found, reached)
        older = wanted.where(place < reached).order_by((place + literal(0)).desc())
        return Hits.of([*found, *self._read(older.limit(most - len(found)))], most)

    def oldest(self, after: int, most: int) -> list[Hit]:
        place = kept_words.c.place
        query = self._hits.where(kept_words.c.home == self._home, place > after)
        return self._read(query.order_by(place).limit(most))

    @property
    def _hits(self) -> Any:
        return select(kept_words.c.request_id, kept_words.c.place)

    def _read(self, query: Any) -> list[Hit]:
        with self._engine.connect() as connection:
            return [Hit(request_id, place) for request_id, place in connection.execute(query)]

    def _row(self, text: Text) -> dict[str, object]:
        return {"request_id": text.request_id, "home": self._home, "place": text.at, "plain": plain(text.text)}


def _query(term: Term) -> str:
    """In the words of to_tsquery: nothing but letters and digits, in quotes, and what joins them."""
    last = f"'{term.words[-1]}'{':*' if term.begins else ''}"
    return "(" + " <-> ".join([*(f"'{word}'" for word in term.words[:-1]), last]) + ")"
