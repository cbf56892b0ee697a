"""Hedging against an upstream whose calls now and then stall: time to the first token, extra calls, and the bill."""

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.arithmetic import Spread, ratio, rotated, spreads
from bench.homeport_gateway import State
from bench.machine import Cores
from bench.native import BenchmarkError, Mock, Percentiles, Report, load, mock_upstream
from bench.targets import Target
from bench.traffic import MODEL, late_stream, prompt_chars
from homeport.core.types import TokenPrice
from homeport.ledger.genai import api_price

TARGETS = (
    Target(figure="ttft_p99_x_shorter", bound=5, at_least=True),
    Target(figure="extra_calls_percent", bound=8),
    Target(figure="hedging_errors", bound=0),
    Target(figure="ledger_calls_missing", bound=0),
    # A second call may end so soon after its start that the upstream never reads it; it is billed all the same.
    Target(figure="ledger_calls_unmade_percent", bound=0.25),
    Target(figure="ledger_cost_off_nano", bound=0),
)
SETTINGS = {"hedged": "hedging: {quantile: 0.95}\n", "plain": ""}

# First tokens as an API's: log-normal, p50 80 ms and p99 300 ms; one call in twenty takes 3 s more.
_REQUEST = late_stream(8, "p50_us=80000;p99_us=300000;stall_permille=50;stall_us=3000000;")
_CHARS_PER_TOKEN = 4
_PICO_PER_NANO = 1000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked, by how many callers at once; the warm-up is not measured, but billed."""

    rounds: int = 3
    callers: int = 24
    warm_up: int = 600
    requests: int = 1_500


QUICK = Plan(rounds=1, callers=16, warm_up=60, requests=120)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of one gateway, in nano-dollars.

    Attributes:
        calls: upstream calls, those that lost a race among them.
        right: what its answers and lost calls should cost: list price, reported usage, and a lost call's prompt.
    """

    requests: int
    calls: int
    lost: int
    cost: int
    right: int


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway in one round.

    Attributes:
        calls: that the upstream saw of the measured requests.
        upstream_calls: that it saw in all, the warm-up included.
        stalled: of all.
    """

    ttft_us: Percentiles
    requests: int
    errors: int
    calls: int
    upstream_calls: int
    stalled: int
    bill: Bill


Round = dict[str, Side]


def measure(cores: Cores, plan: Plan, turn: int) -> Round:
    """Both gateways, against the same dice."""
    return {name: _measure(SETTINGS[name], cores, plan, turn) for name in rotated(list(SETTINGS), turn)}


def figures(sides: Round) -> dict[str, float | None]:
    """What `TARGETS` are about, and the times behind it in ms."""
    hedged, plain = sides["hedged"], sides["plain"]
    times = {
        f"ttft_{share}_ms_{name}": getattr(side.ttft_us, share) / 1e3
        for share in ("p50", "p95", "p99")
        for name, side in sides.items()
    }
    unmade = max(0, hedged.bill.calls - hedged.upstream_calls)
    return {
        **times,
        "ttft_p99_x_shorter": ratio(plain.ttft_us.p99, hedged.ttft_us.p99),
        "extra_calls_percent": 100 * (hedged.calls - hedged.requests) / hedged.requests,
        "extra_cost_percent": 100 * (hedged.bill.cost / plain.bill.cost - 1),
        "hedging_errors": sum(side.errors for side in sides.values()),
        "ledger_calls_missing": sum(max(0, side.upstream_calls - side.bill.calls) for side in sides.values()),
        "ledger_calls_unmade_percent": 100 * unmade / hedged.upstream_calls,
        "ledger_cost_off_nano": sum(abs(side.bill.cost - side.bill.right) for side in sides.values()),
    }


def worst(rounds: Sequence[Round]) -> dict[str, float | None]:
    """The figures over the rounds: medians, but of what must never happen the worst round."""
    summary = summarise(rounds)
    never = {target.figure for target in TARGETS if target.bound < 1}
    return {name: (value.max if name in never else value.median) if value else None for name, value in summary.items()}


def summarise(rounds: Sequence[Round]) -> dict[str, Spread | None]:
    return spreads([figures(sides) for sides in rounds])


def bill(rows: Sequence[tuple[int, int, int, str]]) -> Bill:
    """What the ledger says, and what it should say.

    Args:
        rows: cost, input tokens, output tokens and the attempts as JSON, of each request.
    """
    price = api_price(f"openai:{MODEL}", datetime.now(UTC))
    assert isinstance(price, TokenPrice), "a model of an API has a price for tokens"
    attempts = [attempt["error"] for *_, tried in rows for attempt in json.loads(tried)]
    lost = attempts.count("hedge_lost")
    prompt = -(-prompt_chars(_REQUEST) // _CHARS_PER_TOKEN)
    right = sum(read * price.input + written * price.output for _, read, written, _ in rows)
    return Bill(
        requests=len(rows),
        calls=len(attempts),
        lost=lost,
        cost=sum(cost for cost, *_ in rows),
        right=(right + lost * prompt * price.input) // _PICO_PER_NANO,
    )


def _measure(settings: str, cores: Cores, plan: Plan, turn: int) -> Side:
    with tempfile.TemporaryDirectory() as folder, mock_upstream(cores.load, seed=turn) as mock:
        state = State(Path(folder), mock, settings)
        with state.run(cores) as running:

            def ask(requests: int) -> Report:
                return load(
                    cores.load, running.port, running.key, [_REQUEST], connections=plan.callers, requests=requests
                )

            ask(plan.warm_up)
            before = mock.stats()["requests"]
            report = ask(plan.requests)
            calls = mock.stats()["requests"] - before
        return _side(report, calls, mock, bill(_ledger(state)))


def _side(report: Report, calls: int, mock: Mock, owed: Bill) -> Side:
    if report.first_chunk_us is None:
        raise BenchmarkError("the gateway answered no stream at all; bench-gateway says whether it works")
    stats = mock.stats()
    return Side(
        ttft_us=report.first_chunk_us,
        requests=report.requests + report.resent,
        errors=report.errors,
        calls=calls,
        upstream_calls=stats["requests"],
        stalled=stats["stalled"],
        bill=owed,
    )


def _ledger(state: State) -> list[tuple[int, int, int, str]]:
    state.command("cost", "--json")  # takes in what is still in the journal
    address = f"{(state.root / 'homeport.db').as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
        return database.execute("SELECT cost, input_tokens, output_tokens, attempts FROM requests").fetchall()
