"""One account as one process sees it. Pure state: the wallet moves the money."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from homeport.core.budgets import Account, Grant, Window
from homeport.core.errors import BudgetExceeded
from homeport.core.money import Nano, format_usd

_WINDOWS = {
    Window.HOUR: "in an hour",
    Window.DAY: "in a day",
    Window.MONTH: "in a month",
    Window.TOTAL: "in all",
}
_NS_PER_S = 1_000_000_000
_SHARES = 16


class Asker:
    """A request that waits until each of its purses has `need`.

    Attributes:
        need: what would be comfortable; `least`, once it is known that there is not so much.
        patient: waits for money that may come back; else for one answer of the bank.
    """

    def __init__(
        self, purses: "Sequence[Purse]", *, need: int, least: int, want: int, patient: bool, done: "asyncio.Future[int]"
    ) -> None:
        self.purses = purses
        self.need = need
        self.least = least
        self.want = want
        self.patient = patient
        self.done = done

    @property
    def answered(self) -> bool:
        """Whether it has its money, or was refused; one that left was not."""
        return self.done.done() and not self.done.cancelled()


class Purse:
    """What this process has leased of an account: `free`, `reserved` for requests, and `unreported`.

    What is unreported was spent here, and the bank still counts it as leased. All in nano-dollars.

    Attributes:
        free: may be negative, where requests cost more than they held.
        record: where what is reserved is written down.
        holds: how many reservations there are.
        chunk: how much to lease at once.
        grant: how the account stood when the bank was last asked; None before.
        last_want: what was wanted last.
        dry_until, dry_need: monotonic nanoseconds until which it is no use to ask the bank for so much again.
        used_ns: when it was last reserved from.
    """

    def __init__(self, account: Account, record: int, now: int) -> None:
        self.account = account
        self.record = record
        self.free = 0
        self.reserved = 0
        self.unreported = 0
        self.holds = 0
        self.chunk = 0
        self.grant: Grant | None = None
        self.dry_until = 0
        self.dry_need = 0
        self.last_want = 0
        self.used_ns = now
        self.traded_ns = 0
        self.askers: dict[Asker, None] = {}
        self.lock = asyncio.Lock()
        self.refilling: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()

    @property
    def lease(self) -> int:
        """What the bank has this process down for."""
        return self.free + self.reserved + self.unreported

    @property
    def unleased(self) -> int:
        """What nobody had when the bank was last asked."""
        grant = self.grant
        return max(0, self.account.budget.limit - grant.spent - grant.leased) if grant else 0

    @property
    def room(self) -> int:
        """What is left to spend, as far as this process knows: what others have leased counts as gone."""
        return max(0, self.free + self.unleased)

    @property
    def comfort(self) -> int:
        """Who asks for more than this should be content with less.

        So all that are in flight hold a sixteenth of what is left, or what they need: the rest is for those
        that come, and if this process is killed, what was held is all that is lost.
        """
        return self.room // (_SHARES * (self.holds + 1)) if self.grant else self.account.budget.limit

    def learn(self, grant: Grant, now: int) -> None:
        """The bank has answered."""
        self.grant = grant
        self.free += grant.granted
        self.traded_ns = now

    def may_get_more(self) -> bool:
        """Whether requests here, or other processes, hold money that they may give back."""
        return self.reserved > 0 or (self.grant is not None and self.grant.leased > self.lease)

    def shortage(self) -> int:
        """The least that would help one of those who wait; 0 where none waits for this purse."""
        return min((asker.need - self.free for asker in self.askers if asker.need > self.free), default=0)

    def refusal(self, wall_ns: int) -> BudgetExceeded:
        """What a request is told that does not fit."""
        budget, grant = self.account.budget, self.grant
        spent = (grant.spent if grant else 0) + self.unreported
        held = max(0, (grant.leased if grant else 0) - self.unreported)
        whom = f" for {self.account.instance!r}" if self.account.instance else ""
        message = (
            f"the budget {budget.name!r}{whom} has too little left for this request: "
            f"{_usd(spent)} of {_usd(budget.limit)} USD {_WINDOWS[budget.window]} are spent"
        )
        if held:
            message += f", {_usd(held)} more are held for requests in progress"
        wait = None if grant is None or grant.resets_at is None else max(0, grant.resets_at - wall_ns)
        hint = "ask whoever keeps the budget to raise it"
        if wait is not None:
            hint = f"more is free in {_span(wait)}; or {hint}"
        return BudgetExceeded(message, budget=budget, retry_after_ns=wait, hint=hint)


class Notes(Protocol):
    """What is reserved, written where it outlives this process."""

    def open_record(self, budget_id: str, instance: str) -> int: ...

    def write(self, record: int, amount: int) -> None: ...

    def close_record(self, record: int) -> None: ...


def _usd(amount: int) -> str:
    """Dollars with at least two decimals, and no zeros after them."""
    text = format_usd(Nano(max(0, amount)))
    cents, rest = text[:-7], text[-7:].rstrip("0")
    return cents + rest


def _span(nanoseconds: int) -> str:
    seconds = -(-nanoseconds // _NS_PER_S)
    for length, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * length:
            return f"{-(-seconds // length)} {name}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
