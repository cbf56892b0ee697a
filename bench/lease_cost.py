"""What a budget costs a request in CPU time: finding its accounts, holding, bounding, settling, noting it down."""

import asyncio
import tempfile
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import msgspec

from homeport.core.budgets import Account, Budget, Grant, ScopeKind, Window
from homeport.core.money import Nano, PicoRate
from homeport.core.routing import Decision
from homeport.core.types import Inference, Key, Surface, Target, TokenPrice, UpstreamCall, Usage
from homeport.ledger.budgets import BudgetBook
from homeport.ledger.wallet import Wallet
from homeport.pipeline.spending import Histories, Spending
from homeport.storage.reservations import Reservations

REQUESTS = 20_000
_MICRO = 1_000_000
_PRICE = TokenPrice(source="bench", input=PicoRate(1_000_000), cached_input=PicoRate(1), output=PicoRate(4_000_000))
_TARGET = Target(
    name="mid", tier="mid", upstream="at-mid", model="mid", local=False, surfaces=frozenset(Surface), price=_PRICE
)
_DECISION = Decision(candidates=(_TARGET,), reason="bench")
_KEY = Key(id="key_bench", name="bench", project="acme/search/ranking")
_USAGE = Usage(input_tokens=300, output_tokens=100)


class _Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class _Rich:
    """A bank that always has what is wanted: the database is not on the request path, so it is not measured."""

    def trade(self, holder: str, account: Account, *, settled: Nano, returned: Nano, need: Nano, want: Nano) -> Grant:
        return Grant(granted=want, spent=Nano(0), leased=want, resets_at=None)

    def wanted(self, holder: str) -> Collection[tuple[str, str]]:
        return ()


def budgets(count: int) -> Sequence[Budget]:
    """That many budgets which all apply: of the key, its project and the paths above it, and of all."""
    scopes = [(ScopeKind.KEY, "key_bench"), (ScopeKind.PROJECT, "acme/search"), (ScopeKind.PROJECT, "acme")]
    return [
        Budget(id=f"bud_{at:016x}", name=f"b{at}", kind=kind, scope=scope, window=Window.MONTH, limit=Nano(10**15))
        for at, (kind, scope) in enumerate(scopes[:count])
    ]


def _inference() -> Inference:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Which clause ends the contract? " * 40}]}
    fields = msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])
    return Inference(
        surface=Surface.CHAT,
        model="auto",
        stream=False,
        wants_usage=False,
        input_chars=1_280,
        deterministic=False,
        fields=fields,
    )


async def _requests(spending: Spending, inference: Inference, call: UpstreamCall) -> None:
    deadline = time.monotonic_ns() + 600_000_000_000
    for _ in range(REQUESTS):
        tab = spending.open(_KEY, inference, _DECISION, end_user="", trace_id="", deadline_ns=deadline)
        if tab is None:
            continue
        await tab.admit(_DECISION)
        hold = await tab.hold(_TARGET)
        tab.bound(call, hold)
        tab.answers(hold)
        tab.headers()
        tab.learn(_TARGET, _USAGE)
        tab.settle(700_000)


def lease_cost(count: int) -> float:
    """Microseconds of CPU time that `count` budgets cost a request; the best of three runs."""
    inference = _inference()
    call = UpstreamCall(target=_TARGET, surface=Surface.CHAT, fields=inference.fields, request_id="req_1")
    best = float("inf")
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            notes = Reservations(Path(folder) / "reserved")
            clock = _Clock()
            wallet = Wallet(_Rich(), holder="bench", notes=notes, clock=clock)
            book = BudgetBook(budgets(count))
            spending = Spending(book=partial(_same, book), wallet=wallet, histories=Histories(), clock=clock)
            started = time.process_time_ns()
            asyncio.run(_requests(spending, inference, call))
            best = min(best, (time.process_time_ns() - started) / 1e9 * _MICRO / REQUESTS)
            notes.close()
    return best


def _same(book: BudgetBook) -> BudgetBook:
    return book


def main() -> None:
    for count in (0, 1, 2, 3):
        print(f"{count} budgets: {lease_cost(count):6.2f} us of CPU a request")


if __name__ == "__main__":
    main()
