"""`make bench-scoring`: what deciding costs a request of 32 kB; writes bench/results/scoring.json.

A process of its own, with the gateway's modules and a router with all features and 262,144 places for words, reads
and scores prompts of several kinds, as the first request of a conversation and as its third turn. It may open no
socket, is given no key, and says how much memory it has.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import results
from bench.machine import describe
from bench.targets import Target, all_met, judge, number
from homeport.core.types import Inference, Surface
from homeport.routing.features import FEATURES
from homeport.routing.gap import GapModel, Weighted
from homeport.routing.prompt import read_prompt

TARGETS = (
    Target(figure="cpu_p99_ms", bound=2.0),
    Target(figure="rss_mb", bound=250),
    Target(figure="modules_of_numpy_or_scipy", bound=0),
    Target(figure="sockets", bound=0),
)
_BYTES = 32 * 1024
_PLACES = 1 << 18
_PROSE = (
    (
        "The supplier shall, within thirty (30) days of receipt of a written notice, remedy any defect; otherwise the "
        "customer may terminate this agreement.\n"
    ),
    "If 3 trains leave at 09:15 and each is 12.5 % faster than the one before, how many hours are left?\n",
)
_CODE = "def area(width: float, height: float) -> float:\n    return width * height  # m^2, never < 0\n"


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    parser = argparse.ArgumentParser(prog="bench.scoring", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="how often each prompt is scored")
    parser.add_argument("--inside", action="store_true", help="be the process that is measured")
    options = parser.parse_args(arguments)
    if options.inside:
        print(json.dumps(_measure(options.rounds)))
        return 0
    command = (sys.executable, "-m", "bench.scoring", "--inside", "--rounds", str(options.rounds))
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    figures = json.loads(told.stdout)
    kinds = figures.pop("kinds")
    figures["cpu_p99_ms"] = max(kind["p99_ms"] for kind in kinds.values())
    verdicts, console = judge(TARGETS, figures), results.make_console()
    for name, kind in kinds.items():
        console.print(f"{name}: CPU p50 {number(kind['p50_ms'])} ms, p99 {number(kind['p99_ms'])} ms")
    results.show_verdicts(console, verdicts)
    results.write("scoring.json", {"machine": describe(), "figures": figures, "prompts": kinds, "verdicts": verdicts})
    return 0 if all_met(verdicts) else 1


def prompts() -> Iterator[tuple[str, str]]:
    """Texts of 32 kB as UTF-8: what people send, and what nobody should."""
    dice = random.Random(1)
    yield "prose", "".join(dice.choice(_PROSE) for _ in range(_BYTES // 90))
    yield "code", _CODE * (_BYTES // len(_CODE) + 1)
    yield "JSON", json.dumps([{"id": place, "name": f"item {place}", "price": place / 7} for place in range(700)])
    yield "one long line", "".join(dice.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(_BYTES))
    yield "no space", "a" * _BYTES
    yield "punctuation", "".join(dice.choice("!?.,;:-()[]{}<>=+*/^%$_\\\"'") for _ in range(_BYTES))
    yield "digits", "".join(dice.choice("0123456789.") for _ in range(_BYTES))
    yield "Chinese", "".join(chr(dice.randrange(0x4E00, 0x9FA5)) for _ in range(_BYTES))
    yield "emoji", "".join(chr(dice.randrange(0x1F600, 0x1F64F)) for _ in range(_BYTES))


def asked(text: str, turns: int) -> Inference:
    """A chat of so many of a user's turns, which are together 32 kB."""
    part = len(cut := text.encode()[:_BYTES].decode("utf-8", "ignore")) // turns
    messages = [
        {"role": role, "content": cut[place * part : (place + 1) * part] if role == "user" else "Yes."}
        for place in range(turns)
        for role in ("user", "assistant")
    ]
    return Inference(
        surface=Surface.CHAT,
        model="auto",
        stream=False,
        wants_usage=False,
        input_chars=len(cut),
        deterministic=False,
        fields={"messages": msgspec.Raw(msgspec.json.encode(messages[:-1]))},
    )


def full_model() -> bytes:
    """A router as large as one that was fitted on much traffic."""
    dice = random.Random(2)
    return GapModel(
        about="a benchmark",
        base=0.1,
        features=tuple(Weighted(name=name, mean=1.0, deviation=1.0, weight=0.01) for name in FEATURES),
        words=array("f", (dice.gauss(0, 0.01) for _ in range(_PLACES))).tobytes(),
    ).encode()


def _measure(rounds: int) -> dict[str, object]:
    sockets: list[str] = []
    sys.addaudithook(lambda event, _: sockets.append(event) if event.startswith("socket.") else None)
    __import__("homeport.bootstrap.gateway")
    model = GapModel.decode(full_model())
    kinds = {
        f"{name}, {turns} turn{'s' if turns > 1 else ''}": _time(model, asked(text, turns), rounds)
        for name, text in prompts()
        for turns in (1, 3)
    }
    heavy = [name for name in sys.modules if name.partition(".")[0] in ("numpy", "scipy")]
    return {"kinds": kinds, "rss_mb": _rss_mb(), "sockets": len(sockets), "modules_of_numpy_or_scipy": len(heavy)}


def _time(model: GapModel, inference: Inference, rounds: int) -> dict[str, float]:
    """CPU time of this thread: what else runs on the machine does not count."""
    took = []
    for _ in range(rounds):
        begun = time.thread_time_ns()
        model.score(read_prompt(inference))
        took.append(time.thread_time_ns() - begun)
    took.sort()
    return {"p50_ms": took[rounds // 2] / 1e6, "p99_ms": took[min(rounds - 1, rounds * 99 // 100)] / 1e6}


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
