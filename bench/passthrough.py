"""`make bench-passthrough`: the gateway in front of llama.cpp beside llama.cpp itself, whole and streamed.

One engine, one caller, one request at a time: first one way, then the other, and the other way round the next time.
Both are sent the same bytes but for the key, over a connection that stands already, and nothing is read from a cache.
Time to the first token is told by short answers, of which there are many: the engine's own differs more from one
answer to the next than what the gateway adds.
"""

import argparse
import contextlib
import http.client
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bench import results
from bench.arithmetic import median_interval
from bench.own_engine import MODEL, engine_up
from bench.targets import Target, judge

TARGETS = (
    Target(figure="tokens_per_second_ratio_whole", bound=0.98, at_least=True),
    Target(figure="tokens_per_second_ratio_stream", bound=0.98, at_least=True),
    Target(figure="ttft_added_p50_ms", bound=3.0),
)
WAYS = ("direct", "gateway")
_TOKENS = 48
_FEW = 4
"""Tokens of an answer that is asked for the time to its first."""


class Took(msgspec.Struct, frozen=True):
    """Seconds to the first token, and to the last byte, of an answer of so many tokens."""

    first: float
    whole: float
    tokens: int

    @property
    def rate(self) -> float:
        return self.tokens / self.whole


class Way:
    """Asks one of the two, over a connection of its own that stands before the time begins."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def ask(self, text: str, tokens: int, *, stream: bool) -> Took:
        """One answer."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": tokens}
        body |= {"ignore_eos": True, "cache_prompt": False, "temperature": 0, "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        with contextlib.closing(connection):
            connection.connect()
            return self._timed(connection, json.dumps(body), stream=stream)

    def _timed(self, connection: http.client.HTTPConnection, body: str, *, stream: bool) -> Took:
        started, first, usage = time.perf_counter(), 0.0, None
        connection.request("POST", "/v1/chat/completions", body, self._headers)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"an answer of {response.status}: {response.read().decode()}")
        if not stream:
            usage = json.loads(response.read())["usage"]
            took = time.perf_counter() - started
            return Took(took, took, usage["completion_tokens"])
        for line in response:
            if line.startswith(b"data: {"):
                chunk = json.loads(line[6:])
                said = bool(chunk["choices"]) and bool(chunk["choices"][0]["delta"].get("content"))
                first = first or (time.perf_counter() - started if said else 0.0)
                usage = chunk.get("usage") or usage
        assert usage is not None
        return Took(first, time.perf_counter() - started, usage["completion_tokens"])


def rates(took: Mapping[str, Sequence[Took]], kind: str) -> dict[str, float]:
    """Of pairs that were asked one right after the other: the median of their ratios, with its interval.

    Args:
        took: by way; the same place in both is a pair.
        kind: whole or stream.
    """
    ratios = [gateway.rate / direct.rate for direct, gateway in zip(took["direct"], took["gateway"], strict=True)]
    low, high = median_interval(ratios)
    return {
        f"tokens_per_second_ratio_{kind}": statistics.median(ratios),
        f"tokens_per_second_ratio_{kind}_low": low,
        f"tokens_per_second_ratio_{kind}_high": high,
        **{f"tokens_per_second_{way}_{kind}": statistics.median([one.rate for one in took[way]]) for way in WAYS},
    }


def first_tokens(took: Mapping[str, Sequence[Took]]) -> dict[str, float]:
    """The same of the milliseconds that the gateway adds to the time to the first token."""
    pairs = zip(took["direct"], took["gateway"], strict=True)
    added = [1e3 * (gateway.first - direct.first) for direct, gateway in pairs]
    low, high = median_interval(added)
    return {
        "ttft_added_p50_ms": statistics.median(added),
        "ttft_added_low_ms": low,
        "ttft_added_high_ms": high,
        **{f"ttft_p50_ms_{way}": 1e3 * statistics.median([one.first for one in took[way]]) for way in WAYS},
    }


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/passthrough.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-passthrough", description=__doc__)
    parser.add_argument("--pairs", type=int, default=40, help="of whole answers, and of streams")
    parser.add_argument("--first", type=int, default=200, help="pairs for the time to the first token")
    options = parser.parse_args(arguments)
    found: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        engine_up(Path(folder), {"slots": 1, "context": 1024, "embeddings": False}) as gate,
    ):
        ways = {
            "direct": Way(urlsplit(gate.engine.url).port or 0, gate.engine.api_key),
            "gateway": Way(gate.port, gate.key),
        }
        for kind in ("whole", "stream"):
            found |= rates(_pairs(ways, options.pairs, _TOKENS, stream=kind == "stream"), kind)
        found |= first_tokens(_pairs(ways, options.first, _FEW, stream=True))
    report: dict[str, Any] = {
        "settings": vars(options),
        "figures": {name: round(value, 4) for name, value in found.items()},
    }
    verdicts = judge(TARGETS, found)
    report["missed"] = [verdict.line() for verdict in verdicts if not verdict.met]
    results.write("passthrough.json", report)
    print(json.dumps(report, indent=1))
    results.show_verdicts(results.make_console(), verdicts)
    return 1 if report["missed"] else 0


def _pairs(ways: Mapping[str, Way], pairs: int, tokens: int, *, stream: bool) -> dict[str, list[Took]]:
    took: dict[str, list[Took]] = {way: [] for way in WAYS}
    for number in range(-2, pairs):
        order = WAYS if number % 2 else tuple(reversed(WAYS))
        for name in order:
            one = ways[name].ask(f"Case {number}: why does a contract need a clause on notice?", tokens, stream=stream)
            if number >= 0:
                took[name].append(one)
    return took


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
