"""What the cache has to do with one request: what its headers ask for, what was found, what is to be kept."""

import re

import msgspec

from homeport.cache.keys import Asked
from homeport.cache.semantic import Match
from homeport.core.caching import CacheRule, Found, Kind, Place
from homeport.core.errors import InvalidRequest, NotCached
from homeport.core.money import Nano
from homeport.core.types import Frame, Target
from homeport.pipeline.flights import Flight

CONTROL_HEADER = "cache-control"
TAGS_HEADER = "x-homeport-cache-tags"
CORPUS_HEADER = "x-homeport-corpus"

_ONLY_KEPT = "only-if-cached"
_FORGOTTEN = "no-store"
_MOST_TAGS = 16
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_LONGEST_CORPUS = 128
_LONGEST_AGE = (1 << 31) - 1
"""What a number that is longer stands for (RFC 9111, section 1.2.2)."""


class CacheHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """The headers that say how a request is cached, as they were sent; None where one was not."""

    control: str | None = None
    tags: str | None = None
    corpus: str | None = None


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants of the cache. The words of `Cache-Control` mean what RFC 9111, section 5.2.1, says.

    Attributes:
        fresh: the answer must be made now.
        forgotten: nothing of it is kept.
        only_kept: an answer that is kept, or none.
        max_age_s: the age of an answer in seconds at most; None for any.
        tags: by which what is kept of it can be purged.
        corpus: the version of what answers are made from.
    """

    fresh: bool = False
    forgotten: bool = False
    only_kept: bool = False
    max_age_s: int | None = None
    tags: tuple[str, ...] = ()
    corpus: str = ""


_NONE = Wishes()


def read_wishes(headers: CacheHeaders) -> Wishes:
    """What the headers say; words of `Cache-Control` that are not known mean nothing.

    Raises:
        InvalidRequest: cache_tags_invalid, cache_corpus_invalid.
    """
    if headers.control is None and headers.tags is None and headers.corpus is None:
        return _NONE
    words = _words(headers.control)
    return Wishes(
        fresh="no-cache" in words or _FORGOTTEN in words,
        forgotten=_FORGOTTEN in words,
        only_kept=_ONLY_KEPT in words,
        max_age_s=next((_seconds(word) for word in words if word.startswith("max-age")), None),
        tags=_tags(headers.tags),
        corpus=_corpus(headers.corpus),
    )


def is_forgotten(headers: CacheHeaders) -> bool:
    """Whether the caller wants nothing of the request to be kept."""
    return _FORGOTTEN in _words(headers.control)


def refuse_unkept(headers: CacheHeaders) -> None:
    """What has no kept answer, or can have none, is made now. Raises NotCached where it is not to be made."""
    if _ONLY_KEPT in _words(headers.control):
        raise NotCached("there is no kept answer to this request", hint="leave out only-if-cached to have one made")


class Visit:
    """Of one request.

    Attributes:
        asked: from which its places are made.
        rule: of its route.
        found: what it is answered with; None where it is answered upstream.
        place: where that was found.
        flight: others who ask the same wait for its answer.
        tape: what the caller was told of a stream, to be kept; None where nothing is.
        age_s: of what was found, in seconds.
        saved: nano-dollars that the same answer would have cost.
        doubt: an entry that only a judge can tell from what is asked, with the place of that; None for none.
    """

    def __init__(self, asked: Asked, rule: CacheRule, wishes: Wishes) -> None:
        self.asked = asked
        self.rule = rule
        self.wishes = wishes
        self.found: Found | None = None
        self.flight: Flight | None = None
        self.tape: Tape | None = None
        self.age_s = 0
        self.saved = Nano(0)
        self.place: Place | None = None
        self.doubt: tuple[Place, Match] | None = None

    @property
    def kind(self) -> Kind:
        return Kind.MISS if self.found is None else self.found.kind

    def entry(self, target: Target | None, *, judged: bool) -> str:
        """The id of the entry that answers, or in which this answer may be kept, in hexadecimal; else ""."""
        if self.found is not None:
            return self.found.entry.card.id.hex()
        if target is None or self.tape is None:
            return ""
        return self.asked.at(target, judged=judged).id.hex()

    def headers(self) -> dict[str, str]:
        """What the caller is told."""
        found = self.found
        if found is None:
            return {"x-homeport-cache": Kind.MISS.value}
        kind = Kind.SEMANTIC if found.kind is Kind.ALIAS else found.kind
        return {
            "x-homeport-cache": kind.value,
            "x-homeport-cache-similarity": f"{found.similarity:.3f}",
            "x-homeport-cache-entry": found.entry.card.id.hex(),
            "age": str(self.age_s),
        }


class Tape:
    """Frames of a stream that is told, up to so many bytes; nothing of one that is longer."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._frames: list[bytes] = []
        self._size = 0

    def note(self, frame: Frame) -> None:
        self._size += len(frame.data)
        if self._size <= self._most:
            self._frames.append(frame.data)
        else:
            self._frames.clear()

    @property
    def events(self) -> bytes:
        """All of it; b"" where it was too long."""
        return b"".join(self._frames) if self._size <= self._most else b""


def _words(control: str | None) -> list[str]:
    return [word.strip().lower() for word in (control or "").split(",")]


def _seconds(word: str) -> int:
    """Of `max-age=SECONDS`; 0 for what is no number, so that what cannot be read is answered anew."""
    number = word.partition("=")[2].strip().strip('"')
    if not (number.isascii() and number.isdigit()):
        return 0
    return min(int(number), _LONGEST_AGE) if len(number) < 16 else _LONGEST_AGE


def _tags(said: str | None) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.strip() for tag in (said or "").split(",") if tag.strip()))
    if len(tags) > _MOST_TAGS or not all(_TAG.fullmatch(tag) for tag in tags):
        raise InvalidRequest(
            f"{TAGS_HEADER} takes up to {_MOST_TAGS} names with commas between them",
            code="cache_tags_invalid",
            hint="use letters, digits and . _ : / -, up to 64 of them a name",
        )
    return tags


def _corpus(said: str | None) -> str:
    corpus = (said or "").strip()
    if len(corpus) > _LONGEST_CORPUS or not corpus.isprintable():
        raise InvalidRequest(
            f"{CORPUS_HEADER} takes up to {_LONGEST_CORPUS} printable characters",
            code="cache_corpus_invalid",
            hint="send a short version, such as 2026-11-22 or a digest",
        )
    return corpus
