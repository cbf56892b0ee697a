"""`make bench-prefix`: what prefix affinity is worth on two llama.cpp replicas behind a running gateway.

Two engines with SmolLM2-135M serve the same conversations three times in each round, in another text each time, so
that nothing of one way is cached for the next: by the gateway's own choice, by turns (round robin), and by the client
to the one with fewer requests in work. The ways take turns at beginning. The engines' own usage says what was cached.

The conversations are those of a recorded trace (bench/trace.py), each block of 512 tokens told in a few words. First
so many of several turns are held at a time, each user asking again when the answer is there: more than the slots of
one engine hold, fewer than those of both. That has a target. Then all requests in the order of the trace, which has
none: most of them go on with nothing, and those that do come late.

The gate of the engines is off: it would send away some of whom the slower ways keep waiting, and so make room for them.

Before that both are tried on imagined engines (bench/imagined.py), for what any engine can reach. All prompts share
their first block, the system prompt, which is cached whoever is asked; so the shares are told without it too.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bench import results
from bench.arithmetic import rotated
from bench.contender import free_port, process, wait_ready
from bench.imagined import curve, imagined, times
from bench.program import PROGRAM, SMOLLM2, environment
from bench.trace import Request, dialogues, read_trace, sample, text_of

WAYS = ("affinity", "round robin", "least load")
TARGET = 2.0
_DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[2] / "shared" / "data") / "traces"
_TRACE = "mooncake_conversation_trace.jsonl.gz"
_REPLICAS = ("smol-a", "smol-b")
_POOL = "smol"
_SLOTS = 8
_LONGEST = 32
_TURNS = 3
_THINK_SECONDS = 0.3
_CALLERS = 4
_TOKENS = 2
_TOKENS_OF_A_BLOCK = 512
_WARM = 2
"""Turns of each user that are not counted: every way begins with slots that hold another's conversations."""
_READY_SECONDS = 120.0
_RESAMPLES = 2_000


class Told(msgspec.Struct, frozen=True):
    """One answer: tokens of its prompt, those that were cached, those all prompts share, and seconds to the first."""

    conversation: int
    prompt: int
    cached: int
    shared: int
    ttft: float


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/prefix.json; 1 where the target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-prefix", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--active", type=int, default=14, help="conversations at a time, on eight slots an engine")
    parser.add_argument("--turns", type=int, default=144, help="requests of each way in each round, in conversations")
    parser.add_argument("--requests", type=int, default=16, help="of each way in each round, in the trace's order")
    parser.add_argument("--words", type=int, default=8, help="for each block of the trace")
    parser.add_argument("--prompt-cache-mib", type=int, default=0, help="of each engine; 46 tokens fit into one MiB")
    options = parser.parse_args(arguments)
    if not (_DATA / _TRACE).exists():
        print(f"{_TRACE} is not there: set HOMEPORT_DATA to the folder of the reference data")
        return 0
    trace = read_trace(_DATA / _TRACE)
    talks = dialogues(trace, turns=_TURNS, longest=_LONGEST)
    report: dict[str, Any] = {"settings": vars(options), "imagined_trace": imagined(trace)}
    _note(report, "imagined_conversations", curve(talks))
    with tempfile.TemporaryDirectory() as folder, _up(Path(folder), options.prompt_cache_mib) as gateway:
        _note(
            report,
            "conversations",
            _rounds(options.rounds, lambda way, turn: _talks(gateway, way, talks, options, turn)),
        )
        _note(report, "trace", _rounds(options.rounds, lambda way, turn: _replay(gateway, way, trace, options, turn)))
    reached = report["conversations"]["ratio"]["round robin"]["ratio"] or 0.0
    report["missed"] = [] if reached >= TARGET else [f"cached share: {reached} times round robin's, not {TARGET}"]
    results.write("prefix.json", report)
    print(json.dumps(report, indent=1))
    return 1 if report["missed"] else 0


