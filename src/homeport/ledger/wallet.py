"""The money that this process may spend: slices of budgets, leased from the bank and spent without it.

Every nano-dollar of a lease is in one of three places: free, reserved for a request, or spent and not
yet reported. A request takes from all of its accounts at once or from none, and holds nothing while it
waits; so two requests cannot wait for each other.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from homeport.core.budgets import Account, Grant
from homeport.core.errors import BudgetExceeded, StorageError
from homeport.core.money import Nano
from homeport.core.ports import Bank, Clock
from homeport.ledger.purse import Asker, Notes, Purse

logger = logging.getLogger(__name__)

InThread = Callable[..., Awaitable[Any]]

UNAVAILABLE = "budget_unavailable"

_FEW = 8
_MOST = 10**15
_TICK_S = 1.0
_POLL_S = 0.1
_LEAST_POLL_S = 0.01
_DRY_NS = 250_000_000
_SOON_NS = 1_000_000_000
_IDLE_NS = 10_000_000_000
_SHOW_NS = 60_000_000_000
"""Who holds something trades at least so often: whoever is silent for long is dead, or cannot reach the database."""


class Wallet:
    """Reserves and settles.

    Args:
        holder: the name under which this process leases.
        notes: keeps what is reserved.
        in_thread: runs a trade; for tests.
    """

    def __init__(
        self, bank: Bank, *, holder: str, notes: Notes, clock: Clock, in_thread: InThread = asyncio.to_thread
    ) -> None:
        self._bank = bank
        self.holder = holder
        self._notes = notes
        self._clock = clock
        self._in_thread = in_thread
        self._purses: dict[tuple[str, str], Purse] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def purses(self, accounts: Iterable[Account]) -> tuple[Purse, ...]:
        """The purses of accounts, in the order of their names. Raises StorageError where one cannot be made."""
        return tuple(self._purse(account) for account in accounts)

    async def look(self, account: Account) -> Purse:
        """How an account stands: as it is known here, else as the bank tells it. Nothing is leased.

        Raises:
            StorageError: the bank cannot be asked.
        """
        known = self._purses.get((account.budget.id, account.instance))
        if known is not None and known.grant is not None:
            return known
        now, none = self._clock.monotonic_ns(), Nano(0)
        found, trade = Purse(account, 0, now), self._bank.trade
        grant = await self._in_thread(trade, self.holder, account, settled=none, returned=none, need=none, want=none)
        found.learn(grant, now)
        return found

    async def reserve(self, purses: Sequence[Purse], *, need: int, good: int, want: int, patience_s: float) -> int:
        """Take the same amount from each purse, at least `need` and at most `want`; the amount.

        While an account has plenty it is `want`; as it empties it is less, but at least `good` as long as
        so much is left. Where too little is left but requests in progress, here or elsewhere, may give money
        back, it waits for them.

        Args:
            patience_s: seconds to wait, at most; with 0 the bank is asked once.

        Raises:
            BudgetExceeded: one of the accounts has too little left.
            StorageError: the bank cannot be asked, and what was leased does not suffice.
        """
        comfortable = min(want, max(good, min(purse.comfort for purse in purses)))
        amount = self._take(purses, comfortable, want)
        if amount is not None:
            return amount
        now = self._clock.monotonic_ns()
        for purse in purses:
            purse.last_want = want
            if now < purse.dry_until and need >= purse.dry_need and not purse.reserved:
                raise self._refusal(purse)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asker = Asker(purses, need=comfortable, least=need, want=want, patient=patience_s > 0, done=done)
        return await self._wait(asker, patience_s)

    def settle(self, purses: Sequence[Purse], *, held: int, cost: int, holds: int = 1) -> None:
        """What was reserved is over: `cost` of it was spent, the rest is free again. Called once a request.

        Args:
            held: from each purse, by so many reservations.
        """
        for purse in purses:
            purse.holds -= holds
            purse.reserved -= held
            purse.free += held - cost
            purse.unreported += cost
            self._notes.write(purse.record, purse.reserved)
            if purse.askers:
                purse.changed.set()
                self._serve(purse)

    async def run(self) -> None:
        """About once a second report what was spent and give back what lies idle, until cancelled."""
        failing = False
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                await self.tick()
                failing = False
            except StorageError as error:
                if not failing:
                    logger.error("budgets cannot be reported to: %s", error.message)
                failing = True

    async def tick(self) -> None:
        """Report what was spent. Give back what is wanted elsewhere, or was not used for some seconds."""
        now = self._clock.monotonic_ns()
        # One question for all accounts: with thousands of users most have nothing to report.
        lent = any(purse.free > 0 for purse in self._purses.values())
        asked = await self._in_thread(self._bank.wanted, self.holder) if lent else ()
        for name, purse in list(self._purses.items()):
            idle = now - purse.used_ns > _IDLE_NS and not (purse.reserved or purse.askers)
            wanted = (name in asked or (purse.grant is not None and purse.grant.wanted)) and not purse.askers
            returned = max(0, purse.free) if idle or wanted else 0
            silent = purse.lease > 0 and now - purse.traded_ns > _SHOW_NS
            if purse.unreported or returned or silent:
                await self._trade(purse, give_back=returned > 0)
            if idle and not (purse.lease or purse.reserved or purse.askers):
                self._drop(purse)

    async def close(self) -> None:
        """Report everything and give back everything that is not reserved."""
        for purse in self._purses.values():
            if purse.refilling is not None:
                purse.refilling.cancel()
        # A trade that has begun is never given up: whether it happened must be known.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for purse in list(self._purses.values()):
            if purse.lease - purse.reserved > 0 or purse.unreported:
                try:
                    await self._trade(purse, give_back=True)
                except StorageError as error:
                    logger.error("a budget's lease could not be given back: %s", error.message)
                    return

    def _purse(self, account: Account) -> Purse:
        name = (account.budget.id, account.instance)
        purse = self._purses.get(name)
        if purse is None:
            record = self._notes.open_record(*name)
            purse = self._purses[name] = Purse(account, record, self._clock.monotonic_ns())
        purse.account = account
        return purse

    def _drop(self, purse: Purse) -> None:
        self._notes.close_record(purse.record)
        self._purses.pop((purse.account.budget.id, purse.account.instance), None)

    def _take(self, purses: Sequence[Purse], need: int, want: int) -> int | None:
        """From all or from none."""
        amount = want
        for purse in purses:
            if purse.free < need:
                return None
            amount = min(amount, max(need, min(purse.free, purse.comfort)))
        now = self._clock.monotonic_ns()
        for purse in purses:
            purse.last_want = want
            purse.free -= amount
            purse.reserved += amount
            purse.holds += 1
            purse.used_ns = now
            self._notes.write(purse.record, purse.reserved)
            if purse.free < purse.chunk // 2 and purse.unleased and purse.refilling is None:
                self._start(purse, self._prefetch(purse))
        return amount

    def _serve(self, purse: Purse) -> None:
        """Let those who wait have what there is now, in the order in which they came."""
        for asker in list(purse.askers):
            if asker.done.done():
                continue
            amount = self._take(asker.purses, asker.need, asker.want)
            if amount is not None:
                asker.done.set_result(amount)
                self._forget(asker)
                continue
            for other in asker.purses:
                if other.free < asker.need:
                    self._refill(other)

    async def _wait(self, asker: Asker, patience_s: float) -> int:
        for purse in asker.purses:
            purse.askers[asker] = None
        for purse in asker.purses:
            if purse.free < asker.need:
                self._refill(purse)
        try:
            async with asyncio.timeout(patience_s if asker.patient else None):
                return await asker.done
        except TimeoutError:
            if asker.answered:
                return asker.done.result()
            lacking = [purse for purse in asker.purses if purse.free < asker.need]
            raise self._refusal((*lacking, *asker.purses)[0]) from None
        except asyncio.CancelledError:
            if asker.answered and asker.done.exception() is None:
                self.settle(asker.purses, held=asker.done.result(), cost=0)
            raise
        finally:
            self._forget(asker)

    def _forget(self, asker: Asker) -> None:
        for purse in asker.purses:
            purse.askers.pop(asker, None)

    def _fail(self, asker: Asker, error: Exception) -> None:
        self._forget(asker)
        if not asker.done.done():
            asker.done.set_exception(error)

    def _refusal(self, purse: Purse) -> BudgetExceeded:
        return purse.refusal(self._clock.wall_ns())

    def _refill(self, purse: Purse) -> None:
        if purse.refilling is None:
            self._start(purse, self._refilling(purse))

    def _start(self, purse: Purse, work: Coroutine[Any, Any, None]) -> None:
        task = purse.refilling = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._ended(purse, task))

    def _ended(self, purse: Purse, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        purse.refilling = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            logger.error("a budget could not be asked", exc_info=error)
            for asker in list(purse.askers):
                self._fail(asker, StorageError("the budget could not be asked", code=UNAVAILABLE))
        elif purse.shortage() > 0:
            self._refill(purse)

    async def _refilling(self, purse: Purse) -> None:
        """Ask the bank until nobody waits for this purse, or it is known that waiting is no use."""
        give_back = False
        try:
            while (short := purse.shortage()) > 0:
                purse.changed.clear()
                least = purse.free + short
                want = self._wanted(purse, short)
                # Processes that each have too little must not keep it from each other while they wait.
                grant = await self._trade(purse, need=short, want=want, give_back=give_back)
                give_back = grant.granted < short
                if give_back:
                    self._refuse(purse, least)
                    if purse.shortage() >= least - purse.free > 0:
                        await self._pause(purse)
        except StorageError as error:
            for asker in [asker for asker in purse.askers if asker.need > purse.free]:
                self._fail(asker, _unavailable(purse, error))

    def _refuse(self, purse: Purse, least: int) -> None:
        """The bank has not so much: be content with less, hope for money that comes back, or be refused."""
        for asker in [asker for asker in purse.askers if asker.need >= least and asker.need > purse.free]:
            if asker.need > asker.least:
                asker.need = asker.least
            elif not (asker.patient and purse.may_get_more()):
                purse.dry_until, purse.dry_need = self._clock.monotonic_ns() + _DRY_NS, least
                self._fail(asker, self._refusal(purse))
        self._serve(purse)

    async def _pause(self, purse: Purse) -> None:
        await asyncio.sleep(_LEAST_POLL_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await purse.changed.wait()

    async def _prefetch(self, purse: Purse) -> None:
        try:
            await self._trade(purse, want=self._wanted(purse, 0))
        except StorageError:
            logger.debug("a budget's lease could not be made longer in time")

    def _wanted(self, purse: Purse, short: int) -> int:
        """How much to lease: what is asked for, and as much again as lasts about a second."""
        soon = self._clock.monotonic_ns() - purse.traded_ns < _SOON_NS
        chunk = purse.chunk * 2 if soon else purse.chunk // 2
        purse.chunk = min(_MOST, max(chunk, _FEW * purse.last_want))
        return short + max(purse.chunk, sum(asker.want for asker in purse.askers))

    async def _trade(self, purse: Purse, *, need: int = 0, want: int = 0, give_back: bool = False) -> Grant:
        task = asyncio.create_task(self._traded(purse, need, want, give_back))
        self._tasks.add(task)
        task.add_done_callback(self._traded_out)
        # Whoever waits for it may leave; what the bank did must be known all the same.
        return await asyncio.shield(task)

    def _traded_out(self, task: asyncio.Task[Grant]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def _traded(self, purse: Purse, need: int, want: int, give_back: bool) -> Grant:
        async with purse.lock:
            settled = purse.unreported
            returned = max(0, purse.free) if give_back else 0
            purse.free -= returned
            if need:
                need, want = need + returned, want + returned
            try:
                grant: Grant = await self._in_thread(
                    self._bank.trade,
                    self.holder,
                    purse.account,
                    settled=Nano(settled),
                    returned=Nano(returned),
                    need=Nano(need),
                    want=Nano(want),
                )
            except StorageError:
                purse.free += returned
                raise
            purse.unreported -= settled
            # What cost more than was leased is spent, not leased: the bank counts no lease below nothing.
            purse.free = max(purse.free, -purse.reserved)
            purse.learn(grant, self._clock.monotonic_ns())
        if purse.askers:
            self._serve(purse)
        return grant


def _unavailable(purse: Purse, error: StorageError) -> StorageError:
    return StorageError(
        f"budget {purse.account.budget.name!r} cannot be asked, so what it caps is not let through: {error.message}",
        code=UNAVAILABLE,
        hint=error.hint or "try again; homeport status shows whether the database answers",
    )
