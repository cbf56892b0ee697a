"""`make bench-overload`: a real llama.cpp engine at half its capacity, then at twice, with its gate and without.

Arrivals are open loop, seeded and Poisson: nobody waits for anybody. Two gateways stand before one engine, one with
everything by default, one with its gate switched off; they take turns. Beside the crowd of four keys there is one with
reserved places, which asks for no more than they can do. Who is refused comes back once, when it was told to.

Capacity is found first: answers a second with every slot in use. Each round begins at half load, which also is what
both gates have learned from; latencies count from when a request was due.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench import results
from bench.own_engine import MODEL, Gate, engine_up, gateway_beside
from bench.targets import Target, judge

TARGETS = (
    Target(figure="p95_at_twice_over_half", bound=1.5),
    Target(figure="reserved_p95_at_twice_over_half", bound=1.2),
    Target(figure="refused_with_retry_after", bound=1.0, at_least=True),
    Target(figure="answered_when_they_came_back", bound=0.9, at_least=True),
    Target(figure="p95_without_gate_over_half", bound=3.0, at_least=True),
    Target(figure="other_failures", bound=0),
)
_CROWD = 4
_VIP = "vip"
_VIP_SHARE = 0.1
"""Of the capacity: less than the one place in four that it has."""
_WORDS = ("clause", "notice", "term", "party", "lease", "rent", "breach", "cure", "remedy", "scope", "fee", "audit")
_TIMEOUT_S = 120
_A_MINUTE = 60
"""What is told where nothing is promised."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request; times are seconds, from when it was due. `told`: after how many it was to come back."""

    who: str
    due: float
    took: float
    status: int
    retry_after: int | None = None
    told: int = 0


class Due(msgspec.Struct, frozen=True):
    """When somebody asks, and for how many tokens."""

    at: float
    who: str
    tokens: int


def arrivals(rate: float, seconds: float, seed: int) -> list[Due]:
    """Poisson arrivals of the crowd, and of the key with reserved places at a steady rate, in order."""
    dice, found, at = random.Random(seed), [], 0.0
    while (at := at + dice.expovariate(rate * (1 - _VIP_SHARE))) < seconds:
        found.append(Due(at, f"key {dice.randrange(_CROWD)}", _tokens(dice)))
    return sorted(found, key=lambda one: one.at)


def steady(rate: float, seconds: float, seed: int) -> list[Due]:
    """Somebody who asks again and again, at about the same pace."""
    dice, found, at = random.Random(seed), [], 0.0
    while (at := at + dice.uniform(0.7, 1.3) / rate) < seconds:
        found.append(Due(at, _VIP, _tokens(dice)))
    return found


def _tokens(dice: random.Random) -> int:
    return dice.randint(6, 24)


class Caller:
    """Asks a gateway."""

    def __init__(self, session: aiohttp.ClientSession, gate: Gate, keys: Mapping[str, str]) -> None:
        self._session, self._keys = session, keys
        self._url = f"http://127.0.0.1:{gate.port}/v1/chat/completions"
        self._dice = random.Random(gate.port)

    async def ask(self, who: str, tokens: int) -> tuple[int, int | None]:
        """The status, and what `Retry-After` said."""
        text = " ".join(self._dice.choices(_WORDS, k=30))
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": f"{self._dice.random()} {text}"}],
            "max_tokens": tokens,
            "ignore_eos": True,
        }
        headers = {"authorization": f"Bearer {self._keys[who]}"}
        try:
            async with self._session.post(self._url, json=body, headers=headers) as response:
                await response.read()
                told = response.headers.get("retry-after")
                return response.status, int(told) if told else None
        except (aiohttp.ClientError, TimeoutError):
            return 0, None

    async def load(self, dues: Sequence[Due]) -> list[Told]:
        """Ask when each is due, whatever became of the others; who is refused comes back once."""
        began, told = time.monotonic(), list[Told]()

        async def one(due: Due) -> None:
            await asyncio.sleep(max(0.0, began + due.at - time.monotonic()))
            first = await self._timed(due.who, due.tokens, began + due.at)
            told.append(first)
            if first.retry_after is not None and first.status in {429, 503}:
                await asyncio.sleep(first.retry_after)
                told.append(await self._timed(due.who, due.tokens, time.monotonic(), told=first.retry_after))

        await asyncio.gather(*map(one, dues))
        return told

    async def capacity(self, places: int, seconds: float) -> float:
        """Answers a second where so many ask again as soon as they are answered."""
        until, answered = time.monotonic() + seconds, 0

        async def one(dice: random.Random) -> None:
            nonlocal answered
            while time.monotonic() < until:
                await self.ask("key 0", _tokens(dice))
                answered += time.monotonic() < until

        await asyncio.gather(*(one(random.Random(number)) for number in range(places)))
        return answered / seconds

    async def _timed(self, who: str, tokens: int, due: float, *, told: int = 0) -> Told:
        status, retry_after = await self.ask(who, tokens)
        took = time.monotonic() - due
        return Told(who=who, due=due, took=took, status=status, retry_after=retry_after, told=told)