def _note(report: dict[str, Any], name: str, found: Any) -> None:
    report[name] = found
    print(json.dumps({name: found}, indent=1), file=sys.stderr, flush=True)


def _rounds(rounds: int, one_way: Callable[[str, int], list[Told]]) -> dict[str, Any]:
    told: dict[str, list[list[Told]]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        for way in rotated(WAYS, turn):
            told[way].append(one_way(way, turn))
            print(f"round {turn}, {way}: {_share(told[way][-1]):.3f} cached", file=sys.stderr, flush=True)
    return figures(told)


class _Gateway:
    """Asks a running gateway for a stream, and says what it told."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def ask(self, model: str, messages: Sequence[Mapping[str, str]], most: int) -> tuple[str, int, int, float]:
        """The answer, tokens of the prompt, those that were cached, and seconds to the first token."""
        body = {"model": model, "messages": messages, "max_tokens": most, "stream": True}
        body["stream_options"] = {"include_usage": True}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        with contextlib.closing(connection):
            started, first, said, usage = time.monotonic(), 0.0, "", None
            connection.request("POST", "/v1/chat/completions", json.dumps(body), self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"the gateway answered {response.status}: {response.read().decode()}")
            for line in response:
                if not line.startswith(b"data: {"):
                    continue
                chunk = json.loads(line[6:])
                said += (chunk["choices"][0]["delta"].get("content") or "") if chunk["choices"] else ""
                first = first or (time.monotonic() - started if said else 0.0)
                usage = chunk.get("usage") or usage
            assert usage is not None
            cached = usage["prompt_tokens_details"]["cached_tokens"]
            return said, usage["prompt_tokens"], cached, first or time.monotonic() - started


class _Chooser:
    """Says which engine to ask, and knows how many requests each has in work."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._lock = threading.Lock()
        self._turns = itertools.cycle(_REPLICAS)
        self._work = dict.fromkeys((*_REPLICAS, _POOL), 0)

    @contextlib.contextmanager
    def chosen(self) -> Iterator[str]:
        with self._lock:
            model = self._model()
            self._work[model] += 1
        try:
            yield model
        finally:
            with self._lock:
                self._work[model] -= 1

    def _model(self) -> str:
        match self._way:
            case "affinity":
                return _POOL
            case "round robin":
                return next(self._turns)
            case _:
                return min(_REPLICAS, key=lambda name: (self._work[name], random.random()))


def _talks(
    gateway: _Gateway, way: str, talks: Sequence[Sequence[Request]], options: argparse.Namespace, turn: int
) -> list[Told]:
    """So many conversations at a time; where one ends, the next of the trace begins."""
    start = random.Random(turn).randrange(len(talks))
    numbers, chooser = itertools.count(), _Chooser(way)
    coming = itertools.cycle(range(len(talks)))
    said: list[tuple[int, Told]] = []
    wanted = options.turns + _WARM * options.active

    def user(name: int) -> None:
        dice = random.Random(f"{turn}:{name}")
        while True:
            place = next(coming)
            talk, messages = talks[(start + place) % len(talks)], []
            for number, request in enumerate(talk):
                time.sleep(dice.expovariate(1 / _THINK_SECONDS))
                count = next(numbers)
                if count >= wanted:
                    return
                before = talk[number - 1] if number else None
                messages += _said_next(request, before, options.words, f"{turn}:{way}")
                most = max(_TOKENS, request.answer * options.words // _TOKENS_OF_A_BLOCK)
                with chooser.chosen() as model:
                    answer, prompt, cached, ttft = gateway.ask(model, messages, most)
                messages.append({"role": "assistant", "content": answer})
                said.append((count, Told(place, prompt, cached, prompt // len(request.blocks), ttft)))

    _in_threads([partial(user, name) for name in range(options.active)])
    if len(said) != wanted:
        raise SystemExit("a request was not answered")
    return [told for count, told in sorted(said, key=lambda one: one[0]) if count >= _WARM * options.active]


def _said_next(request: Request, before: Request | None, words: int, seed: str) -> list[dict[str, str]]:
    """What the user adds; the first block after a former prompt is what was answered to that."""
    if before is None:
        return [*request.messages(words, seed)[:1], _user(request.blocks[1:], words, seed)]
    return [_user(request.blocks[len(before.blocks) + 1 :], words, seed)]


def _user(blocks: Sequence[int], words: int, seed: str) -> dict[str, str]:
    return {"role": "user", "content": text_of(blocks, words, seed) or "Go on."}


def _replay(
    gateway: _Gateway, way: str, trace: Sequence[Request], options: argparse.Namespace, turn: int
) -> list[Told]:
    """All requests in their order; one that goes on with another waits for its answer, as a person would."""
    requests = sample(trace, options.requests, longest=_LONGEST, seed=turn)
    answers: list[Told | None] = [None] * len(requests)
    done = [threading.Event() for _ in requests]
    numbers, chooser = iter(range(len(requests))), _Chooser(way)

    def caller() -> None:
        for number in numbers:
            request = requests[number]
            if request.parent is not None:
                done[request.parent].wait()
            try:
                with chooser.chosen() as model:
                    messages = request.messages(options.words, f"{turn}:{way}")
                    _, prompt, cached, ttft = gateway.ask(model, messages, _TOKENS)
                answers[number] = Told(request.conversation, prompt, cached, prompt // len(request.blocks), ttft)
            finally:
                done[number].set()

    _in_threads([caller] * _CALLERS)
    if None in answers:
        raise SystemExit("a request was not answered")
    return [answer for answer in answers if answer is not None]


def _in_threads(calls: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
    # The last conversations of a round may have begun in one way alone.
    names, dice, found = sorted({*mine, *theirs}), random.Random(0), []
    for _ in range(_RESAMPLES):
        drawn = dice.choices(names, k=len(names))
        shares = [_share([one for name in drawn for one in by.get(name, ())], beyond=beyond) for by in (mine, theirs)]
        found.append(shares[0] / shares[1] if shares[1] else float("inf"))
    found.sort()
    flat = [_share([one for answers in by.values() for one in answers], beyond=beyond) for by in (mine, theirs)]
    low, high = found[int(0.025 * _RESAMPLES)], found[int(0.975 * _RESAMPLES)]
    return {"ratio": times(*flat), "low": round(low, 2), "high": round(high, 2)}


def _by_conversation(rounds: Sequence[Sequence[Told]]) -> dict[tuple[int, int], list[Told]]:
    found: dict[tuple[int, int], list[Told]] = {}
    for number, answers in enumerate(rounds):
        for answer in answers:
            found.setdefault((number, answer.conversation), []).append(answer)
    return found


def _config(cache_mib: int) -> str:
    profile = {"slots": _SLOTS, "context": 1024, "threads": 1, "embeddings": False, "prompt_cache_mib": cache_mib}
    engine = {"engine": "llamacpp", "package": "weights", "hourly_cost_usd": "0.05", "profile": profile}
    engine["admission"] = {"enabled": False}
    pool = [{"name": _POOL, "model": name, "engine": name} for name in _REPLICAS]
    alone = [{"model": name, "engine": name} for name in _REPLICAS]
    tiers = [{"name": "pool", "targets": pool}, {"name": "alone", "targets": alone}]
    engines = dict.fromkeys(_REPLICAS, engine)
    return json.dumps(
        {"packages": {"weights": SMOLLM2}, "engines": engines, "tiers": tiers, "loops": {"action": "off"}}
    )


@contextlib.contextmanager
def _up(folder: Path, cache_mib: int) -> Iterator[_Gateway]:
    (folder / "homeport.yaml").write_text(_config(cache_mib))
    port = free_port()
    with process((*PROGRAM, "up"), folder=folder, environment=environment(folder / "home", port)) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield _Gateway(port, (folder / "home" / "local.key").read_text().strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
