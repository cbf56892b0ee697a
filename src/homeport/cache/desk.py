"""What people can say of kept answers: take them out, and that one was bad. It needs no cache that is on."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection

from homeport.cache.guard import fresh
from homeport.cache.library import Library
from homeport.core.caching import EntryStore, Purge

BAR_S = 7 * 86_400
"""For so long a bad answer is not kept again, where nobody says otherwise."""

_MOST_REMEMBERED = 10_000


class Desk:
    """Of one process.

    Args:
        library: what this process knows; None while its cache is off.
        store: None where nothing outlives the process.
    """

    def __init__(self, library: Callable[[], Library | None], store: EntryStore | None) -> None:
        self._library = library
        self._store = store
        self._told: OrderedDict[bytes, str] = OrderedDict()

    @property
    def library(self) -> Library | None:
        return self._library()

    async def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        """Take entries out, here at once and in other processes within seconds; how many there were.

        Args:
            bar_s: seconds for which the same requests are not answered from the cache again.

        Raises:
            StorageError: they are out here at most.
        """
        library = self._library()
        if library is not None:
            return await library.purge(purge, bar_s=bar_s)
        return 0 if self._store is None else await asyncio.to_thread(self._store.purge, purge, bar_s=bar_s)

    async def bar(self, entry_id: bytes, bar_s: int = BAR_S) -> None:
        """An answer was bad: it goes, and none to the same request is kept for a while. Again: the same.

        Raises:
            StorageError: it is out here at most.
        """
        await self.purge(Purge(id=entry_id), bar_s=bar_s)

    async def bar_of(self, tenants: Collection[str], entry_id: bytes, bar_s: int = BAR_S) -> bool:
        """The same, where the entry is one of these tenants'; False where there is none such.

        Raises:
            StorageError: nobody knows, or it is out here at most.
        """
        tenant = self._told.get(entry_id) or await self._tenant(entry_id)
        if tenant is None or tenant not in tenants:
            return False
        self._told[entry_id] = tenant  # so that whoever says it twice is told the same
        while len(self._told) > _MOST_REMEMBERED:
            self._told.popitem(last=False)
        await self.bar(entry_id, bar_s)
        return True

    async def resume(self, partition: bytes) -> None:
        """Let a partition that switched itself off answer again, as if it were new; every process within seconds.

        Raises:
            StorageError: it stays off.
        """
        library = self._library()
        if self._store is not None:
            await asyncio.to_thread(self._store.stand, [fresh(partition)])
        elif library is not None:
            library.guard.resume(partition)

    async def _tenant(self, entry_id: bytes) -> str | None:
        """Whose entry it is; None where there is none that lives."""
        library = self._library()
        card = None if library is None else library.shelf.card(entry_id)
        if card is None and self._store is not None:
            entry = await asyncio.to_thread(self._store.entry, entry_id)
            card = None if entry is None else entry.card
        return None if card is None else card.tenant
