"""Where kept answers outlive a process, in memory."""

from collections.abc import Sequence

from homeport.cache.shelf import applies
from homeport.core.caching import Alias, Bar, Changes, Entry, Purge, Standing
from homeport.core.errors import StorageError

_FOR_EVER = 1 << 62


class MemoryEntries:
    """`EntryStore`.

    Attributes:
        kept: by id.
        broken: every method raises.
    """

    def __init__(self) -> None:
        self.kept: dict[bytes, Entry] = {}
        self.broken = False
        self._log: list[tuple[str, object]] = []
        self._barred: set[bytes] = set()

    def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
        self._check()
        for entry in entries:
            if entry.card.id not in self._barred:
                self.kept[entry.card.id] = entry
                self._log.append(("card", entry.card))
        return [entry.card.id for entry in entries if entry.card.id in self._barred]

    def entry(self, entry_id: bytes) -> Entry | None:
        self._check()
        return self.kept.get(entry_id)

    def changes(self, after: int, most: int) -> Changes:
        self._check()
        new = self._log[after : after + most]
        upto = after + len(new)

        def of(kind: str) -> list[object]:
            return [value for name, value in new if name == kind]

        return Changes(
            upto=upto,
            cards=of("card"),  # type: ignore[arg-type]  # each kind has values of one type
            removed=of("removed"),  # type: ignore[arg-type]
            aliases=of("alias"),  # type: ignore[arg-type]
            barred=of("barred"),  # type: ignore[arg-type]
            standings=of("standing"),  # type: ignore[arg-type]
            more=upto < len(self._log),
        )

    def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        self._check()
        gone = [name for name, entry in self.kept.items() if applies(purge, entry.card, entry)]
        for name in gone:
            del self.kept[name]
            self._log.append(("removed", name))
        for name in (*gone, *([purge.id] if purge.id else [])) if bar_s else ():
            self._barred.add(name)
            self._log.append(("barred", Bar(name, _FOR_EVER)))
        return len(gone)

    def alias(self, aliases: Sequence[Alias]) -> None:
        self._check()
        self._log.extend(("alias", alias) for alias in aliases)

    def stand(self, standings: Sequence[Standing]) -> None:
        self._check()
        self._log.extend(("standing", standing) for standing in standings)

    def _check(self) -> None:
        if self.broken:
            raise StorageError("the database cannot be used")
