"""What a cache is asked, what it keeps and what it answers. Values, and the seam to where entries are kept."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from homeport.core.types import Surface, Usage


class Mode(StrEnum):
    """How far a question may differ from one that was answered before.

    STRICT serves what says the same in the same words, BALANCED what is proven to ask for the same.
    """

    OFF = "off"
    STRICT = "strict"
    BALANCED = "balanced"


class Sharing(StrEnum):
    """Who may be given an answer that was made for somebody."""

    KEY = "key"
    PROJECT = "project"
    EVERYONE = "everyone"


class Kind(StrEnum):
    """How an answer was found; the value is what a caller is told.

    ALIAS: a judge found that the question is that of an entry. To the caller it is SEMANTIC.
    """

    MISS = "miss"
    EXACT = "hit"
    SEMANTIC = "semantic"
    ALIAS = "alias"


class CacheRule(msgspec.Struct, frozen=True, kw_only=True):
    """How the requests of one route are cached.

    Attributes:
        name: of the route in the configuration; "" for what holds where no route matches.
        exact: answers of the very same request.
        semantic: answers of a request that asks for the same.
        ttl_s: seconds that an entry lives; using it does not make it live longer.
        sampled: requests with a temperature above 0 are cached too.
        multi_turn: semantic answers are given in conversations too, where everything before is the same.
        corpus: the version of what answers are made from, such as a search index; another one is another partition.
    """

    name: str = ""
    exact: bool = False
    semantic: Mode = Mode.OFF
    sharing: Sharing = Sharing.KEY
    ttl_s: int = 3600
    sampled: bool = False
    multi_turn: bool = False
    corpus: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer to a request by one model belongs. Nobody can tell the request from it.

    Attributes:
        id: 16 bytes, of everything that is in the request, of who asks and of which model answers.
        partition: 16 bytes, of the same without the last words of the user.
        prompt: 16 bytes, of the system prompt alone, to purge by.
        text: the last words of the user; "" where only the very same request will do.
        mode: how far another text may differ; OFF where `text` is "".
    """

    id: bytes
    partition: bytes
    prompt: bytes
    text: str = ""
    mode: Mode = Mode.OFF


class Card(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a process has in memory of an entry.

    Attributes:
        tenant: the id of the key or the project whose quota it counts against.
        text: the user's words; "" where it is found by its id alone.
        vector: `text` as unit-length little-endian float16 values; b"" where there is no text.
        size: bytes of the whole entry.
        cost: nano-dollars that the answer cost: what it saves each time.
        expires_at: nanoseconds since the epoch.
    """

    id: bytes
    partition: bytes
    tenant: str
    expires_at: int
    size: int
    cost: int
    text: str = ""
    vector: bytes = b""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer.

    Attributes:
        surface: in whose words `body` is.
        streamed: `body` is server-sent events, as the upstream sent them, else a whole answer.
        usage: what the upstream said it used.
        elapsed_ns: how long it took, which is what an own engine costs.
        target, model, upstream: who answered: the public name, the name it has upstream, and where.
        request_id: of the request that it was made for.
        prompt: of the system prompt, as in `Place`.
        created_at: nanoseconds since the epoch.
    """

    card: Card
    surface: Surface
    streamed: bool
    body: bytes
    usage: Usage
    elapsed_ns: int
    target: str
    model: str
    upstream: str
    request_id: str
    key_id: str
    prompt: bytes
    created_at: int
    tags: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that answers a request. `similarity` is the cosine of both texts, 1 for the very same request."""

    entry: Entry
    kind: Kind
    similarity: float = 1.0


class Purge(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken out: entries to which all that is said here applies. Nothing said: every entry."""

    id: bytes | None = None
    partition: bytes | None = None
    tag: str | None = None
    model: str | None = None
    key_id: str | None = None
    prompt: bytes | None = None

    @property
    def alone(self) -> bytes | None:
        """The id, where nothing else is said."""
        return self.id if self == Purge(id=self.id) else None


class Alias(msgspec.Struct, frozen=True):
    """Requests with the id `asked` are answered by the entry `answered`, for as long as that lives."""

    asked: bytes
    answered: bytes
    expires_at: int


class Bar(msgspec.Struct, frozen=True):
    """No answer to requests with this id may be kept or given before `until`, in nanoseconds since the epoch."""

    id: bytes
    until: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a partition's semantic answers that were checked against a live one.

    Attributes:
        off: it answers no more, because too many were wrong; nanoseconds since the epoch, 0 while it does.
    """

    partition: bytes
    checked: int
    wrong: int
    off: int = 0


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the entries of all processes, in order of numbers that only grow.

    Attributes:
        upto: the number of the last change that is in here; ask for what comes after it next time.
        removed: ids of entries that were taken out, with every alias of and to them. It comes first: what else
            is here of the same ids happened after it.
        barred: somebody said that these answers were bad.
        purges: what was taken out by more than an id, with the time in nanoseconds since the epoch: of entries that
            were never stored a process can tell only by itself whether they are meant.
        more: there is more after it already.
    """

    upto: int
    cards: Sequence[Card] = ()
    removed: Sequence[bytes] = ()
    aliases: Sequence[Alias] = ()
    barred: Sequence[Bar] = ()
    standings: Sequence[Standing] = ()
    purges: Sequence[tuple[int, Purge]] = ()
    more: bool = False


class EntryStore(Protocol):
    """Where entries outlive a process, the same for all of them. It blocks: call it in a thread.

    Every method raises `StorageError` where it cannot be done; then nothing has happened.
    """

    def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
        """Put entries in, in the place of those with the same id.

        Returns:
            The ids of those that were left out: they are barred, or were made before a purge that they belong to.
            Whoever has them in memory is to forget them.
        """

    def entry(self, entry_id: bytes) -> Entry | None:
        """One that lives."""

    def changes(self, after: int, most: int) -> Changes:
        """At most `most` cards of living entries, and what else happened since; `after` 0 is the beginning."""

    def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        """Take entries out, and their aliases; how many there were.

        Args:
            bar_s: seconds for which the same requests are not answered from the cache again.
        """

    def alias(self, aliases: Sequence[Alias]) -> None: ...

    def stand(self, standings: Sequence[Standing]) -> None:
        """Replace what is known of partitions."""
