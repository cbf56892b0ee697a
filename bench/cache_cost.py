"""`python -m bench.cache_cost`: what the cache costs a request in CPU time, beside the same request without it.

The whole of the request path in one process, from the bytes of a request to those of its answer, with an upstream that
answers at once; nothing of sockets, and nothing of the database, which a background thread writes. Ways take turns;
medians of rounds. Writes bench/results/cache_cost.json.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from tests.fakes.house import MID, House
from tests.fakes.upstream import USAGE

from bench import results
from bench.cache_traffic import Question, questions
from homeport.config.cache import CacheSettings
from homeport.core.types import Completion, Frame

OFF, EXACT = CacheSettings(), CacheSettings(exact=True)
SEMANTIC = CacheSettings.model_validate({"semantic": "balanced", "check_percent": 0})
_SYSTEM = "You answer questions of customers in two sentences, and name the clause. " * 10
_SAID = "The desk confirms that this holds for every branch until the next review of terms. " * 4
_US = 1e6

Asking = Sequence[dict[str, Any]]


def main(arguments: Sequence[str]) -> int:
    """Print the figures, and write them."""
    parser = argparse.ArgumentParser(prog="bench.cache_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=300, help="of each way in each round")
    options = parser.parse_args(arguments)
    plain = [one for family in questions(0) for one in family if not one.hard]
    first = [one for one in plain if one.way == "base"][: options.requests]
    ways = _ways(plain, first)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, measure in ways.items():
            spent[name].append(asyncio.run(measure()))
    figures = {name: round(median(values), 1) for name, values in spent.items()}
    results.write("cache_cost.json", {"us_of_cpu_a_request": figures, "rounds": spent, "entries": len(first)})
    print(json.dumps(figures, indent=1))
    return 0


def _ways(plain: Sequence[Question], first: Sequence[Question]) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    families = {one.family for one in first}
    alike = [one for one in plain if one.family in families and one.way in ("filler", "case")][: len(first)]
    strange = [one for one in plain if one.way == "base" and one.family not in families][: len(first)]
    asked, others = [_body(one.text) for one in first], [_body(one.text) for one in strange]
    near, streams = [_body(one.text) for one in alike], [_body(one.text, stream=True) for one in first]
    return {
        "off": lambda: _cost(OFF, [], asked, "", len(asked)),
        "off, a stream": lambda: _cost(OFF, [], streams, "", len(asked)),
        "exact: miss": lambda: _cost(EXACT, [], asked, "miss", len(asked)),
        "exact: hit": lambda: _cost(EXACT, asked, asked, "hit", 0),
        "exact: hit, a stream": lambda: _cost(EXACT, asked, streams, "hit", 0),
        "semantic: miss": lambda: _cost(SEMANTIC, asked, others, "miss", len(others)),
        "semantic: exact hit": lambda: _cost(SEMANTIC, asked, asked, "hit", 0),
        "semantic: hit": lambda: _cost(SEMANTIC, asked, near, "semantic", 0),
    }


def _body(text: str, *, stream: bool = False) -> dict[str, Any]:
    said = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": text}]
    body = {"model": "mid", "max_tokens": 200, "temperature": 0, "messages": said}
    return {**body, "stream": True} if stream else body


async def _cost(settings: CacheSettings, known: Asking, asked: Asking, wanted: str, calls: int) -> float:
    """Microseconds of CPU time for each of `asked`, in a gateway that was asked `known` before."""
    house = House(MID, cache=settings)
    upstream = house.upstreams["mid"]
    for body in known:
        upstream.script(_answer())
        await house.ask(body)
    for body in asked:
        upstream.script(_frames() if body.get("stream") else _answer())
    callers = [house.caller(body) for body in asked]
    before = len(upstream.calls)
    gc.collect()
    started = time.process_time_ns()
    for caller in callers:
        await caller.call(house.app)
    spent = (time.process_time_ns() - started) / 1e9 * _US / len(asked)
    kinds = [caller.headers.get("x-homeport-cache", "") for caller in callers]
    if kinds.count(wanted) < 0.9 * len(kinds) or len(upstream.calls) - before < 0.9 * calls:
        raise SystemExit(f"{wanted!r} was wanted, and these came: { {kind: kinds.count(kind) for kind in set(kinds)} }")
    return spent


def _answer() -> Completion:
    choice = {"index": 0, "message": {"role": "assistant", "content": _SAID}, "finish_reason": "stop"}
    told = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mid-1", "choices": [choice]}
    return Completion(body=json.dumps({**body, "usage": told}).encode(), usage=USAGE)


def _frames() -> tuple[Frame, ...]:
    words = _SAID.split(" ")
    return (*(_chunk({"content": f"{word} "}) for word in words), _chunk({}, "stop"), _DONE)


def _chunk(delta: dict[str, Any], finish: str | None = None) -> Frame:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mid-1", "choices": [choice]}
    return Frame(data=b"data: " + json.dumps(body).encode() + b"\n\n", events=int("content" in delta))


_DONE = Frame(data=b"data: [DONE]\n\n", usage=USAGE, closing=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
