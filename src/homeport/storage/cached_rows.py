"""Entries of the cache as rows, and rows as entries. What a damaged database gives back is passed over."""

import logging
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping

from homeport.core.caching import Card, Entry, Purge
from homeport.core.types import Usage
from homeport.storage.cached_tables import cache_entries

logger = logging.getLogger(__name__)

Row = dict[str, Any]

ID_BYTES: Final = 16
LONGEST_TAG: Final = 160

CARD_COLUMNS: Final = tuple(cache_entries.c[name] for name in Card.__struct_fields__)

_LEVEL: Final = 1
"""Of zlib: halves what is kept in 20 microseconds for a kilobyte, and tells a damaged answer from a whole one."""


def entry_row(entry: Entry, number: int) -> Row:
    """The row of `cache_entries`."""
    card = entry.card
    return {
        **{name: getattr(entry, name) for name in Entry.__struct_fields__ if name in cache_entries.c},
        **{name: getattr(card, name) for name in Card.__struct_fields__},
        "number": number,
        "surface": str(entry.surface),
        "usage": msgspec.json.encode(entry.usage).decode(),
        "text": card.text.encode(errors="replace"),
    }


def body_row(entry: Entry) -> Row:
    return {"id": entry.card.id, "body": zlib.compress(entry.body, _LEVEL)}


def tag_rows(entry: Entry) -> list[Row]:
    """One of each tag; a longer one counts as its beginning, so that purging it takes out more and never less."""
    return [{"tag": tag, "id": entry.card.id} for tag in sorted({tag[:LONGEST_TAG] for tag in entry.tags})]


def cards_of(rows: Iterable[RowMapping]) -> Sequence[Card]:
    """The cards of rows with the columns of one; a damaged row is left out, which is logged."""
    cards, damaged = [], 0
    for row in rows:
        try:
            cards.append(_card(row))
        except (ValueError, TypeError, AttributeError):  # msgspec's and Unicode's errors are the first
            damaged += 1
    if damaged:
        logger.error("%d damaged entries of the cache were passed over", damaged)
    return cards


def entry_of(row: RowMapping, tags: Sequence[str]) -> Entry | None:
    """The entry of a row with all columns and the body; None where it is damaged, which is logged."""
    try:
        fields = {name: row[name] for name in Entry.__struct_fields__ if name in row}
        fields |= {"card": _card(row), "tags": tags, "body": zlib.decompress(row["body"])}
        fields["usage"] = msgspec.json.decode(row["usage"], type=Usage)
        return msgspec.convert(fields, Entry)
    except (ValueError, TypeError, AttributeError, zlib.error) as error:
        logger.error("a damaged entry of the cache was passed over: %s", error)
        return None


def purge_of(criteria: str) -> Purge | None:
    """What was taken out; None where the row is damaged, which is logged."""
    try:
        return msgspec.json.decode(criteria, type=Purge)
    except (ValueError, TypeError) as error:
        logger.error("a damaged purge of the cache was passed over: %s", error)
        return None


def _card(row: RowMapping) -> Card:
    fields = {name: row[name] for name in Card.__struct_fields__}
    fields["text"] = fields["text"].decode()
    card = msgspec.convert(fields, Card)
    if len(card.id) != ID_BYTES or len(card.vector) % 2:
        raise ValueError("an id has 16 bytes, and a vector has values of two")
    return card