def figures(told: Mapping[str, Sequence[Told]]) -> dict[str, float | None]:
    """What came of the phases: `half` and `twice`, and the same without the gate."""
    crowd = {phase: p95([one.took for one in found if _let_in(one, vip=False)]) for phase, found in told.items()}
    vip = {phase: p95([one.took for one in found if _let_in(one, vip=True)]) for phase, found in told.items()}
    refused = [one for one in told["twice"] if one.status in {429, 503} and not one.told]
    back = [one for one in told["twice"] if one.told]
    first = [one for one in told["twice"] if not one.told]
    half = [one for one in told["half"] if not one.told]
    return {
        "p95_at_half_s": crowd["half"],
        "p95_at_twice_s": crowd["twice"],
        "p95_at_half_without_gate_s": crowd["half, no gate"],
        "p95_at_twice_without_gate_s": crowd["twice, no gate"],
        "p95_at_twice_over_half": _over(crowd["twice"], crowd["half"]),
        "p95_at_twice_over_half_without_gate": _over(crowd["twice"], crowd["half, no gate"]),
        "reserved_p95_at_half_s": vip["half"],
        "reserved_p95_at_twice_s": vip["twice"],
        "reserved_p95_at_twice_over_half": _over(vip["twice"], vip["half"]),
        "p95_without_gate_over_half": _over(crowd["twice, no gate"], crowd["half, no gate"]),
        "reserved_p95_without_gate_over_half": _over(vip["twice, no gate"], vip["half, no gate"]),
        "let_in_at_half": share([one.status == 200 for one in half]),
        "let_in_at_twice": share([one.status == 200 for one in first]),
        "reserved_let_in_at_twice": share([one.status == 200 for one in first if one.who == _VIP]),
        "refused_with_retry_after": share([(one.retry_after or 0) >= 1 for one in refused]),
        "answered_when_they_came_back": share([one.status == 200 for one in back if one.told < _A_MINUTE]),
        "answered_when_they_came_back_after_a_minute": share(
            [one.status == 200 for one in back if one.told >= _A_MINUTE]
        ),
        "told_to_come_back_p50_s": statistics.median([one.retry_after or 0 for one in refused]) if refused else None,
        "other_failures": float(sum(one.status not in {200, 429, 503} for found in told.values() for one in found)),
    }


def _let_in(one: Told, *, vip: bool) -> bool:
    return one.status == 200 and (one.who == _VIP) == vip


def p95(values: Sequence[float]) -> float | None:
    """The least value that 19 of 20 stay within; None without any."""
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)] if values else None


def share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None


def _over(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/overload.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-overload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each phase")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--threads", type=int, default=None, help="of the engine; left out, its own default")
    options = parser.parse_args(arguments)
    profile: dict[str, Any] = {"slots": options.slots, "context": 512, "embeddings": False}
    if options.threads:
        profile["threads"] = options.threads
    with (
        tempfile.TemporaryDirectory() as folder,
        engine_up(Path(folder), profile) as gate,
        gateway_beside(gate, Path(folder), profile, {"enabled": False}) as bare,
    ):
        report = asyncio.run(_measure(gate, bare, options))
    verdicts = judge(TARGETS, report["figures"])
    report["missed"] = [verdict.line() for verdict in verdicts if not verdict.met]
    results.write("overload.json", report)
    print(json.dumps(report, indent=1))
    results.show_verdicts(results.make_console(), verdicts)
    return 1 if report["missed"] else 0


async def _measure(gate: Gate, bare: Gate, options: argparse.Namespace) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        ways = {"": Caller(session, gate, _keys(gate)), ", no gate": Caller(session, bare, _keys(bare))}
        await asyncio.sleep(5)  # until the gateways know the keys and what is reserved for them
        told: dict[str, list[Told]] = {f"{phase}{way}": [] for way in ways for phase in ("half", "twice")}
        capacities = []
        await ways[", no gate"].capacity(options.slots, 5)
        for turn in range(options.rounds):
            # A machine that others use is not the same all the time, so neither is what it can do.
            capacity = await ways[", no gate"].capacity(options.slots, 12)
            capacities.append(capacity)
            for way, caller in sorted(ways.items(), reverse=bool(turn % 2)):
                for phase, times in (("half", 0.5), ("twice", 2.0)):
                    seconds = options.seconds * (2 if phase == "half" else 1)
                    crowd = arrivals(times * capacity, seconds, seed=turn)
                    found = await caller.load([*crowd, *steady(_VIP_SHARE * capacity, seconds, seed=turn)])
                    told[f"{phase}{way}"] += found
                    now = p95([one.took for one in found if _let_in(one, vip=False)])
                    print(f"round {turn}, {phase}{way}: {len(found)} asked, p95 {now}", file=sys.stderr, flush=True)
    return {
        "settings": vars(options),
        "capacity_per_second": [round(one, 2) for one in capacities],
        "requests": {phase: len(found) for phase, found in told.items()},
        "figures": {name: None if one is None else round(one, 3) for name, one in figures(told).items()},
    }


def _keys(gate: Gate) -> Mapping[str, str]:
    crowd = {f"key {number}": gate.make_key(f"crowd-{number}") for number in range(_CROWD)}
    return {**crowd, _VIP: gate.make_key("vip", "--reserve", "25")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
